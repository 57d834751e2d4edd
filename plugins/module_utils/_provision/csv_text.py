# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A history as CSV: the columns ``timestamp`` and ``demand``, the oldest row first. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.series import Sample
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.words import epoch

COLUMNS: t.Final = ("timestamp", "demand")
_REMEDY: t.Final = (
    "The first line is timestamp,demand; each other one a time (ISO 8601, UTC unless it says otherwise, or seconds "
    "since 1970) and a number of 0 or more, or nothing where the demand is not known."
)
_UNKNOWN: t.Final = frozenset({"", "nan", "null", "none"})


def read(option: str, text: str) -> list[Sample]:
    """Return the samples in ``text``, oldest first; raises InvalidInput naming the line that cannot be read."""
    lines = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if not set(COLUMNS) <= set(lines.fieldnames or ()):
        found = ",".join(lines.fieldnames or ())
        raise InvalidInput(option, found, "is not the header of a history", _REMEDY)
    samples = [_sample(f"{option} (line {lines.line_num})", row) for row in lines]
    return sorted(samples, key=lambda sample: sample.timestamp)


def write(rows: t.Iterable[tuple[float, float | None]]) -> str:
    """Return ``(timestamp, value)`` pairs as text that ``read`` reads."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows((_time(moment), "" if value is None else repr(value)) for moment, value in rows)
    return text.getvalue()


def _sample(option: str, row: t.Mapping[str, str | None]) -> Sample:
    # The fleet's whole demand: a file tells of no hosts.
    return Sample(_moment(option, row["timestamp"] or ""), _demand(option, row["demand"] or ""), whole=True)


def _time(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.timezone.utc).isoformat().replace("+00:00", "Z")


def _moment(option: str, text: str) -> float:
    number = _number(text)
    try:
        moment = epoch(text.strip()) if number is None else number
    except ValueError:
        raise InvalidInput(option, text, "is no time", _REMEDY) from None
    if not math.isfinite(moment) or moment < 0:
        raise InvalidInput(option, text, "is no time", _REMEDY)
    return moment


def _demand(option: str, text: str) -> float | None:
    if text.strip().lower() in _UNKNOWN:
        return None
    number = _number(text)
    if number is None or not math.isfinite(number) or number < 0:
        raise InvalidInput(option, text, "is no demand", _REMEDY)
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
