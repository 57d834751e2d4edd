# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The mark of a host in maintenance, in its history: ``read``, ``mark`` and ``unmark`` it.

Nothing new is placed on a host with a mark, and the mark says which guests it is to get back.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

if t.TYPE_CHECKING:
    import sqlite3


@dataclasses.dataclass(frozen=True, order=True)
class AbsentGuest:
    """A guest that the host had before it was drained."""

    name: str
    uuid: str


@dataclasses.dataclass(frozen=True)
class Maintenance:
    """Since when (epoch seconds) and why a host is in maintenance, and the guests that it is to get back.

    ``hosts`` are those on which these may be by now.
    """

    since: float
    reason: str
    guests: tuple[AbsentGuest, ...] = ()
    hosts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the mark as JSON-able data."""
        return {
            **dataclasses.asdict(self),
            "guests": [dataclasses.asdict(guest) for guest in self.guests],
            "hosts": list(self.hosts),
        }


def read(connection: sqlite3.Connection) -> Maintenance | None:
    """Return the host's mark, None without one."""
    row = connection.execute("SELECT since, reason, guests, hosts FROM maintenance").fetchone()
    if row is None:
        return None
    since, reason, guests, hosts = row
    return Maintenance(
        since,
        reason,
        tuple(AbsentGuest(guest["name"], guest["uuid"]) for guest in json.loads(guests)),
        tuple(hosts.splitlines()),
    )


def mark(
    connection: sqlite3.Connection,
    reason: str | None,
    guests: t.Sequence[AbsentGuest],
    now: float,
    hosts: t.Iterable[str] = (),
) -> Maintenance:
    """Set the mark and return it: a host that has one keeps its time, and its reason unless there is another.

    Guests and hosts are added to those that it has already: a drain that was interrupted does not forget any.
    """
    old = read(connection)
    by_uuid = {guest.uuid: guest for guest in (*(old.guests if old else ()), *guests)}
    new = Maintenance(
        since=now if old is None else old.since,
        reason=reason or (old.reason if old else "maintenance"),
        guests=tuple(sorted(by_uuid.values())),
        hosts=tuple(sorted({*hosts, *(old.hosts if old else ())})),
    )
    described = json.dumps([dataclasses.asdict(guest) for guest in new.guests])
    connection.execute(
        "INSERT OR REPLACE INTO maintenance (id, since, reason, guests, hosts) VALUES (1, ?, ?, ?, ?)",
        (new.since, new.reason, described, "\n".join(new.hosts)),
    )
    return new


def unmark(connection: sqlite3.Connection) -> None:
    """Take the mark off, with what it remembers."""
    connection.execute("DELETE FROM maintenance")
