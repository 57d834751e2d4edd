# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_tables``: rows of an SQLite file of this machine, as they are. Sent to hosts, see remote.py.

What the rows mean, and whether they can be true, is found out where they arrive.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
import typing as t
from pathlib import Path
from urllib.parse import quote

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.answer import (
    send_answer,
)

_PATIENCE_SECONDS = 5.0


class TablesRequest(t.NamedTuple):
    """Which ``tables`` to read. The file is at ``path`` for root, and at ``user_path`` for others, which ~ begins.

    ``locks`` follows the path of a folder of locks: which of these a process holds is told.
    """

    path: str
    user_path: str
    tables: tuple[str, ...]
    locks: str = ""


def read_tables(request: TablesRequest) -> dict[str, t.Any]:
    """Return ``{path, is_empty, application, version, tables: {name: [columns, rows]}, held}``.

    ``{path, absent}`` where there is no such file, ``{path, error}`` where it cannot be read. Nothing is changed.
    """
    path = request.path if os.geteuid() == 0 else str(Path(request.user_path).expanduser())
    try:
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            return {"path": path, "error": "it is no file of this user's own"}
        with _lock(f"{path}.lock"):
            return {"path": path, **_read(path, request)}
    except FileNotFoundError:
        return {"path": path, "absent": True}
    except (OSError, sqlite3.Error) as error:
        return {"path": path, "error": str(error)}


def _read(path: str, request: TablesRequest) -> dict[str, t.Any]:
    source = f"file:{quote(path)}?mode=rw"
    with contextlib.closing(
        sqlite3.connect(source, timeout=_PATIENCE_SECONDS, isolation_level=None, uri=True)
    ) as connection:
        # Whoever takes a lock does so in a transaction: asking for one takes it for a moment.
        connection.execute("BEGIN IMMEDIATE")
        try:
            (number,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return {
                "is_empty": number == 0,
                "application": connection.execute("PRAGMA application_id").fetchone()[0],
                "version": connection.execute("PRAGMA user_version").fetchone()[0],
                "tables": {name: _read_table(connection, name) for name in request.tables},
                "held": list(_find_held(path + request.locks)) if request.locks else [],
            }
        finally:
            connection.execute("ROLLBACK")


def _read_table(connection: sqlite3.Connection, name: str) -> list[list[t.Any]]:
    table = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
    ).fetchone()
    if table is None:  # of a release that had none yet
        return [[], []]
    cursor = connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - a name of ours
    return [[column[0] for column in cursor.description], [list(row) for row in cursor]]


@contextlib.contextmanager
def _lock(path: str) -> t.Iterator[None]:
    """Keep others from moving the file that this is the lock of, where there is one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _find_held(folder: str) -> t.Iterator[str]:
    """Yield the names of the locks that a process holds."""
    with contextlib.suppress(FileNotFoundError):
        for name in [place.name for place in Path(folder).iterdir()]:
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield name
                finally:
                    os.close(descriptor)


def main(request: tuple[t.Any, ...]) -> None:
    """Read the tables on this machine and write the answer to standard output; so the program runs on a host."""
    send_answer(read_tables(TablesRequest(*request)))
