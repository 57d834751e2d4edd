# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judges of the self-test: a healthy host passes, and each fault is found with its remedy."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.host_uuid import (
    find_uuid_problem,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.judge import (
    count_statuses,
    judge_host,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.judge_cluster import (
    Clock,
    judge_cluster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.model import (
    Certificate,
    Finding,
    Guest,
    Look,
    Machine,
    Network,
    Peer,
    Store,
)

UUID = "5f0f7b1c-52c7-4a3a-9a50-6f5c1c1b2a10"
OTHER = "0a8f7b1c-52c7-4a3a-9a50-6f5c1c1b2a11"
DAY = 86400.0
POOL = {"name": "default", "path": "/images", "autostart": True, "state": "running"}
NETWORK = {"name": "default", "active": True, "autostart": True, "forward": "nat"}
HOST: dict[str, t.Any] = {
    "hostname": "kvm1",
    "uuid": UUID,
    "libvirt_version": "9.0.0",
    "hypervisor_version": "7.2.0",
    "cpu": {"model": "EPYC", "vendor": "AMD", "arch": "x86_64", "threads": 8},
    "pools": [POOL],
    "networks": [NETWORK],
    "cards": ["br0"],
    "health": [{"check": "pool", "status": "ok", "detail": "the pool runs", "name": "default"}],
    "maintenance": None,
}
MACHINE = Machine(
    python=(3, 11), user_id=0, addresses=("192.0.2.1",), boots={"libvirtd.service": True}
)
GUEST = Guest("web-1", "a", running=True, autostart=False, macs=("52:54:00:00:00:01",))
HEALTHY = Look(host=HOST, machine=MACHINE, guests=(GUEST,), appliances={"web:1": "x"})


def put_host(**changes: t.Any) -> Look:
    return dataclasses.replace(HEALTHY, host={**HOST, **changes})


def put_machine(**changes: t.Any) -> Look:
    return dataclasses.replace(HEALTHY, machine=dataclasses.replace(MACHINE, **changes))


def put_guest(**changes: t.Any) -> Look:
    return dataclasses.replace(HEALTHY, guests=(dataclasses.replace(GUEST, **changes),))


def put(**changes: t.Any) -> Look:
    return dataclasses.replace(HEALTHY, **changes)


def list_faults(look: Look) -> list[Finding]:
    return [finding for finding in judge_host(look) if finding.status != "pass"]


def test_a_healthy_host_passes() -> None:
    findings = judge_host(HEALTHY)
    assert count_statuses(findings) == {"fail": 0, "warn": 0, "pass": len(findings)}
    assert {finding.remedy for finding in findings} == {""}


EXPORT = {"name": "headroom-export-1", "state": "unneeded", "reason": "nobody reads"}
RECORD = {
    "id": "5f0c",
    "kind": "clone",
    "subject": "web-1",
    "alive": False,
    "problem": None,
    "started": "2026-05-04T09:30:00Z",
}
TWINS = (GUEST, dataclasses.replace(GUEST, name="web-2", uuid="b"))
WRITERS = tuple(dataclasses.replace(guest, macs=(), written=("/images/a",)) for guest in TWINS)
FAULTS: tuple[tuple[Look, str, str, str, str], ...] = (
    (put(machine=None), "machine", "warn", "", "do not delegate"),
    (put_machine(is_removed=True), "membership", "fail", "/var/lib/headroom/removed", "join"),
    (put_machine(python=(3, 6)), "python", "fail", "", "3.9"),
    (put_machine(missing_libraries=("lxml",)), "libraries", "fail", "lxml", "python3-lxml"),
    (put_machine(missing_programs=("qemu-img",)), "programs", "fail", "qemu-img", "qemu-utils"),
    (put_machine(missing_programs=("gpgv",)), "programs", "warn", "gpgv", "gpgv"),
    (put_machine(user_id=1000), "user", "warn", "", "become"),
    (put_machine(has_kvm=False), "kvm", "warn", "", "kvm_intel"),
    (put_machine(addresses=()), "hostname", "fail", "", "/etc/hosts"),
    (put_machine(addresses=("127.0.1.1", "::1")), "hostname", "fail", "", "/etc/hosts"),
    (put_machine(boots={"libvirtd.service": False}), "boot", "fail", "libvirtd.service", "enable"),
    (put_machine(active_daemons=("libvirtd", "virtqemud")), "daemons", "fail", "", "disable"),
    (
        put_machine(listeners=(16509,), settings=(("/f", "auth_tcp", "none"),)),
        "listening",
        "fail",
        "16509",
        "disable",
    ),
    (put_machine(listeners=(16509,)), "listening", "warn", "16509", "qemu+tls"),
    (put_machine(settings=(("/f", "user", "root"),)), "qemu_user", "warn", "/f", "Take the line"),
    (
        put_machine(settings=(("/f", "tls_no_verify_certificate", "1"),)),
        "listening",
        "fail",
        "/f",
        "Take",
    ),
    (put_machine(open_folders=("/images",)), "permissions", "fail", "/images", "chmod o-w"),
    (put_machine(certificates=(Certificate("/c", -DAY),)), "certificate", "fail", "/c", "Issue"),
    (put_machine(certificates=(Certificate("/c", 9 * DAY),)), "certificate", "warn", "/c", "Issue"),
    (
        put_machine(certificates=(Certificate("/c", None, "bad"),)),
        "certificate",
        "fail",
        "/c",
        "Issue",
    ),
    (put_machine(stores=(Store("/j", "is open"),)), "stores", "fail", "/j", "chmod"),
    (put_machine(full_folders={"/run": 0.001}), "space", "fail", "/run", "Make room"),
    (put_machine(full_folders={"/run": 0.04}), "space", "warn", "/run", "Make room"),
    (put_machine(read_only_folders=("/images",)), "space", "fail", "/images", "remount"),
    (put_machine(forwards=False), "forwarding", "fail", "default", "sysctl"),
    (put_host(uuid=None), "host_uuid", "fail", "None", "hypervisor"),
    (put_host(libvirt_version="7.10.0"), "libvirt_version", "fail", "", "8.0"),
    (
        put_host(
            health=[{"check": "pool", "status": "warning", "detail": "it is off", "name": "fast"}]
        ),
        "pool",
        "warn",
        "fast",
        "pool-start fast",
    ),
    (
        put_host(pools=[{**POOL, "autostart": False}]),
        "autostart",
        "warn",
        "default",
        "pool-autostart",
    ),
    (
        put_host(networks=[{**NETWORK, "autostart": False}]),
        "autostart",
        "warn",
        "default",
        "net-autostart",
    ),
    (put_host(pools=[POOL, {**POOL, "name": "b"}]), "pool_places", "warn", "b", "pool-undefine b"),
    (put(networks=(Network("default", 10, 9),)), "dhcp", "warn", "default", "net-edit"),
    (
        put(networks=(Network("default", 10, 0, {"52:54:00:00:00:09": "192.0.2.9"}),)),
        "reservation",
        "warn",
        "default",
        "state: absent",
    ),
    (put(unsound={"web:2": "its disk is gone"}), "catalogue", "fail", "web:2", "state: absent"),
    (
        put(peers=(Peer("qemu+ssh://b/system", problem="no"),)),
        "peer",
        "fail",
        "qemu+ssh://b/system",
        "virsh",
    ),
    (
        put(peers=(Peer("qemu+ssh://b/system", UUID),)),
        "host_uuid",
        "fail",
        "qemu+ssh://b/system",
        "role",
    ),
    (put(problems={"catalogue": "denied"}), "catalogue", "fail", "", "Mend"),
    (put_guest(problems=("it is paused",)), "guest_state", "fail", "web-1", "virsh resume"),
    (put_guest(persistent=False), "transient", "warn", "web-1", "virsh define"),
    (
        put_guest(dependency={"source_uri": "qemu+ssh://b/system", "since": "then"}),
        "reads_elsewhere",
        "fail",
        "web-1",
        "transaction",
    ),
    (
        put_guest(
            dependency={"source_uri": "qemu+ssh://b/system", "since": "then"}, transactions=1
        ),
        "reads_elsewhere",
        "warn",
        "web-1",
        "transaction",
    ),
    (put_guest(missing=("/images/a",)), "guest_files", "fail", "web-1", "backup"),
    (put_guest(networks=("lan",)), "guest_network", "fail", "web-1", "virsh edit"),
    (put_guest(bridges=("br7",)), "guest_network", "fail", "web-1", "virsh edit"),
    (put_guest(pools=("fast",)), "guest_pool", "fail", "web-1", "Define the pool"),
    (
        dataclasses.replace(put_guest(machine="pc-q35-1.0"), machine_types=frozenset({"q35"})),
        "machine_type",
        "fail",
        "web-1",
        "-machine help",
    ),
    (put(guests=TWINS), "mac_twice", "fail", "52:54:00:00:00:01", "virsh edit web-2"),
    (put(guests=WRITERS), "disk_twice", "fail", "/images/a", "shareable"),
    (put(transactions=(RECORD,)), "transaction", "fail", "5f0c", "id: 5f0c"),
    (put(exports=(EXPORT,)), "export", "warn", "headroom-export-1", "swept"),
    (put(volumes={"/images/x": "half made"}), "half_made", "warn", "/images/x", "vol-delete"),
    (
        put(expired_leases=({"fleet": "web", "holder": "run"},)),
        "lease",
        "warn",
        "web",
        "holder: run",
    ),
)


@pytest.mark.parametrize(
    ("look", "check", "status", "subject", "remedy"),
    FAULTS,
    ids=[f"{row[1]}-{number}" for number, row in enumerate(FAULTS)],
)
def test_each_fault_is_found(
    look: Look, check: str, status: str, subject: str, remedy: str
) -> None:
    (finding,) = list_faults(look)
    assert (finding.check, finding.status, finding.subject) == (check, status, subject)
    assert remedy in finding.remedy


def test_a_network_that_does_not_run_is_told_for_each_guest_on_it() -> None:
    look = put_host(networks=[{**NETWORK, "active": False}])
    look = dataclasses.replace(look, guests=put_guest(networks=("default",)).guests)
    (finding,) = list_faults(look)
    assert finding.remedy == "Run: virsh net-start default"


def test_a_mark_is_told_with_each_guest_that_still_runs() -> None:
    findings = list_faults(put_host(maintenance={"reason": "firmware"}))
    assert [finding.subject for finding in findings] == ["", "web-1"]


def test_helpers_are_nobodys_guests() -> None:
    assert not list_faults(
        put(guests=tuple(dataclasses.replace(guest, helper=True) for guest in TWINS))
    )


@pytest.mark.parametrize(
    "uuid",
    [
        "",
        "nonsense",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
    ],
)
def test_a_uuid_of_a_series_is_a_problem(uuid: str) -> None:
    assert find_uuid_problem(uuid)


@given(st.uuids(version=4))
def test_a_drawn_uuid_is_none(uuid: t.Any) -> None:
    assert find_uuid_problem(str(uuid)) == ""


# between hosts


def share(name: str, guests: t.Sequence[Guest] = (), **changes: t.Any) -> dict[str, t.Any]:
    uuid = UUID if name == "kvm1" else OTHER
    host = {**HOST, "hostname": name, "uuid": uuid, **changes}
    machine = dataclasses.replace(MACHINE, machine_id=changes.get("machine_id", name))
    return dataclasses.replace(HEALTHY, host=host, machine=machine, guests=guests).as_shared()


def compare(
    first: dict[str, t.Any], second: dict[str, t.Any], **clocks: Clock
) -> list[tuple[str, str, str]]:
    findings = judge_cluster({"kvm1": first, "kvm2": second}, clocks, ())
    assert all(finding.remedy for finding in findings if finding.status != "pass")
    return [(finding.check, finding.status, finding.subject) for finding in findings]


def test_hosts_that_fit_pass() -> None:
    assert compare(share("kvm1", [GUEST]), share("kvm2")) == [("cluster", "pass", "")]


def test_identities_that_two_hosts_have() -> None:
    second = {**share("kvm2"), "uuid": UUID, "machine_id": "kvm1", "hostname": "kvm1"}
    assert compare(share("kvm1"), second) == [
        ("host_uuid", "fail", UUID),
        ("machine_id", "fail", "kvm1"),
        ("hostname", "fail", "kvm1"),
    ]


def test_one_guest_on_two_hosts() -> None:
    starts = dataclasses.replace(GUEST, autostart=True)
    off = dataclasses.replace(GUEST, running=False)
    assert compare(share("kvm1", [starts]), share("kvm2", [starts])) == [
        ("runs_twice", "fail", "web-1"),
        ("autostart_twice", "fail", "web-1"),
    ]
    assert compare(share("kvm1", [GUEST]), share("kvm2", [off])) == [
        ("defined_twice", "warn", "web-1")
    ]


def test_two_guests_with_one_name_or_one_mac() -> None:
    other = dataclasses.replace(GUEST, uuid="b")
    assert compare(share("kvm1", [GUEST]), share("kvm2", [other])) == [
        ("name_twice", "warn", "web-1"),
        ("mac_twice", "fail", "52:54:00:00:00:01"),
    ]


def test_what_guests_need_and_another_host_lacks() -> None:
    guest = dataclasses.replace(GUEST, networks=("default",), pools=("default",))
    lacking = share("kvm2", networks=[], pools=[])
    assert compare(share("kvm1", [guest]), lacking) == [
        ("missing_network", "warn", "default"),
        ("missing_pool", "warn", "default"),
    ]


def test_releases_and_appliances_that_differ() -> None:
    second = share("kvm2", libvirt_version="11.3.0", cpu={"model": "Xeon"})
    second["appliances"] = {"web:1": "other"}
    assert compare(share("kvm1"), second) == [
        ("versions", "warn", "libvirt"),
        ("versions", "warn", "CPU"),
        ("catalogue_differs", "fail", "web:1"),
    ]


def test_a_host_that_says_nothing() -> None:
    (finding,) = judge_cluster({}, {}, ["kvm3"])
    assert (finding.check, finding.subject) == ("reachable", "kvm3")


@pytest.mark.parametrize(
    ("reading", "is_off"), [(100.0, False), (105.0, False), (94.0, True), (113.0, True)]
)
def test_a_clock_is_off_when_no_delay_explains_it(reading: float, is_off: bool) -> None:
    found = compare(share("kvm1"), share("kvm2"), kvm2=Clock(100.0, reading, 110.0))
    assert (found == [("clock", "fail", "kvm2")]) is is_off


@given(st.floats(0, 1e6), st.floats(0, 1e3), st.floats(0, 1e3))
def test_no_right_clock_is_told_off(now: float, before: float, after: float) -> None:
    assert Clock(now - before, now, now + after).skew_seconds == 0
