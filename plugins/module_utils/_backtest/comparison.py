# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``compare`` says what rules would have done with a history, beside reactive target tracking. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    make_forecaster,
)

from . import baselines
from .replay import Outcome, Table, replay
from .tuning import make_terms, tune

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

RULE: t.Final = "rule"
TUNED: t.Final = "tuned"
# The tolerance of Kubernetes' horizontal pod autoscaler.
_TOLERANCE: t.Final = 0.1
# An hour of five-minute slots: less says nothing. Chosen, not measured.
_FEWEST_SLOTS: t.Final = 12


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to compare: ``rules`` by name, from the share ``warm_up`` of the history on.

    ``tune`` looks for values on the part ``training`` of the history that are short for at most ``most_short`` of the
    time, and then all are compared on the rest. ``target`` is the reactive rule's: how far it uses its machines.
    """

    rules: t.Mapping[str, Rule]
    warm_up: float = 0.1
    tune: bool = False
    training: float = 0.6
    most_short: float = 0.05
    target: float = 0.7


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The outcome of each by name, from slot ``start`` on, and the rule that tuning chose."""

    start: int
    outcomes: t.Mapping[str, Outcome]
    tuned: Rule | None = None


def compare(series: Series, settings: Settings) -> Comparison:
    """Return what each rule would have done; raises InvalidInput for a history that is too short to say anything."""
    rules = dict(settings.rules)
    start = int(settings.warm_up * len(series.values))
    tuned: Rule | None = None
    if settings.tune:
        tuning = tune(series, rules[RULE], settings.most_short, settings.training)
        tuned = rules[TUNED] = tuning.rule
        start = int(settings.training * len(series.values))
    _check(series, start)
    outcomes = {name: _replay_rule(series, rule, start) for name, rule in rules.items()}
    return Comparison(
        start, {**outcomes, **_replay_peers(series, rules[RULE], start, settings.target)}, tuned
    )


def _check(series: Series, start: int) -> None:
    known_slots = sum(value is not None for value in series.values[start:])
    if known_slots < _FEWEST_SLOTS:
        raise InvalidInput(
            "backtest",
            known_slots,
            "intervals with a known demand are too few to replay",
            f"Hand in a history of at least {_FEWEST_SLOTS} intervals (rule.interval is {series.interval} s).",
        )


def _replay_rule(series: Series, rule: Rule, start: int) -> Outcome:
    """Replay what the rule asks for: the most of the present demand, its forecasts with headroom, and the schedule."""
    planned = [
        [
            max(
                max(value or 0.0, *row) * (1 + rule.headroom),
                rule.count_scheduled(slot)[0] * rule.capacity,
            )
        ]
        for (slot, value), row in zip(series.slots(), _forecast_uppers(series, rule))
    ]
    terms = dataclasses.replace(make_terms(rule), hysteresis=rule.hysteresis)
    return replay(series.values, planned, terms, series.interval, start)


def _forecast_uppers(series: Series, rule: Rule) -> Table:
    if rule.forecaster in ("auto", "blend"):  # from one pass, which is many times as fast
        method = baselines.plan_blend if rule.forecaster == "blend" else baselines.plan_auto
        return method(series.values, series.interval, rule.steps, [rule.risk])[0]
    forecasts = make_forecaster(rule.forecaster, rule.risk).forecast(
        series, rule.steps, last=len(series.values)
    )
    return [
        [step.upper for step in forecast.steps] if forecast else [0.0] for forecast in forecasts
    ]


def _replay_peers(series: Series, rule: Rule, start: int, target: float) -> dict[str, Outcome]:
    terms = make_terms(rule)
    patient = dataclasses.replace(terms, out_tolerance=_TOLERANCE, in_tolerance=_TOLERANCE)
    reactive = baselines.plan_reactive(series.values, target)
    perfect = baselines.plan_perfect(series.values, rule.steps)
    return {
        f"reactive {target:g}": replay(series.values, reactive, patient, series.interval, start),
        "perfect": replay(
            series.values, perfect, dataclasses.replace(terms, hold=1), series.interval, start
        ),
    }


def measure(outcome: Outcome, interval: int) -> dict[str, float]:
    """Return the outcome under names for people; shares are of time or demand, hours are machine-hours."""
    hours = interval / 3600
    return {
        "under_provisioned_share": outcome.tau_u,
        "under_provisioned_by": outcome.theta_u,
        "over_provisioned_share": outcome.tau_o,
        "over_provisioned_by": outcome.theta_o,
        "unmet_share": outcome.unmet,
        "machine_hours": outcome.machine_slots * hours,
        "needed_machine_hours": outcome.needed_slots * hours,
        "cost": outcome.cost,
        "actions_a_day": outcome.actions_a_day,
        "flaps_a_day": outcome.flaps_a_day,
    }


_HEADER: t.Final = (
    *("rule", "short %", "by %", "over %", "by %", "unmet %"),
    *("machine-hours", "cost", "actions/day", "flaps/day"),
)


def format_table(comparison: Comparison, interval: int) -> list[str]:
    """Return the measures as lines for people, columns aligned."""
    lines: list[tuple[str, ...]] = [_HEADER]
    for name, outcome in comparison.outcomes.items():
        hours = outcome.machine_slots * interval / 3600
        shares = (outcome.tau_u, outcome.theta_u, outcome.tau_o, outcome.theta_o, outcome.unmet)
        cells = (*(f"{100 * share:.2f}" for share in shares), f"{hours:.0f}", f"{outcome.cost:.3f}")
        lines.append((name, *cells, f"{outcome.actions_a_day:.1f}", f"{outcome.flaps_a_day:.1f}"))
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [
        "  ".join(
            [
                cells[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])),
            ]
        )
        for cells in lines
    ]
