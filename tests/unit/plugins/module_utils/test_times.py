# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one reader of times: what is understood, and what is refused by the name of what it is."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._times import (
    check_seconds,
    parse_moment,
    parse_time,
    parse_wall_time,
)

NEW_YEAR = 1767225600


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01",
        "2026-01-01T00:00",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01 00:00:00 UTC",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T01:00:00+0100",
        "2025-12-31 19:00:00-05",
        "2026-01-01T00:00:00.000000000Z",
        " 2026-01-01T00:00:00,000 ",
        "1767225600",
        "1767225600.",
        "1767225600.000",
    ],
)
def test_one_moment_is_written_in_many_ways(text: str) -> None:
    """As RFC 3339, Python, Go, PostgreSQL and shells write it; the same by every Python."""
    assert parse_moment(text) == NEW_YEAR


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a time"),
        ("noon", "is not a time"),
        ("2026-01", "is not a time"),
        ("2026-W01-1", "is not a time"),
        ("2026-01-01T", "is not a time"),
        ("2026-01-01T8:00", "is not a time"),
        ("2026-01-01 08:00 PM", "is not a time"),
        ("2026-01-01Z", "is not a time"),
        ("\uff12\uff10\uff12\uff16-01-01", "is not a time"),
        ("2026-02-30", "is a date that no calendar has"),
        ("2026-13-01", "is a date that no calendar has"),
        ("2026-01-01T24:00:00", "is a time of day that no clock has"),
        ("2026-01-01T00:00:60", "is a time of day that no clock has"),
        ("2026-01-01T00:00:00+99:00", "has an offset from UTC that no place has"),
        ("1969-12-31", "lies before 1970"),
        ("9999-12-31", "lies before 1970 or after the year 5138"),
        ("01/02/2026", "is a date that is not written in ISO 8601"),
        ("1.2.26 08:00", "is a date that is not written in ISO 8601"),
        ("2026/01/01 08:00", "is a date that is not written in ISO 8601"),
        ("20260101T080000Z", "is a date without separators"),
        ("20260101", "it is a date without separators"),
        ("202601010800", "it is a date without separators"),
        ("20260101080000", "it is a date without separators"),
        ("46023", "it is a date as spreadsheets count it"),
        ("46023.5", "it is a date as spreadsheets count it"),
        ("44561.25", "it is a date as spreadsheets count it"),
        ("1767225600000", "it has milliseconds"),
        ("1767225600000000", "it has microseconds"),
        ("1767225600000000000", "it has nanoseconds"),
        ("1.76723E+09", "was rounded by a spreadsheet"),
        ("1,76723E+12", "was rounded by a spreadsheet"),
        ("-5", "is not a time in seconds since 1970"),
        ("2026", "is not a time in seconds since 1970"),
        ("2461041.5", "is not a time in seconds since 1970"),
        ("29453760", "is not a time in seconds since 1970"),
        ("1_767_225_600", "is not a time"),
        ("nan", "is not a time"),
        ("9" * 400, "is not a time in seconds since 1970"),
    ],
)
def test_what_is_no_time_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_moment(text)


@pytest.mark.parametrize("number", [1e8, 1767225600, 1767225600.25, 99999999999.0])
def test_seconds_are_what_they_are(number: float) -> None:
    assert check_seconds(number) == number


def test_a_clock_on_the_wall_tells_no_offset() -> None:
    assert parse_wall_time("2026-01-01T08:00") == (NEW_YEAR + 8 * 3600, None)
    assert parse_wall_time("2026-01-01T08:00-01:30") == (NEW_YEAR + 8 * 3600, -5400)


@given(
    st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(5000, 1, 1)),  # noqa: DTZ001
    st.integers(-1439, 1439),
    st.sampled_from("T "),
)
def test_what_python_writes_is_read(moment: dt.datetime, minutes: int, between: str) -> None:
    aware = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    assert parse_time(aware.isoformat(between)) == pytest.approx(aware.timestamp(), abs=1e-5)
