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
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

from . import alert, explain, parked
from .model import RUNNING, STARTING, Action, Member, Observation, Plan
from .requirement import assess
from .scale_in import plan_scale_in
from .scale_out import plan_creation, plan_wake

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .requirement import Requirement
    from .rule import Rule


def decide(
    observed: Observation, rule: Rule, forecaster: Forecaster, unlikely: Forecaster | None = None
) -> Plan:
    """Return the plan for ``observed`` under ``rule``.

    Scaling out is prompt: as many machines as the forecast asks for, as far as limits and resources go. Scaling in
    needs every slot of the cooldown to be known and to have asked for fewer, and every host to have answered.
    ``unlikely`` is the forecaster at ``rule.parked_risk``, which is needed where ``rule.has_varying_parked``.
    """
    observed, rule = _keep_one_to_measure(_hide_outage(observed), rule)
    requirement = assess(observed.series, rule, forecaster, observed.now)
    parked_requirement = parked.assess(observed.series, rule, unlikely)
    running = len(observed.running)
    to_run = _count_to_run(requirement, rule, running)
    woken = plan_wake(observed, to_run, requirement.keep or 0)
    spare = observed.spare[len(woken) :]
    up = running + len(woken)
    settled = up if requirement.keep is None else min(up, max(requirement.keep, to_run))
    scale_in = plan_scale_in(
        observed, rule, requirement, spare, parked_requirement.count_to_keep(rule, settled)
    )
    creation = plan_creation(
        observed,
        rule,
        max(0, to_run - up),
        _count_to_prepare(observed, rule, requirement, parked_requirement, up, to_run, len(spare)),
    )
    actions = woken + creation.actions + scale_in.actions
    surge = requirement.forecast is not None and requirement.forecast.method == "surge"
    verdict = alert.judge(observed.series, rule, requirement.before, surge=surge)
    return Plan(
        fleet=observed.fleet,
        running=running,
        target=running
        + sum(action.action in STARTING for action in actions)
        - _count_stopped(observed, scale_in.actions),
        requirement=requirement,
        alert=verdict,
        actions=actions,
        reasons=(
            *([verdict.reason] if verdict.reason else []),
            *explain.explain_requirement(requirement, rule, running),
            *explain.explain_events(requirement),
            *explain.explain_parked(parked_requirement, rule, to_run),
            *explain.explain_actions(actions),
            *creation.held_back,
            *scale_in.held_back,
            *explain.explain_unknown(observed),
        ),
        digest=digest(observed.members, observed.unknown),
    )


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


def _count_stopped(observed: Observation, actions: t.Iterable[Action]) -> int:
    names = {action.name for action in actions}
    return sum(member.name in names for member in observed.members if member.state in RUNNING)
