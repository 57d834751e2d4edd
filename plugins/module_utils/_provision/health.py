# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``triage`` says which unhealthy members are to be replaced, and when their number speaks against the check. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.verdict import HOST_KINDS
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    join_names,
)

from .model import Action, Member, Observation
from .scale_in import stays

if t.TYPE_CHECKING:
    from .rule import Rule
    from .upkeep import Upkeep


@dataclasses.dataclass(frozen=True)
class Triage:
    """``observed`` is what to plan with: where nothing may be replaced, the unhealthy members count in it.

    ``held`` is why nothing is replaced, None where it may be; ``suspect`` says that it is the check which is doubted.
    ``standing`` are members that do not run, and stand for one that does, as none is to be made for them.
    """

    observed: Observation
    held: str | None = None
    suspect: bool = False
    standing: int = 0
    notes: tuple[str, ...] = ()


def triage(
    observed: Observation, rule: Rule, upkeep: Upkeep, trial: t.Container[str] = ()
) -> Triage:
    """Return what to make of the unhealthy members.

    Those of ``trial``, whose version is on trial, are not counted, and neither are those that are never replaced: they
    may be unhealthy for as long as their operator likes.
    """
    sick = [member for member in observed.members if member.healthy is False]
    settled = [member for member in sick if _is_counted(member, rule, trial)]
    notes = tuple(_describe(member) for member in sick)
    suspect = _is_check_suspect(observed.members, sick)
    population = sum(_is_counted(member, rule, trial) for member in observed.members)
    most = max(1, upkeep.max_unhealthy.of(population))
    if not suspect and len(settled) <= most:
        return Triage(observed, notes=notes)
    held = _explain_suspicion(sick) if suspect else _explain_limit(settled, most, upkeep)
    counted = {member.name for member in (sick if suspect else settled)}
    members = tuple(
        dataclasses.replace(member, healthy=None) if member.name in counted else member
        for member in observed.members
    )
    kept = dataclasses.replace(observed, members=members)
    standing = len(counted) - sum(member.name in counted for member in kept.running)
    return Triage(kept, held, suspect, standing, notes)


def plan_removal(
    observed: Observation, rule: Rule, to_run: int, serving: int, trial: t.Container[str]
) -> tuple[Action, ...]:
    """Return the unhealthy members that go, as ``serving`` others do what is needed (``to_run``)."""
    if serving < to_run or observed.unknown or rule.mode == "scale_out_only":
        return ()
    if not rule.scale_in_limit:
        return ()
    doomed = [
        member
        for member in observed.members
        if member.healthy is False and not stays(member, rule) and member.version not in trial
    ]
    return tuple(
        Action(
            "remove",
            member.name,
            member.host,
            f"it is unhealthy: {member.health_reason}",
            member.machine,
        )
        for member in doomed
    )


def _is_counted(member: Member, rule: Rule, trial: t.Container[str]) -> bool:
    return member.version not in trial and not stays(member, rule)


def _is_check_suspect(members: t.Sequence[Member], sick: t.Sequence[Member]) -> bool:
    """Whether members fail a check that none of them has ever passed: then it is the check that is wrong."""
    by_check = [member for member in sick if member.health_kind not in HOST_KINDS]
    return bool(by_check) and not any(member.healthy or member.has_passed for member in members)


def _describe(member: Member) -> str:
    return f"{member.name} on {member.host} is unhealthy: {member.health_reason}."


def _explain_suspicion(sick: t.Sequence[Member]) -> str:
    return (
        f"{join_names([member.name for member in sick])} fail the health check, which no member of the fleet has ever "
        "passed: the check is doubted, and nothing is replaced. Look at `health`, above all its port and path."
    )


def _explain_limit(sick: t.Sequence[Member], most: int, upkeep: Upkeep) -> str:
    return (
        f"{format_count(len(sick), 'member')} are unhealthy at once "
        f"({join_names([member.name for member in sick])}), and {most} may be (health.max_unhealthy: "
        f"{upkeep.max_unhealthy}): nothing is replaced, as a check, a network or a storage that fails looks like this. "
        f"The first: {sick[0].health_reason}."
    )
