# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a host, over libvirt's test driver."""

from __future__ import annotations

import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import survey
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.definitions import Places
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    HostSnapshot,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

MAC_OF_TEST = "aa:bb:cc:dd:ee:ff"


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


def retrieve(connection: Connection, *sources: str) -> HostSnapshot:
    return survey.build_snapshot(
        survey.look(connection, LookRequest(sources or ("lease",))), sources or ("lease",)
    )


def define(connection: Connection, name: str) -> libvirt.virDomain:
    xml = f"<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
    return connection.handle.defineXMLFlags(xml, 0)


def test_domains_in_any_state_are_sorted_by_name(connection: Connection) -> None:
    domain = define(connection, "aside")
    try:
        guests = retrieve(connection).guests
    finally:
        domain.undefineFlags(0)
    assert [(guest.name, guest.state, guest.address) for guest in guests] == [
        ("aside", "shutoff", None),
        ("test", "running", None),
    ]
    assert guests[1].facts["vcpus"] == 2
    assert guests[1].facts["memory_bytes"] == 8 * 1024**3


def test_leases_of_every_network_are_looked_up_by_mac(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test driver gives out no addresses; the integration tests read real leases.
    def leases(_network: object) -> list[dict[str, t.Any]]:
        return [
            {
                "mac": MAC_OF_TEST,
                "ipaddr": "192.168.122.3",
                "type": libvirt.VIR_IP_ADDR_TYPE_IPV4,
                "expirytime": 9,
            }
        ]

    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", leases)
    assert retrieve(connection).guests[0].address == "192.168.122.3"


def test_a_network_that_vanishes_is_left_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_network: object) -> t.NoReturn:
        error = libvirt.libvirtError("Network not found")
        monkeypatch.setattr(error, "get_error_code", lambda: libvirt.VIR_ERR_NO_NETWORK)
        raise error

    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", gone)
    assert [guest.name for guest in retrieve(connection).guests] == ["test"]


def test_a_domain_that_vanishes_is_left_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = define(connection, "brief")
    records = connection.handle.getAllDomainStats(0, 0)
    assert len(records) == 2
    domain.undefineFlags(0)
    monkeypatch.setattr(libvirt.virConnect, "getAllDomainStats", lambda *_arguments: records)
    assert [guest.name for guest in retrieve(connection).guests] == ["test"]


CONTAINER = "/proc/4711/root"


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("qemu:///system", ""),
        ("qemu+unix:///system", ""),
        ("qemu+unix:///system?socket=/run/libvirt/libvirt-sock", ""),
        ("qemu+unix:///system?socket=/var/run/libvirt/virtqemud-sock-ro", ""),
        (f"qemu+unix:///system?socket={CONTAINER}/run/libvirt/libvirt-sock", CONTAINER),
        (f"qemu+unix:///system?socket={CONTAINER}/run/libvirt/virtqemud-sock", CONTAINER),
    ],
)
def test_the_socket_tells_where_the_files_are(
    uri: str, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "find_local_places", Places)
    places = survey.find_places(uri)
    assert places is not None
    assert (places.definitions, places.running) == (
        f"{root}/etc/libvirt/qemu",
        f"{root}/run/libvirt/qemu",
    )
    assert places.neighbours == (None if root else "/proc/net/arp")


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///session",
        "qemu+ssh://kvm1/system",
        "qemu+tcp://localhost/system",
        "qemu+unix://kvm1/system",
        "qemu:///system?mode=auto",
        "qemu+unix:///system?socket=/tmp/forwarded.sock",
        "qemu+unix:///system?socket=/run/libvirt/libvirt-sock&mode=direct",
        "test:///default",
    ],
)
def test_where_that_cannot_be_told_libvirt_is_asked(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "find_local_places", Places)
    assert survey.find_places(uri) is None


def test_other_users_ask_libvirt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "find_local_places", lambda: None)
    assert survey.find_places("qemu:///system") is None


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"addresses": None},
        {"addresses": [], "networks": [], "domains": [None], "calls": 1, "read": 0},
        {"addresses": [7], "networks": [], "domains": [], "calls": 1, "read": 0},
        {"addresses": [], "networks": [["n"]], "domains": [], "calls": 1, "read": 0},
        {
            "addresses": [],
            "networks": [],
            "domains": [{"stats": {"state.state": []}, "xml": "<domain/>", "autostart": 0}],
            "calls": 1,
            "read": 0,
        },
    ],
)
def test_what_no_reader_says_is_the_host_s_error_alone(report: dict[str, t.Any]) -> None:
    with pytest.raises(HeadroomError):
        survey.build_snapshot(report, ("lease",))
