# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Static addresses on a host's networks: retrieve, plan, act."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._undo import UndoStack
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    network_xml,
    networks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dhcp import read_lease
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import (
    Network,
    Reservation,
)

from . import plan
from .plan import Step, Taken

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        Metadata,
        ReservationRef,
    )


@dataclasses.dataclass(frozen=True)
class Sides:
    """A network as it runs and as it is defined; None for the side that it does not have."""

    handle: libvirt.virNetwork
    live: Network | None
    config: Network | None

    @property
    def either(self) -> Network:
        """The network as it is now, or as it will be when it starts."""
        return self.live or self.config or Network(self.handle.name())


@dataclasses.dataclass(frozen=True)
class ReservationPlan:
    """What will be done to a network. Check mode returns it, a real run carries it out."""

    sides: Sides
    live: tuple[Step, ...]
    config: tuple[Step, ...]
    reserved: Reservation | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> Changes:
        """The reservations that come and go."""
        changes = Changes()
        for side, steps in (("live", self.live), ("definition", self.config)):
            gone = [str(step.before or step.reservation) for step in steps if step.command != "add"]
            come = [str(step.reservation) for step in steps if step.command != "delete"]
            changes.add(side, gone, come)
        return changes


def read_sides(connection: Connection, name: str) -> Sides:
    """Return both sides of the network ``name``; raises NotFound."""
    handle = networks.look_up(connection, name)
    active, persistent = networks.is_active(handle), networks.is_persistent(handle)
    return Sides(
        handle,
        live=networks.read_live(handle) if active else None,
        config=networks.read_definition(handle) if persistent else None,
    )


def plan_to_reserve(
    connection: Connection, network: str, wanted: Reservation, *, force: bool
) -> ReservationPlan:
    """Return what gives the address to ``wanted`` on each side; raises Taken telling who has it."""
    wanted, sides = plan.checked(wanted), read_sides(connection, network)
    try:
        steps = [_reserving(side, wanted, force) for side in (sides.live, sides.config)]
    except Taken as error:
        raise _with_machines(connection, error) from error
    if not force:
        _check_leases(connection, sides, wanted)
    stands = plan.merged(sides.either, wanted)
    return ReservationPlan(
        sides, steps[0], steps[1], stands, tuple(plan.notes(sides.either, wanted))
    )


def plan_to_release(connection: Connection, network: str, wanted: Reservation) -> ReservationPlan:
    """Return what removes the reservation that has all that ``wanted`` names, on each side."""
    wanted, sides = plan.checked(wanted), read_sides(connection, network)
    live, config = (
        () if side is None else tuple(plan.to_release(side, wanted))
        for side in (sides.live, sides.config)
    )
    return ReservationPlan(sides, live, config)


def still_there(connection: Connection, metadata: Metadata) -> tuple[ReservationRef, ...]:
    """Return those of a machine's reservations that its networks still hold."""
    planned = ((ref, _releasing(connection, ref)) for ref in metadata.reservations)
    return tuple(ref for ref, one in planned if one is not None and one.changes.changed)


def release(connection: Connection, ref: ReservationRef) -> None:
    """Give a machine's address back; what is gone, or belongs to another card by now, is left as it is."""
    planned = _releasing(connection, ref)
    if planned is not None:
        carry_out(planned)


def _releasing(connection: Connection, ref: ReservationRef) -> ReservationPlan | None:
    try:
        return plan_to_release(connection, ref.network, Reservation(ref.mac, ref.address))
    except NotFound:  # the whole network is gone
        return None


def carry_out(planned: ReservationPlan) -> None:
    """Carry the plan out, both sides in one call where they are alike; leaves all as it was when a step fails."""
    if planned.live == planned.config:
        groups = [(planned.live, True, True)]
    else:
        groups = [(planned.config, False, True), (planned.live, True, False)]
    with UndoStack() as undo:
        for steps, live, config in groups:
            for step in steps:
                act = functools.partial(_act, planned.sides.handle, live=live, config=config)
                act(step)
                undo.push(
                    f"the change of {step.reservation}", functools.partial(act, _inverse(step))
                )


def _reserving(side: Network | None, wanted: Reservation, force: bool) -> tuple[Step, ...]:
    return () if side is None else tuple(plan.to_reserve(side, wanted, force=force))


def _act(handle: libvirt.virNetwork, step: Step, *, live: bool, config: bool) -> None:
    networks.update_reservation(
        handle,
        step.command,
        step.index,
        network_xml.build_host_xml(step.reservation),
        live=live,
        config=config,
    )


def _inverse(step: Step) -> Step:
    if step.before is not None:
        return Step("modify", step.index, step.before, step.reservation)
    return Step("add" if step.command == "delete" else "delete", step.index, step.reservation)


def _check_leases(connection: Connection, sides: Sides, wanted: Reservation) -> None:
    """Raise Taken while another machine holds the address by a lease: DHCP would not give it away before that ends."""
    if sides.live is None or wanted.mac is None:
        return
    try:
        rows = networks.list_leases(sides.handle)
    except Unsupported:
        return
    leases = [
        read_lease(sides.live.name, row, ipv6_type=libvirt.VIR_IP_ADDR_TYPE_IPV6) for row in rows
    ]
    for lease in leases:
        if lease is not None and lease.address == wanted.address and lease.mac != wanted.mac:
            holder = Reservation(lease.mac, lease.address, lease.hostname)
            raise _with_machines(
                connection,
                Taken(
                    f"{wanted.address} cannot be reserved in the network {sides.live.name!r}: DHCP has lent it to "
                    f"{lease.hostname or 'a machine'} ({lease.mac}). Choose another, shut that machine down and let "
                    "the lease end, or set force: true to reserve it for the time after.",
                    network=sides.live.name,
                    wanted=wanted.as_dict(),
                    holders=[holder.as_dict()],
                ),
            )


def _with_machines(connection: Connection, error: Taken) -> Taken:
    """Return the error with the names of the domains whose MAC addresses are in the way."""
    macs = {holder["mac"]: holder for holder in error.details["holders"] if holder["mac"]}
    named = []
    for domain in domains.list_all(connection):
        try:
            found = domains.read_definition(domain)
        except NotFound:  # gone since it was listed
            continue
        for interface in found.interfaces:
            if interface.mac and interface.mac.lower() in macs:
                macs[interface.mac.lower()]["domain"] = found.name
                named.append(f"{interface.mac.lower()} is a card of the domain {found.name!r}.")
    return Taken(" ".join([error.message, *named]), **error.details)
