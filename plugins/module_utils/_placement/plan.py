# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_placement``: what placement_plan_info returns, out of its options. Pure.

It reads the options (request.py), has drain.py, rebalance.py or spread.py decide, and describes what they decided.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import format_count

from . import request, spread
from .batches import number_batches
from .cluster import Cluster
from .drain import plan_drain, plan_restore
from .rebalance import plan_rebalance

if t.TYPE_CHECKING:
    from .model import HostView, InFlight, MovePlan, PlacementPolicy


def plan_placement(params: request.Options) -> dict[str, t.Any]:
    """Return the plan that the options ask for, JSON-able; raises InvalidInput."""
    estate, policy = request.read_estate(params["hosts"]), request.read_policy(params)
    in_flight, pending = request.read_in_flight(params), request.read_pending(params)
    hosts, silent = estate.hosts, estate.silent
    if params["action"] == "place":
        clones = params["clones"]
        size = request.read_clone_size(clones)
        placement = spread.place_clones(hosts, clones, size, policy, in_flight)
        return spread.describe_placement(placement, silent)
    leaving: list[str] = []
    if params["action"] == "rebalance":
        moves = plan_rebalance(hosts, policy, in_flight, silent, pending)
    elif params["action"] == "restore":
        (home,) = request.read_host_names(params)
        moves = plan_restore(hosts, home, policy, in_flight, silent)
    else:
        leaving = request.read_host_names(params)
        moves = plan_drain(hosts, leaving, policy, in_flight, silent, pending)
    batches = number_batches(Cluster(hosts, policy, in_flight), moves.moves, leaving)
    return describe_plan(moves, batches, hosts, policy, in_flight)


def describe_plan(
    plan: MovePlan,
    batches: t.Sequence[int],
    hosts: t.Sequence[HostView],
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight],
) -> dict[str, t.Any]:
    """Return the plan as JSON-able data, with the batch of each move, and every host before and after it."""
    return {
        "possible": plan.is_possible,
        "moves": [
            {**dataclasses.asdict(move), "batch": batch} for move, batch in zip(plan.moves, batches)
        ],
        "refused": [
            {
                **dataclasses.asdict(refusal),
                "shortages": dict(refusal.shortages),
                "message": str(refusal),
            }
            for refusal in plan.refused
        ],
        "reasons": [*list_reasons(plan), *_describe_batches(batches)],
        "remember": {
            name: [dataclasses.asdict(guest) for guest in guests]
            for name, guests in plan.remember.items()
        },
        "loads": list_loads(plan, hosts, policy, in_flight),
    }


def list_reasons(plan: MovePlan) -> list[str]:
    """Return the sentences on each move, on each refusal, and on what else is to be known."""
    sentences = [
        f"{move.guest} goes from {move.source} to {move.destination}: {move.reason}."
        for move in plan.moves
    ]
    sentences += [*plan.problems, *map(str, plan.refused)]
    if not sentences:
        sentences = ["Nothing is to be moved."]
    return [*sentences, *plan.notes]


def _describe_batches(batches: t.Sequence[int]) -> list[str]:
    """Return how many moves go at once, in words; nothing where they go one by one."""
    count = max(batches, default=0)
    if count == len(batches):
        return []
    most = max(batches.count(number) for number in set(batches))
    return [
        f"{format_count(len(batches), 'guest')} move in {format_count(count, 'batch', 'batches')}, "
        f"up to {most} at once."
    ]


def list_loads(
    plan: MovePlan,
    hosts: t.Sequence[HostView],
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight],
) -> list[dict[str, t.Any]]:
    """Return of each host how full it is before and after the plan, as shares, and how many guests run there."""
    cluster = Cluster(hosts, policy, in_flight)
    before = {host.name: (_count_running(cluster, host), cluster.load(host)) for host in hosts}
    for move in plan.moves:
        cluster.move(cluster.guests[move.uuid], move.destination)
    return [
        {
            "name": host.name,
            "before": {"guests": before[host.name][0], "load": round(before[host.name][1], 4)},
            "after": {
                "guests": _count_running(cluster, host),
                "load": round(cluster.load(host), 4),
            },
        }
        for host in cluster.hosts.values()
    ]


def _count_running(cluster: Cluster, host: HostView) -> int:
    return sum(guest.running for guest in cluster.list_guests(host.name))
