# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a fleet's alert would have been raised over a whole trace, and which of the known events it tells of."""

from __future__ import annotations

import datetime as dt
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.beginning import (
    ENOUGH_SLOTS,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import LIMIT_LEVEL
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import Tracker
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import alert
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecast

    from bench.traces import Trace

_RISK: t.Final = 0.05
_LOOKED_BACK: t.Final = 64
_PAGE_SECONDS: t.Final = 3600

Windows = t.Mapping[str, t.Sequence[tuple[dt.datetime, dt.datetime]]]


def read_windows(path: Path) -> Windows:
    """The events in a JSON file `{trace: [[begin, end], …]}`, times as the traces have them."""
    told = json.loads(path.read_text())
    return {
        name: [
            (dt.datetime.fromisoformat(begin), dt.datetime.fromisoformat(end))
            for begin, end in windows
        ]
        for name, windows in told.items()
    }


def raised(trace: Trace, delay: int) -> list[int]:
    """The slots in which the alert would have been raised, judged as a plan judges it."""
    rule = Rule(
        capacity=trace.capacity(20), max=60, interval=trace.interval, horizon=delay * trace.interval
    )
    tracker = Tracker(trace.interval, delay, [1 - _RISK], LIMIT_LEVEL)
    before: Forecast | None = None
    slots: list[int] = []
    for slot, value in enumerate(trace.demand):
        tracker.observe(value)
        made = tracker.forecast(limited=tracker.known_count >= ENOUGH_SLOTS)
        latest = Series(trace.interval, 0, trace.demand[max(0, slot - _LOOKED_BACK) : slot + 1])
        surge = made is not None and made.method == "surge" and tracker.known_count >= ENOUGH_SLOTS
        if alert.judge(latest, rule, before, surge=surge).raised:
            slots.append(slot)
        before = made
    return slots


def pages(slots: list[int], interval: int) -> list[int]:
    """The slots in which somebody is called: alerts within the hour after one are of the same event."""
    called: list[int] = []
    for slot in slots:
        if not called or (slot - called[-1]) * interval > _PAGE_SECONDS:
            called.append(slot)
    return called


def verdict(trace: Trace, called: list[int], windows: Windows) -> tuple[int, int, int]:
    """How many of the events were called out, how many there are, and how many pages were false."""
    known = windows.get(trace.name, ())
    moments = [trace.begin + dt.timedelta(seconds=slot * trace.interval) for slot in called]
    hits = sum(any(begin <= moment <= end for moment in moments) for begin, end in known)
    false = sum(not any(begin <= moment <= end for begin, end in known) for moment in moments)
    return hits, len(known), false
