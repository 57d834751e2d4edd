# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which machines go, or are parked. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_number,
    join_names,
)

from .model import Action, Member, Observed, Part

if t.TYPE_CHECKING:
    from .requirement import Need
    from .rule import Rule


def shrink(
    observed: Observed, rule: Rule, need: Need, spare: t.Sequence[Member], parked: int
) -> Part:
    """Return what is over the need of the whole cooldown; nothing while anything that matters is not known.

    Of ``spare``, the machines that neither run nor are woken, and of those that need not run, ``parked`` stay. Machines
    that do not run go before those that run, and these most idle first; never a protected one.
    """
    if need.keep is None or observed.unknown or rule.mode == "scale_out_only":
        return Part(held_back=_standstill(observed, rule, need))
    steps = _spare_steps(rule, spare, parked) + _running_steps(
        observed, rule, need.keep, parked - len(spare)
    )
    done = steps[: rule.scale_in_limit]
    return Part(tuple(done), _held_back(observed, rule, need, len(steps) - len(done)))


def _spare_steps(rule: Rule, spare: t.Sequence[Member], parked: int) -> list[Action]:
    doomed = [member for member in spare[parked:] if not _stays(member, rule)]
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


def _running_steps(observed: Observed, rule: Rule, keep: int, parked: int) -> list[Action]:
    surplus = max(0, len(observed.running) - keep)
    if surplus <= rule.hysteresis * len(observed.running):
        return []
    idle = _most_idle_first([member for member in observed.running if not _stays(member, rule)])[
        :surplus
    ]
    why = "fewer machines were enough during the whole cooldown"
    return [
        Action(
            "park" if index < parked else "remove", member.name, member.host, why, member.machine
        )
        for index, member in enumerate(idle)
    ]


def _stays(member: Member, rule: Rule) -> bool:
    return member.protected or rule.protects(member.name)


def _most_idle_first(members: list[Member]) -> list[Member]:
    # Of equally busy machines the youngest goes: those that have served longest hold the most connections and caches.
    by_number = sorted(members, key=lambda member: (len(member.name), member.name), reverse=True)
    return sorted(by_number, key=lambda member: (member.activity or 0.0, -(member.created or 0.0)))


def _over(observed: Observed, need: Need) -> int:
    return 0 if need.now is None else max(0, len(observed.running) - need.now)


def _standstill(observed: Observed, rule: Rule, need: Need) -> tuple[str, ...]:
    if not _over(observed, need):
        return ()
    if rule.mode == "scale_out_only":
        return ("Nothing is removed: the fleet only grows (rule.mode).",)
    silent = (
        f"{join_names(sorted(observed.unknown))} did not tell about its machines"
        if observed.unknown
        else None
    )
    return (f"Nothing is removed: {need.blind or silent}.",)


def _held_back(observed: Observed, rule: Rule, need: Need, left: int) -> tuple[str, ...]:
    sentences: list[str] = []
    keep = need.keep or 0
    if _over(observed, need) and need.now is not None and keep > need.now:
        sentences.append(
            f"{format_count(min(keep, len(observed.running)), 'machine')} "
            f"{'stays' if min(keep, len(observed.running)) == 1 else 'stay'}: within the last "
            f"{format_duration(rule.cooldown)} (rule.cooldown) {keep} were needed."
        )
    surplus = len(observed.running) - keep
    if 0 < surplus <= rule.hysteresis * len(observed.running):
        share = format_number(rule.hysteresis * 100)
        sentences.append(
            f"{format_count(surplus, 'machine')} too many, which is within {share} % of the fleet (rule.hysteresis)."
        )
    if left:
        sentences.append(
            f"{format_count(left, 'more machine')} can go in later runs: one run takes {rule.scale_in_limit} "
            "(rule.scale_in_limit)."
        )
    protected = sum(_stays(member, rule) for member in observed.running)
    if len(observed.running) > keep and protected > keep:
        sentences.append(f"{format_count(protected, 'machine')} cannot go: protected.")
    return tuple(sentences)
