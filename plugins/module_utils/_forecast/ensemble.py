# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Upper forecasts so many slots ahead: a few experts, each corrected by its own past errors, blended. Pure.

1. Experts say what to expect: the last value, two levels of different patience, a rise that goes on, believed where it
   is more than noise or always (trend.py), and a regression on momentum, levels, days and weeks (features.py,
   regression.py).
2. Each expert's upper value adds a quantile of its own latest errors, in units that grow with the forecast, with its
   root, with its root and the present volatility, or not at all (quantile.py). What goes wrong while nobody asks for
   anything says nothing of the time when somebody does, so the two have errors of their own.
3. The upper values are averaged with weights that follow their discounted pinball loss, which is least at the quantile
   (Koenker and Bassett, 1978; exponential weights: Littlestone and Warmuth, 1994).
"""

from __future__ import annotations

import collections
import dataclasses
import math
import typing as t
from operator import mul

from .features import FEATURES
from .quantile import FEW, ErrorWindow
from .quantum import round_to_quantum
from .regression import Regression
from .state import pack, unpack

if t.TYPE_CHECKING:
    from .features import Lookback

# How many _ask_experts() returns.
_EXPERTS: t.Final = 9
# How sharply weights follow the loss. Raised from 14 to 24, with the window below, on the bench: time short at the cost
# of a reactive fleet at 0.7 fell from 0.318 to 0.290 of its (wc98), 0.996 to 0.967 (AAPL) and 0.459 to 0.440 (AMZN).
_SHARPNESS: t.Final = 24.0
# How much of an error's unit follows the present volatility. Chosen with the first version; no run is recorded.
_VOLATILITY_SHARE: t.Final = 0.8
# Volatility lasts for hours, however long a slot is: with days that are seen, for four.
_VOLATILITY_CYCLE_SHARE: t.Final = 1 / 6
# For slots so long that a sixth of the cycle is less than two. Chosen, not measured.
_MOST_VOLATILITY_GAIN: t.Final = 0.5
# Below it demand counts as idle, and no unit of errors is smaller. Chosen with the first version; no run is recorded.
_SMALLEST_SHARE_OF_MEAN: t.Final = 0.02
# No forecast is above this multiple of the largest demand so far, so that no fit can run away. Chosen, not measured.
_MOST_GROWTH: t.Final = 2.0
# A week of five-minute slots. Raised from 1440 (five days) in the run that _SHARPNESS names.
_LONGEST_WINDOW: t.Final = 2016
# A quantile at 5 % needs about 20. With fewer, the first errors of idle times, or of busy ones, would rule alone.
_FEWEST_ERRORS: t.Final = 20
# One slot in four halves the time of a first plan; what that costs is said at Blend.
_SKIM_STEP: t.Final = 4


@dataclasses.dataclass
class Issued:
    """A forecast made at one slot: the expected demand, the upper one for each level, and what to learn from it.

    ``experts`` are pairs of what an expert expects and the unit of its errors; ``uppers[level]`` has a value for each.
    A forecast that only the regression learns from, ``times`` times, has neither, and neither ``value`` nor ``upper``;
    while all demand was 0, nothing does. ``idle`` says that there was next to no demand when it was made.
    """

    root: float
    features: list[float]
    value: float = math.nan
    upper: list[float] = dataclasses.field(default_factory=list)
    experts: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    uppers: list[list[float]] = dataclasses.field(default_factory=list)
    idle: bool = False
    times: int = 1

    def dump(self) -> dict[str, t.Any]:
        """Return it as JSON can hold it."""
        state = dataclasses.asdict(self)
        # The key of states that were kept before experts were called so.
        state["voices"] = state.pop("experts")
        return state

    @classmethod
    def load(cls, state: t.Mapping[str, t.Any]) -> Issued:
        """Return what ``dump`` returned, after JSON."""
        fields = dict(state)
        return cls(experts=fields.pop("voices"), **fields)


_NOTHING: t.Final = Issued(0.0, [])


class Ensemble:
    """The forecasts ``ahead`` slots ahead, for each of ``levels`` (the probability that demand stays under)."""

    def __init__(
        self,
        ahead: int,
        levels: t.Sequence[float],
        cycle: int,
        state: dict[str, t.Any] | None = None,
    ) -> None:
        state = state or {}
        self.ahead = ahead
        self._levels = levels
        self._fade = 1 - 1 / (3 * cycle)
        window = min(7 * cycle, _LONGEST_WINDOW)
        self._regression = Regression(
            FEATURES, 28 * cycle, max(1, cycle // 12), state.get("regression")
        )
        # Indexed by whether there was next to no demand: busy, idle.
        self._windows = [
            ErrorWindow(window, [unpack(latest) for latest in errors])
            for errors in state.get("errors", [[""] * _EXPERTS] * 2)
        ]
        self._losses: list[list[float]] = state.get(
            "losses", [[0.0] * _EXPERTS for _unused in levels]
        )
        self._volatility, self._usual_volatility = state.get("unrest", (0.0, 0.0))
        self._volatility_gain = min(_MOST_VOLATILITY_GAIN, 1 / (_VOLATILITY_CYCLE_SHARE * cycle))
        self._volatility_fade = 1 / window
        self._pending = collections.deque(
            Issued.load(issued) for issued in state.get("pending", ())
        )

    def dump_state(self) -> dict[str, t.Any]:
        """Return what a new one needs to go on from here, as JSON can hold it."""
        return {
            "regression": self._regression.dump_state(),
            "errors": [
                [pack(latest) for latest in window.list_latest()] for window in self._windows
            ],
            "losses": self._losses,
            "unrest": (self._volatility, self._usual_volatility),
            "pending": [issued.dump() for issued in self._pending],
        }

    def learn(self, value: float | None) -> Issued | None:
        """Take in the demand of the slot; return what had been forecast for it, None if nothing had.

        Nothing is learned of a slot without a value, nor while all demand was 0: errors would have no unit.
        """
        if len(self._pending) < self.ahead:
            return None
        issued = self._pending.popleft()
        if value is None or not issued.features:
            return issued
        self._regression.learn(issued.features, math.sqrt(value) - issued.root, issued.times)
        if issued.experts:
            self._learn_errors(issued, value)
        return issued

    def _learn_errors(self, issued: Issued, value: float) -> None:
        self._learn_volatility(issued, value)
        for losses, uppers, level in zip(self._losses, issued.uppers, self._levels):
            for expert, upper in enumerate(uppers):
                short = value - upper
                losses[expert] = self._fade * losses[expert] + (
                    level * short if short > 0 else (level - 1) * short
                )
        self._windows[issued.idle].add([(value - guess) / scale for guess, scale in issued.experts])

    def issue(
        self, lookback: Lookback, rises: t.Sequence[t.Sequence[float]], quantum: float | None
    ) -> Issued:
        """Return the forecast that follows from ``lookback``, and remember it until its demand is known.

        ``rises`` are where each next slot is if the present rise goes on, by two ways to tell. The upper values are
        such as a demand that is ``quantum`` a unit can have (quantum.py).
        """
        most = _MOST_GROWTH * lookback.largest
        issued = Issued(lookback.root, self._compute_features(lookback))
        issued.value = self._fit_value(lookback, issued.features)
        self._judge(issued, lookback, [min(most, rise[self.ahead - 1]) for rise in rises], most)
        issued.upper = [round_to_quantum(upper, quantum) for upper in issued.upper]
        self._pending.append(issued)
        return issued

    def skim(self, lookback: Lookback) -> Issued:
        """Issue no forecast, but remember one time in four what the regression learns from, for all four.

        It is for what lies so far back that only the regression still makes use of it, and that not of each slot.
        """
        is_left_out = lookback.count % _SKIM_STEP
        issued = (
            _NOTHING
            if is_left_out
            else Issued(lookback.root, self._compute_features(lookback), times=_SKIM_STEP)
        )
        self._pending.append(issued)
        return issued

    def expect(self, lookback: Lookback) -> float:
        """Return the demand that follows from ``lookback``, as ``issue`` does."""
        return self._fit_value(lookback, self._compute_features(lookback))

    def _compute_features(self, lookback: Lookback) -> list[float]:
        return lookback.compute_features(self.ahead) if lookback.mean else []

    def _fit_value(self, lookback: Lookback, features: list[float]) -> float:
        return _undo_root(
            lookback.root + self._regression.predict(features), _MOST_GROWTH * lookback.largest
        )

    def _judge(self, issued: Issued, lookback: Lookback, risen: list[float], most: float) -> None:
        if lookback.mean:
            issued.idle = lookback.root**2 <= _SMALLEST_SHARE_OF_MEAN * lookback.mean
            issued.experts = self._ask_experts(
                issued.value, _undo_root(lookback.extend_trend(self.ahead), most), risen, lookback
            )
        window = self._choose_window(issued.idle)
        issued.uppers = _compute_uppers(self._levels, issued.experts, window)
        mixed = issued.uppers
        # Experts are judged by the whole of their errors from the first on.
        if sum(map(len, self._windows)) < FEW:
            mixed = _compute_uppers(self._levels, issued.experts, window, without_largest=True)
        issued.upper = [min(most, _mix(*pair)) for pair in zip(mixed, self._losses)]

    def _ask_experts(
        self, fitted: float, trend: float, risen: list[float], lookback: Lookback
    ) -> list[tuple[float, float]]:
        # Near zero a unit that follows the forecast would make any demand an endless multiple of it.
        smallest = _SMALLEST_SHARE_OF_MEAN * lookback.mean
        last, drift, base = lookback.root**2, lookback.drift**2, lookback.base**2
        root = math.sqrt(max(fitted, smallest))
        volatility = self._volatility / self._usual_volatility if self._usual_volatility else 1.0
        steady = math.sqrt(lookback.mean)
        return [
            (fitted, root),
            (fitted, root * (1 - _VOLATILITY_SHARE + _VOLATILITY_SHARE * volatility)),
            (last, max(last, smallest)),
            (trend, max(trend, smallest)),
            *((rise, max(rise, smallest)) for rise in risen),
            (drift, math.sqrt(max(drift, smallest))),
            (drift, steady),
            (base, steady),
        ]

    def _choose_window(self, idle: bool) -> ErrorWindow:
        """Return the errors to go by; the first of a state say less than those of the other one."""
        own, other = self._windows[idle], self._windows[not idle]
        return own if len(own) >= min(_FEWEST_ERRORS, len(other)) else other

    def _learn_volatility(self, issued: Issued, value: float) -> None:
        guess, root = issued.experts[0]
        error = abs(value - guess) / root
        share = 1 / (sum(map(len, self._windows)) + 1)
        self._volatility += max(self._volatility_gain, share) * (error - self._volatility)
        self._usual_volatility += max(self._volatility_fade, share) * (
            error - self._usual_volatility
        )


def _compute_uppers(
    levels: t.Sequence[float],
    experts: list[tuple[float, float]],
    window: ErrorWindow,
    *,
    without_largest: bool = False,
) -> list[list[float]]:
    """Return for each of ``levels`` what demand stays under by each of ``experts``."""
    if not len(window):
        return [[guess for guess, _unused in experts] for _unused_level in levels]
    return [
        [
            max(0.0, guess + scale * error)
            for (guess, scale), error in zip(
                experts, window.estimate(level, without_largest=without_largest)
            )
        ]
        for level in levels
    ]


def _mix(uppers: list[float], losses: list[float]) -> float:
    least = max(min(losses), 1e-12)
    weights = [math.exp(-_SHARPNESS * (loss / least - 1)) for loss in losses]
    return float(sum(map(mul, weights, uppers))) / sum(weights)


def _undo_root(root: float, most: float) -> float:
    positive = max(0.0, root)
    return min(most, positive * positive)
