# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_rebalance``: which guests to move so that the hosts are alike in load and no rule is broken. Pure.

What is wrong is mended first, whatever it gains: guests that break a rule, hosts that promised more than they may.
Then the load is evened out, each step by the move that evens it most, until the fullest and the emptiest host are
closer by the minimum gain, and no further minimum gain is to be had; so what is left is not worth another run.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .cluster import Cluster, build_move, format_percent
from .feasibility import explain_refusal, follow_pending, keeps_n_plus_one
from .model import HostView, InFlight, Move, MovePlan, PlacementGuest, PlacementPolicy

# Smaller differences are those of the arithmetic.
_LEAST: t.Final = 1e-9

Cost = tuple[int, float, int, float]
"""Hard rules broken, the share of hosts promised too much, soft rules broken, and how unequal the loads are."""


@dataclasses.dataclass(frozen=True)
class _Step:
    """A move, what it gains, and how far the fullest and the emptiest host are apart after it."""

    move: Move
    mends: bool
    apart: float


def plan_rebalance(
    hosts: t.Sequence[HostView],
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight] = (),
    silent: t.Sequence[str] = (),
    pending: t.Sequence[Move] = (),
) -> MovePlan:
    """Return the moves that are worth it; none where the hosts are even enough.

    ``silent`` did not answer. The rest of ``pending``, a plan that is being carried out, is followed while it holds.
    """
    remaining = follow_pending(Cluster(hosts, policy, in_flight), pending) if pending else None
    if remaining is not None:
        return MovePlan(moves=tuple(remaining))
    cluster = Cluster(hosts, policy, in_flight)
    before = measure_imbalance(cluster)
    steps = _find_steps(cluster)
    chosen = _choose_steps(steps, before, policy.minimum_gain)[: policy.most_moves]
    notes = [f"{name} is left alone: it did not answer." for name in sorted(silent)]
    notes += [
        f"{host.name} is left alone: it is in maintenance."
        for host in hosts
        if host.maintenance is not None
    ]
    notes.append(_describe_balance(before, steps, chosen, policy.minimum_gain))
    return MovePlan(moves=tuple(step.move for step in chosen), notes=tuple(notes))


def measure_imbalance(cluster: Cluster) -> float:
    """Return how far the loads of the fullest and the emptiest host are apart, as a share of a host."""
    loads = [cluster.load(host) for host in cluster.open_hosts()]
    return max(loads) - min(loads) if loads else 0.0


def _describe_balance(
    before: float, steps: t.Sequence[_Step], chosen: t.Sequence[_Step], minimum: float
) -> str:
    balance = f"The fullest and the emptiest host are {format_percent(before)} of a host apart"
    if chosen:
        return f"{balance}, and {format_percent(chosen[-1].apart)} after the plan."
    best = min((step.apart for step in steps), default=before)
    if before - best < _LEAST:
        return f"{balance}, and no move brings them closer."
    return (
        f"{balance}; {format_percent(best)} is possible, which gains less than "
        f"{format_percent(minimum)} (minimum_gain)."
    )


def _choose_steps(steps: t.Sequence[_Step], before: float, minimum: float) -> list[_Step]:
    """Return the shortest beginning of ``steps`` that gains the minimum and leaves less than that to be gained.

    All steps up to the last one that mends something are chosen, and what is gained is counted from there.
    """
    minimum = max(minimum, _LEAST) - _LEAST / 2
    mended = max((number for number, step in enumerate(steps, start=1) if step.mends), default=0)
    reached = [before, *(step.apart for step in steps)]
    if reached[mended] - min(reached[mended:]) < minimum:
        return list(steps[:mended])
    for number in range(mended, len(steps)):
        gained = reached[mended] - reached[number]
        remaining = reached[number] - min(reached[number:])
        if gained >= minimum and remaining < minimum:
            return list(steps[:number])
    return list(steps)


def _find_steps(cluster: Cluster) -> list[_Step]:
    """Return the moves, each the best of its time, until none makes anything better.

    It ends, since each step lowers the first of these that it changes: hard rules broken, what was promised too much,
    soft rules broken, the sum of the squares of the loads.
    """
    steps: list[_Step] = []
    while True:
        best = _find_best(cluster)
        if best is None:
            return steps
        guest, host, mends, reason = best
        move = build_move(cluster, guest, host.name, reason)
        cluster.move(guest, host.name)
        steps.append(_Step(move, mends, measure_imbalance(cluster)))


def _find_best(cluster: Cluster) -> tuple[PlacementGuest, HostView, bool, str] | None:
    """Return the move that helps most: one that mends what is wrong, else one from the fullest host that can give."""
    hosts = cluster.open_hosts()
    for host in hosts:
        best = _find_best_from(cluster, host, hosts, mending=True)
        if best:
            return best
    for host in sorted(hosts, key=lambda host: (-cluster.load(host), host.name)):
        best = _find_best_from(cluster, host, hosts, mending=False)
        if best:
            return best
    return None


def _find_best_from(
    cluster: Cluster, source: HostView, hosts: t.Sequence[HostView], *, mending: bool
) -> tuple[PlacementGuest, HostView, bool, str] | None:
    best: tuple[tuple[t.Any, ...], PlacementGuest, HostView, Cost] | None = None
    over = _measure_excess(cluster, source)
    for guest in cluster.list_guests(source.name):
        broken = _count_broken_rules(cluster, guest, source.name)
        if not _is_free(cluster, guest) or (mending and not over and not any(broken)):
            continue
        for host in hosts:
            gain = _compute_gain(cluster, guest, source, host, broken)
            worth = gain[:3] > (0, 0.0, 0) if mending else gain > (0, 0.0, 0, _LEAST)
            key = (tuple(-part for part in gain), guest.name, guest.uuid, host.name)
            # whether it may go there takes longest to find, so that is asked of the best alone
            if host.name == source.name or not worth or (best is not None and key >= best[0]):
                continue
            if _may(cluster, guest, host):
                best = (key, guest, host, gain)
    if best is None:
        return None
    _key, guest, host, gain = best
    return guest, host, mending, _describe_reason(cluster, guest, source, host, gain)


def _is_free(cluster: Cluster, guest: PlacementGuest) -> bool:
    """Return whether the guest may be moved; those that must be together are left where they are."""
    return (
        guest.running
        and guest.uuid not in cluster.busy
        and len(cluster.affinities.find_companions(guest.uuid)) == 1
    )


def _may(cluster: Cluster, guest: PlacementGuest, host: HostView) -> bool:
    if explain_refusal(cluster, [guest], host):
        return False
    return keeps_n_plus_one(cluster, [guest], host)


def _count_broken_rules(cluster: Cluster, guest: PlacementGuest, host: str) -> tuple[int, int]:
    """Return the hard and the soft rules that the guest breaks, or would break, on ``host``."""
    where = cluster.where[guest.uuid]
    hard = cluster.affinities.count_violations(guest.uuid, where, host, hard=True)
    return hard, cluster.affinities.count_violations(guest.uuid, where, host)


def _compute_gain(
    cluster: Cluster,
    guest: PlacementGuest,
    source: HostView,
    host: HostView,
    broken: tuple[int, int],
) -> Cost:
    hard, soft = _count_broken_rules(cluster, guest, host.name)
    over = _measure_excess(cluster, source) - _measure_excess(cluster, source, guest)
    return broken[0] - hard, over, broken[1] - soft, _compute_evening(cluster, guest, source, host)


def _measure_excess(
    cluster: Cluster, host: HostView, leaver: PlacementGuest | None = None
) -> float:
    """Return the share of a host that it promised beyond what it may, without ``leaver`` if that is named."""
    free = cluster.free(host)
    if leaver is not None:
        free.add(leaver)
    return max(0.0, -free.vcpus / (host.vcpus or 1)) + max(
        0.0, -free.memory_bytes / (host.memory_bytes or 1)
    )


def _compute_evening(
    cluster: Cluster, guest: PlacementGuest, source: HostView, host: HostView
) -> float:
    """Return by how much the sum of the squares of both hosts' loads falls."""
    before = cluster.load(source) ** 2 + cluster.load(host) ** 2
    return before - cluster.load(source, [guest], -1) ** 2 - cluster.load(host, [guest]) ** 2


def _describe_reason(
    cluster: Cluster, guest: PlacementGuest, source: HostView, host: HostView, gain: Cost
) -> str:
    if gain[0] > 0:
        return f"on {source.name} it breaks hard rules, on {host.name} it does not"
    if gain[1] > 0:
        return f"{source.name} has promised more than it may, and {host.name} has room"
    if gain[2] > 0:
        return f"on {source.name} it breaks soft rules, on {host.name} fewer"
    loads = [
        cluster.load(source),
        cluster.load(source, [guest], -1),
        cluster.load(host),
        cluster.load(host, [guest]),
    ]
    shares = [format_percent(load) for load in loads]
    return f"{source.name} goes from {shares[0]} to {shares[1]}, {host.name} from {shares[2]} to {shares[3]}"
