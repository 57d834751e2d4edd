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
    ``used_cores`` is what the machines that ran used of their ``vcpus``; None where that is not known.
    """

    slot: int
    timestamp: float
    value: float | None
    reason: str | None = None
    taken_at: float | None = None
    whole: bool = False
    used_cores: float | None = None
    vcpus: int | None = None


@dataclasses.dataclass(frozen=True)
class Readiness:
    """How long ``machines`` took that the run at ``moment`` made: ``seconds`` from then until all were of use."""

    moment: int
    machines: int
    seconds: float

    def as_dict(self) -> dict[str, t.Any]:
        """Return what modules tell of it."""
        return {"machines": self.machines, "seconds": self.seconds}


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
        row = dataclasses.astuple(record)
        self.connection.execute(
            f"INSERT INTO sample (fleet, {_COLUMNS}) VALUES (?{', ?' * len(row)})",  # noqa: S608
            (self.fleet, *row),
        )

    def put(self, record: Record) -> None:
        """Record one slot, in the place of its row if it has one."""
        self.connection.execute(
            "DELETE FROM sample WHERE fleet = ? AND slot = ?", (self.fleet, record.slot)
        )
        self.add(record)

    def forget_before(self, slot: int) -> None:
        """Delete the rows before ``slot``."""
        self.connection.execute(
            "DELETE FROM sample WHERE fleet = ? AND slot < ?", (self.fleet, slot)
        )

    def with_load(self, after: int, last: int) -> list[Record]:
        """Return the rows after the slot ``after`` up to ``last`` that tell what machines used, oldest first."""
        return self._records("slot > ? AND slot <= ? AND used_cores IS NOT NULL", after, last)

    def readiness(self) -> list[Readiness]:
        """Return how long new machines took in the latest runs that made any, oldest first."""
        rows = self.connection.execute(
            "SELECT moment, machines, seconds FROM readiness WHERE fleet = ? ORDER BY moment DESC LIMIT ?",
            (self.fleet, READINESS_KEPT),
        )
        return [Readiness(*row) for row in rows][::-1]

    def add_readiness(self, readiness: Readiness) -> bool:
        """Record how long new machines took, unless their run has a row; return whether it was recorded.

        All but the latest rows go.
        """
        done = self.connection.execute(
            "INSERT OR IGNORE INTO readiness (fleet, moment, machines, seconds) VALUES (?, ?, ?, ?)",
            (self.fleet, *dataclasses.astuple(readiness)),
        )
        self.connection.execute(
            "DELETE FROM readiness WHERE fleet = ? AND moment NOT IN "
            "(SELECT moment FROM readiness WHERE fleet = ? ORDER BY moment DESC LIMIT ?)",
            (self.fleet, self.fleet, READINESS_KEPT),
        )
        return done.rowcount == 1

    def counters(self) -> list[DomainSample]:
        """Return the counters of the latest sample."""
        rows = self.connection.execute(
            "SELECT sample FROM counters WHERE fleet = ? ORDER BY domain", (self.fleet,)
        )
        return [DomainSample(**json.loads(text)) for (text,) in rows]

    def keep_counters(self, samples: t.Iterable[DomainSample]) -> None:
        """Put ``samples`` in the place of the counters that were kept."""
        self.connection.execute("DELETE FROM counters WHERE fleet = ?", (self.fleet,))
        self.connection.executemany(
            "INSERT INTO counters (fleet, domain, sample) VALUES (?, ?, ?)",
            [
                (self.fleet, sample.uuid, json.dumps(dataclasses.asdict(sample)))
                for sample in samples
            ],
        )

    def _records(self, condition: str, *values: t.Any) -> list[Record]:
        # `condition` is one of the texts above, never input.
        query = f"SELECT {_COLUMNS} FROM sample WHERE fleet = ? AND {condition} ORDER BY slot"  # noqa: S608
        rows = self.connection.execute(query, (self.fleet, *values))
        return [
            Record(slot, timestamp, value, reason, taken_at, bool(whole), used_cores, vcpus)
            for slot, timestamp, value, reason, taken_at, whole, used_cores, vcpus in rows
        ]


READINESS_KEPT: t.Final = 20
_COLUMNS: t.Final = ", ".join(field.name for field in dataclasses.fields(Record))
