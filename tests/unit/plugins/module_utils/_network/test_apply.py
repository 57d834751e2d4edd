# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reservations on libvirt's test driver."""

from __future__ import annotations

import dataclasses
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    LibvirtFailed,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply, survey
from ansible_collections.headroom.libvirt.plugins.module_utils._network.plan import Taken
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, networks
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import Reservation
from ansible_collections.headroom.libvirt.plugins.modules import network_reservation

if t.TYPE_CHECKING:
    from pathlib import Path

NODE = """<node><network><name>default</name><bridge name='virbr0'/><ip address='10.0.0.1' netmask='255.255.255.0'>
  <dhcp><range start='10.0.0.100' end='10.0.0.200'/></dhcp></ip></network></node>"""
DUAL_STACK = """<node><network><name>default</name><bridge name='virbr0'/>
  <ip family='ipv6' address='2001:db8:7::1' prefix='64'>
    <dhcp>
      <range start='2001:db8:7::100' end='2001:db8:7::200'/>
      <host id='0:3:0:1:52:54:0:0:0:1' name='web' ip='2001:db8:7::50'><lease expiry='2' unit='hours'/></host>
      <host name='db' ip='2001:db8:7::51'/>
    </dhcp>
  </ip>
  <ip address='10.1.0.1' netmask='255.255.255.0'/>
  <ip address='10.0.0.1' netmask='255.255.255.0'>
    <tftp root='/srv/tftp'/>
    <dhcp>
      <range start='10.0.0.100' end='10.0.0.200'><lease expiry='1' unit='hours'/></range>
      <host mac='52:54:00:00:00:01' name='web' ip='10.0.0.50'><lease expiry='3' unit='hours'/></host>
      <host mac='52:54:00:00:00:02' name='db' ip='10.0.0.51'><lease expiry='0'/></host>
      <bootp file='pxelinux.0'/>
    </dhcp>
  </ip>
  <portgroup name='green' default='yes'><bandwidth><inbound average='1000'/></bandwidth></portgroup>
  </network></node>"""
WEB = Reservation("52:54:00:00:00:01", "10.0.0.50", "web")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Connection]:
    """A network that runs; the test driver has one side only, and no flag that asks for the other."""
    monkeypatch.setattr(networks, "read_definition_xml", lambda network: network.XMLDesc(0))
    (tmp_path / "node.xml").write_text(NODE)
    with open_connection(f"test://{tmp_path}/node.xml") as connection:
        yield connection


@pytest.fixture
def dual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Connection]:
    """A network of both families, in which other tools have said all that libvirt knows of entries."""
    monkeypatch.setattr(networks, "read_definition_xml", lambda network: network.XMLDesc(0))
    (tmp_path / "dual.xml").write_text(DUAL_STACK)
    with open_connection(f"test://{tmp_path}/dual.xml") as connection:
        yield connection


def read_text(connection: Connection) -> str:
    return networks.look_up(connection, "default").XMLDesc(0)


def reserve(host: Connection, wanted: Reservation, *, force: bool = False) -> apply.ReservationPlan:
    planned = apply.plan_to_reserve(host, "default", wanted, force=force)
    apply.carry_out(planned)
    return planned


def held(host: Connection) -> list[Reservation]:
    sides = survey.read_sides(host, "default")
    assert sides.live == sides.config
    return [one for _subnet, one in sides.current.reservations]


def test_an_address_is_reserved_once_changed_and_released(host: Connection) -> None:
    assert reserve(host, WEB).changes.changed
    assert held(host) == [WEB]
    assert not reserve(host, WEB).changes.changed
    moved = dataclasses.replace(WEB, address="10.0.0.51")
    assert reserve(host, moved).changes.diff["after"]["live"] == [
        "10.0.0.51 for web 52:54:00:00:00:01"
    ]
    assert held(host) == [moved]
    released = apply.plan_to_release(host, "default", Reservation(mac=WEB.mac))
    apply.carry_out(released)
    assert held(host) == []
    assert not apply.plan_to_release(host, "default", Reservation(mac=WEB.mac)).changes.changed


def test_both_sides_change_in_one_call(host: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[bool, bool]] = []
    monkeypatch.setattr(
        networks,
        "update_reservation",
        lambda *_arguments, live, config: calls.append((live, config)),
    )
    reserve(host, WEB)
    assert calls == [(True, True)]


def test_a_side_that_has_it_already_is_left_alone(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve(host, WEB)
    real, calls = networks.read_live_xml, []
    monkeypatch.setattr(
        networks,
        "read_live_xml",
        lambda network: real(network).split("<host")[0] + "</dhcp></ip></network>",
    )
    monkeypatch.setattr(
        networks,
        "update_reservation",
        lambda *arguments, live, config: calls.append((arguments[1], live, config)),
    )
    assert set(reserve(host, WEB).changes.diff["after"]) == {"live"}
    assert calls == [("add", True, False)]


def test_an_inactive_network_is_changed_in_its_definition(host: Connection) -> None:
    host.handle.networkLookupByName("default").destroy()
    sides = survey.read_sides(host, "default")
    assert sides.live is None
    planned = apply.plan_to_reserve(host, "default", WEB, force=False)
    assert (planned.live, len(planned.config)) == ((), 1)


def test_the_domain_that_has_it_is_named(host: Connection) -> None:
    domains.define(
        host,
        "<domain type='test'><name>old</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>"
        "</devices></domain>",
    )
    reserve(host, WEB)
    with pytest.raises(Taken, match="card of the domain 'old'") as caught:
        reserve(host, Reservation("52:54:00:00:00:02", "10.0.0.50"))
    assert caught.value.details["holders"] == [{**WEB.as_dict(), "domain": "old"}]
    assert held(host) == [WEB]


def test_an_address_on_loan_is_not_promised(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {
        "mac": "52:54:00:00:00:09",
        "ipaddr": "10.0.0.50",
        "hostname": "guest",
        "type": libvirt.VIR_IP_ADDR_TYPE_IPV4,
    }
    monkeypatch.setattr(networks, "list_leases", lambda _network: [row])
    with pytest.raises(Taken, match=r"DHCP has leased it to guest \(52:54:00:00:00:09\)"):
        reserve(host, WEB)
    assert reserve(host, WEB, force=True).changes.changed
    monkeypatch.setattr(
        networks, "list_leases", lambda _network: [{**row, "mac": "52:54:00:00:00:01"}]
    )
    assert not reserve(host, WEB).changes.changed


def test_a_failure_half_way_leaves_all_as_it_was(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Reservation("52:54:00:00:00:02", "10.0.0.51", "db")
    reserve(host, WEB)
    reserve(host, other)
    real = networks.update_reservation

    def failing(
        network: t.Any, command: t.Any, index: int, text: str, *, live: bool, config: bool
    ) -> None:
        if command == "add" and "10.0.0.51" in text and WEB.mac is not None and WEB.mac in text:
            raise LibvirtFailed("no")
        real(network, command, index, text, live=live, config=config)

    monkeypatch.setattr(networks, "update_reservation", failing)
    with pytest.raises(LibvirtFailed, match=r"^no$"):
        reserve(host, dataclasses.replace(WEB, address="10.0.0.51"), force=True)
    assert sorted(map(str, held(host))) == sorted(map(str, [WEB, other]))


def test_an_entry_of_the_other_family_and_what_others_said_stay(dual: Connection) -> None:
    before = read_text(dual)
    assert not reserve(dual, WEB).changes.changed
    assert not reserve(dual, Reservation(WEB.mac, WEB.address), force=True).changes.changed
    assert read_text(dual) == before
    assert reserve(dual, dataclasses.replace(WEB, address="10.0.0.60")).changes.changed
    assert read_text(dual) == before.replace("ip='10.0.0.50'", "ip='10.0.0.60'")


def test_what_is_released_takes_nothing_of_others_with_it(dual: Connection) -> None:
    before = read_text(dual)
    entry = before[before.index("      <host mac='52:54:00:00:00:01'") :]
    entry = entry[: entry.index("</host>") + len("</host>\n")]
    apply.carry_out(apply.plan_to_release(dual, "default", Reservation(name="web")))
    assert read_text(dual) == before.replace(entry, "")


def test_what_others_said_is_there_again_after_a_failure(
    dual: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_text(dual)
    real = networks.update_reservation

    def fail_to_add(network: t.Any, command: t.Any, index: int, text: str, **sides: bool) -> None:
        if command == "add" and "10.0.0.51" in text and str(WEB.mac) in text:
            raise LibvirtFailed("no")
        real(network, command, index, text, **sides)

    monkeypatch.setattr(networks, "update_reservation", fail_to_add)
    with pytest.raises(LibvirtFailed, match=r"^no$"):
        reserve(dual, dataclasses.replace(WEB, address="10.0.0.51"), force=True)
    assert sorted(read_text(dual).splitlines()) == sorted(before.splitlines())


def test_a_network_that_is_not_there_is_named_with_those_that_are(host: Connection) -> None:
    with pytest.raises(NotFound, match=r"no network 'nope' \(it has: default\)"):
        survey.read_sides(host, "nope")


def test_the_module_says_in_check_mode_what_it_then_does(host: Connection) -> None:
    def task(*, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        defaults = {
            name: option.get("default")
            for name, option in network_reservation.ARGUMENTS.options.items()
        }
        module = types.SimpleNamespace(params={**defaults, **params}, check_mode=check_mode)
        return network_reservation.ensure_reservation(host, t.cast("t.Any", module))

    wanted: dict[str, t.Any] = {"mac": WEB.mac, "address": "10.0.0.150"}
    predicted = task(check_mode=True, **wanted)
    assert held(host) == []
    real = task(**wanted)
    assert predicted == real
    assert (real["changed"], real["live"], real["persistent"], len(real["notes"])) == (
        True,
        True,
        True,
        1,
    )
    assert real["reservation"] == {"mac": WEB.mac, "address": "10.0.0.150", "name": None}
    assert task(**wanted)["changed"] is False
    gone = task(mac=WEB.mac, state="absent")
    assert (gone["changed"], gone["reservation"]) == (True, None)
