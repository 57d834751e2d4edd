# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A forecaster that finds days and weeks by itself and keeps the risk asked for. Pure.

What it is made of: horizon.py. It works from the second sample on, and better with every week.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

from .online import Tracker
from .trend import Forecast, Growth, Step, TrendRule

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

_LONGEST_SECONDS: t.Final = 28 * 86_400
_MOST_SLOTS: t.Final = 10_000
_THOROUGH_SLOTS: t.Final = 1008
ENOUGH_SLOTS: t.Final = 48
LIMIT_LEVEL: t.Final = 1 - 1 / 750
_VERSION: t.Final = 8

State = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Blend:
    """A Forecaster. ``risk`` is the share of slots in which demand may exceed the upper value.

    Without kept state it goes through the latest 28 days, at most 10 000 slots. Of those that lie farther back than
    some 1000 it only learns days and weeks, and these of every fourth, which takes a tenth of the time. On seven real
    traces that moved the pinball loss of the first upper value by -14 to 13 %, and by 2 % or less on four of them.
    """

    risk: float = 0.05

    def forecasts(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        return self.continued(series, steps, last)[0]

    def continued(
        self, series: Series, steps: int, last: int = 1, state: State | None = None
    ) -> tuple[list[Forecast | None], State]:
        """Return the forecasts, and a state from which the next run goes on at the cost of the new slots only.

        ``state`` is what an earlier call returned, through JSON if need be. One that does not fit is not used: it is of
        other options or another version, of a later slot, ends before the series or ``last`` begins, or is of another
        demand (a fleet of the same name elsewhere).
        """
        key = [_VERSION, self.risk, series.interval, steps]
        seen = self._seen(series, last, state, key)
        if state is not None and seen is not None:
            made, past = [_from_json(forecast) for forecast in state["made"]], state["tracker"]
        else:
            made, past = [], None
            seen = max(
                0, len(series.values) - min(_MOST_SLOTS, _LONGEST_SECONDS // series.interval)
            )
        tracker = Tracker(series.interval, steps, [1 - self.risk], LIMIT_LEVEL, past)
        first = len(series.values) - last
        for index in range(seen, len(series.values)):
            tracker.observe(
                series.values[index], brief=not state and index < first - _THOROUGH_SLOTS
            )
            if index >= first:
                made.append(tracker.forecast(limited=tracker.known >= ENOUGH_SLOTS))
        kept = {
            "key": key,
            "next": series.start + len(series.values) * series.interval,
            "made": [_as_json(forecast) for forecast in made[-last:]],
            "tracker": tracker.state(),
        }
        # a state may reach further back than a history that was lost
        return made[max(0, len(made) - min(last, len(series.values))) :], kept

    @staticmethod
    def _seen(series: Series, last: int, state: State | None, key: list[t.Any]) -> int | None:
        """Return how many slots of ``series`` went into ``state``; None if it cannot be used."""
        if not state or state.get("key") != key:
            return None
        seen, between = divmod(state["next"] - series.start, series.interval)
        fresh = len(series.values) - seen
        if (
            between
            or seen < 0
            or fresh < 0
            or len(state["made"]) < min(last, len(series.values)) - fresh
        ):
            return None
        return int(seen) if _same_demand(series.values[:seen], state["tracker"]["recent"]) else None


def _same_demand(values: t.Sequence[float | None], recent: t.Sequence[float]) -> bool:
    """Whether most of what is known of the slots that end ``values`` is what the state had taken in.

    Not all of it, since samples come late, and a few zeros may have been taken for an outage.
    """
    pairs = [
        (value, kept)
        for value, kept in zip(reversed(values), reversed(recent))
        if value is not None
    ]
    return 2 * sum(math.isclose(*pair) for pair in pairs) >= len(pairs)


class Auto(Blend):
    """A Forecaster: the trend while less than 48 slots with a value are known, the blend from then on.

    Until then too few errors are known for a quantile of them, and the rise itself says more than any average.
    """

    def continued(
        self, series: Series, steps: int, last: int = 1, state: State | None = None
    ) -> tuple[list[Forecast | None], State]:
        """See Blend. What is kept is the blend's from the first slot on."""
        made, kept = super().continued(series, steps, last, state)
        if kept["tracker"]["known"] < ENOUGH_SLOTS:
            made = TrendRule(self.risk).forecasts(series, steps, last)
        return made, kept


def _as_json(forecast: Forecast | None) -> State | None:
    return None if forecast is None else dataclasses.asdict(forecast)


def _from_json(kept: State | None) -> Forecast | None:
    if kept is None:
        return None
    growth = kept["growth"]
    return Forecast(
        kept["method"],
        tuple(Step(**step) for step in kept["steps"]),
        Growth(tuple(growth["values"]), growth["ratio"], growth["sustained"]),
        kept["limit"],
    )
