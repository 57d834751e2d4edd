# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Lookback is what the experts look back on: levels of the demand, and the same slots of days and weeks before. Pure.

Everything is in the square root of the demand: counts scatter with the root of their mean, so the root scatters evenly
(Bartlett, 1936), and one burst does not rule a least-squares fit.
"""

from __future__ import annotations

import math
import typing as t

from .state import pack, unpack

if t.TYPE_CHECKING:
    from .season import Seasons

# How many compute_features() returns.
FEATURES: t.Final = 13
# Old roots are dropped so many at a time, which costs less than one by one.
_TRIM_AFTER: t.Final = 1024


class Lookback:
    """The roots of the demand as far back as the longest lag goes, and smoothed levels of them.

    ``recent`` follows the level within five slots, ``drift`` within some fifty, ``base`` within three days; ``mean`` is
    the plain mean of the demand, and ``largest`` the most it has been.
    """

    # Five slots: on eight noisy traces of NAB, with errors of idle times kept apart, the time short at the cost of a
    # reactive fleet at 0.7 fell by a tenth.
    _RECENT: t.Final = 0.2
    # Fifty slots. Chosen with the first version, like the three below; no run is recorded.
    _DRIFT: t.Final = 0.02
    _LEVEL_GAIN: t.Final = 0.9
    _SLOPE_GAIN: t.Final = 0.3
    _DAMPING: t.Final = 0.9
    _SCALARS: t.Final = ("recent", "drift", "base", "mean", "largest", "count", "level", "slope")

    def __init__(self, seasons: Seasons, state: dict[str, t.Any] | None = None) -> None:
        state = state or dict.fromkeys(self._SCALARS, 0.0)
        self._seasons = seasons
        self._most_roots = 3 * max(seasons.longest, seasons.cycle) + 2
        self._roots: list[float] = unpack(state.get("roots", ""))
        self.recent: float = state["recent"]
        self.drift: float = state["drift"]
        self.base: float = state["base"]
        self.mean: float = state["mean"]
        self.largest: float = state["largest"]
        self.count: float = state["count"]
        self._level: float = state["level"]
        self._slope: float = state["slope"]

    def dump_state(self) -> dict[str, t.Any]:
        """Return what a new one needs to go on from here, as JSON can hold it."""
        return {
            "roots": pack(self._roots[-self._most_roots :]),
            "recent": self.recent,
            "drift": self.drift,
            "base": self.base,
            "mean": self.mean,
            "largest": self.largest,
            "count": self.count,
            "level": self._level,
            "slope": self._slope,
        }

    @property
    def root(self) -> float:
        """The root of the latest demand."""
        return self._roots[-1]

    def add(self, value: float) -> None:
        """Take in the demand of the next slot."""
        root = math.sqrt(value)
        self.count += 1
        share = 1 / self.count
        self.recent += max(self._RECENT, share) * (root - self.recent)
        self.drift += max(self._DRIFT, share) * (root - self.drift)
        self.base += max(1 / (3 * self._seasons.cycle), share) * (root - self.base)
        self.mean += share * (value - self.mean)
        self._follow(root)
        self.largest = max(self.largest, value)
        self._roots.append(root)
        if len(self._roots) > self._most_roots + _TRIM_AFTER:
            del self._roots[: -self._most_roots]

    def extend_trend(self, ahead: int) -> float:
        """Return the root that the present trend leads to (damped trend: Gardner and McKenzie, 1985)."""
        damping = self._DAMPING
        return self._level + self._slope * damping * (1 - damping**ahead) / (1 - damping)

    def _follow(self, root: float) -> None:
        if self.count == 1:
            self._level = root
            return
        expected = self._level + self._DAMPING * self._slope
        level = expected + self._LEVEL_GAIN * (root - expected)
        slope = self._DAMPING * self._slope
        self._slope = slope + self._SLOPE_GAIN * (level - self._level - slope)
        self._level = level

    def compute_features(self, ahead: int) -> list[float]:
        """Return what may explain how far the root moves in the next ``ahead`` slots.

        The momentum and the distances to the three levels; for a day and a week ago the move that followed, the
        distance to it and its momentum; and the moves two and three weeks ago. A linear fit on these can act as
        seasonal naïve, smoothing, autoregression or any mix of them.
        """
        roots, day, week = self._roots, self._seasons.day, self._seasons.week
        now = roots[-1]
        momentum = now - roots[-2] if len(roots) > 1 else 0.0
        features = [1.0, momentum, self.recent - now, self.drift - now, self.base - now]
        features += self._compare_season(day, ahead)
        features += self._compare_season(week, ahead)
        features += [
            self._compare_season(week and 2 * week, ahead)[0],
            self._compare_season(week and 3 * week, ahead)[0],
        ]
        return features

    def _compare_season(self, lag: int | None, ahead: int) -> tuple[float, float, float]:
        """Return the move ``lag`` slots ago, how far it began from now's root, and the momentum then; or zeros."""
        roots = self._roots
        if not lag or lag + 1 >= len(roots) or lag < ahead:
            return 0.0, 0.0, 0.0
        then = roots[-1 - lag]
        return roots[ahead - 1 - lag] - then, then - roots[-1], then - roots[-2 - lag]
