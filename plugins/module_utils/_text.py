# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Numbers and lists as people read them. Pure."""

from __future__ import annotations

import datetime as dt
import re
import typing as t

_UNITS: t.Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

# What neither XML nor HTML has, and halves of characters, which no encoding has.
_UNPRINTABLE: t.Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT: t.Final = "\ufffd"

Data = t.TypeVar("Data")


def replace_unprintable(data: Data) -> Data:
    """Return data of dictionaries, lists and texts in which every text can stand in a page."""
    if isinstance(data, str):
        is_printable = _UNPRINTABLE.search(data) is None
        return data if is_printable else t.cast("Data", _UNPRINTABLE.sub(_REPLACEMENT, data))
    if isinstance(data, dict):
        pairs = ((replace_unprintable(key), replace_unprintable(data[key])) for key in data)
        return t.cast("Data", dict(pairs))
    if isinstance(data, list):
        return t.cast("Data", [replace_unprintable(item) for item in data])
    return data


def format_number(value: float) -> str:
    """Return ``value`` with about four digits: ``0.125``, ``12.5``, ``18240``."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}"


def format_quantity(value: float, unit: str) -> str:
    """Return ``12.5 requests/s``, without a unit ``12.5``."""
    return f"{format_number(value)} {unit}".rstrip()


def format_duration(seconds: float) -> str:
    """Return ``seconds`` in its largest units: ``45 s``, ``5 min``, ``1 h 30 min``."""
    remainder = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        if remainder >= size and len(parts) < 2:
            parts.append(f"{remainder // size} {unit}")
            remainder %= size
    return " ".join(parts) or "0 s"


def format_moment(seconds: float, zone: dt.tzinfo = dt.timezone.utc) -> str:
    """Return the moment of epoch ``seconds`` as the clocks of ``zone`` show it: ``Thu 3 Dec 00:00``.

    Where they show it twice, as in the night in which they go back, it says which one: ``Sun 25 Oct 02:30 CEST``.
    """
    moment = dt.datetime.fromtimestamp(seconds, zone)
    text = f"{moment:%a} {moment.day} {moment:%b %H:%M}"
    occurs_twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
    return f"{text} {moment:%Z}" if occurs_twice else text


def format_count(count: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 machine``, ``2 machines``."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def join_names(items: t.Sequence[str], limit: int = 8) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``, and for many ``a, b, … and 12 more``."""
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
