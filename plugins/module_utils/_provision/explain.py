# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``explain_…`` say each part of a plan in plain sentences. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_number,
    format_quantity,
    join_names,
)

from .model import MAKING

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
        Forecast,
        Growth,
    )

    from .model import Action, Observation
    from .parked import ParkedRequirement
    from .requirement import Requirement
    from .rule import Rule

_VERBS: t.Final[dict[str, str]] = {
    "create": "created",
    "wake": "woken",
    "serve": "put into service",
    "prepare": "made to be parked",
    "park": "parked",
    "remove": "removed",
}


def explain_requirement(requirement: Requirement, rule: Rule, running: int) -> list[str]:
    """Say what demand did, what is expected, and how many machines that takes."""
    if requirement.forecast is None or requirement.now is None:
        machines = format_count(running, "machine")
        return [
            f"No demand is known yet: the fleet keeps its {machines}, at least {rule.min} (rule.min).",
            *(f"{reason[0].upper()}{reason[1:]}." for reason in requirement.missing),
        ]
    return [
        *([] if requirement.is_current else [_explain_missing(rule)]),
        _describe_movement(requirement.forecast.growth, rule.unit),
        _describe_expectation(requirement.forecast, rule),
        _describe_machines(requirement.now, rule, running),
    ]


def explain_events(requirement: Requirement) -> list[str]:
    """Say which known events machines are kept ready for."""
    if not requirement.events:
        return []
    machines = format_count(requirement.scheduled, "machine")
    return [
        f"{machines} at least for what is scheduled: {join_names([event.name for event in requirement.events])}."
    ]


def explain_parked(requirement: ParkedRequirement, rule: Rule, running: int) -> list[str]:
    """Say what parked machines are kept for, where a forecast says how many."""
    if requirement.upper is None:
        return []
    parked = requirement.count_to_park(rule, running)
    quantity = format_quantity(requirement.upper, rule.unit)
    upper = f"Up to {quantity} at a risk of {format_number(rule.parked_risk * 100)} %"
    return [
        f"{upper}: {format_count(parked, 'machine')} parked beside {running} that {'runs' if running == 1 else 'run'}."
    ]


def explain_actions(actions: t.Sequence[Action]) -> list[str]:
    """Say what is done, a sentence for each kind of action."""
    sentences: list[str] = []
    for verb, participle in _VERBS.items():
        named = [f"{action.name} on {action.host}" for action in actions if action.action == verb]
        if named:
            sentences.append(
                f"{format_count(len(named), 'machine')} {_is(len(named))} {participle}: {join_names(named)}."
            )
    return sentences


def explain_ways(observed: Observation, actions: t.Sequence[Action]) -> list[str]:
    """Say where machines come from that are made on hosts which lack their appliance."""
    hosts = {action.host for action in actions if action.action in MAKING}
    return [
        f"{host} has not got {peer.appliance} yet: what is made there is streamed from {peer.host} and runs at once, "
        "and the appliance is fetched behind it."
        for host, peer in sorted(observed.peers.items())
        if host in hosts
    ]


def explain_unknown(observed: Observation) -> list[str]:
    """Say what is not known, host by host."""
    hosts = [
        f"{host} is not counted: {reason}." for host, reason in sorted(observed.unknown.items())
    ]
    return hosts + list(observed.notes)


def _explain_missing(rule: Rule) -> str:
    what = {
        "forecast": "the last one that is known counts",
        "hold": "the fleet keeps its size until it is (rule.on_missing_data)",
        "max": "the fleet grows to rule.max until it is (rule.on_missing_data)",
    }
    return f"The demand of this interval is not known; {what[rule.on_missing_data]}."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _describe_movement(growth: Growth, unit: str) -> str:
    values = [format_number(value) for value in growth.values]
    values[-1] = format_quantity(growth.values[-1], unit)
    if len(values) == 1:
        return f"Demand is {values[-1]}."
    if growth.ratio is not None:
        again = (
            f"; each gap is {format_number(growth.ratio)} times the one before"
            if growth.ratio > 1
            else ""
        )
        return f"Demand rose {' → '.join(values)}{again}."
    before, now = growth.values[-2:]
    if before == now:
        return f"Demand stays at {values[-1]}."
    return f"Demand {'rose' if now > before else 'fell'} {' → '.join(values[-2:])}."


def _describe_expectation(forecast: Forecast, rule: Rule) -> str:
    ahead = format_duration((forecast.peak + 1) * rule.interval)
    step = forecast.steps[forecast.peak]
    error = (
        f", up to {format_number(step.upper)} with the usual error"
        if step.upper > step.value
        else ""
    )
    return f"In {ahead} {format_quantity(step.value, rule.unit)} is expected{error}."


def _describe_machines(needed: int, rule: Rule, running: int) -> str:
    headroom = f" with {format_number(rule.headroom * 100)} % headroom" if rule.headroom else ""
    limit = ""
    if needed == rule.max:
        limit = " (rule.max)"
    elif needed == rule.min:
        limit = " (rule.min)"
    machines = f"{format_count(needed, 'machine')}{limit} of {format_quantity(rule.capacity, rule.unit)} each"
    return f"That takes {machines}{headroom}; {running} {'runs' if running == 1 else 'run'}."
