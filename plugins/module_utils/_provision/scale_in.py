# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_scale_in`` chooses the machines that go, or are parked. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import slot_start
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_number,
    join_names,
)

from .model import Action, Member, Observation, Part
from .rule import GROWTH_FACTOR, GROWTH_SLOTS, tolerated_surplus

if t.TYPE_CHECKING:
    from .requirement import Requirement
    from .rule import Rule


def plan_scale_in(
    observed: Observation,
    rule: Rule,
    requirement: Requirement,
    spare: t.Sequence[Member],
    parked: int,
    goal: str | None = None,
    unproven: frozenset[str] = frozenset(),
) -> Part:
    """Return what is over the requirement of the whole cooldown; nothing while anything that matters is not known.

    Of ``spare``, the machines that neither run nor are woken, and of those that need not run, ``parked`` stay. Machines
    that do not run go before those that run, and these most idle first; never a protected one. Those that are not of
    the version ``goal`` go before the others, and for those that are ``unproven`` none goes.
    """
    if requirement.keep is None or observed.unknown or rule.mode == "scale_out_only":
        return Part(held_back=_explain_standstill(observed, rule, requirement))
    # What has yet to prove itself is there beside what is needed, and not in its place.
    keep = requirement.keep + len(unproven)
    steps = _remove_spare(rule, spare, parked) + _stop_running(
        observed, rule, keep, parked - len(spare), goal
    )
    done = steps[: rule.scale_in_limit]
    return Part(
        tuple(done), _explain_held_back(observed, rule, requirement, len(steps) - len(done))
    )


def _remove_spare(rule: Rule, spare: t.Sequence[Member], parked: int) -> list[Action]:
    doomed = [member for member in spare[parked:] if not stays(member, rule)]
    return [
        Action(
            "remove",
            member.name,
            member.host,
            f"it is {member.state} and was not needed during the cooldown",
            member.machine,
        )
        for member in reversed(doomed)
    ]


def _stop_running(
    observed: Observation, rule: Rule, keep: int, parked: int, goal: str | None
) -> list[Action]:
    surplus = max(0, len(observed.running) - keep)
    if surplus <= _count_tolerated(observed, rule):
        return []
    free = [member for member in observed.running if not stays(member, rule)]
    old = [member for member in free if goal is not None and member.version != goal]
    idle = sort_by_idleness(old)[:surplus]
    idle += _choose_idle([member for member in free if member not in old], surplus - len(idle))
    why = "fewer machines were enough during the whole cooldown"
    return [
        Action(
            "park" if index < parked else "remove", member.name, member.host, why, member.machine
        )
        for index, member in enumerate(idle)
    ]


def _choose_idle(members: list[Member], count: int) -> list[Member]:
    """Return the ``count`` most idle machines, or fewer: one of which nothing is known is not idle for that.

    While that is so of one, the busiest of the others stays, too, as it may not be the busiest of all.
    """
    known = [member for member in members if member.activity is not None]
    if not known or len(known) == len(members):
        return sort_by_idleness(members)[:count]
    return sort_by_idleness(known)[: min(count, len(known) - 1)]


def stays(member: Member, rule: Rule) -> bool:
    """Return whether a machine stays whatever a plan is for: nobody but its operator takes it away."""
    return member.protected or member.double or member.labelled or rule.protects(member.name)


def sort_by_idleness(members: t.Iterable[Member]) -> list[Member]:
    """Return the machines in the order in which they may go."""
    # Of equally busy machines the youngest goes: those that have served longest hold the most connections and caches.
    by_number = sorted(members, key=lambda member: (len(member.name), member.name), reverse=True)
    return sorted(by_number, key=lambda member: (member.activity or 0.0, -(member.created or 0.0)))


def _count_surplus(observed: Observation, requirement: Requirement) -> int:
    return 0 if requirement.now is None else max(0, len(observed.running) - requirement.now)


def _count_tolerated(observed: Observation, rule: Rule) -> float:
    return tolerated_surplus(
        rule.hysteresis, len(observed.running), _count_slots_since_growth(observed, rule)
    )


def _count_slots_since_growth(observed: Observation, rule: Rule) -> float:
    """Return how many slots ago the youngest of the machines was made or put into service; many where none tells."""
    youngest = max(
        (max(member.created or 0.0, member.since or 0.0) for member in observed.running),
        default=0.0,
    )
    now = slot_start(observed.now, rule.interval)
    return (now - slot_start(youngest, rule.interval)) / rule.interval


def _explain_tolerance(observed: Observation, rule: Rule, surplus: int) -> str:
    count = f"{format_count(surplus, 'machine')} too many"
    if _count_slots_since_growth(observed, rule) > GROWTH_SLOTS:
        share = format_number(rule.hysteresis * 100)
        return f"{count}, which is within {share} % of the fleet (rule.hysteresis)."
    share = format_number(min(100.0, rule.hysteresis * GROWTH_FACTOR * 100))
    return (
        f"{count}: the fleet grew within the last {GROWTH_SLOTS} intervals, and then {share} % of it may be, "
        "and always one (rule.hysteresis)."
    )


def _explain_standstill(
    observed: Observation, rule: Rule, requirement: Requirement
) -> tuple[str, ...]:
    if not _count_surplus(observed, requirement):
        return ()
    if rule.mode == "scale_out_only":
        return ("Nothing is removed: the fleet only grows (rule.mode).",)
    silent = (
        f"{join_names(sorted(observed.unknown))} did not tell about its machines"
        if observed.unknown
        else None
    )
    return (f"Nothing is removed: {requirement.blind_reason or silent}.",)


def _explain_held_back(
    observed: Observation, rule: Rule, requirement: Requirement, postponed: int
) -> tuple[str, ...]:
    sentences: list[str] = []
    keep = requirement.keep or 0
    if (
        _count_surplus(observed, requirement)
        and requirement.now is not None
        and keep > requirement.now
    ):
        sentences.append(
            f"{format_count(min(keep, len(observed.running)), 'machine')} "
            f"{'stays' if min(keep, len(observed.running)) == 1 else 'stay'}: within the last "
            f"{format_duration(rule.cooldown)} (rule.cooldown) {keep} were needed."
        )
    surplus = len(observed.running) - keep
    tolerated = _count_tolerated(observed, rule)
    if 0 < surplus <= tolerated:
        sentences.append(_explain_tolerance(observed, rule, surplus))
    if postponed:
        sentences.append(
            f"{format_count(postponed, 'more machine')} can go in later runs: one run takes {rule.scale_in_limit} "
            "(rule.scale_in_limit)."
        )
    unknown = [
        member.name
        for member in observed.running
        if member.activity is None and not stays(member, rule)
    ]
    if 0 < len(unknown) < len(observed.running) and surplus > tolerated:
        sentences.append(
            f"{join_names(unknown)} {'stays' if len(unknown) == 1 else 'stay'}: how busy is not known."
        )
    protected = sum(stays(member, rule) for member in observed.running)
    if len(observed.running) > keep and protected > keep:
        sentences.append(f"{format_count(protected, 'machine')} cannot go: protected.")
    return tuple(sentences)
