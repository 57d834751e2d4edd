# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Guests that shall be together or apart. Pure."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import typing as t

if t.TYPE_CHECKING:
    from .model import AffinityRule, Guest

_NOBODY: t.Final[frozenset[str]] = frozenset()


@dataclasses.dataclass(frozen=True)
class Group:
    """The guests (by UUID) that one rule is about."""

    apart: bool
    hard: bool
    label: str
    members: frozenset[str]


def groups_of(rules: t.Sequence[AffinityRule], guests: t.Sequence[Guest]) -> list[Group]:
    """Return the groups of two and more guests; only running guests have a place to be together or apart."""
    found = [
        Group(rule.kind == "anti_affinity", rule.strength == "hard", label, frozenset(members))
        for rule in rules
        for label, members in _members(rule, [guest for guest in guests if guest.running]).items()
        if len(members) > 1
    ]
    return sorted(found, key=lambda group: (not group.hard, group.label, sorted(group.members)))


def _members(rule: AffinityRule, guests: t.Sequence[Guest]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = collections.defaultdict(set)
    for guest in guests:
        for label in _labels(rule, guest):
            members[label if rule.each else _words(rule)].add(guest.uuid)
    return members


def _labels(rule: AffinityRule, guest: Guest) -> list[str]:
    """Return what of the guest the rule is about, in words."""
    fleets = (
        [f"fleet {guest.fleet}"]
        if guest.fleet is not None and _matches(guest.fleet, rule.fleets)
        else []
    )
    tags = [f"tag {tag}" for tag in guest.tags if _matches(tag, rule.tags)]
    names = [f"guest {guest.name}"] if _matches(guest.name, rule.names) else []
    return fleets + tags + names


def _words(rule: AffinityRule) -> str:
    kinds = (("fleet", rule.fleets), ("tag", rule.tags), ("guest", rule.names))
    return ", ".join(f"{kind} {pattern}" for kind, patterns in kinds for pattern in patterns)


def _matches(text: str, patterns: t.Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


class Affinities:
    """The groups, and how many of each are where."""

    def __init__(self, groups: t.Sequence[Group], where: t.Mapping[str, str]) -> None:
        self.groups = tuple(groups)
        self._where = dict(where)
        self._of: dict[str, list[int]] = collections.defaultdict(list)
        self._count: list[collections.Counter[str]] = []
        for number, group in enumerate(groups):
            self._count.append(collections.Counter(where[uuid] for uuid in group.members))
            for uuid in group.members:
                self._of[uuid].append(number)

    def move(self, uuid: str, source: str, destination: str) -> None:
        """Note that a guest has gone."""
        self._where[uuid] = destination
        for number in self._of[uuid]:
            self._count[number][source] -= 1
            self._count[number][destination] += 1

    def companions(self, uuid: str) -> frozenset[str]:
        """Return the guests that must be with this one, itself among them."""
        found: set[str] = set()
        open_ones = [uuid]
        while open_ones:
            one = open_ones.pop()
            if one not in found:
                found.add(one)
                together = (self.groups[number] for number in self._of[one])
                open_ones += [
                    other
                    for group in together
                    if group.hard and not group.apart
                    for other in group.members
                ]
        return frozenset(found)

    def objection(
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

    def violations(self, uuid: str, source: str, destination: str, *, hard: bool = False) -> int:
        """Return how many rules of the strength the guest would break at ``destination``, one for each other guest."""
        broken = 0
        for number in self._of[uuid]:
            group, count = self.groups[number], self._count[number]
            if group.hard is hard:
                there = count[destination] - (source == destination)
                broken += there if group.apart else len(group.members) - 1 - there
        return broken
