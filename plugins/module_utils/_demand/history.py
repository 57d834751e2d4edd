# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The demand of fleets as one host recorded it, and the counters that the next rates are measured against.

A ``History`` is made of an open transaction of the database (database.py) and a fleet's name. ``build_records`` and
``import_records`` bring demand into it that was recorded elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing as t
from operator import itemgetter

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.rates import read_sample

from .series import group_by_slot

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import DomainSample

    from .series import Sample

# A fleet whose machines have always taken alike needs no more than some runs to say so. Chosen, not measured.
MOST_READINESS: t.Final = 20
_LONGEST_GAP_SECONDS: t.Final = 86_400
_LAST_SLOT: t.Final = 2**63 - 1
_NOT_IN_FILE: t.Final = "the imported file does not know it"


@dataclasses.dataclass(frozen=True)
class Record:
    """One row: ``value`` None is missing data, and ``reason`` says why. Times are epoch seconds.

    ``taken_at`` is when counters were read. ``fleet_wide`` says that the value was handed in for the whole fleet.
    ``used_cores`` is what the machines that ran used of their ``vcpus``; None where that is not known.
    """

    slot: int
    timestamp: float
    value: float | None
    reason: str | None = None
    taken_at: float | None = None
    fleet_wide: bool = False
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

    def is_empty(self) -> bool:
        """Return whether nothing was ever recorded of the fleet."""
        query = "SELECT 1 FROM sample WHERE fleet = ? LIMIT 1"
        return self.connection.execute(query, (self.fleet,)).fetchone() is None

    def find(self, slot: int) -> Record | None:
        """Return the row of ``slot``."""
        records = self._select("slot = ?", slot)
        return records[0] if records else None

    def read_since(self, slot: int) -> list[Record]:
        """Return the rows from ``slot`` on, oldest first."""
        return self._select("slot >= ?", slot)

    def find_last_counted(self, slot: int) -> Record | None:
        """Return the last row before ``slot`` for which counters were read."""
        records = self._select(
            "slot = (SELECT max(slot) FROM sample WHERE fleet = ? AND slot < ? AND taken_at IS NOT NULL)",
            self.fleet,
            slot,
        )
        return records[0] if records else None

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

    def forget_before(self, slot: int, latest: int | None = None) -> None:
        """Delete the rows before ``slot``, not counting the time in which there is no row for more than a day.

        So neither a clock that was years ahead for some runs nor a host that was off takes the history along.
        ``latest`` is the slot of the run; rows after it, of such a clock, do not count. It is the last row by default.
        """
        rows = self.connection.execute(
            "SELECT previous, slot FROM (SELECT slot, lag(slot) OVER (ORDER BY slot) AS previous FROM sample "
            "WHERE fleet = ? AND slot <= ?) WHERE slot - previous > ? ORDER BY slot DESC",
            (self.fleet, _LAST_SLOT if latest is None else latest, _LONGEST_GAP_SECONDS),
        )
        for before, after in rows.fetchall():
            if slot < after:
                slot -= after - before
        self.connection.execute(
            "DELETE FROM sample WHERE fleet = ? AND slot < ?", (self.fleet, slot)
        )

    def read_loads(self, after: int, last: int) -> list[Record]:
        """Return the rows after the slot ``after`` up to ``last`` that tell what machines used, oldest first."""
        return self._select("slot > ? AND slot <= ? AND used_cores IS NOT NULL", after, last)

    def read_readiness(self) -> list[Readiness]:
        """Return how long new machines took in the latest runs that made any, oldest first."""
        rows = self.connection.execute(
            "SELECT moment, machines, seconds FROM readiness WHERE fleet = ? ORDER BY moment DESC LIMIT ?",
            (self.fleet, MOST_READINESS),
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
            (self.fleet, self.fleet, MOST_READINESS),
        )
        return done.rowcount == 1

    def read_counters(self) -> list[DomainSample]:
        """Return the counters of the latest sample."""
        rows = self.connection.execute(
            "SELECT sample FROM counters WHERE fleet = ? ORDER BY domain", (self.fleet,)
        )
        return list(filter(None, (_read_counters(text) for (text,) in rows)))

    def read_used_cores(self) -> dict[str, float | None]:
        """Return the cores that the machines of the latest sample used by then, by UUID; None where not known."""
        rows = self.connection.execute(
            "SELECT domain, used_cores FROM counters WHERE fleet = ?", (self.fleet,)
        )
        return dict(rows.fetchall())

    def keep_counters(
        self, samples: t.Iterable[DomainSample], used_cores: t.Mapping[str, float | None]
    ) -> None:
        """Put ``samples``, and what each used by UUID, in the place of the counters that were kept."""
        self.connection.execute("DELETE FROM counters WHERE fleet = ?", (self.fleet,))
        self.connection.executemany(
            "INSERT INTO counters (fleet, domain, sample, used_cores) VALUES (?, ?, ?, ?)",
            [
                (
                    self.fleet,
                    sample.uuid,
                    json.dumps(dataclasses.asdict(sample)),
                    used_cores.get(sample.uuid),
                )
                for sample in samples
            ],
        )

    def _select(self, condition: str, *values: t.Any) -> list[Record]:
        # `condition` is one of the texts above, never input.
        query = f"SELECT {_COLUMNS} FROM sample WHERE fleet = ? AND {condition} ORDER BY slot"  # noqa: S608
        rows = self.connection.execute(query, (self.fleet, *values))
        return [
            Record(slot, timestamp, value, reason, taken_at, bool(fleet_wide), used_cores, vcpus)
            for slot, timestamp, value, reason, taken_at, fleet_wide, used_cores, vcpus in rows
        ]


# In the order of the fields of Record.
_COLUMNS: t.Final = "slot, timestamp, value, reason, taken_at, whole, used_cores, vcpus"


def _read_counters(text: str) -> DomainSample | None:
    """Return the counters of a machine; None for what is none of this release's, so that nothing is known of before."""
    try:
        return read_sample(json.loads(text))
    except (ValueError, RecursionError):
        return None


def build_records(samples: t.Sequence[Sample], interval: int, *, fleet_wide: bool) -> list[Record]:
    """Return a row for each slot of ``interval`` seconds that has samples; several in one slot are averaged."""
    values = group_by_slot(samples, interval, math.inf)
    return [
        Record(
            slot,
            slot,
            sample.value,
            _NOT_IN_FILE if sample.value is None else None,
            fleet_wide=fleet_wide,
        )
        for slot, sample in sorted(values.items(), key=itemgetter(0))
    ]


def import_records(
    history: History, records: t.Iterable[Record], *, replace: bool
) -> dict[str, int]:
    """Write the ``records``; what the history already knows otherwise stays, unless ``replace``.

    A slot without a value is no knowledge: it never replaces one, and is always replaced. Returns how many slots were
    ``added`` and ``replaced``, how many were ``kept`` as the history knew other values, and how many say the ``same``.
    """
    counts = dict.fromkeys(("added", "replaced", "kept", "same"), 0)
    for record in records:
        counts[_import_record(history, record, replace=replace)] += 1
    return counts


def _import_record(history: History, record: Record, *, replace: bool) -> str:
    existing = history.find(record.slot)
    if existing is None:
        history.add(record)
        return "added"
    if record.value is None or (existing.value, existing.fleet_wide) == (
        record.value,
        record.fleet_wide,
    ):
        return "same"
    if existing.value is not None and not replace:
        return "kept"
    # Counters were read then, whatever the value is now: the rates of the next sample still need to know when.
    history.put(dataclasses.replace(record, taken_at=existing.taken_at))
    return "replaced"
