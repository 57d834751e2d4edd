# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How full a host was: ``measure`` its facts, ``record`` that hour by hour in its history, ``read`` and ``pack`` it.

``unpack`` reads on the controller what was packed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from .series import Series, slot_start

if t.TYPE_CHECKING:
    import sqlite3

Kind = t.Literal["pool", "memory"]

# The most of an hour is kept: three months of four pools are 9 000 rows.
HOUR_SECONDS: t.Final = 3600
_REMEDY: t.Final = "Hand in what headroom.libvirt.fleet_observe returned with usage=true, as it is."


@dataclasses.dataclass(frozen=True)
class Usage:
    """What of a pool is written, or of the host's memory promised (``name`` is empty), and how much that may be."""

    kind: Kind
    name: str
    used_bytes: float
    total_bytes: float


@dataclasses.dataclass(frozen=True)
class UsageHistory:
    """How much of a pool or of the memory was used so far, and how much may be."""

    kind: Kind
    name: str
    total_bytes: float
    series: Series


def measure(facts: t.Mapping[str, t.Any]) -> tuple[Usage, ...]:
    """Return how full the host is by its ``facts``; nothing of a pool that does not run."""
    pools = [
        Usage("pool", pool["name"], max(0, capacity - pool["available_bytes"]), capacity)
        for pool in facts["pools"]
        if (capacity := pool["capacity_bytes"]) and pool["available_bytes"] is not None
    ]
    promised = facts["committed"]["defined"]["memory_bytes"]
    return (*pools, Usage("memory", "", promised, facts["allowed"]["memory_bytes"]))


def record(
    connection: sqlite3.Connection, usages: t.Iterable[Usage], now: float, keep: float
) -> None:
    """Keep the most of each hour, with the latest size; what is older than ``keep`` seconds goes."""
    slot = slot_start(now, HOUR_SECONDS)
    connection.executemany(
        "INSERT INTO usage (kind, name, slot, used, total) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (kind, name, slot) DO UPDATE SET used = max(used, excluded.used), total = excluded.total",
        [(usage.kind, usage.name, slot, usage.used_bytes, usage.total_bytes) for usage in usages],
    )
    connection.execute("DELETE FROM usage WHERE slot < ?", (slot - keep,))


def read(connection: sqlite3.Connection, now: float) -> list[UsageHistory]:
    """Return what is recorded up to ``now``, by kind and name, of what the latest run has seen.

    An hour without a run is not known. A pool that is gone has no history any more.
    """
    rows = connection.execute(
        "SELECT kind, name, slot, used, total FROM usage WHERE slot <= ? ORDER BY kind, name, slot",
        (now,),
    ).fetchall()
    latest = max((row[2] for row in rows), default=0)
    groups = itertools.groupby(rows, key=lambda row: row[:2])
    histories = [
        _build_history(key[0], key[1], [row[2:] for row in group]) for key, group in groups
    ]
    return [history for history in histories if _find_end(history.series) > latest]


def _build_history(
    kind: Kind, name: str, rows: t.Sequence[tuple[int, float, float]]
) -> UsageHistory:
    used = {slot: amount for slot, amount, _unused in rows}
    first, last = rows[0][0], rows[-1][0]
    values = tuple(used.get(slot) for slot in range(first, last + 1, HOUR_SECONDS))
    return UsageHistory(kind, name, rows[-1][2], Series(HOUR_SECONDS, first, values))


def _find_end(series: Series) -> int:
    return series.start + len(series.values) * series.interval


def pack(histories: t.Iterable[UsageHistory]) -> str:
    """Return the histories as JSON: Ansible takes a second for the rows of three months, and no time for a text."""
    rows = [
        {
            "kind": history.kind,
            "name": history.name,
            "total_bytes": history.total_bytes,
            "start": history.series.start,
            "used_bytes": history.series.values,
        }
        for history in histories
    ]
    return json.dumps(rows, separators=(",", ":"))


def unpack(option: str, text: t.Any) -> list[UsageHistory]:
    """Return what ``pack`` made a text of; raises InvalidInput, naming the ``option``, for any other one."""
    try:
        return [_read_row(row) for row in json.loads(text)]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise InvalidInput(option, text, "is not how full a host was", _REMEDY) from None


def _read_row(row: t.Mapping[str, t.Any]) -> UsageHistory:
    if row["kind"] not in t.get_args(Kind):
        raise ValueError(row["kind"])
    values = tuple(None if value is None else _read_bytes(value) for value in row["used_bytes"])
    start = int(row["start"])
    series = Series(HOUR_SECONDS, start, values)
    return UsageHistory(row["kind"], str(row["name"]), _read_bytes(row["total_bytes"]), series)


def _read_bytes(value: t.Any) -> float:
    size = float(value)
    if not 0 <= size < 2.0**80:
        raise ValueError(value)
    return size
