# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who may change a fleet, one at a time: ``acquire`` before a run changes it, ``release`` after, ``read`` to see.

``renew`` it while it does. A task holds one by hold.py.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import sqlite3

# Nobody may take a lease for longer. One that ends later was taken while the host's clock was wrong.
LONGEST_SECONDS: t.Final = 86_400.0


@dataclasses.dataclass(frozen=True)
class Lease:
    """``holder`` may change the fleet until ``until`` (epoch seconds)."""

    holder: str
    since: float
    until: float


def read(connection: sqlite3.Connection, fleet: str, now: float) -> Lease | None:
    """Return the lease that is in force; one that has expired is none, and so is one that ends later than any can."""
    row = connection.execute(
        "SELECT holder, since, until FROM lease WHERE fleet = ? AND until > ? AND until <= ?",
        (fleet, now, now + LONGEST_SECONDS),
    ).fetchone()
    return Lease(*row) if row else None


def read_all(connection: sqlite3.Connection, now: float) -> dict[str, Lease]:
    """Return the leases that are in force, by fleet."""
    rows = connection.execute(
        "SELECT fleet, holder, since, until FROM lease WHERE until > ? AND until <= ? ORDER BY fleet",
        (now, now + LONGEST_SECONDS),
    ).fetchall()
    return {fleet: Lease(*values) for fleet, *values in rows}


def read_expired(connection: sqlite3.Connection, now: float) -> dict[str, Lease]:
    """Return the leases that nobody gave back, by fleet: of runs that died."""
    rows = connection.execute(
        "SELECT fleet, holder, since, until FROM lease WHERE until <= ? ORDER BY fleet", (now,)
    ).fetchall()
    return {fleet: Lease(*values) for fleet, *values in rows}


def acquire(
    connection: sqlite3.Connection, fleet: str, holder: str, seconds: float, now: float
) -> Lease:
    """Return the lease in force afterwards: ``holder``'s, unless another's has not expired yet.

    A holder that has it already keeps it for ``seconds`` more from now, also if it had run out and nobody followed:
    ``since`` is when it began without anybody else in between. Another's lease that begins only later was taken before
    the clock was set back: it begins now, so that it keeps others away no longer than was asked for.
    """
    renewed = renew(connection, fleet, holder, seconds, now)
    if renewed is not None and renewed.holder == holder:
        return renewed
    current = read(connection, fleet, now)
    if current is not None:
        # One that ends before it began was renewed after the clock was set back, and ends when it says.
        if current.since <= now or current.until <= current.since:
            return current
        return _write(
            connection, fleet, Lease(current.holder, now, now + current.until - current.since)
        )
    return _write(connection, fleet, Lease(holder, now, now + min(seconds, LONGEST_SECONDS)))


def renew(
    connection: sqlite3.Connection, fleet: str, holder: str, seconds: float, now: float
) -> Lease | None:
    """Keep the lease for ``seconds`` more from now, if ``holder`` was the last to take it; return whose it is then."""
    row = connection.execute(
        "SELECT since FROM lease WHERE fleet = ? AND holder = ?", (fleet, holder)
    ).fetchone()
    if row is None:
        return read(connection, fleet, now)
    return _write(connection, fleet, Lease(holder, row[0], now + min(seconds, LONGEST_SECONDS)))


def release(connection: sqlite3.Connection, fleet: str, holder: str) -> None:
    """Give up what ``holder`` holds; another's lease stays."""
    connection.execute("DELETE FROM lease WHERE fleet = ? AND holder = ?", (fleet, holder))


def _write(connection: sqlite3.Connection, fleet: str, lease: Lease) -> Lease:
    connection.execute(
        "INSERT OR REPLACE INTO lease (fleet, holder, since, until) VALUES (?, ?, ?, ?)",
        (fleet, lease.holder, lease.since, lease.until),
    )
    return lease
