# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses a guest has."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.addresses import (
    AddressBook,
    GuestAddress,
    read_address,
    read_reservations,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import Interface

MAC = "52:54:00:00:00:01"


def raw(**values: t.Any) -> dict[str, t.Any]:
    return {"source": "agent", "mac": MAC, "address": "10.0.0.2", **values}


@pytest.mark.parametrize(
    "values",
    [
        {"address": "-oProxyCommand=touch /tmp/x"},
        {"address": "{{ lookup('pipe', 'id') }}"},
        {"address": "127.0.0.1"},
        {"address": "::1"},
        {"address": "fe80::1"},
        {"address": "fd00::1%eth0"},
        {"address": "224.0.0.1"},
        {"address": "::ffff:192.0.2.20"},
        {"address": "::192.0.2.20"},
        {"address": "0.0.0.20"},
        {"address": "240.0.0.1"},
        {"address": "255.255.255.255"},
        {"address": None},
        {"address": 7},
        {"mac": None},
    ],
)
def test_what_is_no_address_to_reach_a_guest_by_is_dropped(values: dict[str, t.Any]) -> None:
    assert read_address(raw(**values)) is None


@given(st.text() | st.none() | st.integers() | st.ip_addresses().map(str))
def test_only_ip_addresses_come_through(said: t.Any) -> None:
    address = read_address(raw(address=said))
    assert address is None or str(ipaddress.ip_address(address.address)) == address.address


def test_reservations_of_a_network() -> None:
    xml = (
        "<network><ip address='10.0.0.1'><dhcp><host mac='52:54:00:00:00:0A' ip='10.0.0.9' name='web'/>"
        "<host name='no-mac' ip='10.0.0.8'/></dhcp></ip>"
        "<ip family='ipv6'><dhcp><host id='1' ip='fd00::2'/></dhcp></ip></network>"
    )
    assert list(read_reservations("default", xml)) == [
        GuestAddress(
            "reservation", "52:54:00:00:00:0a", "10.0.0.9", network="default", hostname="web"
        )
    ]


def of(
    *addresses: GuestAddress, order: t.Sequence[str], active: bool = True
) -> tuple[list[str], str | None]:
    book = AddressBook(addresses, order)
    held = book.find(Interface(mac=MAC.upper(), source="default"), "u", active=active)
    return [address.address for address in held], book.choose([held])


LEASE = GuestAddress("lease", MAC, "10.0.0.2", network="default", expiry=9)
RESERVED = GuestAddress("reservation", MAC, "10.0.0.9", network="default")
TOLD = GuestAddress("agent", MAC, "10.0.0.3", uuid="u")
HEARD = GuestAddress("arp", MAC, "10.0.0.2")


def test_the_order_of_the_sources_decides() -> None:
    every = (LEASE, RESERVED, TOLD, HEARD)
    assert of(*every, order=["lease", "agent", "arp", "reservation"]) == (
        ["10.0.0.2", "10.0.0.3", "10.0.0.9"],
        "10.0.0.2",
    )
    assert of(*every, order=["agent", "reservation", "lease", "arp"]) == (
        ["10.0.0.3", "10.0.0.9", "10.0.0.2"],
        "10.0.0.3",
    )


def test_the_first_source_wins_even_with_ipv6() -> None:
    told = GuestAddress("agent", MAC, "fd00::3", uuid="u")
    assert of(LEASE, told, order=["agent", "lease"])[1] == "fd00::3"


def test_a_domain_that_is_off_keeps_its_reservation_only() -> None:
    order = ["lease", "agent", "arp", "reservation"]
    assert of(LEASE, RESERVED, TOLD, HEARD, order=order, active=False) == (["10.0.0.9"], "10.0.0.9")


def test_what_one_guest_says_of_anothers_mac_does_not_count() -> None:
    assert of(GuestAddress("agent", MAC, "10.6.6.6", uuid="another"), order=["agent"]) == ([], None)


def test_of_one_source_the_first_address_is_the_guests_own_and_floating_ones_follow() -> None:
    own = GuestAddress("agent", MAC, "192.0.2.20", uuid="u")
    floating = GuestAddress("agent", MAC, "192.0.2.172", uuid="u")
    assert of(own, floating, order=["agent"]) == (["192.0.2.20", "192.0.2.172"], "192.0.2.20")


def test_a_lease_that_never_ends_is_the_longest() -> None:
    infinite = GuestAddress("lease", MAC, "10.0.0.30", network="default", expiry=0)
    assert of(LEASE, infinite, order=["lease"]) == (["10.0.0.30", "10.0.0.2"], "10.0.0.30")
