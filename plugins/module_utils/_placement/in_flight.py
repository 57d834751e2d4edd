# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What is left of a plan that is being carried out, looked at again before each move. Pure."""

from __future__ import annotations

import typing as t

from . import loss
from .cluster import Cluster, as_move

if t.TYPE_CHECKING:
    from .model import Guest, HostView, Move

Unit = t.Sequence["Guest"]


def against(cluster: Cluster, unit: Unit, host: HostView, leaving: t.Collection[str] = ()) -> str:
    """Return why the guests cannot go to ``host`` together, in words; empty if they can.

    Whoever is on a host of ``leaving`` will not stay there.
    """
    coming = frozenset(guest.uuid for guest in unit)
    objections = [
        cluster.affinities.objection(uuid, host.name, coming, leaving) for uuid in sorted(coming)
    ]
    return " and ".join(
        [
            *cluster.shortages(unit, host),
            *dict.fromkeys(objection for objection in objections if objection),
        ]
    )


def keeps_n_plus_one(
    cluster: Cluster, unit: Unit, host: HostView, leaving: t.Collection[str] = ()
) -> bool:
    """Return whether any host could be lost once the guests are on ``host``, but for those that it was true of before.

    Hosts of ``leaving`` count for nothing.
    """
    before = set(loss.not_survived(cluster, cluster.open_hosts(leaving)))
    sources = [(guest, cluster.where[guest.uuid]) for guest in unit]
    for guest in unit:
        cluster.move(guest, host.name)
    after = set(loss.not_survived(cluster, cluster.open_hosts(leaving)))
    for guest, source in reversed(sources):
        cluster.take_back(guest, source)
    return after <= before


def still_holds(
    cluster: Cluster, pending: t.Sequence[Move], leaving: t.Collection[str] = ()
) -> list[Move] | None:
    """Carry out on ``cluster`` what is left of the plan ``pending``, and return that; None when it no longer holds.

    Moves of guests that are there already, or that no host has any more, are over.
    """
    open_names = {host.name for host in cluster.open_hosts(leaving)}
    left = [
        move for move in pending if cluster.where.get(move.uuid) not in (None, move.destination)
    ]
    moves: list[Move] = []
    for number, move in enumerate(left):
        guest = cluster.guests[move.uuid]
        if move.destination not in open_names or move.uuid in cluster.busy:
            return None
        host = cluster.hosts[move.destination]
        # guests that must be together follow each other to one host
        together = cluster.affinities.companions(move.uuid)
        unit = [guest] + [
            cluster.guests[other.uuid]
            for other in left[number + 1 :]
            if other.uuid in together and other.destination == move.destination
        ]
        if against(cluster, unit, host, leaving):
            return None
        if cluster.policy.n_plus_one == "hard" and not keeps_n_plus_one(
            cluster, unit, host, leaving
        ):
            return None
        moves.append(as_move(cluster, guest, host.name, move.reason))
        cluster.move(guest, host.name)
    return moves
