# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the inventory knows of a host's domains. Pure: definitions and leases in, plain data out."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain.states import ACTIVE_STATES, State

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.xml import Definition, Interface
    from ansible_collections.headroom.libvirt.plugins.module_utils._host.lease import Lease


@dataclasses.dataclass(frozen=True)
class Guest:
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


@dataclasses.dataclass(frozen=True)
class HostSnapshot:
    """The domains of one host at one time."""

    guests: tuple[Guest, ...]

    def as_dict(self) -> dict[str, t.Any]:
        """Return JSON-able data, for a cache."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> HostSnapshot:
        """Return the snapshot that as_dict() was called on."""
        return cls(guests=tuple(Guest(**guest) for guest in data["guests"]))


def assemble(definition: Definition, state: State, leases: t.Iterable[Lease]) -> Guest:
    """Return the Guest that the definition, its state and its host's leases describe.

    A domain that is off keeps no address: its lease may be another's tomorrow.
    """
    current = list(leases) if state in ACTIVE_STATES else []
    held = [_leases_of(interface, current) for interface in definition.interfaces]
    metadata = definition.metadata
    return Guest(
        name=definition.name,
        uuid=definition.uuid or "",
        state=state,
        address=_preferred(lease for leases in held for lease in leases),
        facts={
            "state": state,
            "uuid": definition.uuid,
            "title": definition.title,
            "description": definition.description,
            "vcpus": definition.vcpus,
            "memory_bytes": definition.memory_bytes,
            "fleet": metadata.fleet,
            "tenant": metadata.tenant,
            "appliance": metadata.appliance,
            "interfaces": [
                _interface_facts(interface, leases) for interface, leases in zip(definition.interfaces, held)
            ],
            "disks": [
                {
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
                for disk in definition.disks
            ],
        },
    )


def _leases_of(interface: Interface, leases: t.Iterable[Lease]) -> list[Lease]:
    """Return the leases of the interface's MAC address, of its own network if it names one; the longest-lived first."""
    mac = (interface.mac or "").lower()
    found = [
        lease
        for lease in leases
        if lease.mac == mac and (interface.type != "network" or lease.network == interface.source)
    ]
    return sorted(found, key=lambda lease: (-lease.expiry, lease.address))


def _preferred(leases: t.Iterable[Lease]) -> str | None:
    """Return the address to reach the guest by: the first IPv4 one, else the first."""
    ordered = sorted(leases, key=lambda lease: lease.is_ipv6)
    return ordered[0].address if ordered else None


def _interface_facts(interface: Interface, leases: t.Sequence[Lease]) -> dict[str, t.Any]:
    return {
        **dataclasses.asdict(interface),
        "addresses": [lease.address for lease in leases],
        "hostname": next((lease.hostname for lease in leases if lease.hostname), None),
    }
