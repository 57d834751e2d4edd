# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``HostSnapshot`` and ``assemble_guest``: what the inventory knows of a host's domains. Pure.

Definitions and addresses in, plain data out, for the plugin and for its caches.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    State,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
        Disk,
        Interface,
    )

    from .addresses import AddressBook, GuestAddress


class InventoryGuest(t.NamedTuple):
    """One domain. ``facts`` are JSON-able and, like ``name``, hold text that others than the operator may control."""

    name: str
    uuid: str
    state: State
    address: str | None
    facts: t.Mapping[str, t.Any]

    @property
    def active(self) -> bool:
        """Whether the domain has a running QEMU."""
        return self.state in ACTIVE_STATES


class HostSnapshot(t.NamedTuple):
    """The domains of one host at one time; how many libvirt calls that took, and the definitions read among them."""

    guests: tuple[InventoryGuest, ...]
    calls: int = 0
    definitions_read: int = 0

    def as_dict(self) -> dict[str, t.Any]:
        """Return JSON-able data, for a cache."""
        return {
            "guests": [{**guest._asdict(), "facts": dict(guest.facts)} for guest in self.guests]
        }

    def mark_stale(self, seconds: float) -> HostSnapshot:
        """Return the same domains, with the fact how old they are."""
        old = {"stale_seconds": round(seconds)}
        return HostSnapshot(
            tuple(guest._replace(facts={**guest.facts, **old}) for guest in self.guests)
        )

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> HostSnapshot:
        """Return the snapshot that as_dict() was called on."""
        return cls(guests=tuple(InventoryGuest(**guest) for guest in data["guests"]))


def assemble_guest(
    definition: Definition,
    state: State,
    book: AddressBook,
    *,
    autostart: bool = False,
    extra: t.Mapping[str, t.Any] | None = None,
) -> InventoryGuest:
    """Return the Guest that the definition, its state and the addresses describe.

    ``extra`` are facts beyond these. A domain that is off keeps only what is reserved for it: a lease may be another's
    tomorrow.
    """
    active = state in ACTIVE_STATES
    held = [
        book.find(interface, definition.uuid, active=active) for interface in definition.interfaces
    ]
    return InventoryGuest(
        name=definition.name,
        uuid=definition.uuid or "",
        state=state,
        address=book.choose(held),
        facts={
            "state": state,
            "autostart": autostart,
            **_collect_facts(definition, held),
            **(extra or {}),
        },
    )


def _collect_facts(
    definition: Definition, held: t.Sequence[t.Sequence[GuestAddress]]
) -> dict[str, t.Any]:
    """Return what the definition says, and the addresses that each of its interfaces holds."""
    metadata = definition.metadata
    return {
        "uuid": definition.uuid,
        "title": definition.title,
        "description": definition.description,
        "vcpus": definition.vcpus,
        "memory_bytes": definition.memory_bytes,
        "fleet": metadata.fleet,
        "tenant": metadata.tenant,
        "appliance": metadata.appliance,
        "tags": list(metadata.tags),
        "interfaces": [
            _describe_interface(interface, addresses)
            for interface, addresses in zip(definition.interfaces, held)
        ],
        "disks": [_describe_disk(disk) for disk in definition.disks],
        "graphics": [graphics._asdict() for graphics in definition.graphics],
    }


def _describe_disk(disk: Disk) -> dict[str, t.Any]:
    return {
        "target": disk.target,
        "device": disk.device,
        "bus": disk.bus,
        "type": disk.type,
        "source": disk.source,
        "pool": disk.pool,
        "volume": disk.volume,
        "format": disk.format,
        "readonly": disk.readonly,
    }


def _describe_interface(
    interface: Interface, addresses: t.Sequence[GuestAddress]
) -> dict[str, t.Any]:
    return {
        **interface._asdict(),
        "addresses": [address.address for address in addresses],
        "hostname": next((address.hostname for address in addresses if address.hostname), None),
    }
