# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses the networks of a host keep; of libvirt's test driver, which gives out none by itself."""

from __future__ import annotations

import typing as t

import libvirt
import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._network.listing import (
    list_addresses,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import networks
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.modules import network_reservation_info

if t.TYPE_CHECKING:
    from pathlib import Path

_NETWORK = """<network><name>{name}</name><bridge name='vir-{name}'/>
  <ip address='{net}.1' netmask='255.255.255.0'><dhcp><range start='{net}.2' end='{net}.99'/>
  {hosts}</dhcp></ip></network>"""
_HOST = "<host mac='52:54:00:00:00:{number:02}' name='web-{number}' ip='10.0.0.{number}'/>"


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Connection]:
    # The test driver has but one definition of a network, and refuses to be asked for the other one.
    monkeypatch.setattr(networks, "read_definition", networks.read_live)
    hosts = _HOST.format(number=11) + _HOST.format(number=12)
    path = tmp_path / "node.xml"
    front = _NETWORK.format(name="front", net="10.0.0", hosts=hosts)
    back = _NETWORK.format(name="back", net="10.0.1", hosts="")
    path.write_text(f"<node>{front}{back}</node>")
    with open_connection(f"test://{path}") as opened:
        yield opened


def test_reservations_are_told_with_their_network(connection: Connection) -> None:
    rows = list_addresses(connection)["reservations"]
    assert [(row["network"], row["name"], row["address"]) for row in rows] == [
        ("front", "web-11", "10.0.0.11"),
        ("front", "web-12", "10.0.0.12"),
    ]
    assert {(row["live"], row["persistent"]) for row in rows} == {(True, True)}
    assert list_addresses(connection, "back")["reservations"] == []


def test_a_network_that_does_not_run_keeps_addresses_all_the_same(connection: Connection) -> None:
    connection.handle.networkLookupByName("front").destroy()
    rows = list_addresses(connection, "front")["reservations"]
    assert [(row["name"], row["live"], row["persistent"]) for row in rows] == [
        ("web-11", False, True),
        ("web-12", False, True),
    ]


def test_a_network_that_is_named_has_to_be_there(connection: Connection) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        list_addresses(connection, "nowhere")


def test_what_dhcp_gave_out_is_told(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = [
        {"mac": "52:54:00:00:00:21", "ipaddr": "10.0.0.21", "hostname": "{{ 1 }}", "expirytime": 9}
    ]
    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", lambda _network: leases)
    rows = list_addresses(connection, "front")["dhcp_leases"]
    assert [(row["address"], row["hostname"], row["expires"]) for row in rows] == [
        ("10.0.0.21", "{{ 1 }}", 9)
    ]


def test_every_documented_key_is_returned(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", lambda _network: [{}])
    documented = yaml.safe_load(network_reservation_info.RETURN)
    for key, rows in list_addresses(connection, "front").items():
        assert {*rows[0], "uri"} == documented[key]["contains"].keys()
