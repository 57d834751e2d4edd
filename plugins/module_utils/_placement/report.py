# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a plan of moves says. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .cluster import Cluster

if t.TYPE_CHECKING:
    from .model import HostView, InFlight, MovePlan, Policy


def as_result(
    plan: MovePlan, hosts: t.Sequence[HostView], policy: Policy, in_flight: t.Sequence[InFlight]
) -> dict[str, t.Any]:
    """Return the plan as JSON-able data, with every host before and after it."""
    return {
        "possible": plan.possible,
        "moves": [dataclasses.asdict(move) for move in plan.moves],
        "refused": [
            {
                **dataclasses.asdict(refusal),
                "shortages": dict(refusal.shortages),
                "message": str(refusal),
            }
            for refusal in plan.refused
        ],
        "reasons": reasons(plan),
        "remember": {
            name: [dataclasses.asdict(one) for one in guests]
            for name, guests in plan.remember.items()
        },
        "loads": loads(plan, hosts, policy, in_flight),
    }


def reasons(plan: MovePlan) -> list[str]:
    """Return the sentences on each move, on each refusal, and on what else is to be known."""
    told = [
        f"{move.guest} goes from {move.source} to {move.destination}: {move.reason}."
        for move in plan.moves
    ]
    told += [*plan.problems, *map(str, plan.refused)]
    if not told:
        told = ["Nothing is to be moved."]
    return [*told, *plan.notes]


def loads(
    plan: MovePlan, hosts: t.Sequence[HostView], policy: Policy, in_flight: t.Sequence[InFlight]
) -> list[dict[str, t.Any]]:
    """Return of each host how full it is before and after the plan, as shares, and how many guests run there."""
    cluster = Cluster(hosts, policy, in_flight)
    before = {host.name: (_running(cluster, host), cluster.load(host)) for host in hosts}
    for move in plan.moves:
        cluster.move(cluster.guests[move.uuid], move.destination)
    return [
        {
            "name": host.name,
            "before": {"guests": before[host.name][0], "load": round(before[host.name][1], 4)},
            "after": {"guests": _running(cluster, host), "load": round(cluster.load(host), 4)},
        }
        for host in cluster.hosts.values()
    ]


def _running(cluster: Cluster, host: HostView) -> int:
    return sum(guest.running for guest in cluster.on(host.name))
