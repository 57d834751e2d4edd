# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_wake`` chooses the machines that are woken, ``plan_creation`` those that are made. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import slot_start
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Placement,
    Size,
    fill,
    spread,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    join_names,
)

from .model import PARKED, RUNNING, Action, Member, Observation, Part

if t.TYPE_CHECKING:
    from .rule import Rule
    from .sharing.yielding import WakingRoom


@dataclasses.dataclass(frozen=True)
class Order:
    """How many clones to make: ``serving`` ones that are needed, ``surge`` ones for a rollout, and ``parked`` ones.

    ``growth`` is the version of those that are needed or parked, ``goal`` that of the rollout; None: what the fleet
    says. ``extra`` machines more than the rule's maximum may exist meanwhile.
    """

    serving: int = 0
    surge: int = 0
    parked: int = 0
    growth: str | None = None
    goal: str | None = None
    extra: int = 0

    def build_action(self, index: int, name: str, host: str) -> Action:
        """Return the action for the ``index``-th machine: what is needed comes first, what is parked last."""
        if index < self.serving:
            return Action("create", name, host, "the fleet needs it", appliance=self.growth)
        if index < self.serving + self.surge:
            reason = f"it takes the place of one that is not of {self.goal}"
            return Action("create", name, host, reason, appliance=self.goal)
        return Action("prepare", name, host, "it is kept parked", appliance=self.growth)


def plan_wake(
    spare: t.Sequence[Member], up: int, to_run: int, keep: int, room: WakingRoom
) -> tuple[Action, ...]:
    """Return what brings the ``up`` machines that serve or will to ``to_run``, out of the ``spare`` ones with ``room``.

    Machines that went down during the cooldown are brought back up to ``keep``: an outage takes the demand with it, and
    must not be taken for a requirement that fell.
    """
    missing = max(to_run, keep) - up
    woken: list[Action] = []
    for member in spare:
        if len(woken) < missing and room.take(member):
            woken.append(_wake(member))
    return tuple(woken)


def plan_service(observed: Observation) -> tuple[Action, ...]:
    """Return what puts into service what runs and is not: a run before did not come to that, or failed in it."""
    return tuple(
        Action(
            "serve",
            member.name,
            member.host,
            "it runs and has not been put into service",
            member.machine,
            member.version,
        )
        for member in observed.coming
        if not member.in_service
    )


def plan_creation(observed: Observation, rule: Rule, order: Order) -> Part:
    """Return the clones to make: those that are needed, those that take an older one's place, those that are parked."""
    count, held_back = _limit_count(observed, rule, order)
    if count and observed.left_out:
        missing = _describe_missing(order.serving + order.surge, order.parked, 0)
        left_out = _explain_left_out(observed, missing)
        return Part((), (*held_back, left_out))
    if not count:
        return Part((), tuple(held_back))
    placed = _place(observed, rule, count, min(order.serving, count))
    if placed.missing:
        needed = max(0, min(order.serving + order.surge, count) - len(placed.hosts))
        held_back.append(
            f"{_describe_not_made(needed, placed.missing - needed)}: {placed.shortage}."
        )
    names = choose_names(observed, rule, len(placed.hosts))
    actions = (
        order.build_action(index, name, host)
        for index, (name, host) in enumerate(zip(names, placed.hosts))
    )
    return Part(tuple(actions), tuple(held_back))


def _place(observed: Observation, rule: Rule, count: int, needed: int) -> Placement:
    """Return the hosts of the clones: where there is room, and for those that are needed where others would make it."""
    rooms = [room for room in observed.rooms if room.takes_clones]
    placed = _spread(rooms, observed.size, count, rule)
    if len(placed.hosts) >= needed or all(room.claimable == Size() for room in rooms):
        return placed
    claimed = [room.claim() for room in fill(rooms, placed.hosts, observed.size)]
    more = _spread(claimed, observed.size, needed - len(placed.hosts), rule)
    hosts = placed.hosts + more.hosts
    return Placement(hosts, count - len(hosts), more.shortage or placed.shortage)


def _spread(rooms: t.Sequence[HostRoom], size: Size, count: int, rule: Rule) -> Placement:
    return spread(
        rooms,
        size,
        count,
        n_plus_one=rule.n_plus_one,
        pack=rule.spread == "pack",
        most=rule.max_per_host,
    )


def choose_names(observed: Observation, rule: Rule, count: int) -> list[str]:
    """Return ``count`` names ``FLEET-N`` with the lowest free N.

    With a host whose machines are not known, N starts above every number that a machine there could have, and that the
    history has there.
    """
    pattern = re.compile(rf"{re.escape(observed.fleet)}-([1-9][0-9]*)")
    existing = [member.name for member in observed.members]
    existing += [entry.name for entry in observed.absent]
    matches = [pattern.fullmatch(name) for name in existing]
    taken = {int(match.group(1)) for match in matches if match}
    number = max([rule.max + rule.most_parked, *taken]) if observed.unknown else 0
    names: list[str] = []
    while len(names) < count:
        number += 1
        if number not in taken:
            names.append(f"{observed.fleet}-{number}")
    return names


def _wake(member: Member) -> Action:
    reason = (
        "it is parked" if member.state in PARKED else f"it is {member.state}, although it is needed"
    )
    return Action("wake", member.name, member.host, reason, member.machine, member.version)


def _limit_count(observed: Observation, rule: Rule, order: Order) -> tuple[int, list[str]]:
    """Return how many of the machines may be made in this slot, and sentences on the others.

    The parked ones come last, so they are the first that are not made.
    """
    held_back: list[str] = []
    serving, parked = order.serving + order.surge, order.parked
    count = serving + parked
    # A machine that is just shutting down does not serve, but exists: with it the fleet must not pass its maximum.
    # One that is unhealthy does not serve either, and is replaced before it goes.
    existing = sum(
        member.healthy is not False and (member.state in RUNNING or not member.labelled)
        for member in observed.members
    )
    space = max(0, rule.max + rule.most_parked + order.extra - existing)
    if space < count:
        held_back.append(
            f"{_describe_missing(serving, parked, space)}: with those that are going down the fleet has rule.max "
            "machines."
        )
        count = space
    allowed = None if observed.allowance is None else observed.allowance.count_more(observed.size)
    if observed.allowance is not None and allowed is not None and allowed < count:
        needed = min(serving, count)
        held_back.append(
            f"{_describe_missing(needed, count - needed, allowed)}: {observed.allowance.explain()}."
        )
        count = allowed
    if rule.scale_out_limit is None:
        return count, held_back
    slot = slot_start(observed.now, rule.interval)
    created = sum(
        member.created is not None and member.created >= slot for member in observed.members
    )
    limit = max(0, rule.scale_out_limit - created)
    if limit < count:
        held_back.append(
            f"{_describe_missing(min(serving, count), count - min(serving, count), limit)}: one interval may add "
            f"{rule.scale_out_limit} (rule.scale_out_limit)."
        )
    return min(count, limit), held_back


def explain_withheld(observed: Observation, names: t.Collection[str]) -> list[str]:
    """Say which machines do not wake as the run leaves hosts out."""
    if not names:
        return []
    be = "is" if len(names) == 1 else "are"
    held_back = f"{join_names(sorted(names))} {be} needed but not woken"
    return [_explain_left_out(observed, held_back)]


def _explain_left_out(observed: Observation, held_back: str) -> str:
    hosts = join_names(sorted(observed.left_out))
    return (
        f"{held_back}: the machines of {hosts}, which this run leaves out, may be those. "
        "Run it on all hosts."
    )


def _describe_missing(serving: int, parked: int, count: int) -> str:
    """Say what of the two is not made when only ``count`` are."""
    needed = max(0, serving - count)
    return _describe_not_made(needed, serving + parked - count - needed)


def _describe_not_made(needed: int, parked: int) -> str:
    if needed:
        return f"{format_count(needed, 'more machine')} {'is' if needed == 1 else 'are'} needed but not made"
    be = "is" if parked == 1 else "are"
    return f"{format_count(parked, 'machine')} {be} to be parked but not made"
