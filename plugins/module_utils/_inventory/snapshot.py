# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the inventory knows of a host's domains. Pure: definitions and addresses in, plain data out."""

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

    from .addresses import Address, AddressBook


class Guest(t.NamedTuple):
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

    guests: tuple[Guest, ...]
    calls: int = 0
    definitions_read: int = 0

    def as_dict(self) -> dict[str, t.Any]:
        """Return JSON-able data, for a cache."""
        return {
            "guests": [{**guest._asdict(), "facts": dict(guest.facts)} for guest in self.guests]
        }

    def stale(self, seconds: float) -> HostSnapshot:
        """Return the same domains, with the fact how old they are."""
        old = {"stale_seconds": round(seconds)}
        return HostSnapshot(
            tuple(guest._replace(facts={**guest.facts, **old}) for guest in self.guests)
        )

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> HostSnapshot:
        """Return the snapshot that as_dict() was called on."""
        return cls(guests=tuple(Guest(**guest) for guest in data["guests"]))


def assemble(
    definition: Definition,
    state: State,
    book: AddressBook,
    *,
    autostart: bool = False,
    extra: t.Mapping[str, t.Any] | None = None,
) -> Guest:
    """Return the Guest that the definition, its state and what is known of addresses describe.

    ``extra`` are facts beyond these. A domain that is off keeps only what is reserved for it: a lease may be another's
    tomorrow.
    """
    active = state in ACTIVE_STATES
    held = [
        book.of(interface, definition.uuid, active=active) for interface in definition.interfaces
    ]
    return Guest(
        name=definition.name,
        uuid=definition.uuid or "",
        state=state,
        address=book.preferred(held),
        facts={"state": state, "autostart": autostart, **_facts(definition, held), **(extra or {})},
    )


def _facts(definition: Definition, held: t.Sequence[t.Sequence[Address]]) -> dict[str, t.Any]:
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
            _interface_facts(interface, addresses)
            for interface, addresses in zip(definition.interfaces, held)
        ],
        "disks": [_disk_facts(disk) for disk in definition.disks],
        "graphics": [graphics._asdict() for graphics in definition.graphics],
    }


def _disk_facts(disk: Disk) -> dict[str, t.Any]:
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


def _interface_facts(interface: Interface, addresses: t.Sequence[Address]) -> dict[str, t.Any]:
    return {
        **interface._asdict(),
        "addresses": [address.address for address in addresses],
        "hostname": next((address.hostname for address in addresses if address.hostname), None),
    }
