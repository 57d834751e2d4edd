# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Whether guests can go to a host, and whether a plan that is being carried out still holds. Pure.

``explain_refusal`` and ``keeps_n_plus_one`` are asked before each move, ``follow_pending`` before each new plan.
"""

from __future__ import annotations

import typing as t

from .cluster import Cluster, HostShare, build_move

if t.TYPE_CHECKING:
    from .model import HostView, Move, PlacementGuest

Unit = t.Sequence["PlacementGuest"]


def explain_refusal(
    cluster: Cluster, unit: Unit, host: HostView, leaving: t.Collection[str] = ()
) -> str:
    """Return why the guests cannot go to ``host`` together, in words; empty if they can.

    Whoever is on a host of ``leaving`` will not stay there.
    """
    coming = frozenset(guest.uuid for guest in unit)
    objections = [
        cluster.affinities.find_objection(uuid, host.name, coming, leaving)
        for uuid in sorted(coming)
    ]
    return " and ".join(
        [
            *cluster.list_shortages(unit, host),
            *dict.fromkeys(objection for objection in objections if objection),
        ]
    )


def keeps_n_plus_one(
    cluster: Cluster, unit: Unit, host: HostView, leaving: t.Collection[str] = ()
) -> bool:
    """Return whether any host could be lost while the guests go to ``host`` and after that.

    Those whose loss would be fatal already do not count, nor do hosts of ``leaving``. It is asked only where the policy
    is hard.
    """
    if cluster.policy.n_plus_one != "hard":
        return True
    hosts = cluster.open_hosts(leaving)
    before = set(list_fatal_losses(cluster, hosts))
    sources = [(guest, cluster.where[guest.uuid]) for guest in unit]
    for guest in unit:
        cluster.begin_move(guest, host.name)
    meanwhile = set(list_fatal_losses(cluster, hosts))
    for guest in unit:
        cluster.finish_move(guest)
    after = set(list_fatal_losses(cluster, hosts))
    for guest, source in reversed(sources):
        cluster.take_back(guest, source)
    return meanwhile | after <= before


def follow_pending(
    cluster: Cluster, pending: t.Sequence[Move], leaving: t.Collection[str] = ()
) -> list[Move] | None:
    """Carry out on ``cluster`` what remains of the plan ``pending``, and return that; None when it no longer holds.

    Moves of guests that have arrived, or that no host has any more, are over.
    """
    open_names = {host.name for host in cluster.open_hosts(leaving)}
    remaining = [
        move for move in pending if cluster.where.get(move.uuid) not in (None, move.destination)
    ]
    destinations = {move.uuid: move.destination for move in remaining}
    moves: list[Move] = []
    for move in remaining:
        guest = cluster.guests[move.uuid]
        if move.destination not in open_names or move.uuid in cluster.busy:
            return None
        host = cluster.hosts[move.destination]
        unit = list_unit(cluster, move, destinations)
        if explain_refusal(cluster, unit, host, leaving):
            return None
        if not keeps_n_plus_one(cluster, unit, host, leaving):
            return None
        moves.append(build_move(cluster, guest, host.name, move.reason))
        cluster.move(guest, host.name)
    return moves


def list_unit(
    cluster: Cluster, move: Move, destinations: t.Mapping[str, str]
) -> list[PlacementGuest]:
    """Return the guest of ``move``, and those that must be with it and have yet to follow it to the same host.

    ``destinations`` has that of each guest (by UUID) that the plan moves.
    """
    mates = cluster.affinities.find_companions(move.uuid) - {move.uuid}
    followers = [
        uuid
        for uuid in sorted(mates)
        if destinations.get(uuid) == move.destination
        and move.destination not in (cluster.where[uuid], cluster.arriving.get(uuid))
    ]
    return [cluster.guests[uuid] for uuid in [move.uuid, *followers]]


def list_fatal_losses(cluster: Cluster, hosts: t.Sequence[HostView]) -> list[str]:
    """Return those of ``hosts`` whose running guests would not fit on the others.

    The guests are packed by first fit, the largest first, by CPU and memory alone: their disks are lost with the host,
    or shared. A packing that is not found this way counts as one that does not exist.
    """
    free = {host.name: cluster.free(host) for host in hosts}
    return [host.name for host in hosts if not _fits_elsewhere(cluster, host, free)]


def _fits_elsewhere(cluster: Cluster, lost: HostView, free: t.Mapping[str, HostShare]) -> bool:
    room = [
        HostShare(load.vcpus, load.memory_bytes) for name, load in free.items() if name != lost.name
    ]
    refuges = [name for name in free if name != lost.name]
    guests = cluster.list_stranded(lost.name, refuges)
    return all(_take_first_fit(room, guest) for guest in sorted(guests, key=_sort_largest_first))


def _take_first_fit(room: list[HostShare], guest: PlacementGuest) -> bool:
    for load in room:
        if guest.vcpus <= load.vcpus and guest.memory_bytes <= load.memory_bytes:
            load.add(guest, -1)
            return True
    return False


def _sort_largest_first(guest: PlacementGuest) -> tuple[int, int, str]:
    return -guest.memory_bytes, -guest.vcpus, guest.uuid
