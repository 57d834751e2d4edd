# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Demand on a regular grid of time: ``merge`` makes a Series of the histories of several hosts. Pure."""

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
    """

    timestamp: float
    value: float | None
    fleet_wide: bool = False


@dataclasses.dataclass(frozen=True)
class Series:
    """Demand by slots of ``interval`` seconds.

    ``values[i]`` belongs to the slot that starts at ``start + i * interval`` (epoch seconds); None is missing data,
    which is never the same as 0.
    """

    interval: int
    start: int
    values: tuple[float | None, ...] = ()

    @property
    def current(self) -> float | None:
        """The demand of the latest slot, None when it is not known."""
        return self.values[-1] if self.values else None

    def count_known(self) -> int:
        """Return how many slots have a value."""
        return sum(value is not None for value in self.values)

    def slots(self) -> t.Iterator[tuple[int, float | None]]:
        """Yield (start of the slot, value), oldest first."""
        for index, value in enumerate(self.values):
            yield self.start + index * self.interval, value


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

    A slot is known when every host knows its part. Before its first record a host counts as 0 if it had no demand
    when it was first seen (a host that joined empty), and as missing otherwise (its history was lost). Where a host
    recorded the fleet's whole demand, that is the slot's, whatever the others know.
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
    totals = [_add_up(column) for column in zip(*columns)] or [None] * len(slots)
    if any(fleet_wide):
        totals = [_prefer_fleet_wide(fleet_wide, slot, total) for slot, total in zip(slots, totals)]
    return Series(interval, first, tuple(totals))


def group_by_slot(
    history: t.Sequence[Sample], interval: int, now: float
) -> dict[int, float | None]:
    """Return the values by the starts of the slots that have samples, each the average of what is known of it."""
    values: dict[int, list[float]] = {}
    for sample in history:
        if sample.timestamp <= now:
            in_slot = values.setdefault(slot_start(sample.timestamp, interval), [])
            if sample.value is not None:
                in_slot.append(sample.value)
    return {slot: sum(items) / len(items) if items else None for slot, items in values.items()}


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


def _align(by_slot: dict[int, float | None], slots: range) -> list[float | None]:
    first = min(by_slot)
    before = 0.0 if by_slot[first] == 0 else None
    return [by_slot.get(slot) if slot >= first else before for slot in slots]


def _prefer_fleet_wide(
    fleet_wide: t.Sequence[dict[int, float | None]], slot: int, total: float | None
) -> float | None:
    values = [value for value in (by_slot.get(slot) for by_slot in fleet_wide) if value is not None]
    return max(values, default=total)


def _add_up(parts: t.Sequence[float | None]) -> float | None:
    return None if None in parts else sum(t.cast("t.Sequence[float]", parts))
