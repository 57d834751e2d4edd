# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A history as CSV, with the columns ``timestamp`` and ``demand``: ``read``, ``read_rows`` and ``write``. Pure.

Spreadsheets export CSV by the rules of their country: with a byte order mark, with semicolons and decimal commas, with
lines that end as on an old Mac. What can only mean one thing is understood, the rest refused by name.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import re
import typing as t
from operator import itemgetter

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._times import (
    is_date_with_hour,
    parse_moment,
)

from .amount import require_amount
from .series import Sample

COLUMNS: t.Final = ("timestamp", "demand")
_REMEDY: t.Final = (
    "The first line is timestamp,demand; each other one a time (ISO 8601, UTC unless it says otherwise, or seconds "
    "since 1970) and a number of 0 or more, or nothing where the demand is not known."
)
_MISSING: t.Final = frozenset({"", "nan", "null", "none", "na", "n/a", "#n/a"})
_DELIMITERS: t.Final = ",;\t|"
_MORE_CELLS: t.Final = (
    "has more columns than the header; a decimal comma makes two of a number, for example"
)
_DOUBT: t.Final = (
    "may have its thousands apart or three decimals, and no other number of the file tells which; write all decimals, "
    "or none"
)
_DATE_WITH_HOUR: t.Final = (
    "is a date with an hour without separators, as are all other times of the file"
)
# What a byte order mark is read as, by UTF-8 and by Latin-1.
_MARKS: t.Final = ("\ufeff", "ï»¿")
_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:(?P<mark>[.,])\d*)?|(?P<bare_mark>[.,])\d+)(?:[eE][+-]?\d+)?", re.ASCII
)
# Twelve hundred to some, one and a bit to others.
_DOUBTFUL = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d*)?", re.ASCII)


@dataclasses.dataclass
class _Table:
    """The layout of a file; ``mark`` is what stands before the decimals of its numbers, as far as any have shown it.

    ``is_sure`` says that one of them cannot mean thousands, and ``doubtful`` is the first that may. ``hour`` is the
    first time as long as all may be dates with an hour, then None.
    """

    delimiter: str
    width: int
    time: int
    demand: int
    mark: str = ""
    is_sure: bool = False
    doubtful: str | None = None
    hour: str | None = ""

    def parse_time(self, text: str) -> float:
        """Return the epoch seconds of a line; raises ValueError."""
        if self.hour is not None:
            self.hour = (self.hour or text) if is_date_with_hour(text) else None
        return parse_moment(text)

    def parse_demand(self, text: str) -> float | None:
        """Return a demand, None where the text says that it is not known; raises ValueError."""
        stripped = text.strip()
        match = _NUMBER.fullmatch(stripped)
        if match is None:
            if stripped.lower() in _MISSING:
                return None
            grouped = _GROUPED.fullmatch(stripped)
            raise ValueError(
                "is a number with its thousands apart" if grouped else "is not a demand"
            )
        mark = match["mark"] or match["bare_mark"]
        if mark:
            self._note_mark(mark)
            self._note_doubt(stripped)
        try:
            return require_amount(float(stripped.replace(",", ".")))
        except ValueError as error:
            raise ValueError(f"is not a demand: it must be {error}") from None

    def _note_doubt(self, number: str) -> None:
        """With commas between the columns, a point stands before decimals."""
        if self.delimiter == "," or not _DOUBTFUL.fullmatch(number):
            self.is_sure = True
        elif self.doubtful is None:
            self.doubtful = number

    def _note_mark(self, mark: str) -> None:
        if mark == self.mark:
            return
        if mark == "," and self.delimiter != ";":
            raise ValueError("has a comma, which may stand before decimals or between thousands")
        if self.mark:
            raise ValueError(
                "has a point where other numbers of the file have a comma, or the reverse"
            )
        self.mark = mark


class _WrongCell(Exception):
    """A line that cannot be read: what stands there, and what is wrong with it."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(text, problem)
        self.text = text
        self.problem = problem


def read(option: str, text: str) -> list[Sample]:
    """Return the samples in ``text``, oldest first; raises InvalidInput naming the line that cannot be read."""
    # The fleet's whole demand: a file tells of no hosts.
    return [Sample(moment, value, fleet_wide=True) for moment, value in read_rows(option, text)]


def read_rows(option: str, text: str) -> list[tuple[float, float | None]]:
    """Return (epoch seconds, demand) of each line, oldest first; raises as ``read`` does."""
    content = io.StringIO(text[len(_find_mark(text)) :], newline=None)
    delimiter = _find_delimiter(content)
    lines = csv.reader(content, delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[float, float | None]] = []
    doubtful_line = 0
    try:
        table = _read_header(option, lines, delimiter)
        for line in lines:
            if "".join(line).strip():
                rows.append(_read_line(table, line))
            if not doubtful_line and table.doubtful:
                doubtful_line = lines.line_num
    except _WrongCell as error:
        place = f"{option} (line {lines.line_num})"
        raise InvalidInput(place, error.text, error.problem, _REMEDY) from None
    except csv.Error as error:
        place = f"{option} (line {lines.line_num})"
        raise InvalidInput(place, "the line", f"is not CSV: {error}", _REMEDY) from None
    if table.doubtful and not table.is_sure:
        place = f"{option} (line {doubtful_line})"
        raise InvalidInput(place, table.doubtful, _DOUBT, _REMEDY)
    # One of a hundred times is both by chance, of the years from 2030 on; a whole history is not.
    if table.hour and len(rows) > 1:
        raise InvalidInput(option, table.hour, _DATE_WITH_HOUR, _REMEDY)
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


def _find_mark(text: str) -> str:
    return next((mark for mark in _MARKS if text.startswith(mark)), "")


def _find_delimiter(content: io.StringIO) -> str:
    """Return the character between the columns, and leave ``content`` where the header begins."""
    begin, line = 0, content.readline()
    if line.lower().startswith("sep="):  # of spreadsheets, for themselves
        begin, line = content.tell(), content.readline()
    content.seek(begin)
    return next((mark for mark in _DELIMITERS if set(COLUMNS) <= set(_split(line, mark))), ",")


def _split(line: str, delimiter: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in line.split(delimiter)]


def _read_header(option: str, lines: t.Iterator[list[str]], delimiter: str) -> _Table:
    header = next(lines, [])
    names = [name.strip().lower() for name in header]
    for column in COLUMNS:
        if names.count(column) != 1:
            raise InvalidInput(option, ",".join(header), "is not the header of a history", _REMEDY)
    time, demand = map(names.index, COLUMNS)
    return _Table(delimiter, len(names), time, demand)


def _read_line(table: _Table, cells: list[str]) -> tuple[float, float | None]:
    if len(cells) != table.width:
        if any(map(str.strip, cells[table.width :])):
            raise _WrongCell(table.delimiter.join(cells), _MORE_CELLS)
        cells.extend([""] * (table.width - len(cells)))
    text = cells[table.time]
    try:
        moment = table.parse_time(text)
        text = cells[table.demand]
        return moment, table.parse_demand(text)
    except ValueError as error:
        raise _WrongCell(text, str(error)) from None
