# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Tracker follows one series: ``observe`` a slot, ``forecast`` after it, each at the cost of one slot. Pure."""

from __future__ import annotations

import collections
import itertools
import math
import typing as t

from . import quantum
from .ensemble import Ensemble, Issued
from .features import Lookback
from .season import find_seasons
from .trend import Forecast, Step, extend_gap, extend_rise, measure_growth

# Zeros are doubted only where at most a hundredth of the slots had one and more than a tenth of the mean was expected,
# as in the load balancer's trace (nab_elb), whose 8 gaps are recorded as 0. Chosen, not tuned.
_RARE_ZEROS: t.Final = 0.01
_WELL_ABOVE_ZERO: t.Final = 0.1
# After half an hour it is no gap any more: the demand is gone. Chosen, not measured.
_LONGEST_DOUBT_SECONDS: t.Final = 1800
# An event goes on within an hour, and is told of for a day (_provision/alert.py).
_HOUR_SECONDS: t.Final = 3600
_DAY_SECONDS: t.Final = 86_400
# As many values as the noise of a rise is judged by (trend.py: 24 gaps, and the three last).
_RECENT: t.Final = 28
# An hour of five-minute slots, over which a straight line is as good as forecasts between. Chosen, not measured.
_ONE_LINE: t.Final = 12
# Less above what was expected is no breach that anybody is told of. Chosen, not measured.
NOTABLE: t.Final = 1.2
# Two breaches in a row at a risk of 5 % (0.05² is 1 in 400). No run is recorded.
_SURPRISE: t.Final = 1 / 400


class Tracker:
    """The blend after some slots of ``interval`` seconds, forecasting up to ``steps`` slots ahead.

    ``levels`` are the probabilities that demand shall stay under the upper values, and ``limit`` is one that only the
    next slot's is told for; each costs a little. ``anchors`` are the steps that are forecast themselves, up to the last
    one; without them the few of choose_anchors().
    ``known_count`` slots had a value. One without teaches nothing and is bridged by what was expected of it. So are the
    first zeros of a series that hardly knows any: then a service or its measuring is out, and the demand will be back.
    """

    def __init__(
        self,
        interval: int,
        steps: int,
        levels: t.Sequence[float],
        limit: float | None = None,
        state: dict[str, t.Any] | None = None,
        anchors: t.Sequence[int] | None = None,
    ) -> None:
        state = state or {}
        lags = find_seasons(interval)
        self._steps = steps
        self._surprising = [
            max(2, math.ceil(math.log(_SURPRISE) / math.log(1 - level) - 1e-9)) for level in levels
        ]
        self._longest_doubt = max(2, _LONGEST_DOUBT_SECONDS // interval)
        self._lookback = Lookback(lags, state.get("memory"))
        states = state.get("horizons", itertools.repeat(None))
        limits = [] if limit is None else [limit]
        self._ensembles = [
            Ensemble(ahead, [*levels, *limits] if ahead == 1 else levels, lags.cycle, past)
            for ahead, past in zip(anchors or choose_anchors(steps), states)
        ]
        self._issued = [Issued.load(issued) for issued in state.get("issued", ())]
        self._has_limit = limit is not None
        self._interval = interval
        self._limit_breaches: list[tuple[float, float]] = list(state.get("limit_breaches", ()))
        self._recent = collections.deque(state.get("recent", ()), _RECENT)
        self._breaches: list[int] = state.get("breaches", [0 for _unused in levels])
        self._zeros: int = state.get("zeros", 0)
        self._doubted: int = state.get("doubted", 0)
        self._quantum: float | None = state.get("grain", quantum.UNDETERMINED)
        self.known_count: int = state.get("known", 0)

    def dump_state(self) -> dict[str, t.Any]:
        """Return what a new tracker of the same interval, steps and levels needs to go on from here, for JSON."""
        return {
            "memory": self._lookback.dump_state(),
            "horizons": [ensemble.dump_state() for ensemble in self._ensembles],
            "issued": [issued.dump() for issued in self._issued],
            "recent": list(self._recent),
            "breaches": self._breaches,
            "limit_breaches": self._limit_breaches,
            "zeros": self._zeros,
            "doubted": self._doubted,
            "grain": self._quantum,
            "known": self.known_count,
        }

    def observe(self, value: float | None, brief: bool = False) -> None:
        """Take in the demand (not below 0) of the next slot; None if it is not known.

        After a ``brief`` look there is no forecast. It is for the slots that come long before one is asked for.
        """
        if value is not None and self._is_doubtful(value):
            value = None
        for ensemble in self._ensembles:
            issued = ensemble.learn(value)
            if ensemble.ahead == 1 and issued and issued.upper and value is not None:
                self._breaches = [
                    (breaches + 1 if value > upper else 0)
                    for breaches, upper in zip(self._breaches, issued.upper)
                ]
                self._note_breach(value, issued)
        if value is None and not self._issued:
            return
        self.known_count += value is not None
        if value is not None:
            self._quantum = quantum.find_common(self._quantum, value)
        bridged = self._expect() if value is None else value
        self._lookback.add(bridged)
        self._recent.append(bridged)
        if brief:
            self._issued = [ensemble.skim(self._lookback) for ensemble in self._ensembles]
        else:
            recent = list(self._recent)
            rises = [extend_rise(recent, self._steps), extend_gap(recent, self._steps)]
            self._issued = [
                ensemble.issue(self._lookback, rises, self._quantum) for ensemble in self._ensembles
            ]

    def forecast(self, level: int = 0, *, limited: bool = False) -> Forecast | None:
        """Return the forecast after the latest slot; None before any value.

        Its upper values are for ``levels[level]``; it has a limit where it shall be ``limited``.
        """
        if not self._issued:
            return None
        corners = [(0, self._recent[-1], self._recent[-1])] + [
            (ensemble.ahead, issued.value, issued.upper[level])
            for ensemble, issued in zip(self._ensembles, self._issued)
        ]
        steps = [_interpolate(corners, ahead) for ahead in range(1, self._steps + 1)]
        surge = self._extend_surge(level)
        if surge:
            steps = [
                Step(max(step.value, value), max(step.upper, value))
                for step, value in zip(steps, surge)
            ]
        growth = measure_growth(list(self._recent))
        most = self._issued[0].upper[-1] if limited else None
        method = "surge" if surge else "blend"
        breaches = self._list_breaches(_DAY_SECONDS)
        earlier = breaches[: len(breaches) - len(self._list_breaches(_HOUR_SECONDS))]
        recent = max((value for _slot, value in earlier), default=None)
        return Forecast(method, tuple(steps), growth, most, recent)

    def _list_breaches(self, seconds: int) -> list[tuple[float, float]]:
        """Return the slots of the last ``seconds`` before the next one that have exceeded their limit, and by what."""
        following = self._lookback.count + 1
        return [
            (slot, value)
            for slot, value in self._limit_breaches
            if (following - slot) * self._interval <= seconds
        ]

    def _note_breach(self, value: float, issued: Issued) -> None:
        """Remember for a day that ``value``, of the next slot, exceeds its limit."""
        if self._has_limit and value > issued.upper[-1] and value >= NOTABLE * issued.value:
            self._limit_breaches = [
                *self._list_breaches(_DAY_SECONDS),
                (self._lookback.count + 1, value),
            ]

    def _expect(self) -> float:
        """Return what is expected of the slot after the latest one, which has not been asked where that was skimmed."""
        value = self._issued[0].value
        return self._ensembles[0].expect(self._lookback) if math.isnan(value) else value

    def _is_doubtful(self, value: float) -> bool:
        if value > 0 or not self._issued:
            self._doubted = 0
            return False
        if (
            self._doubted < self._longest_doubt
            and self._zeros <= _RARE_ZEROS * self._lookback.count
            and self._expect() > _WELL_ABOVE_ZERO * self._lookback.mean
        ):
            self._doubted += 1
            return True
        self._zeros += 1
        return False

    def _extend_surge(self, level: int) -> list[float]:
        """Return the trend drawn on, where demand has been above its upper value surprisingly often in a row.

        That is twice at a risk of 5 %, and what has one chance in four hundred at others. Then something is going on
        that no past error tells of, and only the rise itself says how far it goes.
        """
        if (
            self._breaches[level] < self._surprising[level]
            or not measure_growth(list(self._recent)).sustained
        ):
            return []
        return extend_rise(list(self._recent), self._steps)


def choose_anchors(steps: int) -> list[int]:
    """Return the steps ahead that are forecast themselves; the others lie on the lines between them.

    >>> [choose_anchors(steps) for steps in (1, 2, 6, 288)]
    [[1], [1, 2], [1, 6], [1, 97, 192, 288]]
    """
    parts = 1 if steps <= _ONE_LINE else 3
    return sorted({1 + round(part * (steps - 1) / parts) for part in range(parts + 1)})


def _interpolate(corners: list[tuple[int, float, float]], ahead: int) -> Step:
    for (before, value, upper), (after, next_value, next_upper) in zip(corners, corners[1:]):
        if ahead <= after:
            share = (ahead - before) / (after - before)
            most = upper + share * (next_upper - upper)
            return Step(min(most, value + share * (next_value - value)), most)
    raise ValueError(f"step {ahead} is beyond the last anchor")
