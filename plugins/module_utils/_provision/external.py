# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Forecasts of somebody else's: ``ask_all`` says what is asked, ExternalForecaster what the answers mean. Pure.

Filters live on the controller and modules anywhere, so all is asked before a plan begins: a forecast for each slot that
the plan looks back on, each from nothing but what was known by then.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.amount import read_demand
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import bridge_gaps
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    Forecast,
    Step,
    ends,
    measure_growth,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .rule import Rule

_REMEDY: t.Final = (
    "A forecaster returns the demands of the next intervals, the next one first, each a number or a dictionary with a "
    "value and an upper; or null while it cannot tell."
)

# As many values as growth is judged by.
_LOOKED_BACK: t.Final = 28

# What a forecaster is asked with: the demand so far, and the risk.
Ask = t.Callable[[list[dict[str, t.Any]], float], t.Any]


def ask_all(series: Series, rule: Rule, ask: Ask) -> dict[str, list[t.Any]]:
    """Return the options that hold what ``ask`` answers for each of the slots that a plan looks at, oldest first."""
    rows = [{"timestamp": start, "value": value} for start, value in bridge_gaps(series).slots()]
    slot_ends = ends(len(rows), rule.slots_looked_at)
    risks = {
        "forecasts": rule.risk,
        **({"parked_forecasts": rule.parked_risk} if rule.has_varying_parked else {}),
    }
    return {option: [ask(rows[:end], risk) for end in slot_ends] for option, risk in risks.items()}


@dataclasses.dataclass(frozen=True)
class ExternalForecaster:
    """A Forecaster whose forecasts, the answers of ``method``, stand in an ``option``; ``otherwise`` fills its gaps."""

    method: str
    option: str
    answers: t.Sequence[t.Any]
    otherwise: Forecaster

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster. Raises InvalidInput where an answer is none, or one is missing."""
        slot_ends = ends(len(series.values), last)
        if len(self.answers) < len(slot_ends):
            raise InvalidInput(
                self.option,
                list(self.answers),
                f"holds fewer than {len(slot_ends)} forecasts",
                _REMEDY,
            )
        skipped = len(self.answers) - len(slot_ends)
        answers = Value(self.option, list(self.answers), _REMEDY).require_items()[skipped:]
        return [
            other if answer.value is None else self._forecast(answer, series.values[:end], steps)
            for answer, end, other in zip(
                answers, slot_ends, self.otherwise.forecast(series, steps, last)
            )
        ]

    def _forecast(self, answer: Value, values: t.Sequence[float | None], steps: int) -> Forecast:
        demands = answer.require_items()
        if len(demands) < steps:
            raise answer.error(f"a list of at least {steps} demands")
        known_values = [value for value in values[-_LOOKED_BACK:] if value is not None]
        return Forecast(
            self.method, tuple(map(_read_step, demands[:steps])), measure_growth(known_values)
        )


def _read_step(demand: Value) -> Step:
    if not isinstance(demand.value, dict):
        return Step(read_demand(demand), read_demand(demand))
    upper = read_demand(demand["upper"])
    return Step(min(read_demand(demand["value"]), upper), upper)
