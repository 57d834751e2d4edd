# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The mark of a host in maintenance, in its history: ``read``, ``mark`` and ``unmark`` it, ``forget_host``.

Nothing new is placed on a host with a mark, and the mark says which guests it is to get back.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import (
    UnreadableShape,
    build,
)

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
    """Return the host's mark, None without one.

    Raises UnreadableShape where the guests in it cannot be told: the host would never get them back.
    """
    row = connection.execute("SELECT since, reason, guests, hosts FROM maintenance").fetchone()
    if row is None:
        return None
    since, reason, guests, hosts = row
    return Maintenance(
        since,
        reason,
        _read_guests(guests),
        tuple(hosts.splitlines()),
    )


def _read_guests(text: str) -> tuple[AbsentGuest, ...]:
    try:
        guests = tuple(build(AbsentGuest, data, "a guest") for data in json.loads(text))
    except (UnreadableShape, ValueError, TypeError, RecursionError) as error:
        raise UnreadableShape(
            f"history: the mark of maintenance does not tell which guests the host is to get back ({error}). If "
            "another release has put it there, use that one. Else bring the guests back by hand, and empty the table "
            "maintenance of that file with sqlite3, which takes the mark off."
        ) from error
    return guests


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
    _write(connection, new)
    return new


def forget_host(connection: sqlite3.Connection, host: str) -> bool:
    """Take a host that exists no more out of those on which the guests may be; return whether it was among them."""
    old = read(connection)
    if old is None or host not in old.hosts:
        return False
    hosts = tuple(name for name in old.hosts if name != host)
    _write(connection, dataclasses.replace(old, hosts=hosts))
    return True


def _write(connection: sqlite3.Connection, new: Maintenance) -> None:
    described = json.dumps([dataclasses.asdict(guest) for guest in new.guests])
    connection.execute(
        "INSERT OR REPLACE INTO maintenance (id, since, reason, guests, hosts) VALUES (1, ?, ?, ?, ?)",
        (new.since, new.reason, described, "\n".join(new.hosts)),
    )


def unmark(connection: sqlite3.Connection) -> None:
    """Take the mark off, with what it remembers."""
    connection.execute("DELETE FROM maintenance")
