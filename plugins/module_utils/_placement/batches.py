# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``number_batches``: which moves of a plan can go at once. Pure.

A guest on its way takes room on both hosts, so a batch is safe at every moment, in whatever order its moves end, and
also when some of them fail: it is judged with all of them under way.
"""

from __future__ import annotations

import collections
import typing as t

from .feasibility import explain_refusal, list_fatal_losses, list_unit

if t.TYPE_CHECKING:
    from .cluster import Cluster
    from .model import Move, PlacementPolicy

# How many moves that have to wait are looked past for one that can go now: the cost of a plan stays in proportion.
_MOST_PASSED_OVER: t.Final = 32


class _Slots:
    """How many moves each host and each pair of hosts has."""

    def __init__(self, policy: PlacementPolicy) -> None:
        self._policy = policy
        self._of_host: collections.Counter[str] = collections.Counter()
        self._of_link: collections.Counter[frozenset[str]] = collections.Counter()

    def has_room(self, move: Move) -> bool:
        ends = (move.source, move.destination)
        return (
            max(self._of_host[name] for name in ends) < self._policy.moves_per_host
            and self._of_link[frozenset(ends)] < self._policy.moves_per_link
        )

    def take(self, move: Move) -> None:
        self._of_host.update((move.source, move.destination))
        self._of_link[frozenset((move.source, move.destination))] += 1


def number_batches(
    cluster: Cluster, moves: t.Sequence[Move], leaving: t.Collection[str] = ()
) -> list[int]:
    """Return for each of ``moves`` the batch in which it goes, from 1; ``cluster`` is as it is before them.

    After each batch, what is left of the plan can be carried out in its order.
    """
    planner = _BatchPlanner(cluster, moves, leaving)
    numbers = [0] * len(moves)
    waiting, number = collections.deque(enumerate(moves)), 0
    while waiting:
        number += 1
        for place, move in planner.begin_batch(waiting):
            numbers[place] = number
            cluster.finish_move(cluster.guests[move.uuid])
    return numbers


class _BatchPlanner:
    """Chooses one batch after the other, and begins its moves on the cluster."""

    def __init__(
        self, cluster: Cluster, moves: t.Sequence[Move], leaving: t.Collection[str]
    ) -> None:
        self._cluster = cluster
        self._leaving = leaving
        self._destinations = {move.uuid: move.destination for move in moves}
        self._is_hard = cluster.policy.n_plus_one == "hard"

    def begin_batch(self, waiting: collections.deque[tuple[int, Move]]) -> list[tuple[int, Move]]:
        """Take the moves that can go at once off ``waiting``.

        The first always goes, as the plan has judged it. One that has to wait is passed over only by moves to other
        hosts than its own, which change nothing for it. With ``n_plus_one: hard`` they might, and none is.
        """
        fatal, slots = self._list_fatal_losses(), _Slots(self._cluster.policy)
        batch: list[tuple[int, Move]] = []
        passed_over: list[tuple[int, Move]] = []
        most = 1 if self._is_hard else _MOST_PASSED_OVER
        while waiting and len(passed_over) < most:
            place, move = waiting.popleft()
            if not batch:
                self._cluster.begin_move(self._cluster.guests[move.uuid], move.destination)
            elif (
                any(_depends_on(move, other) for _place, other in passed_over)
                or not slots.has_room(move)
                or not self._try_to_begin(move, fatal)
            ):
                passed_over.append((place, move))
                continue
            slots.take(move)
            batch.append((place, move))
        waiting.extendleft(reversed(passed_over))
        return batch

    def _try_to_begin(self, move: Move, fatal: frozenset[str]) -> bool:
        """Begin a move beside those that are under way, if it can be."""
        cluster, host = self._cluster, self._cluster.hosts[move.destination]
        if move.uuid in cluster.arriving:  # a rebalance may move a guest twice
            return False
        unit = list_unit(cluster, move, self._destinations)
        if explain_refusal(cluster, unit, host, self._leaving):
            return False
        guest = cluster.guests[move.uuid]
        cluster.begin_move(guest, move.destination)
        if self._list_fatal_losses() <= fatal:
            return True
        cluster.cancel_move(guest)
        return False

    def _list_fatal_losses(self) -> frozenset[str]:
        """Return the hosts that must not be lost; none where that does not matter."""
        if not self._is_hard:
            return frozenset()
        return frozenset(list_fatal_losses(self._cluster, self._cluster.open_hosts(self._leaving)))


def _depends_on(move: Move, earlier: Move) -> bool:
    return move.destination == earlier.destination or move.uuid == earlier.uuid
