# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures of a guest in Ceph, on libvirt's test driver; the images themselves are left to the target full_rbd."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    capture,
    instant,
    live,
    register,
    sources,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    Journal,
    Record,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

SNAPSHOT = "vms/a@headroom-capture.tok"
POOL = """<pool type='rbd'><name>ceph</name><source><host name='mon'/><name>vms</name></source></pool>"""
DOMAIN = """<domain type='test'><name>golden</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='ceph' volume='a'/>
<target dev='vda'/></disk></devices></domain>"""

NETWORK_DISK = """<domain type='test'><name>golden</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' name='vms/a'>{}</source>
<target dev='vda'/></disk></devices></domain>"""


class Ceph:
    """Snapshots in Ceph, of which there is none here: their names, and what is to happen when one is taken."""

    def __init__(self) -> None:
        self.snapshots: set[str] = set()
        self.meanwhile: t.Callable[[], t.Any] = lambda: None

    def take(self, _connection: object, image: object) -> None:
        self.snapshots.add(str(image))
        self.meanwhile()

    def remove(self, _connection: object, image: object) -> bool:
        was_there = str(image) in self.snapshots
        self.snapshots.discard(str(image))
        return was_there


@pytest.fixture
def ceph(monkeypatch: pytest.MonkeyPatch) -> Ceph:
    held = Ceph()
    monkeypatch.setattr(images, "take_snapshot", held.take)
    monkeypatch.setattr(images, "remove_snapshot", held.remove)
    return held


@pytest.fixture
def domain(node: Connection) -> domains.Domain:
    pool = node.handle.storagePoolCreateXML(POOL)
    pool.createXML("<volume><name>a</name><capacity>4096</capacity></volume>")
    return domains.define(node, DOMAIN)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)


def test_of_a_guest_that_is_off_a_snapshot_is_copied(
    node: Connection, domain: domains.Domain, journal: Journal, ceph: Ceph
) -> None:
    del domain
    with live.hold_disks(node, "golden", journal, "tok") as disks:
        assert [str(disk.open_image()) for disk in disks] == [SNAPSHOT]
        assert ceph.snapshots == {SNAPSHOT}
    assert ceph.snapshots == set()
    assert [record.state for record in journal.list_records()] == ["finished"]


def test_of_one_that_somebody_starts_meanwhile_nothing_is_kept(
    node: Connection, domain: domains.Domain, journal: Journal, ceph: Ceph
) -> None:
    ceph.meanwhile = lambda: domains.start(domain)
    with (
        pytest.raises(Conflict, match="'golden' is running"),
        live.hold_disks(node, "golden", journal, "tok"),
    ):
        pass
    assert ceph.snapshots == set()
    assert domain.isActive()


def test_one_that_was_shut_down_runs_again_and_its_snapshot_goes_when_the_copy_fails(
    node: Connection, domain: domains.Domain, journal: Journal, ceph: Ceph
) -> None:
    domains.start(domain)

    def act() -> None:
        with (
            live.stop_domain(node, "golden", journal, "none") as transaction,
            live.hold_disks(node, "golden", journal, "tok", None, transaction),
        ):
            assert ceph.snapshots == {SNAPSHOT}
            raise Conflict("no room")

    with pytest.raises(Conflict, match=r"^no room$"):
        act()
    assert ceph.snapshots == set()
    assert domain.isActive()


def test_what_only_a_pool_in_ceph_takes_is_refused_before_a_guest_is_shut_down(
    node: Connection, domain: domains.Domain, journal: Journal, ceph: Ceph
) -> None:
    domains.start(domain)
    request = register.ApplianceRequest(
        ApplianceId("web", "1"),
        created="2026-01-01T00:00:00Z",
        token="0" * 12,
        capture=capture.Capture("golden", journal, "tok", "shutdown"),
    )
    with (
        pytest.raises(Unsupported, match="pool: the disk vda of the domain lies in Ceph"),
        register.open_plan(catalogue.open_catalogue(node, "default"), request),
    ):
        pass
    assert domain.isActive()
    assert journal.list_records() == []
    assert ceph.snapshots == set()


def is_paused(domain: domains.Domain) -> bool:
    return domains.read_state(domain)[0] == libvirt.VIR_DOMAIN_PAUSED


def hold(domain: domains.Domain, state: t.Any) -> Record:
    facts = {"uuid": domain.UUIDString(), "method": "pause"}
    snapshot = {"pool": "ceph", "name": "a", "snapshot": "headroom-capture.tok"}
    steps = (Step("hold", facts, state), Step("snapshot", snapshot, "done"))
    return Record("1", live.KIND, "golden", {"uri": "test:///"}, steps)


@pytest.mark.parametrize("state", ["begun", "done"])
def test_a_guest_goes_on_that_a_run_has_held_and_no_other(
    node: Connection, domain: domains.Domain, ceph: Ceph, state: str
) -> None:
    """One that somebody has paused since is theirs."""
    domains.start(domain)
    domains.suspend(domain)
    ceph.snapshots.add(SNAPSHOT)
    record = hold(domain, state)
    said = live.describe_recovery(record, "roll_back")
    for _again in range(2):
        live.CaptureRecovery(node).roll_back(record)
        assert is_paused(domain) is (state == "done")
    assert ceph.snapshots == set()
    assert ("Let the guest of golden write again." in said) is (state == "begun")
    assert said[-1] == "Remove the snapshot headroom-capture.tok of the image a of the pool ceph."


def test_a_guest_that_is_off_by_now_is_left_alone(
    node: Connection, domain: domains.Domain, ceph: Ceph
) -> None:
    live.CaptureRecovery(node).roll_back(hold(domain, "begun"))
    assert not domain.isActive()
    assert ceph.snapshots == set()


def test_a_guest_goes_on_before_snapshots_are_removed_which_may_fail(
    node: Connection, domain: domains.Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise HeadroomError("no monitor")

    monkeypatch.setattr(images, "remove_snapshot", fail)
    domains.start(domain)
    domains.suspend(domain)
    with pytest.raises(HeadroomError, match="no monitor"):
        live.CaptureRecovery(node).roll_back(hold(domain, "begun"))
    assert not is_paused(domain)


def test_disks_are_taken_while_the_guest_stands_still(
    node: Connection, domain: domains.Domain, journal: Journal
) -> None:
    domains.start(domain)
    with journal.begin(live.KIND, "golden", {"uri": node.uri}) as transaction:
        with instant.hold(domain, transaction, "pause"):
            assert is_paused(domain)
        assert not is_paused(domain)
        domains.suspend(domain)
        with instant.hold(domain, transaction, "pause"):
            pass
        assert is_paused(domain), "somebody else had paused it"


def test_whom_a_guest_stands_still_for(node: Connection, domain: domains.Domain) -> None:
    disks = sources.find_disks(node, domains.read_definition(domain))
    assert instant.choose_method(disks, with_agent=True) == "agent"
    assert instant.choose_method(disks, with_agent=False) is None, "one snapshot is one instant"
    assert instant.choose_method(disks * 2, with_agent=False) == "pause"
    assert instant.choose_method([], with_agent=True) is None, "libvirt freezes it for overlays"


@pytest.mark.parametrize(
    ("hosts", "pool"),
    [("<host name='mon'/>", "ceph"), ("<host name='far'/><host name='x'/>", "away")],
)
def test_an_image_is_the_one_of_its_own_cluster(
    node: Connection, domain: domains.Domain, hosts: str, pool: str
) -> None:
    """Pools and images of two clusters may have the same names."""
    del domain
    away = node.handle.storagePoolCreateXML(POOL.replace("'mon'", "'far'").replace("ceph", "away"))
    away.createXML("<volume><name>a</name><capacity>8192</capacity></volume>")
    definition = domain_xml.parse(NETWORK_DISK.format(hosts))
    (disk,) = sources.find_disks(node, definition)
    assert disk.source.storagePoolLookupByVolume().name() == pool
    assert disk.lies_in_ceph


@pytest.mark.parametrize("hosts", ["", "<host name='elsewhere'/>"])
def test_an_image_of_a_cluster_that_no_pool_names_is_not_captured(
    node: Connection, domain: domains.Domain, hosts: str
) -> None:
    del domain
    definition = domain_xml.parse(NETWORK_DISK.format(hosts))
    with pytest.raises(
        NotFound, match=r"vda \(vms/a\) lies in no active .* with the same monitors"
    ):
        sources.find_disks(node, definition)


class Later:
    """A clock in whose time a snapshot comes that a tool had asked for before it was killed."""

    def __init__(self, ceph: Ceph) -> None:
        self.ceph, self.time = ceph, 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        before, self.time = self.time, self.time + seconds
        if before < 30 <= self.time:
            self.ceph.snapshots.add(SNAPSHOT)


def test_a_snapshot_that_comes_after_its_tool_was_killed_is_removed(
    node: Connection, domain: domains.Domain, ceph: Ceph
) -> None:
    snapshot = {"pool": "ceph", "name": "a", "snapshot": "headroom-capture.tok"}
    intent = {"uri": node.uri, "uuid": domain.UUIDString()}
    record = Record("1", live.KIND, "golden", intent, (Step("snapshot", snapshot, "begun"),))
    clock = Later(ceph)
    live.CaptureRecovery(node, clock).roll_back(record)
    assert clock.time >= 30
    assert ceph.snapshots == set()
