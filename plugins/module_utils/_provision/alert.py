# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge`` says whether the latest rise is worth a person's look. Pure."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import NOTABLE
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_number,
    format_quantity,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecast

    from .rule import Rule

# These are of the rule for little history, chosen when it was written and not tuned.
_WINDOW: t.Final = 48
_FEWEST_GAPS: t.Final = 8
# Within a day after a breach, what is not half as much again is of the same event. 16 traces of NAB with 34 labelled
# events had 0.44 false pages a day before there was this, and 0.33 since, both times with 27 of the events told of.
_SAME_EVENT: t.Final = 1.5


@dataclasses.dataclass(frozen=True)
class Alert:
    """Whether demand jumped. ``growth`` is the latest value as a multiple of the one before, None from 0 or unknown."""

    raised: bool = False
    reason: str | None = None
    growth: float | None = None


def judge(series: Series, rule: Rule, before: Forecast | None = None, surge: bool = False) -> Alert:
    """Return the alert of the latest slot; without a value there is nothing to judge.

    ``before`` is the forecast that was made a slot earlier. Where it knows what demand exceeds once in 750 times, more
    than that is a reason. Else there is too little history, and a growth by ``rule.alert_growth`` that was not
    provisioned for is one; so it is in a ``surge``, which has been above the usual for some slots and goes on. Once a
    forecast learns, nobody is called for less than a machine's work above what was expected, unless it grew as much,
    nor in a surge for less than that above what was provisioned for, nor again for the same event within the day.
    """
    values = [value for value in series.values if value is not None]
    if series.current is None or len(values) < 2:
        return Alert()
    earlier, now = values[-2], values[-1]
    growth = now / earlier if earlier else None
    if before is not None and before.limit is not None and before.steps[0].value > 0:
        if before.recent_breach is not None and now <= _SAME_EVENT * before.recent_breach:
            return Alert(growth=growth)
        doubled = surge and growth is not None and growth >= rule.alert_growth
        if not doubled or now - before.steps[0].upper < rule.capacity:
            return _compare_with_limit(before, before.limit, now, rule, growth)
    if growth is None:
        return _judge_appearance(now, rule)
    is_provisioned = before is not None and now <= before.steps[0].upper
    if growth < rule.alert_growth or is_provisioned or not _is_unusual(values):
        return Alert(growth=growth)
    times = "doubled" if growth == 2 else f"grew {format_number(growth)}-fold"
    jump = f"{format_number(earlier)} → {format_quantity(now, rule.unit)}"
    return Alert(True, f"Demand {times} from one interval to the next ({jump}).", growth)


def _compare_with_limit(
    before: Forecast, limit: float, now: float, rule: Rule, growth: float | None
) -> Alert:
    """A demand without any noise has a limit right at what is expected, so the rise has to be worth a look as well."""
    expected = before.steps[0].value
    grew = growth is not None and growth >= rule.alert_growth
    if now <= limit or now < expected * NOTABLE or not (grew or now - expected >= rule.capacity):
        return Alert(growth=growth)
    grown = "" if growth is None else f", {format_number(growth)} times that of the interval before"
    return Alert(
        True,
        f"Demand is {format_quantity(now, rule.unit)}{grown}. {format_number(expected)} was "
        f"expected, and more than {format_number(limit)} happens once in 750 times.",
        growth,
    )


def _judge_appearance(now: float, rule: Rule) -> Alert:
    """No factor leads away from 0, so the work of one whole machine out of nothing is the measure."""
    if now < rule.capacity:
        return Alert()
    return Alert(
        True, f"Demand appeared within one interval (0 → {format_quantity(now, rule.unit)})."
    )


def _is_unusual(values: list[float]) -> bool:
    """Whether the last gap stands out from those before; with too few of them every jump does."""
    earlier = values[-(_WINDOW + 2) : -1]
    gaps = [abs(after - before) for before, after in zip(earlier, earlier[1:])]
    return len(gaps) < _FEWEST_GAPS or values[-1] - values[-2] > 2 * statistics.median(gaps)
