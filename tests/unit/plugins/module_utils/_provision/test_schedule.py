# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.schedule import (
    Event,
    read,
)

DAY = 86_400


def given(**change: t.Any) -> dict[str, t.Any]:
    start, end = "2026-11-27T08:00:00+01:00", "2026-11-27T09:00:00Z"
    return {
        "name": "sale",
        "start": start,
        "end": end,
        "every": None,
        "machines": 5,
        "demand": None,
        **change,
    }


def test_events_are_read_with_their_offset() -> None:
    assert read([given(every="week")]) == (Event("sale", 1795762800, 1795770000, 7 * DAY, 5),)


@pytest.mark.parametrize(
    ("change", "option", "words"),
    [
        ({"start": "tomorrow"}, "start", "ISO 8601"),
        ({"end": "2026-11-27T06:00:00Z"}, "end", "must be after the start"),
        ({"every": "day", "end": "2026-11-29T08:00:00Z"}, "end", "next start"),
        ({"machines": None}, "machines", "must be above 0, or demand must be"),
        ({"machines": -1}, "machines", "must be at least 0 machines"),
        ({"demand": float("nan")}, "demand", "must be at least 0"),
    ],
)
def test_an_event_that_cannot_be_meant_is_explained(
    change: dict[str, t.Any], option: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read([given(), given(**change)])
    assert caught.value.details["option"] == f"rule.schedule[1].{option}"


@pytest.mark.parametrize(
    ("begin", "finish", "inside"),
    [(0, 100, False), (50, 101, True), (120, 130, True), (199, 300, True), (200, 300, False)],
)
def test_an_event_touches_the_time_that_it_lies_in(
    begin: float, finish: float, inside: bool
) -> None:
    assert Event("once", 100, 200).overlaps(begin, finish) is inside
    daily = Event("daily", 100, 200, DAY)
    assert daily.overlaps(begin, finish) is inside
    assert daily.overlaps(begin + 400 * DAY, finish + 400 * DAY) is inside
    assert Event("once", 100, 200).overlaps(begin + DAY, finish + DAY) is False
