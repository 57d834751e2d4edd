# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a host, over libvirt's test driver."""

from __future__ import annotations

import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection, open_connection
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import retrieve as service
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import Request
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import HostSnapshot

MAC_OF_TEST = "aa:bb:cc:dd:ee:ff"


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


def retrieve(connection: Connection, *sources: str) -> HostSnapshot:
    return service.snapshot(service.look(connection, Request(sources or ("lease",))), sources or ("lease",))


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


def test_leases_of_every_network_are_looked_up_by_mac(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    # The test driver gives out no addresses; the integration tests read real leases.
    def leases(_network: object) -> list[dict[str, t.Any]]:
        return [{"mac": MAC_OF_TEST, "ipaddr": "192.168.122.3", "type": libvirt.VIR_IP_ADDR_TYPE_IPV4, "expirytime": 9}]

    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", leases)
    assert retrieve(connection).guests[0].address == "192.168.122.3"


def test_a_network_that_vanishes_is_left_out(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_network: object) -> t.NoReturn:
        error = libvirt.libvirtError("Network not found")
        monkeypatch.setattr(error, "get_error_code", lambda: libvirt.VIR_ERR_NO_NETWORK)
        raise error

    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", gone)
    assert [guest.name for guest in retrieve(connection).guests] == ["test"]


def test_a_domain_that_vanishes_is_left_out(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    domain = define(connection, "brief")
    records = connection.handle.getAllDomainStats(0, 0)
    assert len(records) == 2
    domain.undefineFlags(0)
    monkeypatch.setattr(libvirt.virConnect, "getAllDomainStats", lambda *_arguments: records)
    assert [guest.name for guest in retrieve(connection).guests] == ["test"]
