# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Ways of planning that a replay can compare: each turns demand into upper forecasts, slot by slot. Pure.

All return a table for ``replay``: for each slot the upper forecasts of the next ``steps`` slots, made with nothing but
the demand up to that slot.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.beginning import (
    ENOUGH_SLOTS,
    raise_uppers,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import Tracker
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    TrendRule,
    extend_gap,
)

if t.TYPE_CHECKING:
    from .replay import Table

Demand = t.Sequence[t.Optional[float]]


def plan_blend(demand: Demand, interval: int, steps: int, risks: t.Sequence[float]) -> list[Table]:
    """Return a table for each of ``risks``, all from one pass over the demand."""
    tracker = Tracker(interval, steps, [1 - risk for risk in risks])
    tables: list[list[list[float]]] = [[] for _unused in risks]
    for value in demand:
        tracker.observe(value)
        for level, table in enumerate(tables):
            forecast = tracker.forecast(level)
            table.append([step.upper for step in forecast.steps] if forecast else [0.0])
    return list(tables)


def plan_auto(demand: Demand, interval: int, steps: int, risks: t.Sequence[float]) -> list[Table]:
    """Return a table for each of ``risks`` of the forecaster that a rule has by default: the blend from a beginning."""
    tables = plan_blend(demand, interval, steps, risks)
    counts = list(itertools.accumulate(value is not None for value in demand))
    few = sum(count < ENOUGH_SLOTS for count in counts)
    beginning = Series(interval, 0, tuple(demand[:few]))
    begun: list[Table] = []
    for risk, table in zip(risks, tables):
        rises = TrendRule(risk).forecast(beginning, steps, last=few)
        first = [
            raise_uppers(uppers, rise, interval, count) if rise else uppers
            for uppers, rise, count in zip(table, rises, counts)
        ]
        begun.append([*first, *table[few:]])
    return begun


def plan_reactive(demand: Demand, target: float) -> Table:
    """Return the table of target tracking: machines for the last known demand, used to the share ``target``.

    That is what a horizontal pod autoscaler does; its tolerance of 0.1 belongs into the terms of the replay.
    """
    return [[value / target] for value in _fill_with_last(demand)]


def plan_gap_rule(demand: Demand, steps: int, target: float) -> Table:
    """Return the table of the plain gap rule: a rise goes on, each time multiplied by the last ratio of two gaps.

    The ratio is held within 0.5 … 2, and is 1 if there was no rise before; a fall is not drawn on.
    """
    values = _fill_with_last(demand)
    paths = (extend_gap(values[max(0, end - 3) : end], steps) for end in range(1, len(values) + 1))
    return [[value / target for value in path] for path in paths]


def plan_perfect(demand: Demand, steps: int) -> Table:
    """Return the table of one who knows the future: what machines that boot for ``steps`` slots cost at least."""
    values = _fill_with_last(demand)
    return [values[slot + 1 : slot + 1 + steps] or [values[-1]] for slot in range(len(values))]


def _fill_with_last(demand: Demand) -> list[float]:
    last = 0.0
    values: list[float] = []
    for value in demand:
        last = last if value is None else value
        values.append(last)
    return values
