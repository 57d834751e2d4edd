# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reservations of a network: reading them, and the steps to others."""

from __future__ import annotations

import dataclasses
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._network.plan import (
    ReservationStep,
    Taken,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import network_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import (
    Network,
    Reservation,
)

WEB = Reservation("52:54:00:00:00:01", "192.168.122.50", "web")
TEXT = """<network>
  <name>default</name>
  <ip family='ipv6' address='fd00::1' prefix='64'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.100' end='192.168.122.200'/>
      <host mac='52:54:00:00:00:01' name='web' ip='192.168.122.50'/>
      <host name='printer' ip='192.168.122.51'/>
    </dhcp>
  </ip>
  <ip address='10.0.0.1' prefix='8'/>
</network>"""
DEFAULT = network_xml.parse(TEXT)


def test_a_network_is_read() -> None:
    assert DEFAULT.name == "default"
    assert [str(subnet.interface) for subnet in DEFAULT.subnets] == [
        "fd00::1/64",
        "192.168.122.1/24",
        "10.0.0.1/8",
    ]
    assert [(place.index, one) for place, one in DEFAULT.reservations] == [
        (1, WEB),
        (1, Reservation(None, "192.168.122.51", "printer")),
    ]


def test_a_reservation_is_written_as_libvirt_reads_it() -> None:
    text = TEXT.replace(
        "<host name='printer' ip='192.168.122.51'/>",
        network_xml.build_host_xml(dataclasses.replace(WEB, name=None)),
    )
    assert network_xml.parse(text).reservations[1][1] == dataclasses.replace(WEB, name=None)


def test_what_is_there_needs_no_step() -> None:
    assert plan.compute_reserve_steps(DEFAULT, WEB, force=False) == []
    assert (
        plan.compute_reserve_steps(DEFAULT, dataclasses.replace(WEB, name=None), force=False) == []
    )  # the name stays


def test_a_new_one_is_added_where_dhcp_serves() -> None:
    new = Reservation("52:54:00:00:00:02", "192.168.122.60")
    assert plan.compute_reserve_steps(DEFAULT, new, force=False) == [ReservationStep("add", 1, new)]


@pytest.mark.parametrize(
    "after",
    [
        dataclasses.replace(WEB, address="192.168.122.60"),
        dataclasses.replace(WEB, name="www"),
        dataclasses.replace(WEB, address="192.168.122.60", name="www"),
    ],
)
def test_the_machines_own_entry_is_changed_in_place(after: Reservation) -> None:
    assert plan.compute_reserve_steps(DEFAULT, after, force=False) == [
        ReservationStep("modify", 1, after, WEB)
    ]


def test_a_machine_known_by_its_name_gets_another_address() -> None:
    before = Reservation(None, "192.168.122.51", "printer")
    after = dataclasses.replace(before, address="192.168.122.52")
    assert plan.compute_reserve_steps(DEFAULT, after, force=False) == [
        ReservationStep("modify", 1, after, before)
    ]
    card = dataclasses.replace(
        after, mac="52:54:00:00:00:09"
    )  # and is known by its card from now on
    assert plan.compute_reserve_steps(DEFAULT, card, force=False) == [
        ReservationStep("modify", 1, card, before)
    ]


@pytest.mark.parametrize(
    ("wanted", "holder"),
    [
        (
            Reservation("52:54:00:00:00:02", "192.168.122.50"),
            "192.168.122.50 for web 52:54:00:00:00:01",
        ),
        (
            Reservation("52:54:00:00:00:02", "192.168.122.60", "web"),
            "192.168.122.50 for web 52:54:00:00:00:01",
        ),
        (Reservation("52:54:00:00:00:02", "192.168.122.51"), "192.168.122.51 for printer"),
        (dataclasses.replace(WEB, address="192.168.122.51"), "192.168.122.51 for printer"),
    ],
)
def test_who_has_it_is_named(wanted: Reservation, holder: str) -> None:
    with pytest.raises(Taken) as caught:
        plan.compute_reserve_steps(DEFAULT, wanted, force=False)
    assert holder in caught.value.message
    assert "force: true" in caught.value.message
    assert len(caught.value.details["holders"]) == 1


def test_force_takes_it_from_all_who_have_it() -> None:
    wanted = dataclasses.replace(WEB, address="192.168.122.51")
    steps = plan.compute_reserve_steps(DEFAULT, wanted, force=True)
    assert [(step.command, step.reservation.name) for step in steps] == [
        ("delete", "web"),
        ("delete", "printer"),
        ("add", "web"),
    ]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "172.16.0.5",
            r"is not in the network 'default' \(fd00::/64, 192\.168\.122\.0/24, 10\.0\.0\.0/8\)",
        ),
        ("192.168.122.1", "is the host's own address"),
        ("192.168.122.0", "is the network or broadcast address of"),
        ("192.168.122.255", "is the network or broadcast address of"),
        ("10.0.0.5", r"DHCP of 'default' serves 192\.168\.122\.0/24 only"),
        ("192.168.122", "is not an IP address"),
        ("", "is not an IP address"),
    ],
)
def test_an_address_that_cannot_be_kept_is_explained(address: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        plan.compute_reserve_steps(DEFAULT, dataclasses.replace(WEB, address=address), force=True)
    assert caught.value.details["option"] == "address"


def test_ipv6_and_networks_without_addresses_name_the_way_out() -> None:
    with pytest.raises(Unsupported, match=r"DUID.*network_config"):
        plan.compute_reserve_steps(
            DEFAULT, dataclasses.replace(WEB, address="fd00::5"), force=False
        )
    with pytest.raises(Unsupported, match="where the DHCP server of that network is"):
        plan.compute_reserve_steps(Network("bridged"), WEB, force=False)


def test_the_dynamic_range_is_mentioned() -> None:
    assert plan.describe_reservation(DEFAULT, WEB) == []
    (note,) = plan.describe_reservation(
        DEFAULT, dataclasses.replace(WEB, address="192.168.122.150")
    )
    assert "it goes to nobody else" in note


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("mac", "52:54:00"),
        ("mac", "01:00:5e:00:00:01"),  # a group's
        ("mac", "x"),
        ("name", "1web"),
        ("name", "web_1"),
        ("name", "-"),
        ("name", "a" * 64),
        ("address", "fe80::1%eth0/x"),
    ],
)
def test_what_cannot_be_said_names_its_option(option: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan.normalise_reservation(dataclasses.replace(WEB, **{option: value}))
    assert caught.value.details["option"] == option


def test_spellings_are_brought_to_libvirts() -> None:
    assert (
        plan.normalise_reservation(Reservation("52-54-00-AA-BB-CC", "192.168.122.50")).mac
        == "52:54:00:aa:bb:cc"
    )


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        (Reservation(mac=WEB.mac), ["web"]),
        (Reservation(name="printer"), ["printer"]),
        (Reservation(address="192.168.122.50"), ["web"]),
        (WEB, ["web"]),
        (dataclasses.replace(WEB, address="192.168.122.51"), []),
        (Reservation(mac="52:54:00:00:00:09"), []),
    ],
)
def test_what_has_all_that_is_named_is_released(wanted: Reservation, gone: list[str]) -> None:
    assert [step.reservation.name for step in plan.compute_release_steps(DEFAULT, wanted)] == gone


MAIL = Reservation("52:54:00:aa:00:01", "192.0.2.10", "mail")
DUAL_STACK = network_xml.parse(
    """<network><name>dual</name>
  <ip address='192.0.2.1' prefix='24'><dhcp>
    <range start='192.0.2.100' end='192.0.2.200'/>
    <host mac='52:54:00:aa:00:01' name='mail' ip='192.0.2.10'/>
    <host mac='52:54:00:aa:00:02' name='db' ip='192.0.2.11'><lease expiry='5'/></host>
  </dhcp></ip>
  <ip family='ipv6' address='2001:db8:7::1' prefix='64'><dhcp>
    <range start='2001:db8:7::100' end='2001:db8:7::200'/>
    <host id='0:3:0:1:52:54:0:aa:0:1' name='mail' ip='2001:db8:7::10'/>
    <host name='db' ip='2001:db8:7::11'/>
    <host id='0:3:0:1:52:54:0:aa:0:3' ip='2001:db8:7::12'/>
  </dhcp></ip></network>"""
)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("desired", [MAIL, dataclasses.replace(MAIL, name=None)])
def test_an_entry_of_the_other_family_is_in_nobodys_way(desired: Reservation, force: bool) -> None:
    assert plan.compute_reserve_steps(DUAL_STACK, desired, force=force) == []
    elsewhere = dataclasses.replace(desired, address="192.0.2.12")
    after = dataclasses.replace(MAIL, address="192.0.2.12")
    assert plan.compute_reserve_steps(DUAL_STACK, elsewhere, force=force) == [
        ReservationStep("modify", 0, after, MAIL)
    ]


def test_a_name_that_only_the_other_family_has_is_free() -> None:
    only_ipv6 = dataclasses.replace(
        DUAL_STACK,
        subnets=(
            dataclasses.replace(DUAL_STACK.subnets[0], reservations=()),
            DUAL_STACK.subnets[1],
        ),
    )
    assert plan.compute_reserve_steps(only_ipv6, MAIL, force=False) == [
        ReservationStep("add", 0, MAIL)
    ]


def test_what_an_entry_says_beyond_that_is_kept() -> None:
    (before,) = [
        entry for _subnet, entry in DUAL_STACK.reservations if entry.mac == "52:54:00:aa:00:02"
    ]
    assert (
        plan.compute_reserve_steps(DUAL_STACK, Reservation(before.mac, before.address), force=False)
        == []
    )
    (step,) = plan.compute_reserve_steps(
        DUAL_STACK, Reservation(before.mac, "192.0.2.20", "sql"), force=False
    )
    assert (step.command, step.before) == ("modify", before)
    assert (
        network_xml.build_host_xml(step.reservation).split()
        == ("<host mac='52:54:00:aa:00:02' name='sql' ip='192.0.2.20'> <lease expiry='5'/> </host>")
        .replace("'", '"')
        .split()
    )


def test_two_entries_of_one_machine_that_say_more_are_not_made_one() -> None:
    said = ("<host><lease expiry='1'/></host>", "<host><lease expiry='2'/></host>")
    card = Reservation("52:54:00:aa:00:01", "10.0.0.2", None, said[0])
    name = Reservation(None, "10.0.0.3", "mail", said[1])
    desired = Reservation(card.mac, card.address, name.name)
    with pytest.raises(
        Conflict, match=r"10\.0\.0\.2 for .* and 10\.0\.0\.3 for mail are one machine's"
    ):
        plan.compute_reserve_steps(network_of([card, name]), desired, force=True)
    steps = plan.compute_reserve_steps(
        network_of([dataclasses.replace(card, rest=None), name]), desired, force=False
    )
    assert steps[-1] == ReservationStep("add", 0, dataclasses.replace(desired, rest=said[1]))


@pytest.mark.parametrize(
    ("desired", "gone"),
    [
        (Reservation(name="mail"), ["192.0.2.10"]),
        (Reservation(address="2001:db8:7::11"), ["2001:db8:7::11"]),
        (Reservation(address="2001:db8:7::11", name="mail"), []),
    ],
)
def test_one_of_ipv6_is_released_by_its_address_only(desired: Reservation, gone: list[str]) -> None:
    steps = plan.compute_release_steps(DUAL_STACK, plan.normalise_reservation(desired))
    assert [step.reservation.address for step in steps] == gone


@pytest.mark.parametrize(
    ("element", "interface"),
    [
        ("<ip address='10.0.0.1'/>", "10.0.0.1/8"),
        ("<ip address='172.16.0.1'/>", "172.16.0.1/16"),
        ("<ip address='192.168.1.1'/>", "192.168.1.1/24"),
        ("<ip family='ipv6' address='fd00::1'/>", "fd00::1/64"),
        ("<ip address='10.0.0.1' prefix='24'/>", "10.0.0.1/24"),
    ],
)
def test_a_subnet_is_as_large_as_libvirt_takes_it(element: str, interface: str) -> None:
    (subnet,) = network_xml.parse(f"<network><name>n</name>{element}</network>").subnets
    assert str(subnet.interface) == interface


MACS = st.sampled_from([None, *(f"52:54:00:00:00:0{number}" for number in range(1, 5))])
NAMES = st.sampled_from([None, "a", "b", "c", "d"])
ADDRESSES = st.sampled_from([f"10.0.0.{number}" for number in range(2, 7)])
RESERVATIONS = st.builds(Reservation, MACS, ADDRESSES, NAMES).filter(
    lambda one: one.mac or one.name
)


def network_of(held: list[Reservation]) -> Network:
    return Network(
        "n", (network_xml.Subnet(0, ipaddress.ip_interface("10.0.0.1/24"), (), tuple(held)),)
    )


@given(st.lists(RESERVATIONS, max_size=4), RESERVATIONS, st.booleans())
def test_the_steps_lead_there_and_touch_no_one_else(
    candidates: list[Reservation], wanted: Reservation, force: bool
) -> None:
    held: list[Reservation] = []
    for one in candidates:
        if not any(one.collides_with(other) for other in held):  # as libvirt keeps them
            held.append(one)
    try:
        steps = plan.compute_reserve_steps(network_of(held), wanted, force=force)
    except Taken:
        assert not force
        return
    after = list(held)
    for step in steps:
        if step.command != "add":
            after.remove(step.before or step.reservation)
        if step.command != "delete":
            assert not any(
                step.reservation.collides_with(other) for other in after
            )  # libvirt would refuse it
            after.append(step.reservation)
    (there,) = [one for one in after if one.collides_with(wanted)]
    assert there.address == wanted.address
    assert wanted.mac in {None, there.mac}
    assert wanted.name in {None, there.name}
    if not force:
        assert [one for one in held if not one.collides_with(there)] == [
            one for one in after if one is not there
        ]
    assert plan.compute_reserve_steps(network_of(after), wanted, force=force) == []
