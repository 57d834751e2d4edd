# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read`` reads known events: times for which machines are required whatever the forecast says.

An event with a time zone goes by the clock on the wall there. It lasts while that clock shows a time from its start
until before its end. Of an hour that comes twice, as summer time ends, both count, with all between them. Where the
clock jumps over the whole event, as summer time begins, it comes right after the jump, as long as it always is.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_at_least
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.amount import check_demand
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._times import parse_wall_time
from ansible_collections.headroom.libvirt.plugins.module_utils._timezones import find_zone

PERIODS: t.Final[dict[str, int]] = {"day": 86_400, "week": 7 * 86_400}
_DEMAND: t.Final = "Write the demand to be ready for, in the unit of the fleet's demand."
_TIME: t.Final = (
    "Write it in ISO 8601 with its offset, for example 2026-11-27T08:00:00+01:00; without one it is of the event's "
    "timezone, else UTC."
)
_EPOCH: t.Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - of the clock on the wall


@dataclasses.dataclass(frozen=True)
class Event:
    """From ``start`` until ``end`` (seconds since 1970), and again ``every`` so many seconds after: at least this much.

    With a ``zone`` all three are what the clock on the wall shows there, without one they are epoch seconds.
    ``machines`` or ``demand`` says how much; the larger one counts.
    """

    name: str
    start: float
    end: float
    every: int | None = None
    machines: int = 0
    demand: float = 0.0
    zone: dt.tzinfo = dt.timezone.utc

    def overlaps(self, begin: float, finish: float) -> bool:
        """Return whether any of the event lies in ``begin`` … ``finish`` (epoch seconds)."""
        return any(
            start < finish and begin < end
            for start, end in map(self._find_occurrence, self._list_shifts(begin, finish))
        )

    def _list_shifts(self, begin: float, finish: float) -> t.Sequence[int]:
        """Return by how many seconds the clock goes on until each occurrence near ``begin`` … ``finish``."""
        if not self.every:
            return (0,)
        # A clock is put on or back by less than the period, and an event is not longer than that.
        first = math.floor((_read_clock(self.zone, begin) - self.start) / self.every) - 2
        last = math.ceil((_read_clock(self.zone, finish) - self.start) / self.every) + 1
        return range(max(0, first) * self.every, (last + 1) * self.every, self.every)

    def _find_occurrence(self, shift: int) -> tuple[float, float]:
        """Return when it starts and ends in epoch seconds, ``shift`` seconds of the clock after the first time."""
        start, _again = _find_moments(self.zone, self.start + shift)
        first, again = _find_moments(self.zone, self.end + shift)
        # Where the hour that comes twice begins with the end of the event, it is over the first time.
        end = again if _read_clock(self.zone, again - 1) < self.end + shift else first
        return start, end if end > start else start + self.end - self.start


def _read_clock(zone: dt.tzinfo, moment: float) -> float:
    """Return what the clock on the wall shows at ``moment`` (epoch seconds), in seconds since 1970 of that clock."""
    return moment + _find_offset(zone, moment)


def _find_offset(zone: dt.tzinfo, moment: float) -> float:
    offset = dt.datetime.fromtimestamp(moment, zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _find_moments(zone: dt.tzinfo, wall_seconds: float) -> tuple[float, float]:
    """Return the first and the last moment (epoch seconds) at which the clock shows a time.

    Both are that of the jump where it never shows it. https://peps.python.org/pep-0495/
    """
    wall = _EPOCH + dt.timedelta(seconds=wall_seconds)
    first = wall.replace(tzinfo=zone, fold=0).timestamp()
    last = wall.replace(tzinfo=zone, fold=1).timestamp()
    if first <= last:
        return first, last
    before, after = math.floor(last), math.ceil(first)
    while after - before > 1:
        middle = (before + after) // 2
        if _find_offset(zone, middle) == _find_offset(zone, before):
            before = middle
        else:
            after = middle
    return float(after), float(after)


def read(events: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Event, ...]:
    """Return the events of the option ``rule.schedule``; raises InvalidInput for what is none."""
    return tuple(
        _read_event(f"rule.schedule[{index}]", event) for index, event in enumerate(events)
    )


def _read_event(option: str, options: t.Mapping[str, t.Any]) -> Event:
    name = options.get("timezone")
    zone = dt.timezone.utc if name is None else find_zone(f"{option}.timezone", name)
    event = Event(
        name=options["name"],
        start=_read_wall_time(f"{option}.start", options["start"], zone),
        end=_read_wall_time(f"{option}.end", options["end"], zone),
        every=PERIODS[options["every"]] if options.get("every") else None,
        machines=options.get("machines") or 0,
        demand=options.get("demand") or 0.0,
        zone=zone,
    )
    if event.end <= event.start:
        remedy = "Write when the event is over."
        raise InvalidInput(f"{option}.end", options["end"], "must be after the start", remedy)
    if event.every is not None and event.end - event.start > event.every:
        problem, remedy = (
            "must be before the event's next start",
            "Shorten the event, or leave out `every`.",
        )
        raise InvalidInput(f"{option}.end", options["end"], problem, remedy)
    _check_size(option, options, event)
    return event


def _check_size(option: str, options: t.Mapping[str, t.Any], event: Event) -> None:
    check_at_least(f"{option}.machines", event.machines, 0, "machines")
    check_demand(f"{option}.demand", event.demand, _DEMAND)
    if not event.machines and not event.demand:
        problem, remedy = (
            "must be above 0, or demand must be",
            "Write how much the event shall find ready.",
        )
        raise InvalidInput(f"{option}.machines", options.get("machines"), problem, remedy)


def _read_wall_time(option: str, text: str, zone: dt.tzinfo) -> float:
    try:
        wall_seconds, offset_seconds = parse_wall_time(text)
    except ValueError as error:
        raise InvalidInput(option, text, str(error), _TIME) from None
    if offset_seconds is None:
        return wall_seconds
    return _read_clock(zone, wall_seconds - offset_seconds)
