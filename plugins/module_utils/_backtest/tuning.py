# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``tune`` chooses values of a rule on the first part of a history and reports them on the rest. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from . import baselines
from .replay import FleetTerms, Outcome, Table, replay

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

# A grid that takes one pass of the forecaster, whose tables all combinations share. Chosen, not measured.
_RISKS: t.Final = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
_HEADROOMS: t.Final = (0.0, 0.1, 0.2)
_COOLDOWNS_SLOTS: t.Final = (0, 1, 3, 6)
_WARM_UP: t.Final = 0.1
# Below it the forecast has not learned yet (blend.ENOUGH_SLOTS), on the training part and on the rest.
_FEWEST_SLOTS: t.Final = 48


@dataclasses.dataclass(frozen=True)
class Tuning:
    """The rule that was chosen, what it did on the part that it was chosen on, and what both did on the rest."""

    rule: Rule
    training: Outcome
    rest: Outcome
    original_on_rest: Outcome


def make_terms(rule: Rule) -> FleetTerms:
    """Return how a fleet under ``rule`` behaves in a replay; its limits of a single run are not replayed."""
    return FleetTerms(rule.capacity, rule.steps, rule.min, rule.max, hold=rule.cooldown_slots)


def tune(
    series: Series, rule: Rule, most_short: float = 0.05, training_share: float = 0.6
) -> Tuning:
    """Return the cheapest values of risk, headroom and cooldown that are short of machines for at most ``most_short``.

    Among values that all are short for longer, those that are so least. Raises InvalidInput if the history is too short
    to say anything.
    """
    values, interval = series.values, series.interval
    split = int(training_share * len(values))
    if split < _FEWEST_SLOTS or len(values) - split < _FEWEST_SLOTS:
        remedy = "Let it run for some days first, or shorten rule.interval."
        raise InvalidInput(
            "backtest.tune", len(values), "intervals of history are too few to tune on", remedy
        )
    risks = sorted({*_RISKS, rule.risk})
    tables = dict(zip(risks, baselines.plan_blend(values, interval, rule.steps, risks)))
    start = int(_WARM_UP * len(values))

    def judge_on_training(candidate: Rule) -> Outcome:
        return _judge(values[:split], tables[candidate.risk][:split], candidate, interval, start)

    def judge_on_rest(candidate: Rule) -> Outcome:
        return _judge(values, tables[candidate.risk], candidate, interval, split)

    outcomes = [
        (candidate, judge_on_training(candidate)) for candidate in _list_candidates(rule, risks)
    ]
    best, training = min(outcomes, key=lambda pair: (max(most_short, pair[1].tau_u), pair[1].cost))
    return Tuning(best, training, judge_on_rest(best), judge_on_rest(rule))


def _list_candidates(rule: Rule, risks: t.Iterable[float]) -> t.Iterator[Rule]:
    forecaster = "blend" if rule.forecaster == "trend" else rule.forecaster
    for risk, headroom, slots in itertools.product(risks, _HEADROOMS, _COOLDOWNS_SLOTS):
        cooldown = slots * rule.interval
        yield dataclasses.replace(
            rule, risk=risk, headroom=headroom, cooldown=cooldown, forecaster=forecaster
        )


def _judge(
    values: baselines.Demand, uppers: Table, rule: Rule, interval: int, start: int
) -> Outcome:
    """Replay what the rule asks for: the most of the present demand and its forecasts, and the headroom on top."""
    planned = [
        [max(value or 0.0, *row) * (1 + rule.headroom)] for value, row in zip(values, uppers)
    ]
    return replay(values, planned, make_terms(rule), interval, start)
