# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``decide`` makes the plan of one run, of what is observed and the rule: what to create, wake, park and remove. Pure.

Nothing is remembered between runs. That machines go only after the cooldown follows from asking what would have been
needed at each slot of it, so a plan can be made anywhere, twice, or for the past.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names

from . import alert, explain, health, parked, rollout
from .model import STARTING, Action, Member, Observation, Part, Plan
from .requirement import assess
from .scale_in import plan_scale_in
from .scale_out import Order, explain_withheld, plan_creation, plan_service, plan_wake
from .sharing.yielding import WakingRoom, explain_absence, give_room, plan_return, plan_yield
from .upkeep import Upkeep

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .requirement import Requirement
    from .rollout import Course
    from .rule import Rule
    from .sharing.yielding import Claims


@dataclasses.dataclass(frozen=True)
class _Outlook:
    """What one run goes by: what is observed, what demand asks for, how the members are, where their versions go.

    Of the ``present`` members, which serve or will, ``to_run`` shall, and ``need`` stay during the cooldown.
    """

    observed: Observation
    rule: Rule
    upkeep: Upkeep
    requirement: Requirement
    parked: parked.ParkedRequirement
    ward: health.Triage
    course: Course
    present: int
    to_run: int

    @property
    def keep(self) -> int:
        return self.requirement.keep or 0

    @property
    def need(self) -> int:
        return max(self.to_run, self.keep)


@dataclasses.dataclass(frozen=True)
class _Moves:
    """The actions of one run; ``leaving`` is how many go of those that serve."""

    actions: tuple[Action, ...]
    held_back: tuple[str, ...]
    leaving: int


def decide(
    observed: Observation,
    rule: Rule,
    forecaster: Forecaster,
    unlikely: Forecaster | None = None,
    *,
    upkeep: Upkeep | None = None,
    claims: Claims = types.MappingProxyType({}),
) -> Plan:
    """Return the plan for ``observed`` under ``rule``.

    Scaling out is prompt: as many machines as the forecast asks for, as far as limits and resources go. Scaling in
    needs every slot of the cooldown to be known and to have asked for fewer, and every host to have answered.
    ``unlikely`` is the forecaster at ``rule.parked_risk``, which is needed where ``rule.has_varying_parked``.
    ``upkeep`` says which members are replaced although their number is right, and ``claims`` which more important
    fleets need the room of.
    """
    observed, rule = _keep_one_to_measure(_hide_outage(observed), rule)
    after = give_room(observed, claims)
    outlook = _look_out(after, rule, forecaster, unlikely, upkeep or Upkeep())
    moves = _plan_moves(outlook, claims)
    yielding = sum(member.name in claims for member in observed.running)
    running = len(outlook.observed.running) + yielding
    verdict = _judge_alert(outlook)
    return Plan(
        fleet=observed.fleet,
        running=running,
        target=outlook.present
        - outlook.ward.standing
        + sum(action.action in STARTING for action in moves.actions)
        - moves.leaving,
        requirement=outlook.requirement,
        alert=verdict,
        actions=(*plan_yield(observed, claims), *moves.actions),
        reasons=tuple(_explain(outlook, moves, verdict, running, claims)),
        digest=digest(observed.members, observed.unknown),
        phase=outlook.course.phase,
        memory=outlook.course.memory,
    )


def _explain(
    outlook: _Outlook, moves: _Moves, verdict: alert.Alert, running: int, claims: Claims
) -> list[str]:
    rule, requirement = outlook.rule, outlook.requirement
    return [
        *([verdict.reason] if verdict.reason else []),
        *explain.explain_requirement(requirement, rule, running),
        *explain.explain_events(requirement),
        *explain.explain_parked(outlook.parked, rule, outlook.to_run),
        *outlook.ward.notes,
        *outlook.course.reasons,
        *explain.explain_actions(moves.actions),
        *explain.explain_ways(outlook.observed, moves.actions),
        *explain_absence(outlook.observed, claims, _list_names(moves.actions)),
        *moves.held_back,
        *explain.explain_unknown(outlook.observed),
    ]


def _look_out(
    observed: Observation,
    rule: Rule,
    forecaster: Forecaster,
    unlikely: Forecaster | None,
    upkeep: Upkeep,
) -> _Outlook:
    requirement = _require_calibration(
        observed, rule, assess(observed.series, rule, forecaster, observed.now)
    )
    ward = health.triage(observed, rule, upkeep, rollout.find_trials(observed, upkeep))
    observed = ward.observed
    to_run = _count_to_run(requirement, rule, _count_present(observed, ward))
    need = max(to_run, requirement.keep or 0)
    course = _chart_course(observed, rule, upkeep, requirement, need, suspect=ward.suspect)
    observed = rollout.give_up(observed, course)
    return _Outlook(
        observed=observed,
        rule=rule,
        upkeep=upkeep,
        requirement=requirement,
        parked=parked.assess(observed.series, rule, unlikely),
        ward=ward,
        course=course,
        present=_count_present(observed, ward),
        to_run=to_run,
    )


def _count_present(observed: Observation, ward: health.Triage) -> int:
    return len(observed.running) + len(observed.coming) + ward.standing


@dataclasses.dataclass(frozen=True)
class _Waking:
    """The machines that wake, the ``spare`` ones that do not, and what the hosts still have after that.

    ``withheld`` would wake in a run on all hosts.
    """

    actions: tuple[Action, ...]
    withheld: tuple[Action, ...]
    spare: list[Member]
    observed: Observation
    lends: bool


def _plan_waking(outlook: _Outlook, claims: Claims) -> _Waking:
    """Return what wakes: first what was parked for others, then what is needed beside.

    In a limited run nothing does: what is needed may be up on the hosts that it leaves out.
    """
    observed, rule, course = outlook.observed, outlook.rule, outlook.course
    room = WakingRoom(observed)
    back = plan_return(observed, claims, rule.max - outlook.present, room)
    spare = sorted(observed.spare, key=lambda member: _is_second_choice(member, course))
    up = outlook.present + len(back)
    woken = plan_wake(spare, up, outlook.to_run, outlook.keep, room)
    chosen = back + woken
    return _Waking(
        actions=() if observed.left_out else chosen,
        withheld=chosen if observed.left_out else (),
        spare=[member for member in spare if member.name not in _list_names(woken)],
        observed=dataclasses.replace(observed, rooms=room.list_rooms()),
        lends=len(back) < len(observed.lent),
    )


def _plan_leaving(outlook: _Outlook, waking: _Waking, up: int) -> Part:
    """Return what goes for want of demand.

    While machines are parked for others nothing does, as what is busy then says little of how many are too many.
    """
    if waking.lends:
        return Part()
    requirement = outlook.requirement
    settled = up if requirement.keep is None else min(up, outlook.need)
    return plan_scale_in(
        outlook.observed,
        outlook.rule,
        requirement,
        waking.spare,
        outlook.parked.count_to_keep(outlook.rule, settled),
        outlook.course.goal,
        rollout.list_unproven(outlook.observed, outlook.upkeep, outlook.course),
    )


def _plan_moves(outlook: _Outlook, claims: Claims) -> _Moves:
    observed, rule, requirement = outlook.observed, outlook.rule, outlook.requirement
    upkeep, course, to_run = outlook.upkeep, outlook.course, outlook.to_run
    waking = _plan_waking(outlook, claims)
    up = outlook.present + len(waking.actions) + len(waking.withheld)
    scale_in = _plan_leaving(outlook, waking, up)
    growth = max(0, to_run - up)
    crew = rollout.Crew(outlook.need, up + growth, growth, _list_names(scale_in.actions))
    creation = plan_creation(waking.observed, rule, _order(outlook, crew, waking.spare, up))
    replaced = rollout.plan_replacement(observed, rule, upkeep, course, crew)
    leaving = crew.stopped | _list_names(replaced)
    staying = sum(member.name not in leaving for member in observed.running)
    removed = health.plan_removal(observed, rule, to_run, staying, course.trials)
    return _Moves(
        plan_service(observed)
        + waking.actions
        + creation.actions
        + scale_in.actions
        + replaced
        + (() if requirement.now is None else removed),
        (
            *explain_withheld(observed, _list_names(waking.withheld)),
            *creation.held_back,
            *scale_in.held_back,
        ),
        len(observed.running) - staying,
    )


def _order(outlook: _Outlook, crew: rollout.Crew, spare: t.Sequence[Member], up: int) -> Order:
    """Return the clones that are to be made."""
    observed, rule, course = outlook.observed, outlook.rule, outlook.course
    fresh = sum(not _is_outdated(member, course) for member in spare)
    prepared = _count_to_prepare(
        observed, rule, outlook.requirement, outlook.parked, up, outlook.to_run, fresh
    )
    surge = outlook.upkeep.rollout.find_surge(crew.need) if course.is_moving else 0
    return Order(
        serving=crew.growth,
        surge=rollout.plan_surge(observed, rule, outlook.upkeep, course, crew),
        parked=min(prepared, surge) if fresh < len(spare) else prepared,
        growth=course.growth,
        goal=course.goal,
        extra=surge,
    )


def _chart_course(
    observed: Observation,
    rule: Rule,
    upkeep: Upkeep,
    requirement: Requirement,
    need: int,
    *,
    suspect: bool,
) -> Course:
    """Return the course of the fleet's versions, held where this run must not or need not go on with it."""
    course = rollout.chart_course(observed, rule, upkeep, need, suspect=suspect)
    if observed.unknown:
        silent = join_names(sorted(observed.unknown))
        return rollout.hold(course, f"{silent} did not tell about its machines")
    if requirement.keep is None:
        return rollout.hold(course, requirement.blind_reason or "no demand is known yet")
    if rule.mode == "scale_out_only" or not rule.scale_in_limit:
        return rollout.hold(course, "no machine may go (rule.mode, rule.scale_in_limit)")
    waits = upkeep.rollout.at == "trough" and course.phase != "returning"
    if waits and not rollout.is_trough(observed.series, rule, requirement):
        return rollout.hold(course, "demand is not at the trough of its day (rollout.at)")
    return course


def _is_second_choice(member: Member, course: Course) -> bool:
    return course.growth is not None and member.version != course.growth


def _is_outdated(member: Member, course: Course) -> bool:
    """Whether a parked member is to be made anew: not while its version is on trial, or may be returned to."""
    is_settled = course.phase == "renewing"
    return is_settled and member.version is not None and member.version != course.goal


def _list_names(actions: t.Iterable[Action]) -> frozenset[str]:
    return frozenset(action.name for action in actions)


def _judge_alert(outlook: _Outlook) -> alert.Alert:
    """Return the alert of the demand, with what is wrong with the members themselves put first."""
    requirement, series = outlook.requirement, outlook.observed.series
    surge = requirement.forecast is not None and requirement.forecast.method == "surge"
    verdict = alert.judge(series, outlook.rule, requirement.before, surge=surge)
    troubles = (outlook.ward.held, outlook.course.alert)
    sentences = [trouble for trouble in troubles if trouble]
    if not sentences:
        return verdict
    if verdict.reason:
        sentences.append(verdict.reason)
    return dataclasses.replace(verdict, raised=True, reason=" ".join(sentences))


def _hide_outage(observed: Observation) -> Observation:
    """Return ``observed`` without the demand of 0 that a fleet measures of itself while all of it is off."""
    values = observed.series.values
    if observed.measured_elsewhere or not observed.is_down or not values or values[-1] != 0:
        return observed
    zeros = len(values) - max(
        (index + 1 for index, value in enumerate(values) if value is not None and value > 0),
        default=0,
    )
    series = dataclasses.replace(
        observed.series, values=values[: len(values) - zeros] + (None,) * zeros
    )
    note = "No machine of the fleet runs, and nobody parked all of them: its demand is not known."
    return dataclasses.replace(observed, series=series, notes=(*observed.notes, note))


def _require_calibration(
    observed: Observation, rule: Rule, requirement: Requirement
) -> Requirement:
    """Return ``requirement``, which keeps nothing down to a number while a host lost what machines carry."""
    if not rule.measure_capacity or not observed.calibration.is_partial:
        return requirement
    reason = requirement.blind_reason or (
        "what a machine carries was measured, and is not known until every host has told what its machines use"
    )
    return dataclasses.replace(requirement, keep=None, blind_reason=reason)


def _keep_one_to_measure(observed: Observation, rule: Rule) -> tuple[Observation, Rule]:
    """Return both with at least one machine to run where the fleet's demand is measured of its own machines.

    Of none, a demand of 0 would be measured for ever, and no machine would come again.
    """
    if rule.min > 0 or observed.measured_elsewhere:
        return observed, rule
    note = (
        "One machine is kept running although rule.min is 0: the fleet's demand is measured of its own machines, and "
        "of none it would always be 0."
    )
    shown = observed.series.current == 0
    notes = (*observed.notes, note) if shown else observed.notes
    return dataclasses.replace(observed, notes=notes), dataclasses.replace(rule, min=1)


def digest(members: t.Iterable[Member], unknown: t.Iterable[str] = ()) -> str:
    """Return a fingerprint of the machines that a plan was made for: name, UUID, host and state of each.

    Whoever applies a plan compares it with the fingerprint of what is there by then.
    """
    facts = [sorted([m.name, m.uuid or "", m.host, m.state] for m in members), sorted(unknown)]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def check_unchanged(expected: str, plan: Plan) -> None:
    """Raise Conflict if the machines are no longer those that the plan with the digest ``expected`` was made for."""
    if expected != plan.digest:
        raise Conflict(
            f"expected_digest: the machines of the fleet {plan.fleet} are no longer those that the plan {expected} was "
            "made for: one came, went, moved or changed its state, or a host did not answer. Make a new plan and look "
            "at it.",
            expected=expected,
            found=plan.digest,
        )


def _count_to_run(requirement: Requirement, rule: Rule, running: int) -> int:
    """Return how many machines shall run, the scheduled ones included; without any demand, as many as do."""
    machines = rule.limit_machines(running) if requirement.now is None else requirement.now
    if not requirement.is_current and rule.on_missing_data != "forecast":
        machines = rule.max if rule.on_missing_data == "max" else rule.limit_machines(running)
    return max(machines, requirement.scheduled)


def _count_to_prepare(
    observed: Observation,
    rule: Rule,
    requirement: Requirement,
    parked_requirement: parked.ParkedRequirement,
    up: int,
    to_run: int,
    spare: int,
) -> int:
    """Return how many machines to make ahead, with ``up`` that run, ``to_run`` to run, and ``spare`` parked already."""
    # Below what the cooldown keeps, a parked machine would be woken in the next run.
    if observed.unknown or max(up, to_run) < (requirement.keep or 0):
        return 0
    # What runs without being needed is as ready as what is parked, and is parked in time.
    return max(0, parked_requirement.count_to_park(rule, to_run) - spare - max(0, up - to_run))
