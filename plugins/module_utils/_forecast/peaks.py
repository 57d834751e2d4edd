# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""PeakTracker follows one series, and forecasts the highest of all the slots up to so many ahead. Pure.

Its ensembles are those that forecast single slots (ensemble.py), but what one learns is the highest value of all slots
from the forecast on. So a quantile of it says when a limit is passed for the first time: by then with its probability.
"""

from __future__ import annotations

import collections
import itertools
import typing as t

from .ensemble import Ensemble, Issued
from .features import Lookback
from .season import find_seasons
from .trend import extend_gap, extend_rise

# What is far ahead is known in steps of this ratio, and on the lines between them. Chosen, not measured.
_STRIDE: t.Final = 1.6
# Errors of forecasts that look far ahead overlap, so a window is to have some of them that do not: 28 (7 cycles of 4).
# Of ten cases (five traces, as peaks and summed up) the worst held between quantiles of 0.1 and 0.9 for 69 % with 7 of
# them, and for 79 % with 28.
_CYCLES: t.Final = 4
# As many values as a rise is judged by (online.py).
_RECENT: t.Final = 28


class PeakTracker:
    """After some slots of ``interval`` seconds, the quantiles of the peaks up to ``most`` slots ahead.

    ``levels`` are the probabilities that the peak stays under the values. The cost of a slot does not grow with those
    before it.
    """

    def __init__(self, interval: int, most: int, levels: t.Sequence[float]) -> None:
        lags = find_seasons(interval)
        self.reaches = choose_reaches(most)
        self._lookback = Lookback(lags)
        self._ensembles = [
            Ensemble(reach, levels, max(lags.cycle, _CYCLES * reach)) for reach in self.reaches
        ]
        self._issued: list[Issued] = []
        self._recent: collections.deque[float] = collections.deque(maxlen=_RECENT)
        self._latest: collections.deque[float | None] = collections.deque(maxlen=most)

    def observe(self, value: float | None) -> None:
        """Take in the next slot's value (not below 0); None, which teaches nothing, if it is not known."""
        self._latest.append(value)
        latest = list(self._latest)
        for ensemble in self._ensembles:
            ensemble.learn(_find_peak(latest[-ensemble.ahead :]))
        if value is None and not self._recent:
            return
        bridged = self._recent[-1] if value is None else value
        self._lookback.add(bridged)
        self._recent.append(bridged)
        recent, most = list(self._recent), self.reaches[-1]
        rises = [extend_rise(recent, most), extend_gap(recent, most)]
        self._issued = [ensemble.issue(self._lookback, rises, None) for ensemble in self._ensembles]

    def forecast(self, level: int) -> list[float]:
        """Return what the peaks up to each of ``reaches`` stay under with the probability ``levels[level]``.

        None of them is below one before it, as no peak is. Nothing before any value is known.
        """
        return list(itertools.accumulate((issued.upper[level] for issued in self._issued), max))


def choose_reaches(most: int) -> list[int]:
    """Return how many slots ahead peaks are forecast, up to ``most``.

    >>> choose_reaches(1), choose_reaches(10)
    ([1], [1, 2, 3, 4, 6, 9, 10])
    """
    reaches = [1]
    while reaches[-1] < most:
        reaches.append(min(most, max(reaches[-1] + 1, int(reaches[-1] * _STRIDE))))
    return reaches


def _find_peak(values: t.Sequence[float | None]) -> float | None:
    """Return the highest of the values; None where one is not known, as that may have been it."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None
