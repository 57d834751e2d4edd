# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The demand of fleets as one host recorded it, and the counters that the next rates are measured against."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import DomainSample

if t.TYPE_CHECKING:
    import sqlite3


@dataclasses.dataclass(frozen=True)
class Record:
    """One row: ``value`` None is missing data, and ``reason`` says why. Times are epoch seconds.

    ``taken_at`` is when counters were read. ``whole`` says that the value was handed in for the whole fleet.
    """

    slot: int
    timestamp: float
    value: float | None
    reason: str | None = None
    taken_at: float | None = None
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class History:
    """The rows of one fleet, inside an open transaction."""

    connection: sqlite3.Connection
    fleet: str

    def at(self, slot: int) -> Record | None:
        """Return the row of ``slot``."""
        found = self._records("slot = ?", slot)
        return found[0] if found else None

    def since(self, slot: int) -> list[Record]:
        """Return the rows from ``slot`` on, oldest first."""
        return self._records("slot >= ?", slot)

    def last_counted(self, slot: int) -> Record | None:
        """Return the last row before ``slot`` for which counters were read."""
        found = self._records(
            "slot = (SELECT max(slot) FROM sample WHERE fleet = ? AND slot < ? AND taken_at IS NOT NULL)",
            self.fleet,
            slot,
        )
        return found[0] if found else None

    def add(self, record: Record) -> None:
        """Record one slot; it must not have a row yet."""
        row = (record.slot, record.timestamp, record.value, record.reason, record.taken_at, record.whole)
        self.connection.execute(
            f"INSERT INTO sample (fleet, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (self.fleet, *row),
        )

    def put(self, record: Record) -> None:
        """Record one slot, in the place of its row if it has one."""
        self.connection.execute("DELETE FROM sample WHERE fleet = ? AND slot = ?", (self.fleet, record.slot))
        self.add(record)

    def forget_before(self, slot: int) -> None:
        """Delete the rows before ``slot``."""
        self.connection.execute("DELETE FROM sample WHERE fleet = ? AND slot < ?", (self.fleet, slot))

    def counters(self) -> list[DomainSample]:
        """Return the counters of the latest sample."""
        rows = self.connection.execute("SELECT sample FROM counters WHERE fleet = ? ORDER BY domain", (self.fleet,))
        return [DomainSample(**json.loads(text)) for (text,) in rows]

    def keep_counters(self, samples: t.Iterable[DomainSample]) -> None:
        """Put ``samples`` in the place of the counters that were kept."""
        self.connection.execute("DELETE FROM counters WHERE fleet = ?", (self.fleet,))
        self.connection.executemany(
            "INSERT INTO counters (fleet, domain, sample) VALUES (?, ?, ?)",
            [(self.fleet, sample.uuid, json.dumps(dataclasses.asdict(sample))) for sample in samples],
        )

    def _records(self, condition: str, *values: t.Any) -> list[Record]:
        # `condition` is one of the texts above, never input.
        query = f"SELECT {_COLUMNS} FROM sample WHERE fleet = ? AND {condition} ORDER BY slot"  # noqa: S608
        rows = self.connection.execute(query, (self.fleet, *values))
        return [
            Record(slot, timestamp, value, reason, taken_at, bool(whole))
            for slot, timestamp, value, reason, taken_at, whole in rows
        ]


_COLUMNS: t.Final = "slot, timestamp, value, reason, taken_at, whole"
