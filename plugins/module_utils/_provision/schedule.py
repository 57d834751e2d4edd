# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read`` reads known events: times for which machines are required whatever the forecast says. Pure."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_at_least
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._times import parse_time

PERIODS: t.Final[dict[str, int]] = {"day": 86_400, "week": 7 * 86_400}
_DEMAND: t.Final = "Write the demand to be ready for, in the unit of the fleet's demand."
_TIME: t.Final = "Write it in ISO 8601 with its offset, for example 2026-11-27T08:00:00+01:00; without one it is UTC."


@dataclasses.dataclass(frozen=True)
class Event:
    """From ``start`` until ``end`` (epoch seconds), and again ``every`` so many seconds after: at least this much.

    ``machines`` or ``demand`` says how much; the larger one counts.
    """

    name: str
    start: float
    end: float
    every: int | None = None
    machines: int = 0
    demand: float = 0.0

    def overlaps(self, begin: float, finish: float) -> bool:
        """Return whether any of the event lies in ``begin`` … ``finish``."""
        shift = 0.0
        if self.every:
            shift = max(0, math.ceil((finish - self.start) / self.every) - 1) * self.every
        return self.start + shift < finish and begin < self.end + shift


def read(events: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Event, ...]:
    """Return the events of the option ``rule.schedule``; raises InvalidInput for what is none."""
    return tuple(
        _read_event(f"rule.schedule[{index}]", event) for index, event in enumerate(events)
    )


def _read_event(option: str, options: t.Mapping[str, t.Any]) -> Event:
    event = Event(
        name=options["name"],
        start=_read_moment(f"{option}.start", options["start"]),
        end=_read_moment(f"{option}.end", options["end"]),
        every=PERIODS[options["every"]] if options.get("every") else None,
        machines=options.get("machines") or 0,
        demand=options.get("demand") or 0.0,
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
    check_at_least(f"{option}.machines", event.machines, 0, "machines")
    check_at_least(f"{option}.demand", event.demand, 0, remedy=_DEMAND)
    if not event.machines and not event.demand:
        problem, remedy = (
            "must be above 0, or demand must be",
            "Write how much the event shall find ready.",
        )
        raise InvalidInput(f"{option}.machines", options.get("machines"), problem, remedy)
    return event


def _read_moment(option: str, text: str) -> float:
    try:
        return parse_time(text)
    except ValueError:
        raise InvalidInput(option, text, "is not a time", _TIME) from None
