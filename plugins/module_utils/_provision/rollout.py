# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``chart_course`` says where the versions of a fleet go, ``plan_surge`` and ``plan_replacement`` how. Pure.

All follows from the members, their versions and since when they serve, but for two things that members cannot tell and
that the history remembers: which version the fleet had as a whole, and which one failed.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import RolloutMemory
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
)

from .model import RUNNING, Action, Member, Observation
from .scale_in import sort_by_idleness, stays

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

    from .requirement import Requirement
    from .rule import Rule
    from .upkeep import Upkeep

Phase = t.Literal["none", "canary", "rolling", "renewing", "returning", "paused", "waiting"]
_MOVING: t.Final = frozenset({"canary", "rolling", "renewing", "returning"})
_DAY: t.Final = 86_400
# A member that is still not in service after so many intervals has failed to get there.
_LATE_INTERVALS: t.Final = 2


@dataclasses.dataclass(frozen=True)
class Course:
    """Where the fleet goes: to ``goal``, and what grows meanwhile is of ``growth`` (None: what the fleet says).

    ``trial`` is the version that has yet to prove itself. ``limit`` is how many members of the goal there may be.
    ``alert`` is what a person should know at once, ``reasons`` what is said anyway.
    """

    phase: Phase = "none"
    goal: str | None = None
    growth: str | None = None
    trial: str | None = None
    limit: int | None = None
    memory: RolloutMemory = dataclasses.field(default_factory=RolloutMemory)
    alert: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def is_moving(self) -> bool:
        """Whether this run does something for it."""
        return self.phase in _MOVING

    @property
    def trials(self) -> frozenset[str]:
        """The version on trial, if there is one."""
        return frozenset() if self.trial is None else frozenset({self.trial})


@dataclasses.dataclass(frozen=True)
class Crew:
    """What a run does to the fleet's size: of ``need`` machines, ``up`` will be there, ``growth`` new ones among them.

    ``stopped`` are the names of those that go for other reasons.
    """

    need: int
    up: int = 0
    growth: int = 0
    stopped: frozenset[str] = frozenset()


def chart_course(
    observed: Observation, rule: Rule, upkeep: Upkeep, need: int, *, suspect: bool = False
) -> Course:
    """Return the course of a fleet of which ``need`` members are needed.

    While the health check itself is ``suspect``, no version fails by it.
    """
    desired = upkeep.appliance
    if desired is None:
        return Course(memory=observed.memory)
    ours = [member for member in observed.members if _is_versioned(member)]
    memory = _look_back(observed.memory, ours, desired)
    if memory.failed is None and memory.stable != desired and not suspect:
        memory = _judge(memory, ours, observed, rule, upkeep)
    if memory.failed is not None and memory.stable != desired:
        return _return(memory, ours, is_new=observed.memory.failed is None)
    others = [member for member in ours if member.version != desired and not stays(member, rule)]
    is_settled = memory.stable == desired
    if not is_settled and _has_arrived(observed, others, upkeep, need):
        memory, is_settled = RolloutMemory(stable=desired), True
    if not others and is_settled:
        return Course(goal=desired, growth=desired, memory=memory)
    return _advance(observed, upkeep, need, memory)


def find_trials(observed: Observation, upkeep: Upkeep) -> frozenset[str]:
    """Return the version that has yet to prove itself; nothing where there is none, or it has failed already."""
    if upkeep.appliance is None:
        return frozenset()
    ours = [member for member in observed.members if _is_versioned(member)]
    memory = _look_back(observed.memory, ours, upkeep.appliance)
    is_over = memory.failed is not None or memory.stable == upkeep.appliance
    return frozenset() if is_over else frozenset({upkeep.appliance})


def list_unproven(observed: Observation, upkeep: Upkeep, course: Course) -> frozenset[str]:
    """Return the names of those that serve, and for which none may go yet."""
    if course.phase in ("none", "returning"):
        return frozenset()
    return frozenset(
        member.name
        for member in observed.running
        if member.version == course.goal
        and not _is_baked(member, upkeep.rollout.bake, observed.now)
    )


def plan_surge(
    observed: Observation, rule: Rule, upkeep: Upkeep, course: Course, crew: Crew
) -> int:
    """Return how many machines to make beyond what is needed."""
    if not course.is_moving:
        return 0
    present = [
        member
        for member in (*observed.running, *observed.coming)
        if member.name not in crew.stopped
    ]
    going = [member for member in present if _goes(member, rule, course)]
    arriving = sum(member.version == course.goal for member in present)
    kept = len(present) - len(going) - arriving
    growing = crew.growth if course.growth == course.goal else 0
    # Those that wait to go, as a run takes so many at most, have their replacements already.
    missing = crew.need - kept - arriving - growing
    if course.limit is not None:
        missing = min(missing, course.limit - arriving - growing)
    room = upkeep.rollout.find_surge(crew.need) - max(0, crew.up - crew.need)
    return max(0, min(room, missing, len(going)))


def plan_replacement(
    observed: Observation, rule: Rule, upkeep: Upkeep, course: Course, crew: Crew
) -> tuple[Action, ...]:
    """Return the members that go for those that have come.

    One goes only when, without it, as many as are needed have proven themselves.
    """
    if not course.is_moving:
        return ()
    bake = 0 if course.phase == "returning" else upkeep.rollout.bake
    staying = [member for member in observed.running if member.name not in crew.stopped]
    proven = sum(
        member.is_proven if member.version != course.goal else _is_baked(member, bake, observed.now)
        for member in staying
    )
    most = min(upkeep.rollout.find_surge(crew.need), proven - crew.need)
    candidates = sort_by_idleness(member for member in staying if _goes(member, rule, course))
    return tuple(
        Action(
            "remove",
            member.name,
            member.host,
            f"it is of {member.version}, and others of {course.goal} do its work",
            member.machine,
        )
        for member in candidates[: max(0, most)]
    )


def give_up(observed: Observation, course: Course) -> Observation:
    """Return ``observed`` without hope for members of a version that has failed and that do not serve yet."""
    failed = course.memory.failed
    if failed is None:
        return observed
    reason = f"its version {failed} has failed"
    hopeless = {member.name for member in observed.coming if member.version == failed}
    members = tuple(
        dataclasses.replace(member, healthy=False, health_reason=reason)
        if member.name in hopeless
        else member
        for member in observed.members
    )
    return dataclasses.replace(observed, members=members)


def hold(course: Course, reason: str) -> Course:
    """Return the course of a run that does nothing for it."""
    if not course.is_moving:
        return course
    return dataclasses.replace(
        course, phase="waiting", reasons=(*course.reasons, f"The rollout waits: {reason}.")
    )


def is_trough(series: Series, rule: Rule, requirement: Requirement) -> bool:
    """Whether demand is among the lowest of the day, and is not expected to leave that within the horizon.

    In machines, so that a fleet of two does not wait for the lowest hundredth of its demand.
    """
    slots = _DAY // rule.interval
    past = sorted(
        rule.count_machines(value) for value in series.values[-slots:] if value is not None
    )
    forecast = requirement.forecast
    if not past or forecast is None or series.current is None:
        return False
    low, usual = past[len(past) // 4], past[len(past) // 2]
    ahead = forecast.steps[forecast.peak].value
    return rule.count_machines(series.current) <= low and rule.count_machines(ahead) <= usual


def _goes(member: Member, rule: Rule, course: Course) -> bool:
    return _is_versioned(member) and member.version != course.goal and not stays(member, rule)


def _is_versioned(member: Member) -> bool:
    return member.version is not None and not member.labelled and not member.double


def _look_back(memory: RolloutMemory, ours: t.Sequence[Member], desired: str) -> RolloutMemory:
    """Return what is remembered, as far as it is about what the fleet asks for now.

    Without any memory the version of most members is the one that the fleet had.
    """
    if memory.failed is not None and memory.failed != desired:
        memory = RolloutMemory(stable=memory.stable)
    if memory.stable is not None:
        return memory
    counts = collections.Counter(member.version for member in ours if member.version != desired)
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    return dataclasses.replace(memory, stable=most[0][0] if most else desired)


def _judge(
    memory: RolloutMemory,
    ours: t.Sequence[Member],
    observed: Observation,
    rule: Rule,
    upkeep: Upkeep,
) -> RolloutMemory:
    """Return the memory with the failure of the version on trial, if too many of its members have failed."""
    failing = [
        (member.name, reason)
        for member in ours
        if member.version == upkeep.appliance
        and (reason := _find_failure(member, observed.now, rule)) is not None
    ]
    if len(failing) <= upkeep.rollout.max_failures:
        return memory
    name, reason = failing[0]
    others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    return dataclasses.replace(
        memory, failed=upkeep.appliance, failed_at=observed.now, reason=f"{name}{others}: {reason}"
    )


def _find_failure(member: Member, now: float, rule: Rule) -> str | None:
    """Return what a member of a version on trial has failed in; None for one that has not, or not yet."""
    if member.healthy is False:
        return member.health_reason
    since = member.since if member.since is not None else member.created
    patience = _LATE_INTERVALS * rule.interval
    if member.state not in RUNNING or member.in_service or since is None or now - since < patience:
        return None
    return f"it has not come into service for {format_duration(now - since)}"


def _return(memory: RolloutMemory, ours: t.Sequence[Member], *, is_new: bool) -> Course:
    leaving = any(member.version != memory.stable for member in ours)
    sentence = (
        f"The rollout to {memory.failed} has failed ({memory.reason}): the fleet "
        f"{'returns to' if leaving else 'is back on'} {memory.stable}, and {memory.failed} is not tried again. Name "
        "another version; to try this one again, name the old one for a run first."
    )
    return Course(
        phase="returning" if leaving else "none",
        goal=memory.stable,
        growth=memory.stable,
        memory=memory,
        alert=sentence if is_new else None,
        reasons=() if is_new else (sentence,),
    )


def _has_arrived(
    observed: Observation, others: t.Sequence[Member], upkeep: Upkeep, need: int
) -> bool:
    """Whether the new version has proven itself: it does all that is needed, and none of another one runs."""
    goal = upkeep.appliance
    proven = [
        member
        for member in observed.running
        if member.version != goal or _is_baked(member, upkeep.rollout.bake, observed.now)
    ]
    return len(proven) >= max(1, need) and not any(member.state in RUNNING for member in others)


def _advance(observed: Observation, upkeep: Upkeep, need: int, memory: RolloutMemory) -> Course:
    """Return the course towards the version that the fleet asks for."""
    desired, rollout, trial = upkeep.appliance, upkeep.rollout, memory.stable != upkeep.appliance
    canaries = rollout.canary.of(need) if trial else 0
    new = [member for member in observed.running if member.version == desired]
    baked = sum(_is_baked(member, rollout.bake, observed.now) for member in new)
    has_proven = baked >= canaries
    course = Course(
        phase=("rolling" if has_proven else "canary") if trial else "renewing",
        goal=desired,
        growth=desired if has_proven else memory.stable,
        trial=desired if trial else None,
        limit=None if has_proven else canaries,
        memory=memory,
        reasons=(_describe_progress(observed, memory, desired, canaries if not has_proven else 0),),
    )
    if rollout.state == "paused":
        reason = f"The rollout to {desired} is paused (rollout.state)."
        return dataclasses.replace(
            course, phase="paused", growth=memory.stable, reasons=(*course.reasons, reason)
        )
    return course


def _describe_progress(
    observed: Observation, memory: RolloutMemory, desired: str | None, canaries: int
) -> str:
    new = sum(member.version == desired for member in observed.running)
    source = "" if memory.stable == desired else f" from {memory.stable}"
    first = f"; {format_count(canaries, 'canary', 'canaries')} first" if canaries else ""
    return f"The fleet goes{source} to {desired}: {new} of {len(observed.running)} that serve are of it{first}."


def _is_baked(member: Member, bake: int, now: float) -> bool:
    """Whether a member has served well for as long as a new one has to; not so while the time is not known."""
    since = member.since if member.since is not None else member.created
    if bake == 0 or not member.is_proven:
        return member.is_proven
    # A time that is yet to come is that of a clock that was ahead.
    return since is not None and not 0 <= now - since < bake
