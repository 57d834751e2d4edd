# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Known events: times for which machines are wanted whatever the forecast says. Pure."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._text import epoch

PERIODS: t.Final[dict[str, int]] = {"day": 86_400, "week": 7 * 86_400}
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

    def within(self, begin: float, finish: float) -> bool:
        """Return whether any of the event lies in ``begin`` … ``finish``."""
        shift = 0.0
        if self.every:
            shift = max(0, math.ceil((finish - self.start) / self.every) - 1) * self.every
        return self.start + shift < finish and begin < self.end + shift


def read(events: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Event, ...]:
    """Return the events of the option ``rule.schedule``; raises InvalidInput for what is none."""
    return tuple(_event(f"rule.schedule[{index}]", event) for index, event in enumerate(events))


def _event(option: str, given: t.Mapping[str, t.Any]) -> Event:
    event = Event(
        name=given["name"],
        start=_moment(f"{option}.start", given["start"]),
        end=_moment(f"{option}.end", given["end"]),
        every=PERIODS[given["every"]] if given.get("every") else None,
        machines=given.get("machines") or 0,
        demand=given.get("demand") or 0.0,
    )
    for name, holds, problem, remedy in _checks(event):
        if not holds:
            raise InvalidInput(f"{option}.{name}", given.get(name), problem, remedy)
    return event


def _checks(event: Event) -> t.Iterator[tuple[str, bool, str, str]]:
    yield "end", event.end > event.start, "is not after its start", "Write when the event is over."
    fits = event.every is None or event.end - event.start <= event.every
    yield (
        "end",
        fits,
        "is later than the event's next start",
        "Shorten the event, or leave out `every`.",
    )
    yield (
        "machines",
        event.machines >= 0,
        "is below 0",
        "Write how many machines shall run at least, 1 or more.",
    )
    known = math.isfinite(event.demand) and event.demand >= 0
    yield (
        "demand",
        known,
        "is no demand",
        "Write the demand to be ready for, in the unit of the fleet's demand.",
    )
    asks = event.machines > 0 or event.demand > 0
    yield (
        "machines",
        asks,
        "asks for nothing",
        "Write `machines` or `demand`: how much the event shall find ready.",
    )


def _moment(option: str, text: str) -> float:
    try:
        return epoch(text)
    except ValueError:
        raise InvalidInput(option, text, "is no time", _TIME) from None
