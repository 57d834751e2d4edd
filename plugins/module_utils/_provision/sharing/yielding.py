# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a best-effort fleet does for others: ``plan_yield`` parks machines, ``plan_return`` wakes them again. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    join_names,
)

from ..model import Action
from .loans import find_size

if t.TYPE_CHECKING:
    from ..model import Claim, Member, Observation

Claims = t.Mapping[str, "Claim"]


class WakingRoom:
    """What the hosts have for machines that wake, taken machine by machine; without limit where none counts."""

    def __init__(self, observed: Observation) -> None:
        self._observed = observed
        self._rooms = {room.name: room for room in observed.rooms}
        self._taken: dict[str, Size] = {}

    def take(self, member: Member) -> bool:
        """Return whether the machine may wake, whose room is taken then."""
        if not self._observed.best_effort:
            return True
        room = self._rooms.get(member.host)
        if room is None or room.wakeable is None:
            return False
        taken = self._taken.get(member.host, Size()) + find_size(member, self._observed)
        rest = room.wakeable + room.claimable - taken
        if rest.vcpus < 0 or rest.memory_bytes < 0:
            return False
        self._taken[member.host] = taken
        return True

    def list_rooms(self) -> tuple[HostRoom, ...]:
        """Return the rooms of the hosts with what lesser fleets would still give up."""
        return tuple(map(self._settle, self._observed.rooms))

    def _settle(self, room: HostRoom) -> HostRoom:
        taken = self._taken.get(room.name)
        if taken is None or room.wakeable is None:
            return room
        over = taken - room.wakeable
        claimed = Size(max(0, over.vcpus), max(0, over.memory_bytes))
        rest = room.claimable - claimed
        return dataclasses.replace(
            room, claimable=Size(max(0, rest.vcpus), max(0, rest.memory_bytes))
        )


def give_room(observed: Observation, claims: Claims) -> Observation:
    """Return ``observed`` as it is once the claimed machines are parked."""
    members = tuple(
        dataclasses.replace(member, state="saved", parked_for=claims[member.name].claimant)
        if member.name in claims
        else member
        for member in observed.members
    )
    return dataclasses.replace(observed, members=members)


def plan_yield(observed: Observation, claims: Claims) -> tuple[Action, ...]:
    """Return the machines that are parked for more important fleets."""
    return tuple(
        Action(
            "park",
            member.name,
            member.host,
            f"the more important fleet {claims[member.name].claimant} needs its room",
            member.machine,
            parked_for=claims[member.name].claimant,
        )
        for member in observed.members
        if member.name in claims
    )


def plan_return(
    observed: Observation, claims: Claims, most: int, room: WakingRoom
) -> tuple[Action, ...]:
    """Return what wakes of the machines that were parked for other fleets: whatever has room again, ``most`` of them.

    It does so whatever demand asks for: they were taken from their work, and their fleet lets them go by its own rule.
    """
    returning: list[Member] = []
    for member in observed.lent:
        if len(returning) < most and member.name not in claims and room.take(member):
            returning.append(member)
    return tuple(
        Action(
            "wake",
            member.name,
            member.host,
            f"there is room for it again, which {member.parked_for} had",
            member.machine,
            member.version,
        )
        for member in returning
    )


def explain_claims(claims: t.Iterable[Claim]) -> list[str]:
    """Say to a fleet what is parked for it."""
    by_fleet: dict[str, list[str]] = {}
    for claim in claims:
        by_fleet.setdefault(claim.fleet, []).append(f"{claim.name} on {claim.host}")
    return [
        f"{format_count(len(names), 'machine')} of the less important fleet {fleet} "
        f"{'is' if len(names) == 1 else 'are'} parked to make room: {join_names(names)}."
        for fleet, names in by_fleet.items()
    ]


def explain_absence(
    observed: Observation, claims: Claims, returning: t.Container[str]
) -> list[str]:
    """Say which machines are parked for other fleets, and that none goes meanwhile."""
    sentences = [
        f"{member.name} on {member.host} is parked, since the more important fleet {member.parked_for} needs its room: "
        "it goes on, with its memory, when there is room again."
        for member in observed.members
        if member.name in claims
    ]
    waiting = [
        f"{member.name} on {member.host} (for {member.parked_for})"
        for member in observed.members
        if member.is_lent and member.name not in claims and member.name not in returning
    ]
    if waiting:
        be = "stays" if len(waiting) == 1 else "stay"
        sentences.append(
            f"{join_names(waiting)} {be} parked until there is room again, and no other machine goes meanwhile."
        )
    return sentences
