# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Affinities``: guests that must be together or apart, and what a move breaks; ``find_groups`` finds them. Pure."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import typing as t

if t.TYPE_CHECKING:
    from .model import AffinityRule, PlacementGuest

_NOBODY: t.Final[frozenset[str]] = frozenset()


@dataclasses.dataclass(frozen=True)
class AffinityGroup:
    """The guests (by UUID) that one rule is about."""

    apart: bool
    hard: bool
    label: str
    members: frozenset[str]


def find_groups(
    rules: t.Sequence[AffinityRule], guests: t.Sequence[PlacementGuest]
) -> list[AffinityGroup]:
    """Return the groups of two and more guests; only running guests have a place to be together or apart."""
    running = [guest for guest in guests if guest.running]
    groups = []
    for rule in rules:
        apart, hard = rule.kind == "anti_affinity", rule.strength == "hard"
        for label, members in _collect_members(rule, running).items():
            if len(members) > 1:
                groups.append(AffinityGroup(apart, hard, label, frozenset(members)))
    return sorted(groups, key=lambda group: (not group.hard, group.label, sorted(group.members)))


def _collect_members(rule: AffinityRule, guests: t.Sequence[PlacementGuest]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = collections.defaultdict(set)
    for guest in guests:
        for label in _list_labels(rule, guest):
            members[label if rule.each else _describe_selectors(rule)].add(guest.uuid)
    return members


def _list_labels(rule: AffinityRule, guest: PlacementGuest) -> list[str]:
    """Return what of the guest the rule is about, in words."""
    fleets = (
        [f"fleet {guest.fleet}"]
        if guest.fleet is not None and _matches(guest.fleet, rule.fleets)
        else []
    )
    tags = [f"tag {tag}" for tag in guest.tags if _matches(tag, rule.tags)]
    names = [f"guest {guest.name}"] if _matches(guest.name, rule.names) else []
    return fleets + tags + names


def _describe_selectors(rule: AffinityRule) -> str:
    selectors = [f"fleet {pattern}" for pattern in rule.fleets]
    selectors += [f"tag {pattern}" for pattern in rule.tags]
    return ", ".join([*selectors, *(f"guest {pattern}" for pattern in rule.names)])


def _matches(text: str, patterns: t.Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


class Affinities:
    """The groups, and how many of each are where."""

    def __init__(self, groups: t.Sequence[AffinityGroup], where: t.Mapping[str, str]) -> None:
        self.groups = tuple(groups)
        self._where = dict(where)
        self._of: dict[str, list[int]] = collections.defaultdict(list)
        self._count: list[collections.Counter[str]] = []
        for number, group in enumerate(groups):
            self._count.append(collections.Counter(where[uuid] for uuid in group.members))
            for uuid in group.members:
                self._of[uuid].append(number)

    def begin_move(self, uuid: str, destination: str) -> None:
        """Note that a guest is on its way; until leave() it counts where it was, too."""
        self._where[uuid] = destination
        for number in self._of[uuid]:
            self._count[number][destination] += 1

    def leave(self, uuid: str, host: str) -> None:
        """Note that nothing of a guest that has another place is on ``host`` any more."""
        for number in self._of[uuid]:
            self._count[number][host] -= 1

    def move(self, uuid: str, source: str, destination: str) -> None:
        """Note that a guest has gone."""
        self.begin_move(uuid, destination)
        self.leave(uuid, source)

    def find_companions(self, uuid: str) -> frozenset[str]:
        """Return the guests that must be with this one, itself among them."""
        companions: set[str] = set()
        waiting = [uuid]
        while waiting:
            companion = waiting.pop()
            if companion not in companions:
                companions.add(companion)
                for number in self._of[companion]:
                    group = self.groups[number]
                    if group.hard and not group.apart:
                        waiting += group.members
        return frozenset(companions)

    def find_objection(
        self,
        uuid: str,
        destination: str,
        coming: frozenset[str] = _NOBODY,
        leaving: t.Collection[str] = (),
    ) -> str | None:
        """Return which hard rule forbids that the guest goes to ``destination``, in words.

        ``coming`` are the guests that go there with it, and whoever is on a host of ``leaving`` will go as well.
        """
        for number in self._of[uuid]:
            group, count = self.groups[number], self._count[number]
            if not group.hard:
                continue
            if group.apart and (count[destination] > 0 or len(coming & group.members) > 1):
                return f"has, or gets, another of {group.label}, which must be apart"
            if not group.apart:
                bound = {self._where[other] for other in group.members - coming - {uuid}} - set(
                    leaving
                )
                if bound and destination not in bound:
                    return f"is not {min(bound)}, where others of {group.label} are, which must be together"
        return None

    def count_violations(
        self, uuid: str, source: str, destination: str, *, hard: bool = False
    ) -> int:
        """Return how many rules of the strength the guest would break at ``destination``, one for each other guest."""
        broken = 0
        for number in self._of[uuid]:
            group, count = self.groups[number], self._count[number]
            if group.hard is hard:
                others = count[destination] - (source == destination)
                broken += others if group.apart else len(group.members) - 1 - others
        return broken
