# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A history as CSV, with the columns ``timestamp`` and ``demand``: ``read``, ``read_rows`` and ``write``. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import io
import math
import typing as t
from operator import itemgetter

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._text import parse_time

from .series import Sample

COLUMNS: t.Final = ("timestamp", "demand")
_REMEDY: t.Final = (
    "The first line is timestamp,demand; each other one a time (ISO 8601, UTC unless it says otherwise, or seconds "
    "since 1970) and a number of 0 or more, or nothing where the demand is not known."
)
_MISSING: t.Final = frozenset({"", "nan", "null", "none"})
# A day has 288 times of five minutes, ten years have 3653 dates.
_MOST_TEXTS: t.Final = 4096


def read(option: str, text: str) -> list[Sample]:
    """Return the samples in ``text``, oldest first; raises InvalidInput naming the line that cannot be read."""
    # The fleet's whole demand: a file tells of no hosts.
    return [Sample(moment, value, fleet_wide=True) for moment, value in read_rows(option, text)]


def read_rows(option: str, text: str) -> list[tuple[float, float | None]]:
    """Return (epoch seconds, demand) of each line, oldest first; raises as ``read`` does."""
    lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    header = next(lines, [])
    if not set(COLUMNS) <= set(header):
        raise InvalidInput(option, ",".join(header), "is not the header of a history", _REMEDY)
    time, demand = map(header.index, COLUMNS)
    rows: list[tuple[float, float | None]] = []
    for line in lines:
        if line:
            if len(line) < len(header):
                line.extend([""] * (len(header) - len(line)))
            try:
                rows.append((_parse_moment(line[time]), _parse_demand(line[demand])))
            except ValueError as error:
                wrong, problem = error.args
                raise InvalidInput(
                    f"{option} (line {lines.line_num})", wrong, problem, _REMEDY
                ) from None
    return sorted(rows, key=itemgetter(0))


def write(rows: t.Iterable[tuple[float, float | None]]) -> str:
    """Return ``(timestamp, value)`` pairs as text that ``read`` reads."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(
        (_format_time(moment), "" if value is None else repr(value)) for moment, value in rows
    )
    return text.getvalue()


def _format_time(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.timezone.utc).isoformat().replace("+00:00", "Z")


def _parse_moment(text: str) -> float:
    try:
        if text[4:5] == text[7:8] == "-":
            moment = _parse_date(text[:10]) + _parse_clock(text[10:])
        else:
            number = _parse_number(text)
            moment = parse_time(text.strip()) if number is None else number
    except ValueError:
        moment = math.nan
    if 0 <= moment < math.inf:
        return moment
    raise ValueError(text, "is not a time")


# A history has few dates and few times of day, and looking one up takes a tenth of the time of reading it.
@functools.lru_cache(_MOST_TEXTS)
def _parse_date(date: str) -> float:
    return parse_time(date)


@functools.lru_cache(_MOST_TEXTS)
def _parse_clock(clock: str) -> float:
    return parse_time(f"1970-01-01{clock.rstrip()}")


def _parse_demand(text: str) -> float | None:
    number = _parse_number(text)
    if number is not None and 0 <= number < math.inf:
        return number
    if text.strip().lower() in _MISSING:
        return None
    raise ValueError(text, "is not a demand")


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
