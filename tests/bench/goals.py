# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What provisioning ahead is to reach on every trace, and what it did reach."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t

from bench.frame import Row

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GOAL: t.Final = "goal"
_COSTS: t.Final = {
    "nab_nyc_taxi_30min": 1.03,
    "nab_elb_requests_5min": 2.40,
    "nab_twitter_AAPL_5min": 0.99,
}


@dataclasses.dataclass(frozen=True)
class Facts:
    """What was measured on one trace, with 20 machines at the peak and the shorter boot time.

    `short` is the share of time without enough machines by the risk asked for. `at_equal_cost` is that share where it
    costs as much as the reactive rule at 0.7, and `reactive` that rule's own. `flaps` and `calm_cost` are those of a
    calm fleet, the latter by the cost of a plain one. `pages` were sent within `days`. `events` are (told of, all,
    false pages), None if unknown.
    """

    trace: str
    short: dict[float, float]
    at_equal_cost: float | None
    reactive: float
    cost: float | None
    first_days: float
    flaps: float
    reactive_flaps: float
    calm_cost: float
    pages: int
    days: float
    events: tuple[int, int, int] | None
    cold_seconds: float
    kept_seconds: float

    @property
    def ratio(self) -> float | None:
        """Time short by the reactive rule's at equal cost; None where neither is ever short, or it cannot be said."""
        if self.at_equal_cost is None or not (self.reactive or self.at_equal_cost):
            return None
        return self.at_equal_cost / max(self.reactive, 1e-4)


def rows(facts: Sequence[Facts]) -> Iterator[Row]:
    """A row for each goal; the less, the better, and a ratio of 1 or less is what was asked for."""
    for risk in (0.1, 0.05):
        worst = max(facts, key=lambda one: one.short[risk])
        yield _row(
            f"short at a risk of {risk:.0%}, % of time, worst ({worst.trace})",
            100 * worst.short[risk],
            100 * risk,
        )
    ratios = [one.ratio for one in facts if one.ratio is not None]
    if ratios:
        yield _row("short / reactive 0.7's at equal cost, median", statistics.median(ratios), 0.4)
        yield _row("short / reactive 0.7's at equal cost, worst", max(ratios), 1.0)
    for one in facts:
        if one.trace in _COSTS and one.cost is not None:
            yield _row(f"cost where 5 % of time is short, {one.trace}", one.cost, _COSTS[one.trace])
    yield _row(
        "short in the first 48 h, % of time, mean",
        100 * _mean(facts, lambda one: one.first_days),
        5.0,
    )
    yield from _alerts(facts)
    yield _row("flaps a day, calm, against reactive 0.8's, median", *_flaps(facts))
    worst = max(facts, key=lambda one: one.flaps - one.reactive_flaps)
    yield _row(
        f"flaps a day, calm, against reactive 0.8's, worst ({worst.trace})",
        worst.flaps,
        worst.reactive_flaps,
    )
    yield _row(
        "cost of being calm, median", statistics.median(one.calm_cost for one in facts), 1.05
    )
    yield _row("cost of being calm, worst", max(one.calm_cost for one in facts), 1.05)
    yield _row(
        "seconds a decision, from scratch, worst", max(one.cold_seconds for one in facts), 1.0
    )
    yield _row(
        "seconds a decision, from kept state, worst", max(one.kept_seconds for one in facts), 0.05
    )


def _alerts(facts: Sequence[Facts]) -> Iterator[Row]:
    """Pages over the days of all traces together, as events are counted; without known events all of them."""
    yield _row(
        "pages a day", sum(one.pages for one in facts) / sum(one.days for one in facts), 0.15
    )
    known = [(one.days, *one.events) for one in facts if one.events is not None and one.events[1]]
    if known:
        days, hits, events, false = map(sum, zip(*known, strict=True))
        yield _row(f"events not told of, of {events}", events - hits, events * 2 / 13)
        yield _row("false pages a day, traces with events", false / days, 0.15)


def _flaps(facts: Sequence[Facts]) -> tuple[float, float]:
    return statistics.median(one.flaps for one in facts), statistics.median(
        one.reactive_flaps for one in facts
    )


def _mean(facts: Sequence[Facts], measure: Callable[[Facts], float]) -> float:
    return statistics.fmean(map(measure, facts))


def _row(case: str, measured: float, most: float) -> Row:
    return Row(
        "provision",
        case,
        0,
        "auto",
        measured,
        GOAL,
        most,
        measured / most if most else float(measured > 0),
    )
