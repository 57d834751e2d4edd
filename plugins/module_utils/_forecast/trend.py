# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a forecast is, and TrendRule, the plainest Forecaster that looks ahead. Pure.

A forecaster looks at a series and returns, for each step ahead, the value that it expects and an upper value that the
demand should stay under. Provisioning asks for nothing else, so another method only has to be a ``Forecaster``.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series


@dataclasses.dataclass(frozen=True)
class Step:
    """The demand expected in one slot ahead, and the upper value that it should stay under."""

    value: float
    upper: float


@dataclasses.dataclass(frozen=True)
class Growth:
    """How demand has moved: the latest values (up to three, oldest first) and the ratio of the last two gaps.

    ``ratio`` is None unless both gaps are rises. ``sustained`` says that the rise is more than this series' noise.
    """

    values: tuple[float, ...]
    ratio: float | None = None
    sustained: bool = False


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Made at one slot, for the slots after it: ``steps[0]`` is the next one.

    ``limit`` is what the demand of the next slot exceeds once in 750 times; None while too little is known to say so.
    ``recent_breach`` is the highest demand that exceeded its own within a day before the next slot, but not within an
    hour; None where none did.
    """

    method: str
    steps: tuple[Step, ...]
    growth: Growth
    limit: float | None = None
    recent_breach: float | None = None

    @property
    def peak(self) -> int:
        """The index of the step with the highest upper value, the earliest of equals."""
        return max(range(len(self.steps)), key=lambda index: (self.steps[index].upper, -index))


class Forecaster(t.Protocol):
    """What provisioning needs of a method."""

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """Return the forecasts made at each of the last ``last`` slots of ``series``, oldest first.

        Each looks only at the values up to its own slot; None where nothing is known by then. Fewer are returned
        when the series is shorter.
        """


def ends(count: int, last: int) -> range:
    """Return how many slots were known at each of the last ``last`` of ``count`` slots, oldest first.

    >>> list(ends(5, 2)), list(ends(1, 2)), list(ends(0, 2))
    ([4, 5], [1], [])
    """
    return range(max(0, count - last) + 1, count + 1)


@dataclasses.dataclass(frozen=True)
class TrendRule:
    """Watches the distance between intervals: a rise that goes on is expected to go on.

    With g the last gap and r its ratio to the gap before, held within 0.5 … 2, the next step adds ``g * r`` and each
    further step ``g`` times a ratio that is damped towards 1: a doubling is not believed for ever (Gardner and
    McKenzie, 1985, damp trends for the same reason). So 5, 10, 20 expects 40. One jump alone, or a rise within the
    noise of the series, is not extended; a fall never is, so no forecast is below the last value that is known.

    The upper value adds the ``1 - risk`` quantile of the rule's own errors over the last ``window`` slots, scaled by
    the square root of the forecast (for counts, the spread grows with it). The single largest error is left out: one
    spike must not keep machines for as long as it is remembered.
    """

    risk: float = 0.05
    window: int = 48

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        reach = self.window + steps + _NOISE_WINDOW
        return [
            self._forecast_after(series.values[max(0, end - reach) : end], steps)
            for end in ends(len(series.values), last)
        ]

    def _forecast_after(self, values: t.Sequence[float | None], steps: int) -> Forecast | None:
        past = _interpolate(values)
        if not past:
            return None
        # The rise may have gone on while nobody looked, but is not trusted for longer than that.
        unseen = min(_count_missing_at_end(values), _LONGEST_BLIND_RISE)
        expected = extend_rise(past, steps + unseen)[unseen:]
        margins = self._compute_margins(past, steps)
        return Forecast(
            method="trend" if expected[-1] > past[-1] else "last value",
            steps=tuple(
                Step(value, value + margin * math.sqrt(value))
                for value, margin in zip(expected, margins)
            ),
            growth=measure_growth(past),
        )

    def _compute_margins(self, past: list[float], steps: int) -> list[float]:
        """Return, for each step ahead, the error quantile in units of the square root of the forecast."""
        errors: list[list[float]] = [[] for _unused in range(steps)]
        for origin in range(max(1, len(past) - self.window), len(past)):
            for ahead, value in enumerate(
                extend_rise(past[:origin], min(steps, len(past) - origin))
            ):
                errors[ahead].append(
                    (past[origin + ahead] - value) / math.sqrt(max(value, _SMALLEST_SCALE))
                )
        return [self._choose_quantile(sorted(of_step)) for of_step in errors]

    def _choose_quantile(self, errors: list[float]) -> float:
        if len(errors) < _FEWEST_ERRORS:
            return 0.0
        rank = min(math.floor((1 - self.risk) * (len(errors) - 1)), len(errors) - 2)
        return max(0.0, errors[rank])


# Two hours of five-minute slots, a day of hours. These of the trend rule were chosen when it was written, before there
# was a bench, and are not tuned.
_NOISE_WINDOW: t.Final = 24
_FEWEST_DIFFERENCES: t.Final = 4
_FEWEST_ERRORS: t.Final = 8
# A rise is trusted for so many slots in which nobody looked, and so many zeros between positive values are an outage.
_LONGEST_BLIND_RISE: t.Final = 2
_LONGEST_OUTAGE: t.Final = 2
# Halves a ratio's distance from 1 with each step, so that a doubling adds 2, 3, 3.75 … gaps and not 2, 4, 8 …
_DAMPING: t.Final = 0.5
# Keeps the division by the root of a forecast of 0 away from 0.
_SMALLEST_SCALE: t.Final = 1e-9


def extend_rise(past: list[float], steps: int) -> list[float]:
    """Return the values that a rise which goes on leads to in the next ``steps`` slots; without one, the last value."""
    growth = measure_growth(past)
    value = past[-1]
    if not growth.sustained or growth.ratio is None:
        return [value] * steps
    return _extend(value, past[-1] - past[-2], growth.ratio, steps, _DAMPING)


def extend_gap(past: t.Sequence[float], steps: int) -> list[float]:
    """Return the values that the latest rise leads to by the plain gap rule, however noisy; a fall is not drawn on.

    Each gap is as many times the one before as the latest is, and as large where there was no rise before.
    """
    before, earlier, value = [past[0], past[0], *past][-3:]
    gap, previous_gap = value - earlier, earlier - before
    return _extend(value, max(0.0, gap), gap / previous_gap if previous_gap > 0 else 1.0, steps)


def _extend(
    value: float, gap: float, ratio: float, steps: int, damping: float = 1.0
) -> list[float]:
    """Return what comes after ``value`` with gaps that grow by ``ratio``, held within 0.5 … 2, which fades to 1."""
    ratio = min(max(ratio, 0.5), 2.0)
    values: list[float] = []
    for _unused in range(steps):
        gap *= ratio
        value += gap
        values.append(value)
        ratio = 1 + (ratio - 1) * damping
    return values


def measure_growth(past: list[float]) -> Growth:
    """Return how demand moved over the last of the ``past`` values."""
    values = tuple(past[-3:])
    if len(past) < 3:
        return Growth(values)
    previous_gap, gap = values[1] - values[0], values[2] - values[1]
    if gap <= 0 or previous_gap <= 0:
        return Growth(values)
    return Growth(
        values, ratio=gap / previous_gap, sustained=gap + previous_gap > 2 * _measure_noise(past)
    )


def _measure_noise(past: list[float]) -> float:
    """Return how far the gaps before the last two scatter (median absolute deviation); 0 with too few of them."""
    earlier = past[-(_NOISE_WINDOW + 3) : -2]
    gaps = [after - before for before, after in zip(earlier, earlier[1:])]
    if len(gaps) < _FEWEST_DIFFERENCES:
        return 0.0
    middle = statistics.median(gaps)
    return statistics.median(abs(gap - middle) for gap in gaps)


def _count_missing_at_end(values: t.Sequence[float | None]) -> int:
    count = 0
    for value in reversed(values):
        if value is not None:
            break
        count += 1
    return count


def _interpolate(values: t.Sequence[float | None]) -> list[float]:
    """Return the values from the first known one to the last, with what is missing between drawn as a straight line.

    Up to two zeros between two positive values are an outage of the service or of its measuring, not a fall and a rise.
    """
    points = [(index, value) for index, value in enumerate(values) if value is not None]
    points = _drop_outages(points)
    line: list[float] = []
    for (index, value), (following, target) in zip(points, points[1:]):
        slope = (target - value) / (following - index)
        line.extend(value + slope * step for step in range(following - index))
    return line + [value for _unused, value in points[-1:]]


def _drop_outages(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    without: list[tuple[int, float]] = []
    zeros: list[tuple[int, float]] = []
    for point in points:
        if point[1] == 0:
            zeros.append(point)
            continue
        if len(zeros) > _LONGEST_OUTAGE or not without:
            without.extend(zeros)
        zeros = []
        without.append(point)
    return without + zeros
