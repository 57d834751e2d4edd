# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Static addresses of a host's networks: ``plan_to_reserve`` or ``plan_to_release``, then ``carry_out`` that.

``restore`` puts back what such a plan replaced. ``list_held_reservations`` and ``release`` are for a machine that is
removed, whose metadata name its reservations.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import build
from ansible_collections.headroom.libvirt.plugins.module_utils._undo import UndoStack
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
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
from .plan import ReservationStep, Taken
from .survey import NetworkSides, add_machine_names, read_sides

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        Metadata,
        ReservationRef,
    )


@dataclasses.dataclass(frozen=True)
class ReservationPlan:
    """What will be done to a network. Check mode returns it, a real run carries it out."""

    sides: NetworkSides
    live: tuple[ReservationStep, ...]
    config: tuple[ReservationStep, ...]
    reserved: Reservation | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> Changes:
        """The reservations that come and go."""
        changes = Changes()
        for side, steps in (("live", self.live), ("definition", self.config)):
            removals = [
                str(step.before or step.reservation) for step in steps if step.command != "add"
            ]
            additions = [str(step.reservation) for step in steps if step.command != "delete"]
            changes.add(side, removals, additions)
        return changes

    @property
    def replaced(self) -> dict[str, list[dict[str, str | None]]]:
        """The entries that go or change on each side, as JSON-able data for ``restore``."""
        return {
            side: [
                dataclasses.asdict(step.before or step.reservation)
                for step in steps
                if step.command != "add"
            ]
            for side, steps in (("live", self.live), ("config", self.config))
        }


def plan_to_reserve(
    connection: Connection, network: str, desired: Reservation, *, force: bool
) -> ReservationPlan:
    """Return what gives the address to ``desired`` on each side; raises Taken telling who has it."""
    desired, sides = plan.normalise_reservation(desired), read_sides(connection, network)
    try:
        steps = [_compute_steps(side, desired, force) for side in (sides.live, sides.config)]
    except Taken as error:
        raise add_machine_names(connection, error) from error
    if not force:
        _check_leases(connection, sides, desired)
    return ReservationPlan(
        sides,
        live=steps[0],
        config=steps[1],
        reserved=plan.merge_with_own(sides.current, desired),
        notes=tuple(plan.describe_reservation(sides.current, desired)),
    )


def plan_to_release(connection: Connection, network: str, desired: Reservation) -> ReservationPlan:
    """Return what removes the reservation that has all that ``desired`` names, on each side."""
    desired, sides = plan.normalise_reservation(desired), read_sides(connection, network)
    live, config = (
        () if side is None else tuple(plan.compute_release_steps(side, desired))
        for side in (sides.live, sides.config)
    )
    return ReservationPlan(sides, live, config)


def list_held_reservations(
    connection: Connection, metadata: Metadata
) -> tuple[ReservationRef, ...]:
    """Return those of a machine's reservations that its networks still hold."""
    plans = ((ref, _plan_release_of(connection, ref)) for ref in metadata.reservations)
    return tuple(ref for ref, plan in plans if plan is not None and plan.changes.changed)


def release(connection: Connection, ref: ReservationRef) -> None:
    """Give a machine's address back; what is gone, or belongs to another card by now, stays as it is."""
    planned = _plan_release_of(connection, ref)
    if planned is not None:
        carry_out(planned)


def restore(
    connection: Connection,
    network: str,
    replaced: t.Mapping[str, t.Sequence[t.Mapping[str, t.Any]]],
) -> None:
    """Put the entries back that a plan ``replaced``, once its own is released; what is in their way by now stays."""
    entries = {
        side: [build(Reservation, row, f"a reservation of the network {network}") for row in rows]
        for side, rows in replaced.items()
    }
    if not any(entries.values()):
        return
    try:
        sides = read_sides(connection, network)
    except NotFound:  # the whole network is gone
        return
    live, config = (
        () if side is None else tuple(plan.compute_restore_steps(side, entries.get(name, ())))
        for name, side in (("live", sides.live), ("config", sides.config))
    )
    carry_out(ReservationPlan(sides, live, config))


def _plan_release_of(connection: Connection, ref: ReservationRef) -> ReservationPlan | None:
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
                    f"the change of {step.reservation}", functools.partial(act, _invert(step))
                )


def _compute_steps(
    side: Network | None, desired: Reservation, force: bool
) -> tuple[ReservationStep, ...]:
    return () if side is None else tuple(plan.compute_reserve_steps(side, desired, force=force))


def _act(handle: libvirt.virNetwork, step: ReservationStep, *, live: bool, config: bool) -> None:
    networks.update_reservation(
        handle,
        step.command,
        step.index,
        network_xml.build_host_xml(step.reservation),
        live=live,
        config=config,
    )


def _invert(step: ReservationStep) -> ReservationStep:
    if step.before is not None:
        return ReservationStep("modify", step.index, step.before, step.reservation)
    return ReservationStep(
        "add" if step.command == "delete" else "delete", step.index, step.reservation
    )


def _check_leases(connection: Connection, sides: NetworkSides, desired: Reservation) -> None:
    """Raise Taken while another machine holds the address by a lease: DHCP would not give it away before that ends."""
    if sides.live is None or desired.mac is None:
        return
    try:
        rows = networks.list_leases(sides.handle)
    except Unsupported:
        return
    leases = [
        read_lease(sides.live.name, row, ipv6_type=libvirt.VIR_IP_ADDR_TYPE_IPV6) for row in rows
    ]
    for lease in leases:
        if lease is not None and lease.address == desired.address and lease.mac != desired.mac:
            holder = Reservation(lease.mac, lease.address, lease.hostname)
            raise add_machine_names(
                connection,
                Taken(
                    f"{desired.address} cannot be reserved in the network {sides.live.name!r}: DHCP has leased it to "
                    f"{lease.hostname or 'a machine'} ({lease.mac}). Choose another, shut that machine down and let "
                    "the lease end, or set force: true to reserve it for the time after.",
                    network=sides.live.name,
                    wanted=desired.as_dict(),
                    holders=[holder.as_dict()],
                ),
            )
