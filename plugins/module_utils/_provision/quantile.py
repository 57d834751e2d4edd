# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How wrong a forecast has been: quantiles of its latest errors. Pure."""

from __future__ import annotations

import bisect
import collections
import math
import typing as t


class ErrorWindow:
    """The latest ``size`` errors of one forecast, kept in order: adding and reading cost O(log size).

    >>> errors = ErrorWindow(100)
    >>> for error in range(1, 20):
    ...     errors.add(float(error))
    >>> errors.quantile(0.95)
    19.0
    """

    def __init__(self, size: int, latest: t.Iterable[float] = ()) -> None:
        self._size = size
        self._latest = collections.deque(latest, maxlen=size)
        self._ordered = sorted(self._latest)

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, error: float) -> None:
        """Take in ``error``; the oldest goes when there are too many."""
        if len(self._ordered) == self._size:
            del self._ordered[bisect.bisect_left(self._ordered, self._latest[0])]
        self._latest.append(error)
        bisect.insort(self._ordered, error)

    def quantile(self, level: float) -> float:
        """Return what the next error stays under with probability ``level``; raises IndexError without any error.

        Of n exchangeable errors the next one exceeds the k-th smallest with probability 1 - k / (n + 1) (the argument
        of conformal prediction; Vovk, Gammerman and Shafer, 2005). Past the largest error the tail is drawn on as an
        exponential one (peaks over threshold; Pickands, 1975), so a level nearer to 1 always asks for more.
        """
        ordered = self._ordered
        count = len(ordered)
        rank = (count + 1) * level - 1
        if rank >= count - 1:
            return ordered[-1] + self._mean_excess() * math.log(max(1.0, 1 / ((count + 1) * (1 - level))))
        if rank <= 0:
            return ordered[0]
        below = int(rank)
        return ordered[below] + (ordered[below + 1] - ordered[below]) * (rank - below)

    def latest(self) -> list[float]:
        """Return the errors, oldest first: what a new window needs to go on from here."""
        return list(self._latest)

    def _mean_excess(self) -> float:
        over = max(2, len(self._ordered) // 20)
        top = self._ordered[-over - 1 :]
        return max(0.0, sum(top) / len(top) - top[0])  # the mean of equal numbers may round to less than they are
