# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory knows of a domain."""

from __future__ import annotations

import json
import typing as t

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import snapshot
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.addresses import (
    AddressBook,
    GuestAddress,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    HostSnapshot,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
    Definition,
    Disk,
    Interface,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import STATES, State

MAC = "52:54:00:00:00:01"


def lease(address: str = "10.0.0.2", **other: t.Any) -> GuestAddress:
    values = {"source": "lease", "network": "default", "mac": MAC, "expiry": 100, **other}
    return GuestAddress(address=address, **values)


def book(*addresses: GuestAddress) -> AddressBook:
    return AddressBook(addresses, ["lease", "reservation"])


def definition(*interfaces: Interface) -> Definition:
    return Definition(
        name="web-1",
        uuid="u",
        memory_bytes=1024,
        vcpus=2,
        interfaces=interfaces or (Interface(mac=MAC, source="default"),),
        disks=(Disk("vda", source="/a.qcow2", format="qcow2"),),
        metadata=Metadata(fleet="web"),
    )


def address(
    leases: list[GuestAddress], *interfaces: Interface, state: State = "running"
) -> str | None:
    return snapshot.assemble_guest(definition(*interfaces), state, book(*leases)).address


def test_the_longest_lived_ipv4_address_is_preferred() -> None:
    leases = [
        lease("fd00::2", expiry=900),
        lease("10.0.0.2", expiry=100),
        lease("10.0.0.3", expiry=300),
        lease("10.0.0.4", expiry=999, mac="52:54:00:00:00:02"),
    ]
    assert address(leases) == "10.0.0.3"
    assert address(leases[:1]) == "fd00::2"


def test_the_first_interface_comes_first() -> None:
    other = Interface(mac="52:54:00:00:00:02", source="default")
    leases = [lease("10.0.0.2"), lease("10.0.0.9", mac="52:54:00:00:00:02", expiry=999)]
    assert address(leases, Interface(mac=MAC, source="default"), other) == "10.0.0.2"
    assert address(leases, other, Interface(mac=MAC, source="default")) == "10.0.0.9"


def test_a_lease_of_another_network_is_not_this_guests() -> None:
    assert address([lease(network="other")]) is None


def test_a_bridge_may_be_that_of_any_network() -> None:
    assert (
        address(
            [lease(network="other")], Interface(mac=MAC.upper(), type="bridge", source="virbr1")
        )
        == "10.0.0.2"
    )


def test_an_interface_without_mac_has_no_address() -> None:
    assert address([lease()], Interface(mac=None, source="default")) is None


@given(st.sampled_from(STATES))
def test_only_an_active_domain_has_an_address(state: State) -> None:
    guest = snapshot.assemble_guest(definition(), state, book(lease(hostname="web-1")))
    assert (guest.address is not None) == guest.active
    assert guest.facts["state"] == state


def test_facts() -> None:
    guest = snapshot.assemble_guest(
        definition(), "running", book(lease(), lease("fd00::2", hostname="web"))
    )
    assert guest.facts["fleet"] == "web"
    assert guest.facts["tenant"] is None
    assert guest.facts["interfaces"] == [
        {
            "mac": MAC,
            "type": "network",
            "source": "default",
            "target": None,
            "model": None,
            "addresses": ["10.0.0.2", "fd00::2"],
            "hostname": "web",
        }
    ]
    assert guest.facts["disks"][0]["source"] == "/a.qcow2"


def test_a_snapshot_survives_a_cache() -> None:
    before = HostSnapshot((snapshot.assemble_guest(definition(), "running", book(lease())),))
    assert HostSnapshot.from_dict(json.loads(json.dumps(before.as_dict()))) == before
