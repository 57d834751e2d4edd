# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Demand on a regular grid of time: ``merge`` makes a Series of the histories of several hosts. Pure.

A Sample is a value or missing, and says why. What is missing is never taken for 0, and a sum with a missing part is
missing.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

# A series has a value for each slot, with rows or without: of five minutes each, this many are nine years without one.
_MOST_EMPTY_SLOTS: t.Final = 1_000_000
_MOST_SLOTS_A_ROW: t.Final = 10


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a host recorded at ``timestamp`` (epoch seconds); ``value`` is None where it could not tell.

    ``fleet_wide`` says that the value was handed in for the fleet, so that it counts once and not once a host.
    ``reason`` says why there is no value. A value of 0 with a reason is one that nobody measured: no machine ran there,
    so it adds nothing to what others measured, and is missing where all say so.
    """

    timestamp: float
    value: float | None
    fleet_wide: bool = False
    reason: str | None = None

    @property
    def is_measured(self) -> bool:
        """Whether somebody was there to be asked, and told."""
        return self.value is not None and self.reason is None


@dataclasses.dataclass(frozen=True)
class Series:
    """Demand by slots of ``interval`` seconds.

    ``values[i]`` belongs to the slot that starts at ``start + i * interval`` (epoch seconds); None is missing data,
    which is never the same as 0. ``reasons`` has why, by the starts of slots, where anybody told.
    """

    interval: int
    start: int
    values: tuple[float | None, ...] = ()
    reasons: t.Mapping[int, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def current(self) -> float | None:
        """The demand of the latest slot, None when it is not known."""
        return self.values[-1] if self.values else None

    def count_known(self) -> int:
        """Return how many slots have a value."""
        return sum(value is not None for value in self.values)

    def explain_missing(self, last: int) -> list[str]:
        """Return why any of the ``last`` slots have no value, each reason once, the latest first."""
        latest = list(self.slots())[-last:]
        reasons = [self.reasons.get(slot) for slot, value in reversed(latest) if value is None]
        return list(dict.fromkeys(filter(None, reasons)))

    def slots(self) -> t.Iterator[tuple[int, float | None]]:
        """Yield (start of the slot, value), oldest first."""
        for index, value in enumerate(self.values):
            yield self.start + index * self.interval, value


class _Sum(t.NamedTuple):
    """What the hosts' parts of a slot add up to, as a Sample says it."""

    value: float | None
    reason: str | None = None


_Total = t.Union[Sample, _Sum]
_UNKNOWN: t.Final = _Sum(None)
_JOINED_EMPTY: t.Final = _Sum(0.0, "the host had no part in the fleet yet")
_NOBODY_RAN: t.Final = _Sum(None, "no machine of the fleet ran, so nobody could measure it")


def slot_start(timestamp: float, interval: int) -> int:
    """Return the start (epoch seconds) of the slot of ``interval`` seconds that ``timestamp`` lies in."""
    return math.floor(timestamp / interval) * interval


def check_span(
    option: str, histories: t.Sequence[t.Sequence[Sample]], interval: int, now: float
) -> None:
    """Raise InvalidInput, naming ``option``, for rows of which merge() would make a series that is all but empty.

    One time that is wrong by decades is enough for a series that fills the memory.
    """
    moments = [sample.timestamp for sample in itertools.chain.from_iterable(histories)]
    first = min(moments, default=now)
    slots = (now - first) / interval
    if slots > _MOST_EMPTY_SLOTS + _MOST_SLOTS_A_ROW * len(moments):
        raise InvalidInput(
            option,
            f"{len(moments)} rows",
            f"cannot be right: they begin {slots:.0f} intervals of {interval} s before they end, at {first:.0f}",
            "Look whether the time of the first row is right, or write a longer interval.",
        )


def merge(histories: t.Sequence[t.Sequence[Sample]], interval: int, now: float) -> Series:
    """Return the sum of what the hosts recorded, from the first slot that any of them has up to the one of ``now``.

    A slot is known when every host knows its part, and one of them measured it. Before its first record a host counts
    as 0 if it had no demand when it was first seen (a host that joined empty), and as missing otherwise (its history
    was lost). Where a host recorded the fleet's whole demand, that is the slot's, whatever the others know.
    Samples later than ``now`` are ignored; several of one host in one slot are averaged.
    """
    last = slot_start(now, interval)
    parts = [
        group_by_slot([sample for sample in history if not sample.fleet_wide], interval, now)
        for history in histories
    ]
    fleet_wide = [
        group_by_slot([sample for sample in history if sample.fleet_wide], interval, now)
        for history in histories
    ]
    first = min(itertools.chain(*parts, *fleet_wide), default=None)
    if first is None:
        return Series(interval, last)
    slots = range(first, last + interval, interval)
    columns = [_align(by_slot, slots) for by_slot in parts if by_slot]
    totals = [_add_up(column) for column in zip(*columns)] or [_UNKNOWN] * len(slots)
    if any(fleet_wide):
        totals = [_prefer_fleet_wide(fleet_wide, slot, total) for slot, total in zip(slots, totals)]
    reasons = {slot: total.reason for slot, total in zip(slots, totals) if total.reason is not None}
    return Series(interval, first, tuple(total.value for total in totals), reasons)


def group_by_slot(history: t.Sequence[Sample], interval: int, now: float) -> dict[int, Sample]:
    """Return a sample for each slot that has some, by its start: the average of what is known of it."""
    groups: dict[int, list[Sample]] = {}
    for sample in history:
        if sample.timestamp <= now:
            groups.setdefault(slot_start(sample.timestamp, interval), []).append(sample)
    return {slot: _average(slot, samples) for slot, samples in groups.items()}


def bridge_gaps(series: Series) -> Series:
    """Return the series with each single missing slot between two known ones filled with the larger of the two.

    One sample that was lost must not stop the fleet from following demand, and must not shrink it either.
    """
    values = list(series.values)
    for index in range(1, len(values) - 1):
        before, after = series.values[index - 1], series.values[index + 1]
        if values[index] is None and before is not None and after is not None:
            values[index] = max(before, after)
    return dataclasses.replace(series, values=tuple(values))


def _average(slot: int, samples: t.Sequence[Sample]) -> Sample:
    """Return the sample of a slot: what was measured counts before what nobody measured."""
    measured = [sample for sample in samples if sample.is_measured]
    known = measured or [sample for sample in samples if sample.value is not None]
    values = [sample.value for sample in known if sample.value is not None]
    reasons = [sample.reason for sample in known or samples if sample.reason is not None]
    return Sample(
        slot,
        sum(values) / len(values) if values else None,
        samples[-1].fleet_wide,
        reasons[-1] if reasons and not measured else None,
    )


def _align(by_slot: dict[int, Sample], slots: range) -> list[_Total]:
    """Return what a host says of each of the ``slots``."""
    first = min(by_slot)
    before = _JOINED_EMPTY if by_slot[first].value == 0 else _UNKNOWN
    return [by_slot.get(slot, _UNKNOWN) if slot >= first else before for slot in slots]


def _prefer_fleet_wide(
    fleet_wide: t.Sequence[dict[int, Sample]], slot: int, total: _Total
) -> _Total:
    """Return what is known of the whole fleet in the ``slot``, else what its hosts add up to."""
    samples = [by_slot[slot] for by_slot in fleet_wide if slot in by_slot]
    known = [sample for sample in samples if sample.value is not None]
    if known:
        return max(known, key=lambda sample: sample.value or 0.0)
    if total.value is not None:
        return total
    return next((sample for sample in samples if sample.reason is not None), total)


def _add_up(parts: t.Sequence[_Total]) -> _Total:
    """Return the sum of the hosts' parts, or why there is none."""
    values = [part.value for part in parts if part.value is not None]
    if len(values) < len(parts):
        missing = (part for part in parts if part.value is None and part.reason is not None)
        return next(missing, _UNKNOWN)
    return _Sum(sum(values)) if any(part.reason is None for part in parts) else _NOBODY_RAN
