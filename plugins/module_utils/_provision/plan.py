# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The decision of one run: what is observed and the rule in, what to create, wake, park and remove out. Pure.

Nothing is remembered between runs. That machines go only after the cooldown follows from asking what would have been
needed at each slot of it, so a plan can be made anywhere, twice, or for the past.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

from . import alert, explain, parked
from .model import RUNNING, STARTING, Action, Member, Observed, Plan
from .requirement import assess
from .scale_in import shrink
from .scale_out import make, wake

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .requirement import Need
    from .rule import Rule


def decide(
    observed: Observed, rule: Rule, forecaster: Forecaster, unlikely: Forecaster | None = None
) -> Plan:
    """Return the plan for ``observed`` under ``rule``.

    Growth is prompt: as many machines as the forecast asks for, as far as limits and resources go. Shrinking needs
    every slot of the cooldown to be known and to have asked for fewer, and every host to have answered. ``unlikely`` is
    the forecaster at ``rule.parked_risk``, which is needed where ``rule.parked_varies``.
    """
    need = assess(observed.series, rule, forecaster, observed.now)
    reserve = parked.assess(observed.series, rule, unlikely)
    running = len(observed.running)
    wanted = _wanted(need, rule, running)
    woken = wake(observed, wanted, need.keep or 0)
    spare = observed.spare[len(woken) :]
    up = running + len(woken)
    settled = up if need.keep is None else min(up, max(need.keep, wanted))
    shrinkage = shrink(observed, rule, need, spare, reserve.parked_keep(rule, settled))
    growth = make(
        observed,
        rule,
        max(0, wanted - up),
        _prepared(observed, rule, need, reserve, up, wanted, len(spare)),
    )
    actions = woken + growth.actions + shrinkage.actions
    surge = need.forecast is not None and need.forecast.method == "surge"
    judged = alert.judge(observed.series, rule, need.before, surge=surge)
    return Plan(
        fleet=observed.fleet,
        running=running,
        target=running
        + sum(one.action in STARTING for one in actions)
        - _stopped(observed, shrinkage.actions),
        need=need,
        alert=judged,
        actions=actions,
        reasons=(
            *([judged.reason] if judged.reason else []),
            *explain.of_need(need, rule, running),
            *explain.of_events(need),
            *explain.of_reserve(reserve, rule, wanted),
            *explain.of_actions(actions),
            *growth.held_back,
            *shrinkage.held_back,
            *explain.of_unknown(observed),
        ),
        digest=digest(observed.members, observed.unknown),
    )


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


def _wanted(need: Need, rule: Rule, running: int) -> int:
    """Return how many machines shall run, the scheduled ones included; without any demand, as many as do."""
    asked = rule.within_limits(running) if need.now is None else need.now
    if not need.seen and rule.on_missing_data != "forecast":
        asked = rule.max if rule.on_missing_data == "max" else rule.within_limits(running)
    return max(asked, need.scheduled)


def _prepared(
    observed: Observed,
    rule: Rule,
    need: Need,
    reserve: parked.Reserve,
    up: int,
    wanted: int,
    spare: int,
) -> int:
    """Return how many machines to make ahead, with ``up`` that run, ``wanted`` to run, and ``spare`` parked already."""
    # Below what the cooldown keeps, a parked machine would be woken in the next run.
    if observed.unknown or max(up, wanted) < (need.keep or 0):
        return 0
    # What runs without being needed is as ready as what is parked, and is parked in time.
    return max(0, reserve.parked_now(rule, wanted) - spare - max(0, up - wanted))


def _stopped(observed: Observed, actions: t.Iterable[Action]) -> int:
    names = {action.name for action in actions}
    return sum(member.name in names for member in observed.members if member.state in RUNNING)
