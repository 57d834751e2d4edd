# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The one reader of times, whoever wrote them. Pure.

``parse_time`` reads ISO 8601, ``parse_moment`` seconds since 1970 as well, ``parse_wall_time`` what a clock on the wall
shows, and ``check_seconds`` a number. Each raises ValueError with a problem that fits behind the value in a message.
What else a number may be (milliseconds, 20260101, the days of a spreadsheet) is told by name: taken for seconds it
would be a time of 1970, or one in thousands of years.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import typing as t

# The year 5138: beyond it are milliseconds that were taken for seconds.
LATEST_SECONDS: t.Final = 1e11
# March 1973: before it are days, years and dates without separators.
_EARLIEST_SECONDS: t.Final = 1e8
_LARGER_UNITS: t.Final = ((1e14, "milliseconds"), (1e17, "microseconds"), (1e20, "nanoseconds"))
# What spreadsheets count the years 1927 to 2105 as, in days since 1900 or 1904.
_SPREADSHEET_DAYS: t.Final = (10_000.0, 75_000.0)
_DAY_SECONDS: t.Final = 86_400
_EPOCH: t.Final = dt.date(1970, 1, 1).toordinal()
_NO_TIME: t.Final = "is not a time"
# A day has 288 times of five minutes, ten years have 3653 dates.
_MOST_TEXTS: t.Final = 4096

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_CLOCK = re.compile(
    r"[Tt ] *(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?:(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+", re.ASCII)
_DATE_WITHOUT_MARKS: t.Final = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_COMPACT_DATE = re.compile(rf"{_DATE_WITHOUT_MARKS}(?:\d\d){{0,3}}", re.ASCII)
_COMPACT_HOUR = re.compile(rf"{_DATE_WITHOUT_MARKS}(?:[01]\d|2[0-3])", re.ASCII)
_LOCAL_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?![\d-]).*", re.ASCII)


def parse_time(text: str) -> float:
    """Return the epoch seconds of an ISO 8601 time, which is UTC unless it says otherwise."""
    wall_seconds, offset_seconds = parse_wall_time(text)
    return _check_range(wall_seconds - (offset_seconds or 0))


def parse_wall_time(text: str) -> tuple[float, float | None]:
    """Return what the clock of an ISO 8601 time shows, in seconds since 1970-01-01 00:00 of that clock, and its offset.

    The offset from UTC is in seconds, None where the text has none.
    """
    stripped = text.strip()
    date_seconds = _parse_date(stripped[:10])
    clock_seconds, offset_seconds = _parse_clock(stripped[10:])
    return _check_range(date_seconds + clock_seconds), offset_seconds


def parse_moment(text: str) -> float:
    """Return the epoch seconds of an ISO 8601 time, or of a text that is seconds since 1970."""
    stripped = text.strip()
    if stripped[4:5] == "-":
        return parse_time(stripped)
    if _NUMBER.fullmatch(stripped):
        return check_seconds(float(stripped))
    if _ROUNDED.fullmatch(stripped):
        raise ValueError("was rounded by a spreadsheet, so the time is lost")
    return parse_time(stripped)


def is_date_with_hour(text: str) -> bool:
    """Return whether a text may be a date and hour (2026010123), which could be seconds since 1970 as well."""
    return _COMPACT_HOUR.fullmatch(text.strip()) is not None


def check_seconds(number: float) -> float:
    """Return a number that can be a time in seconds since 1970, be it written by a person or by a program."""
    if _EARLIEST_SECONDS <= number < LATEST_SECONDS:
        return number
    raise ValueError(f"is not a time in seconds since 1970{_guess_unit(number)}")


def _check_range(seconds: float) -> float:
    if 0 <= seconds < LATEST_SECONDS:
        return seconds
    raise ValueError("lies before 1970 or after the year 5138")


def _guess_unit(number: float) -> str:
    if not 0 <= number < _LARGER_UNITS[-1][0]:
        return ""
    if _COMPACT_DATE.fullmatch(f"{number:.0f}"):
        return ": it is a date without separators"
    if number < _EARLIEST_SECONDS:
        lowest, highest = _SPREADSHEET_DAYS
        return ": it is a date as spreadsheets count it" if lowest <= number < highest else ""
    return f": it has {next(unit for limit, unit in _LARGER_UNITS if number < limit)}"


# A history has few dates and few times of day, and looking one up takes a tenth of the time of reading it.
@functools.lru_cache(_MOST_TEXTS)
def _parse_date(text: str) -> float:
    match = _DATE.fullmatch(text)
    if match is None:
        if _COMPACT_DATE.match(text):
            raise ValueError("is a date without separators")
        if _LOCAL_DATE.fullmatch(text):
            raise ValueError("is a date that is not written in ISO 8601")
        raise ValueError(_NO_TIME)
    try:
        date = dt.date(*map(int, match.groups()))
    except ValueError:
        raise ValueError("is a date that no calendar has") from None
    return float((date.toordinal() - _EPOCH) * _DAY_SECONDS)


@functools.lru_cache(_MOST_TEXTS)
def _parse_clock(text: str) -> tuple[float, float | None]:
    if not text:
        return 0.0, None
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(_NO_TIME)
    hour, minute = int(match["hour"]), int(match["minute"])
    second = float(f"{match['second'] or 0}.{match['fraction'] or 0}")
    if hour > 23 or minute > 59 or second >= 60:
        raise ValueError("is a time of day that no clock has")
    return hour * 3600 + minute * 60 + second, _parse_offset(match)


def _parse_offset(match: re.Match[str]) -> float | None:
    if match["utc"]:
        return 0.0
    if match["sign"] is None:
        return None
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("has an offset from UTC that no place has")
    return float(f"{match['sign']}1") * (hours * 3600 + minutes * 60)
