# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Blend and Auto, Forecasters that find days and weeks by themselves and keep the risk that is asked for. Pure.

What it is made of: ensemble.py. It works from the second sample on, and better with every week.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing as t

from .beginning import ENOUGH_SLOTS, LONG_SECONDS, raise_uppers
from .online import Tracker
from .trend import Forecast, Growth, Step, TrendRule

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

    from .state import State

# Four weeks: as far as the regression's longest lag, three weeks, and a week to learn from. Chosen, not measured.
LONGEST_SECONDS: t.Final = 28 * 86_400
# Bounds a first run on slots of less than five minutes, of which 28 days have 8064. Chosen, not measured.
_MOST_SLOTS: t.Final = 10_000
# Half a week of five-minute slots, of whose errors first upper values are made; what that costs is said at Blend.
_THOROUGH_SLOTS: t.Final = 1008
# With 1 in 750, 11 of NAB's 13 labelled events are found at 0.147 false pages a day
# (`./dev bench provision --windows`); with 1 in 1000, and alerts that were not worth a machine, it was 10 at 0.144.
LIMIT_LEVEL: t.Final = 1 - 1 / 750
# Goes up with each change after which an older state would lead to other forecasts.
_VERSION: t.Final = 8


@dataclasses.dataclass(frozen=True)
class Blend:
    """A Forecaster. ``risk`` is the share of slots in which demand may exceed the upper value.

    Without kept state it goes through the latest 28 days, at most 10 000 slots. Of those that lie farther back than
    some 1000 it only learns days and weeks, and these of every fourth, which takes a tenth of the time. On seven real
    traces that moved the pinball loss of the first upper value by -14 to 13 %, and by 2 % or less on four of them.
    """

    risk: float = 0.05

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        return self.resume(series, steps, last)[0]

    def resume(
        self, series: Series, steps: int, last: int = 1, state: State | None = None
    ) -> tuple[list[Forecast | None], State]:
        """Return the forecasts, and a state from which the next run goes on at the cost of the new slots only.

        ``state`` is what an earlier call returned, through JSON if need be. One that does not fit is not used: it is of
        other options or another version, of a later slot, ends before the series or ``last`` begins, or is of another
        demand (a fleet of the same name elsewhere).
        """
        key = [_VERSION, self.risk, series.interval, steps]
        start = self._find_start(series, last, state, key)
        if state is not None and start is not None:
            forecasts, past = (
                [_load_forecast(forecast) for forecast in state["made"]],
                state["tracker"],
            )
        else:
            forecasts, past = [], None
            start = max(
                0, len(series.values) - min(_MOST_SLOTS, LONGEST_SECONDS // series.interval)
            )
        tracker = Tracker(series.interval, steps, [1 - self.risk], LIMIT_LEVEL, past)
        first = len(series.values) - last
        for index in range(start, len(series.values)):
            tracker.observe(
                series.values[index], brief=not state and index < first - _THOROUGH_SLOTS
            )
            if index >= first:
                forecasts.append(tracker.forecast(limited=tracker.known_count >= ENOUGH_SLOTS))
        next_state = {
            "key": key,
            "next": series.start + len(series.values) * series.interval,
            "made": [_dump_forecast(forecast) for forecast in forecasts[-last:]],
            "tracker": tracker.dump_state(),
        }
        # a state may reach further back than a history that was lost
        return forecasts[max(0, len(forecasts) - min(last, len(series.values))) :], next_state

    @staticmethod
    def _find_start(series: Series, last: int, state: State | None, key: list[t.Any]) -> int | None:
        """Return how many slots of ``series`` went into ``state``; None if it cannot be used."""
        if not state or state.get("key") != key:
            return None
        slots, between = divmod(state["next"] - series.start, series.interval)
        fresh = len(series.values) - slots
        if (
            between
            or slots < 0
            or fresh < 0
            or len(state["made"]) < min(last, len(series.values)) - fresh
        ):
            return None
        return (
            int(slots)
            if _is_same_demand(series.values[:slots], state["tracker"]["recent"])
            else None
        )


def _is_same_demand(values: t.Sequence[float | None], recent: t.Sequence[float]) -> bool:
    """Whether most of what is known of the slots that end ``values`` is what the state had taken in.

    Not all of it, since samples come late, and a few zeros may have been taken for an outage.
    """
    pairs = [
        (value, earlier)
        for value, earlier in zip(reversed(values), reversed(recent))
        if value is not None
    ]
    return 2 * sum(math.isclose(*pair) for pair in pairs) >= len(pairs)


class Auto(Blend):
    """A Forecaster: the blend, which believes in a rise while less than 48 slots with a value are known.

    Until then too few errors are known for a quantile of them, and none of a day (beginning.py). In slots of less than
    half an hour it is the trend until then.
    """

    def resume(
        self, series: Series, steps: int, last: int = 1, state: State | None = None
    ) -> tuple[list[Forecast | None], State]:
        """See Blend. What is kept is the blend's."""
        forecasts, next_state = super().resume(series, steps, last, state)
        latest = series.values[len(series.values) - len(forecasts) :]
        counts = list(itertools.accumulate(value is not None for value in latest))
        if not counts:
            return forecasts, next_state
        known_before = next_state["tracker"]["known"] - counts[-1]
        if known_before < ENOUGH_SLOTS:
            rises = TrendRule(self.risk).forecast(series, steps, len(forecasts))
            forecasts = [
                _raise_forecast(forecast, rise, series.interval, known_before + count)
                for forecast, rise, count in zip(forecasts, rises, counts)
            ]
        return forecasts, next_state


def _raise_forecast(
    forecast: Forecast | None, rise: Forecast | None, interval: int, known_count: int
) -> Forecast | None:
    """Return ``forecast`` with the upper values that a beginning asks for; once enough is known, as it is."""
    if forecast is None or rise is None or known_count >= ENOUGH_SLOTS:
        return forecast
    if interval < LONG_SECONDS:
        return rise
    uppers = raise_uppers([step.upper for step in forecast.steps], rise, interval, known_count)
    steps = tuple(
        Step(max(step.value, risen.value), upper)
        for step, risen, upper in zip(forecast.steps, rise.steps, uppers)
    )
    method = rise.method if rise.method == "trend" else forecast.method
    return dataclasses.replace(forecast, method=method, steps=steps)


class Continuing:
    """A Forecaster that goes on from ``state``, and afterwards holds the one to keep."""

    def __init__(self, blend: Blend, state: State | None) -> None:
        self._blend = blend
        self.state = state

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        forecasts, self.state = self._blend.resume(series, steps, last, self.state)
        return forecasts


def _dump_forecast(forecast: Forecast | None) -> State | None:
    return None if forecast is None else dataclasses.asdict(forecast)


def _load_forecast(state: State | None) -> Forecast | None:
    if state is None:
        return None
    growth = state["growth"]
    return Forecast(
        state["method"],
        tuple(Step(**step) for step in state["steps"]),
        Growth(tuple(growth["values"]), growth["ratio"], growth["sustained"]),
        state["limit"],
        state.get("recent_breach"),  # states of 0.1.0 have none
    )
