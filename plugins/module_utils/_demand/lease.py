# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who may change a fleet, one at a time: ``acquire`` before a run changes it, ``release`` after, ``read`` to see."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import sqlite3


@dataclasses.dataclass(frozen=True)
class Lease:
    """``holder`` may change the fleet until ``until`` (epoch seconds)."""

    holder: str
    since: float
    until: float


def read(connection: sqlite3.Connection, fleet: str, now: float) -> Lease | None:
    """Return the lease that is in force; one that has expired is none."""
    row = connection.execute(
        "SELECT holder, since, until FROM lease WHERE fleet = ? AND until > ?", (fleet, now)
    ).fetchone()
    return Lease(*row) if row else None


def acquire(
    connection: sqlite3.Connection, fleet: str, holder: str, seconds: float, now: float
) -> Lease:
    """Return the lease in force afterwards: ``holder``'s, unless another's has not expired yet.

    A holder that has it already keeps it for ``seconds`` more from now.
    """
    current = read(connection, fleet, now)
    if current is not None and current.holder != holder:
        return current
    lease = Lease(holder, now if current is None else current.since, now + seconds)
    connection.execute(
        "INSERT OR REPLACE INTO lease (fleet, holder, since, until) VALUES (?, ?, ?, ?)",
        (fleet, lease.holder, lease.since, lease.until),
    )
    return lease


def release(connection: sqlite3.Connection, fleet: str, holder: str) -> None:
    """Give up what ``holder`` holds; another's lease stays."""
    connection.execute("DELETE FROM lease WHERE fleet = ? AND holder = ?", (fleet, holder))
