# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt
import sys
import typing as t
import zoneinfo

import hypothesis
import pytest
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.schedule import (
    Event,
    read,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._times import parse_time

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
        ({"start": "0001-01-01"}, "start", "lies before 1970"),
        ({"start": "20261127"}, "start", "is a date without separators"),
        (
            {"timezone": "Europe/Berln"},
            "timezone",
            "is not the name of a time zone. Write a name of",
        ),
        ({"timezone": "Europe"}, "timezone", "is not the name of a time zone"),
        ({"timezone": "../../../etc/passwd"}, "timezone", "is not the name of a time zone"),
        ({"timezone": ""}, "timezone", "is not the name of a time zone"),
        ({"end": "2026-11-27T06:00:00Z"}, "end", "must be after the start"),
        ({"every": "day", "end": "2026-11-29T08:00:00Z"}, "end", "next start"),
        ({"machines": None}, "machines", "must be above 0, or demand must be"),
        ({"machines": -1}, "machines", "must be at least 0 machines"),
        ({"demand": float("nan")}, "demand", "must be a number of 0 or more"),
        ({"demand": 1e300}, "demand", "must be a number of no more than"),
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


def at(text: str) -> float:
    return parse_time(text)


def is_on(event: Event, text: str) -> bool:
    return event.overlaps(at(text), at(text) + 60)


def in_berlin(start: str, end: str, every: str | None, zone: str = "Europe/Berlin") -> Event:
    return read([given(start=start, end=end, every=every, timezone=zone)])[0]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-27T08:00:00+01:00", "2026-11-27T12:00:00+01:00"),
        ("2026-11-27T08:00:00", "2026-11-27T12:00:00"),
        ("2026-11-27T07:00:00Z", "2026-11-27 12:00"),
    ],
)
@pytest.mark.parametrize("every", ["day", "week"])
def test_eight_in_the_morning_is_so_in_summer_as_well(start: str, end: str, every: str) -> None:
    event = in_berlin(start, end, every)
    for day, offset in (
        ("2027-01-08", "+01:00"),
        ("2027-06-04", "+02:00"),
        ("2028-06-02", "+02:00"),
    ):
        assert not is_on(event, f"{day}T07:58:00{offset}")
        assert is_on(event, f"{day}T08:00:00{offset}")
        assert is_on(event, f"{day}T11:59:00{offset}")
        assert not is_on(event, f"{day}T12:00:00{offset}")
    assert is_on(event, "2027-01-09T08:30:00+01:00") is (every == "day")
    assert not is_on(event, "2026-11-20T08:30:00+01:00")


def test_without_a_time_zone_it_comes_again_after_so_many_seconds() -> None:
    event = read([given(every="week")])[0]
    assert is_on(event, "2027-06-04T08:30:00+01:00")
    assert not is_on(event, "2027-06-04T08:30:00+02:00")


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        # Summer time begins in Berlin on 2027-03-28: 02:00 is 03:00, at 01:00 UTC.
        ("02:30", "04:00", ["03-28T01:00Z", "03-28T01:59Z"], ["03-28T00:58Z", "03-28T02:00Z"]),
        ("01:00", "02:30", ["03-28T00:00Z", "03-28T00:59Z"], ["03-27T23:58Z", "03-28T01:00Z"]),
        ("02:00", "03:00", ["03-28T01:00Z", "03-28T01:59Z"], ["03-28T00:58Z", "03-28T02:00Z"]),
        ("02:15", "02:45", ["03-28T01:00Z", "03-28T01:29Z"], ["03-28T00:58Z", "03-28T01:30Z"]),
        ("03:00", "03:30", ["03-28T01:00Z", "03-28T01:29Z"], ["03-28T00:58Z", "03-28T01:30Z"]),
        # It ends on 2027-10-31: 03:00 is 02:00 again, at 01:00 UTC.
        ("02:00", "03:00", ["10-31T00:00Z", "10-31T01:59Z"], ["10-30T23:58Z", "10-31T02:00Z"]),
        ("02:30", "04:00", ["10-31T00:30Z", "10-31T02:59Z"], ["10-31T00:28Z", "10-31T03:00Z"]),
        ("01:00", "02:30", ["10-30T23:00Z", "10-31T01:29Z"], ["10-30T22:58Z", "10-31T01:30Z"]),
        ("01:00", "02:00", ["10-30T23:00Z", "10-30T23:59Z"], ["10-30T22:58Z", "10-31T00:00Z"]),
        ("03:00", "04:00", ["10-31T02:00Z", "10-31T02:59Z"], ["10-31T01:58Z", "10-31T03:00Z"]),
        # A night of 22:00 to 06:00 is nine hours long then, and seven in spring.
        ("22:00", "06:00", ["10-30T20:00Z", "10-31T04:59Z"], ["10-30T19:58Z", "10-31T05:00Z"]),
        ("22:00", "06:00", ["03-27T21:00Z", "03-28T03:59Z"], ["03-27T20:58Z", "03-28T04:00Z"]),
    ],
)
def test_an_hour_that_comes_twice_or_never_is_no_riddle(
    start: str, end: str, inside: list[str], outside: list[str]
) -> None:
    last_day = "2026-11-02" if end < start else "2026-11-01"
    event = in_berlin(f"2026-11-01T{start}", f"{last_day}T{end}", "day")
    assert [moment for moment in inside if not is_on(event, f"2027-{moment}")] == []
    assert [moment for moment in outside if is_on(event, f"2027-{moment}")] == []


def test_zones_put_their_clocks_on_at_midnight_by_half_an_hour_or_not_at_all() -> None:
    lebanon = in_berlin("2026-01-01T00:00", "2026-01-01T00:30", "day", "Asia/Beirut")
    assert is_on(lebanon, "2026-03-28T22:00:00Z")  # 00:00 of 29 March never came
    lord_howe = in_berlin("2026-01-01T08:00", "2026-01-01T09:00", "day", "Australia/Lord_Howe")
    assert is_on(lord_howe, "2026-01-10T08:00:00+11:00")
    assert is_on(lord_howe, "2026-07-10T08:00:00+10:30")
    assert is_on(
        in_berlin("2026-01-01T08:00", "2026-01-01T09:00", "day", "UTC"), "2026-07-10T08:00Z"
    )


@hypothesis.given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.integers(0, 3 * 365 * 24 * 4),
    st.integers(0, 23 * 4),
    st.integers(1, 24 * 4),
)
def test_an_event_is_on_when_the_clock_on_the_wall_says_so(
    name: str, quarters: int, start: int, length: int
) -> None:
    """Whatever the zone: judged by reading its clock, and not by counting from the first time."""
    zone = zoneinfo.ZoneInfo(name)
    first = dt.datetime(2026, 1, 1) + dt.timedelta(minutes=15 * start)  # noqa: DTZ001
    last = first + dt.timedelta(minutes=15 * length)
    event = in_berlin(first.isoformat(), last.isoformat(), "day", name)
    moment = at("2026-01-03T00:00:00Z") + quarters * 900
    clock = dt.datetime.fromtimestamp(moment, zone)
    since_start = (clock.hour * 60 + clock.minute) // 15 - start
    if since_start % 96 < length:
        assert event.overlaps(moment, moment + 60)


def test_a_machine_without_time_zones_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    zoneinfo.ZoneInfo.clear_cache()
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    try:
        with pytest.raises(
            MissingDependency, match=r"\[0\]\.timezone: 'Europe/Berlin' .* Install tzdata"
        ):
            read([given(timezone="Europe/Berlin")])
        assert read([given(timezone="UTC")])
    finally:
        zoneinfo.reset_tzpath()
