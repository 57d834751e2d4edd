# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The journal's file: read and write records, and hold the lock of one for as long as a process is at work on it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NoSpace,
    NotFound,
)

from . import records
from .locks import Locks

if t.TYPE_CHECKING:
    import sqlite3

    from .records import Record

T = t.TypeVar("T")

DEFAULT_PATH: t.Final = "/var/lib/headroom/journal.sqlite"

_SCHEMA: t.Final = _sqlite.Schema(
    option="journal",
    what="The journal",
    default_path=DEFAULT_PATH,
    loss="what earlier runs left unfinished is not known any more. Look for volumes that belong to no domain.",
    more_room="",
    application_id=0x6864726A,  # "hdrj"
    migrations=(
        (
            # intent and steps are JSON. A record is written whole each time, so that one of a run that still works is
            # complete again as soon as that takes its next step, also when the file had to be set aside meanwhile.
            """CREATE TABLE record (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
                subject TEXT NOT NULL, intent TEXT NOT NULL, steps TEXT NOT NULL, started REAL NOT NULL,
                state TEXT NOT NULL, problem TEXT, process INTEGER
            )""",
        ),
    ),
    synchronous="FULL",
    directory_mode=0o700,
    file_mode=0o600,
)

_ALL: t.Final = "SELECT id, kind, subject, intent, steps, started, state, problem, process FROM record ORDER BY number"
_UNFINISHED: t.Final = _ALL.replace("ORDER", "WHERE state = 'unfinished' ORDER")
_UPSERT: t.Final = """INSERT INTO record (id, kind, subject, intent, steps, started, state, problem, process)
    VALUES (:id, :kind, :subject, :intent, :steps, :started, :state, :problem, :process)
    ON CONFLICT (id) DO UPDATE SET intent = :intent, steps = :steps, state = :state, problem = :problem"""


# What the last row of a transaction takes of the disk, beside the row itself: the pages of the tree and of the log.
_ROOM_BYTES: t.Final = 64 * 1024


# What of the file a copy of its records needs, and how the folder of its locks is called after it.
TABLE: t.Final = "record"
LOCKS: t.Final = ".locks"


def read_copy(answer: t.Any, *, unfinished: bool = False) -> list[Record]:
    """Return the records in what was read of another host's journal, the oldest first.

    Raises HeadroomError as _sqlite.open_copy(), whose ``answer`` it is.
    """
    with _sqlite.open_copy(_SCHEMA, answer, (TABLE,)) as opened:
        rows = opened.execute(_UNFINISHED if unfinished else _ALL).fetchall()
    read = [records.read_row(row) for row in rows]
    held = answer.get("held", ())
    return [dataclasses.replace(record, alive=record.id in held) for record in read]


class _File(_sqlite.Database):
    schema: t.ClassVar[_sqlite.Schema] = _SCHEMA


@dataclasses.dataclass(frozen=True)
class Store:
    """The file at ``path``. ``warn`` is told when it was broken, ``now`` gives epoch seconds.

    Every method is one transaction of the database, which excludes the others'.
    """

    path: str
    warn: t.Callable[[str], None]
    now: t.Callable[[], float]

    def read(self, *, unfinished: bool = False) -> list[Record]:
        """Return the records, or only those that have not ended, the oldest first; makes and changes nothing."""
        query = _UNFINISHED if unfinished else _ALL
        return self._run(lambda opened: self._read(opened, query), dry_run=True)

    def write(self, record: Record, *, hasty: bool = False) -> None:
        """Make ``record`` durable as it is; with ``hasty`` against all but a power failure.

        Raises NoSpace when there is no room for it, or would be none for its last row.
        """
        row = records.write_row(record)
        self._reserve_room(row)
        self._run(lambda opened: opened.execute(_UPSERT, row), hasty=hasty)

    def write_problem(self, record: Record, problem: str) -> None:
        """Note why a record could not be finished or undone; nothing else of it is written again."""
        change = "UPDATE record SET problem = ? WHERE id = ?"
        self._run(lambda opened: opened.execute(change, (problem, record.id)))

    def end(self, record: Record, state: records.State, keep: int) -> None:
        """Record how it ended; only the last ``keep`` of those that have are kept.

        There is room for that on a full disk too, as its lock keeps some until here.
        """

        def work(opened: sqlite3.Connection) -> None:
            opened.execute(_UPSERT, records.write_row(record.end_as(state)))
            opened.execute(
                "DELETE FROM record WHERE state != 'unfinished' AND number NOT IN "
                "(SELECT number FROM record WHERE state != 'unfinished' ORDER BY number DESC LIMIT ?)",
                (keep,),
            )

        try:
            self._run(work)
        except NoSpace:
            self._locks.release_room(record.id)
            self._run(work)
        self._locks.remove(record.id)

    @contextlib.contextmanager
    def begin(self, record: Record, instead_of: Record | None = None) -> t.Iterator[None]:
        """Make a new record durable, and hold its lock for the block.

        Raises Conflict when a live one, other than ``instead_of``, collides.
        """

        def work(opened: sqlite3.Connection) -> None:
            unfinished = self._read(opened)
            self._remove_strays({other.id for other in unfinished})
            for other in unfinished:
                mine = instead_of is not None and instead_of.id == other.id
                if other.alive and not mine and other.collides_with(record):
                    raise _refuse_busy(other)
            row = records.write_row(record)
            opened.execute(_UPSERT, row)
            self._reserve_room(row)

        with self._hold_lock(record.id, work):
            yield

    @contextlib.contextmanager
    def take_over(self, record: Record) -> t.Iterator[None]:
        """Hold the lock of a record that a dead run left; raises NotFound for one that has ended, Conflict if alive."""

        def work(opened: sqlite3.Connection) -> None:
            row = opened.execute("SELECT state FROM record WHERE id = ?", (record.id,)).fetchone()
            if row != ("unfinished",):
                raise NotFound(f"{record} has ended.", transaction=record.id)

        with self._hold_lock(record.id, work):
            yield

    @contextlib.contextmanager
    def _hold_lock(
        self, name: str, work: t.Callable[[sqlite3.Connection], None]
    ) -> t.Iterator[None]:
        with contextlib.ExitStack() as held:

            def work_under_lock(opened: sqlite3.Connection) -> None:
                work(opened)
                descriptor = self._locks.take(name)
                if descriptor is None:
                    raise _refuse_busy(
                        next(record for record in self._read(opened) if record.id == name)
                    )
                held.callback(os.close, descriptor)
                opened.execute("UPDATE record SET process = ? WHERE id = ?", (os.getpid(), name))

            self._run(work_under_lock)
            with _File(self.path).keep_open():
                yield

    def _reserve_room(self, row: t.Mapping[str, t.Any]) -> None:
        """Keep room for the row that says how the transaction ended; raises NoSpace."""
        texts = (row["intent"], row["steps"])
        room = _ROOM_BYTES + 2 * sum(len(text.encode()) for text in texts)
        if not self._locks.reserve_room(row["id"], room):
            raise NoSpace(f"journal: there is no room left for {self.path}. Free some.")

    def _run(
        self,
        work: t.Callable[[sqlite3.Connection], T],
        *,
        dry_run: bool = False,
        hasty: bool = False,
    ) -> T:
        try:
            result, warnings = _File(self.path, dry_run=dry_run, hasty=hasty).run(work, self.now())
        except OSError as error:
            raise HeadroomError(
                f"journal: the locks in {self._locks.directory} cannot be used: {error}."
            ) from error
        for warning in warnings:
            self.warn(warning)
        return result

    def _read(self, opened: sqlite3.Connection, query: str = _UNFINISHED) -> list[Record]:
        rows = opened.execute(query).fetchall()
        return [self._look_for_life(records.read_row(row)) for row in rows]

    def _look_for_life(self, record: Record) -> Record:
        """Return the record with ``alive`` as it is: whether a process holds its lock."""
        alive = record.state == "unfinished" and self._locks.is_held(record.id)
        return dataclasses.replace(record, alive=alive)

    def _remove_strays(self, ids: t.Collection[str]) -> None:
        """Remove the locks of runs that died before their record was there, or whose file was set aside."""
        for name in self._locks.list_names():
            if name not in ids and not self._locks.is_held(name):
                self._locks.remove(name)

    @property
    def _locks(self) -> Locks:
        return Locks(pathlib.Path(f"{self.path}{LOCKS}"))


def _refuse_busy(record: Record) -> Conflict:
    return Conflict(
        f"{record} is at work in the process {record.process}. Wait until it has ended, or end that process.",
        transaction=record.id,
        subject=record.subject,
        process=record.process,
    )
