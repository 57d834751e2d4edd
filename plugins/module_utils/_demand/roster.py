# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which machines of a fleet each host had at the latest decision: ``write`` it with that, ``read`` it with a sample.

Every host keeps it of all hosts, so that a run which lacks some knows what may be on them.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import sqlite3


@dataclasses.dataclass(frozen=True, order=True)
class RosterEntry:
    """A machine and the host that has it; ``uuid`` is None for one that was only about to be made."""

    host: str
    name: str
    uuid: str | None = None


@dataclasses.dataclass(frozen=True)
class Roster:
    """The machines of a fleet at ``moment`` (epoch seconds)."""

    moment: float
    machines: tuple[RosterEntry, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the roster as JSON-able data."""
        return dataclasses.asdict(self)


def read(connection: sqlite3.Connection, fleet: str) -> Roster | None:
    """Return the fleet's latest roster, None before any decision."""
    row = connection.execute("SELECT moment FROM roster WHERE fleet = ?", (fleet,)).fetchone()
    if row is None:
        return None
    rows = connection.execute(
        "SELECT host, name, uuid FROM roster_machine WHERE fleet = ? ORDER BY host, name", (fleet,)
    )
    return Roster(row[0], tuple(RosterEntry(*machine) for machine in rows))


def write(connection: sqlite3.Connection, fleet: str, roster: Roster) -> None:
    """Keep the roster in place of the one before."""
    connection.execute(
        "INSERT OR REPLACE INTO roster (fleet, moment) VALUES (?, ?)", (fleet, roster.moment)
    )
    connection.execute("DELETE FROM roster_machine WHERE fleet = ?", (fleet,))
    connection.executemany(
        "INSERT OR IGNORE INTO roster_machine (fleet, host, name, uuid) VALUES (?, ?, ?, ?)",
        [(fleet, *dataclasses.astuple(entry)) for entry in roster.machines],
    )


def forget_host(connection: sqlite3.Connection, host: str) -> list[tuple[str, RosterEntry]]:
    """Take the machines of a host that exists no more out of all rosters; return each with its fleet."""
    rows = connection.execute(
        "SELECT fleet, host, name, uuid FROM roster_machine WHERE host = ? ORDER BY fleet, name",
        (host,),
    ).fetchall()
    connection.execute("DELETE FROM roster_machine WHERE host = ?", (host,))
    return [(fleet, RosterEntry(*entry)) for fleet, *entry in rows]
