# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_runway`` says when a series reaches a limit, with an interval, and how often that would have held. Pure."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.peaks import PeakTracker

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

# In how many of ten cases the limit is reached within the interval: what is promised.
SHARE: t.Final = 0.8
# The quantiles lie a little farther out than the share asks for, since the errors that they are made of overlap. With
# 0.1 and 0.9 the interval held in 79 to 96 % of the cases on five traces, with these in 88 to 99 % (`./dev bench
# runway`).
_LEVELS: t.Final = (0.05, 0.5, 0.95)
# Quarters of a day for as long as that is, then days: dates need be no finer, and the cost stays within a second.
SLOT_SECONDS: t.Final = (21_600, 86_400)
_MOST_QUARTERS: t.Final = 240
# How far ahead is looked, as a share of what is known: four such stretches tell of what the next may bring.
_HORIZON_SHARE: t.Final = 0.25
# Two days: enough for a horizon of half a day. Chosen, not measured.
FEWEST_SLOTS: t.Final = 8
# A year. Bounds what a history that somebody imported may cost.
_MOST_SLOTS: t.Final = 365


@dataclasses.dataclass(frozen=True)
class Runway:
    """When the ``limit`` is reached, in epoch seconds: not before ``low``, as likely as not by ``median``, by ``high``.

    None is beyond ``until``, the end of what can be said; ``until`` is None where less than two days are known.
    ``used`` is the latest value that is known. Of ``asked`` moments of the history at which the same rise was ahead,
    the interval held for ``covered``.
    """

    limit: float
    used: float | None = None
    known_seconds: int = 0
    until: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    asked: int = 0
    covered: int = 0

    @property
    def is_reached(self) -> bool:
        """Whether it is reached already."""
        return self.used is not None and self.used >= self.limit


@dataclasses.dataclass(frozen=True)
class Span:
    """In how many slots a limit is reached, as Runway has it in seconds."""

    low: int | None = None
    median: int | None = None
    high: int | None = None

    def covers(self, slots: int | None) -> bool:
        """Return whether the limit that was reached in so many slots was reached within the span; None: in none."""
        return _order(self.low) <= _order(slots) <= _order(self.high)


def _order(slots: int | None) -> float:
    return math.inf if slots is None else slots


@dataclasses.dataclass(frozen=True)
class Foresight:
    """What could be told after a slot: for each of ``reaches`` slots ahead the quantiles of the peak up to it.

    Beyond ``horizon`` slots nothing is told.
    """

    reaches: t.Sequence[int]
    peaks: tuple[t.Sequence[float], ...]
    horizon: int

    def find_span(self, limit: float) -> Span:
        """Return when ``limit`` is reached. The highest peaks are the first to reach it."""
        return Span(*(self._find_crossing(peaks, limit) for peaks in reversed(self.peaks)))

    def _find_crossing(self, peaks: t.Sequence[float], limit: float) -> int | None:
        """Return in how many slots the line through the ``peaks`` meets ``limit``; None: in none that is told of."""
        before, lower = 0, limit
        for reach, peak in zip(self.reaches, peaks):
            if reach > self.horizon:
                return None
            if peak >= limit:
                share = (limit - lower) / (peak - lower) if peak > lower else 0.0
                return max(before + 1, math.ceil(before + share * (reach - before) - 1e-9))
            before, lower = reach, peak
        return None


def find_runway(series: Series, limit: float) -> Runway:
    """Return when ``series`` reaches ``limit``, out of what it was so far."""
    peaks, seconds = find_peaks(series)
    used = next((value for value in reversed(series.values) if value is not None), None)
    runway = Runway(limit, used, len(peaks) * seconds)
    known_slots = sum(peak is not None for peak in peaks)
    if used is None or runway.is_reached or known_slots < FEWEST_SLOTS:
        return runway
    foresights = foresee(peaks, seconds)
    span = foresights[-1].find_span(limit)
    asked, covered = count_covered(peaks, foresights, limit - used)
    end = series.start + len(series.values) * series.interval
    return dataclasses.replace(
        runway,
        until=end + foresights[-1].horizon * seconds,
        # it is reached at some time of its slot
        low=None if span.low is None else end + (span.low - 1) * seconds,
        median=None if span.median is None else end + span.median * seconds,
        high=None if span.high is None else end + span.high * seconds,
        asked=asked,
        covered=covered,
    )


def find_peaks(series: Series) -> tuple[list[float | None], int]:
    """Return the highest value of each slot up to the latest, and how many seconds a slot has.

    It begins with the first known value. None where nothing is known of a slot.
    """
    values = series.values
    first = next((index for index, value in enumerate(values) if value is not None), len(values))
    known_seconds = (len(values) - first) * series.interval
    seconds = SLOT_SECONDS[known_seconds > _MOST_QUARTERS * SLOT_SECONDS[0]]
    size = max(1, seconds // series.interval)
    return find_highest(values[first:], size)[-_MOST_SLOTS:], size * series.interval


def find_highest(values: t.Sequence[float | None], size: int) -> list[float | None]:
    """Return the highest known value of each ``size`` values, counted from the end; the first few may be left over."""
    start = len(values) % size
    parts = (values[index : index + size] for index in range(start, len(values), size))
    return [max((value for value in part if value is not None), default=None) for part in parts]


def foresee(peaks: t.Sequence[float | None], seconds: int) -> list[Foresight]:
    """Return what could be told after each slot, by what was known by then."""
    tracker = PeakTracker(seconds, count_horizon(len(peaks)), _LEVELS)
    foresights: list[Foresight] = []
    for count, peak in enumerate(peaks, 1):
        tracker.observe(peak)
        quantiles = tuple(tracker.forecast(level) for level in range(len(_LEVELS)))
        foresights.append(Foresight(tracker.reaches, quantiles, count_horizon(count)))
    return foresights


def count_horizon(slots: int) -> int:
    """Return how many slots ahead can be told after so many."""
    return max(1, int(_HORIZON_SHARE * slots))


def count_covered(
    peaks: t.Sequence[float | None], foresights: t.Sequence[Foresight], rise: float
) -> tuple[int, int]:
    """Return of how many slots it is known by now what came of a ``rise``, and for how many of them the span held."""
    verdicts = [
        judge(peaks, index, foresights[index], rise)
        for index in range(FEWEST_SLOTS - 1, len(peaks))
    ]
    known = [verdict for verdict in verdicts if verdict is not None]
    return len(known), sum(known)


def judge(
    peaks: t.Sequence[float | None], index: int, foresight: Foresight, rise: float
) -> bool | None:
    """Return whether what was told after the slot ``index`` of a ``rise`` held; None where that is not known."""
    start = peaks[index]
    ahead = [peak for peak in peaks[index + 1 :][: foresight.horizon] if peak is not None]
    if start is None or len(ahead) < foresight.horizon:
        return None
    crossings = (slots for slots, peak in enumerate(ahead, 1) if peak >= start + rise)
    return foresight.find_span(start + rise).covers(next(crossings, None))
