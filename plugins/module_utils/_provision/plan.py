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
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import alert, reasons
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.grow import grow
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import RUNNING, Member, Observed, Plan
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.need import assess
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.shrink import shrink

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.forecast import Forecaster
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.need import Need
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule


def decide(observed: Observed, rule: Rule, forecaster: Forecaster) -> Plan:
    """Return the plan for ``observed`` under ``rule``.

    Growth is prompt: as many machines as the forecast asks for, as far as limits and resources go. Shrinking needs
    every slot of the cooldown to be known and to have asked for fewer, and every host to have answered.
    """
    need = assess(observed.series, rule, forecaster, observed.now)
    running = len(observed.running)
    growth = grow(observed, rule, _wanted(need, rule, running), need.keep or 0)
    shrinkage = shrink(observed, rule, need)
    actions = growth.actions + shrinkage.actions
    judged = alert.judge(
        observed.series, rule, need.before, surge=need.forecast is not None and need.forecast.method == "surge"
    )
    return Plan(
        fleet=observed.fleet,
        running=running,
        target=running + len(growth.actions) - _stopped(observed, {action.name for action in shrinkage.actions}),
        need=need,
        alert=judged,
        actions=actions,
        reasons=(
            *([judged.reason] if judged.reason else []),
            *reasons.of_need(need, rule, running),
            *reasons.of_events(need),
            *reasons.of_actions(actions),
            *growth.held_back,
            *shrinkage.held_back,
            *reasons.of_unknown(observed),
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


def _stopped(observed: Observed, names: t.Container[str]) -> int:
    return sum(member.name in names for member in observed.members if member.state in RUNNING)
