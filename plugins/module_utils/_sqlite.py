# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Database: run work in a transaction of one of the collection's SQLite files, which are migrated, locked, and set
aside when they are broken.

Which file a path means is looked at anew each time, since another run may set a broken one aside meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import fcntl
import functools
import os
import pathlib
import sqlite3
import typing as t
from urllib.parse import quote

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    InvalidInput,
    NoSpace,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ForeignFile,
    check_folder,
    check_own,
    open_own,
)

T = t.TypeVar("T")

# SQLite's own words for SQLITE_CORRUPT and SQLITE_NOTADB; Python has error codes only from 3.11 on.
_BROKEN: t.Final = ("malformed", "not a database", "unsupported file format")


_NO_RIGHTS: t.Final = (
    "Run the task as root (become: true), or give the path of a file that this user may write."
)

# Each means that another run has set a broken file aside in the moment between two looks.
_ATTEMPTS: t.Final = 100


# What comes of an answer that is none of read_tables().
_NO_ROWS: t.Final = (
    sqlite3.Error,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    OverflowError,
)


class _Broken(Exception):
    """The file is no sound SQLite database; leaves this module only as a warning."""


class _Moved(Exception):
    """The file is another than it was a moment ago; never leaves this module."""


@dataclasses.dataclass(frozen=True)
class Schema:
    """What a file holds, and how people are told of it.

    ``option`` names the file in messages, ``what`` in warnings ("The history"), ``loss`` is a sentence about what is
    lost with a broken one, ``more_room`` completes "Free some". ``application_id`` marks the file as ours, so that no
    other program's database is ever written to. ``migrations`` are the statements that lead from each version of the
    schema to the next: what has been released is never edited.
    """

    option: str
    what: str
    default_path: str
    loss: str
    more_room: str
    application_id: int
    migrations: t.Sequence[t.Sequence[str]]
    # In WAL mode both are safe against corruption, also by power loss; with FULL not even the last transaction is lost.
    synchronous: t.Literal["NORMAL", "FULL"] = "NORMAL"
    directory_mode: int = 0o750
    file_mode: int = 0o640

    @property
    def remedy(self) -> str:
        """What to do about a path that cannot be used."""
        return f"Give the path of a file of its own, for example {self.default_path}."


@dataclasses.dataclass(frozen=True)
class Database:
    """The file at ``path``. With ``dry_run`` everything happens and nothing of it stays, not even a new file.

    With ``hasty`` a power failure may forget the last transactions; no death of a process does.
    """

    path: str
    dry_run: bool = False
    busy_timeout: float = 15.0
    hasty: bool = False

    schema: t.ClassVar[Schema]

    def run(self, work: t.Callable[[sqlite3.Connection], T], now: float) -> tuple[T, list[str]]:
        """Return what ``work`` returns, and warnings.

        ``work`` runs in one transaction that excludes every other run's, and may run twice: a broken file is set
        aside (never deleted) and a fresh one started. ``now`` (epoch seconds) dates the name of the broken file.

        Raises InvalidInput for a path that cannot be used, Conflict when others hold the file for longer than
        ``busy_timeout`` seconds, NoSpace, and Unsupported for a file of a newer release.
        """
        self._check()
        warnings: list[str] = []
        for _attempt in range(_ATTEMPTS):
            identity = None if self.dry_run and warnings else self._ensure_file()
            with contextlib.ExitStack() as opened:
                try:
                    return self._run_once(work, identity, opened), warnings
                except _Moved:
                    continue
                except _Broken as broken:
                    if warnings:
                        raise HeadroomError(
                            f"{self.schema.option}: {self.path} is broken anew: {broken}"
                        ) from broken
                    warnings = [self._put_aside(identity, now, broken, opened)]
        raise Conflict(
            f"{self.schema.option}: {self.path} is replaced again and again. See who does that."
        )

    @contextlib.contextmanager
    def keep_open(self) -> t.Iterator[None]:
        """Make the transactions of the block cheap: only the last one to close a file copies its WAL into it.

        The file need not be sound, or there; then this does nothing.
        """
        with contextlib.ExitStack() as opened:
            identity = read_identity(self.path)
            if identity is not None:
                with contextlib.suppress(sqlite3.Error, HeadroomError, _Moved):
                    self._connect(identity, opened)
            yield

    def _put_aside(
        self,
        identity: tuple[int, int] | None,
        now: float,
        broken: _Broken,
        opened: contextlib.ExitStack,
    ) -> str:
        if self.dry_run:
            return self._describe_loss(broken, "would be set aside")
        aside = set_aside(self.path, identity, now, opened.close)
        return self._describe_loss(
            broken, f"is kept as {aside}" if aside else "was set aside by another run"
        )

    def _describe_loss(self, broken: _Broken, fate: str) -> str:
        what, loss = self.schema.what, self.schema.loss
        return f"{what} {self.path} could not be read ({broken}). It {fate}, and a new one begins: {loss}"

    def _ensure_file(self) -> tuple[int, int] | None:
        """Return which file it is, made if need be; None for a dry run without one."""
        if not self.dry_run and read_identity(self.path) is None:
            self._make()
        return read_identity(self.path)

    def _run_once(
        self,
        work: t.Callable[[sqlite3.Connection], T],
        identity: tuple[int, int] | None,
        opened: contextlib.ExitStack,
    ) -> T:
        with self._translate_errors():
            connection = self._connect(identity, opened)
            connection.execute("BEGIN IMMEDIATE")
            try:
                migrate(connection, self.path, self.schema)
                result = work(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("ROLLBACK" if self.dry_run else "COMMIT")
            return result

    def _connect(
        self, identity: tuple[int, int] | None, opened: contextlib.ExitStack
    ) -> sqlite3.Connection:
        """Return a connection that ``opened`` closes, however far this gets; None means one in memory, for a dry run.

        It must outlive the finding that the file is broken: closing lets SQLite delete the -wal that is to be kept.
        Raises _Moved when the file is not the one that ``identity`` means.
        """
        if identity is None and self.dry_run:
            return self._open(":memory:", opened)
        # SQLite finds a file's -wal by its name, and only when it first reads. Who opens a file that is set aside
        # before that would write into the -wal of the fresh one.
        with (
            self._translate_os_errors(),
            self._lock_path(fcntl.LOCK_SH),
        ):
            if identity is None or read_identity(self.path) != identity:
                raise _Moved
            connection = self._open(f"file:{quote(self.path)}?mode=rw", opened)
            if (
                not self.dry_run
                and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal"
            ):
                with contextlib.suppress(
                    sqlite3.OperationalError
                ):  # another run is switching it just now
                    connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            return connection

    def _open(self, source: str, opened: contextlib.ExitStack) -> sqlite3.Connection:
        connection = sqlite3.connect(
            source, timeout=self.busy_timeout, isolation_level=None, uri=source != ":memory:"
        )
        opened.callback(connection.close)
        # a byte that a bad disk has changed is one row's trouble, and not that of all who read the table
        connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        connection.execute(
            f"PRAGMA synchronous = {'NORMAL' if self.hasty else self.schema.synchronous}"
        )
        return connection

    @contextlib.contextmanager
    def _translate_os_errors(self) -> t.Iterator[None]:
        """Turn the system's errors into InvalidInput."""
        try:
            yield
        except OSError as error:
            raise self._build_refusal(error) from error

    def _check(self) -> None:
        if not pathlib.Path(self.path).is_absolute() or "\0" in self.path:
            raise InvalidInput(
                self.schema.option, self.path, "is not an absolute path", self.schema.remedy
            )
        with self._translate_os_errors():
            try:
                os.lstat(self.path)
            except FileNotFoundError:
                return
            check_folder(pathlib.Path(self.path).parent, may_be_shared=False)
            for suffix in ("", "-wal", "-shm", "-journal"):
                check_own(f"{self.path}{suffix}")

    def exists(self) -> bool:
        """Return whether there is a file."""
        return read_identity(self.path) is not None

    def check_writable(self) -> None:
        """Raise what run() would where this user may not write the file, or make it; nothing is made for that."""
        self._check()
        path = pathlib.Path(self.path)
        with self._translate_os_errors():
            nearest = next(place for place in (path, *path.parents) if os.path.lexists(place))
            if not os.access(nearest, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _lock_path(self, operation: int) -> contextlib.AbstractContextManager[None]:
        return lock_path(self.path, operation, None if self.dry_run else self.schema.file_mode)

    def _make(self) -> None:
        """Make the empty file, for its owner (and group) alone, and its directory."""
        file = pathlib.Path(self.path)
        with self._translate_os_errors():
            file.parent.mkdir(mode=self.schema.directory_mode, parents=True, exist_ok=True)
            check_folder(file.parent, may_be_shared=False)
            with self._lock_path(fcntl.LOCK_EX):
                if os.path.lexists(file):
                    return
                # Under another name first: closing a file drops all locks that this process has on it, also those of
                # another thread that has found the file meanwhile.
                fresh = pathlib.Path(f"{file}.new")
                fresh.unlink(missing_ok=True)  # what a run that died here has left
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                os.close(open_own(fresh, flags, self.schema.file_mode))
                fresh.rename(file)

    def _build_refusal(self, error: Exception) -> HeadroomError:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else error
        if isinstance(error, ForeignFile):
            problem = f"{error.filename} {error.strerror}"
        remedy = _NO_RIGHTS if _lacks_rights(error) else self.schema.remedy
        return InvalidInput(self.schema.option, self.path, f"cannot be used: {problem}", remedy)

    @contextlib.contextmanager
    def _translate_errors(self) -> t.Iterator[None]:
        """Turn SQLite's errors into the collection's."""
        option, path = self.schema.option, self.path
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if any(words in text for words in _BROKEN):
                raise _Broken(text) from error
            if "locked" in text or "busy" in text:
                raise Conflict(
                    f"{option}: {path} is in use by another run. Try again when that has ended."
                ) from error
            if "full" in text:
                raise NoSpace(
                    f"{option}: there is no room left for {path}. Free some{self.schema.more_room}."
                ) from error
            if "unable to open" in text or "readonly" in text:
                raise self._build_refusal(error) from error
            raise HeadroomError(f"{option}: {path} could not be used: {text}") from error


def _lacks_rights(error: Exception) -> bool:
    if isinstance(error, PermissionError):
        return True
    # SQLite says no more than that it cannot open or write a file.
    return isinstance(error, sqlite3.Error) and os.geteuid() != 0


def migrate(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    """Bring the schema up to date, inside the transaction that is open.

    Raises Unsupported for a newer schema than this release knows, InvalidInput for another program's database.
    """
    newest = len(schema.migrations)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != schema.application_id:
        raise InvalidInput(
            schema.option, path, "is another program's SQLite database", schema.remedy
        )
    if version > newest:
        raise _refuse_newer(schema, path, version)
    for statements in schema.migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    if version < newest:
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {newest}")


@contextlib.contextmanager
def open_copy(
    schema: Schema, answer: t.Any, tables: t.Iterable[str]
) -> t.Iterator[sqlite3.Connection]:
    """Yield a database in memory with rows of ``tables`` of another host's file, as read_tables() returns them.

    Columns that this release does not know are left out; it is empty where the host has no such file. Raises
    HeadroomError for what could not be read, and for what cannot be such rows: a host may answer anything.
    """
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, ":memory:", schema)
        try:
            _fill(connection, schema, answer, tables)
        except _NO_ROWS as error:
            raise _refuse_copy(schema, repr(error)) from error
        yield connection


def _fill(
    connection: sqlite3.Connection,
    schema: Schema,
    answer: t.Mapping[str, t.Any],
    tables: t.Iterable[str],
) -> None:
    path = str(answer["path"])
    if answer.get("absent"):
        return
    if "error" in answer:
        raise _refuse_copy(schema, f"{path}: {answer['error']}")
    if not answer["is_empty"] and answer["application"] != schema.application_id:
        raise _refuse_copy(schema, f"{path} is another program's SQLite database")
    if int(answer["version"]) > len(schema.migrations):
        raise _refuse_newer(schema, path, int(answer["version"]))
    for table in tables:
        columns, rows = answer["tables"][table]
        _insert(connection, table, columns, rows)


def _refuse_copy(schema: Schema, problem: str) -> HeadroomError:
    return HeadroomError(f"{schema.option}: what the host has cannot be read: {problem}")


def _insert(
    connection: sqlite3.Connection, table: str, columns: t.Sequence[str], rows: t.Iterable[t.Any]
) -> None:
    known = [row[1] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (table,))]
    names = [name for name in known if name in columns]
    if not names:
        return
    places = [columns.index(name) for name in names]
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - the schema's own names
    connection.executemany(statement, ([row[place] for place in places] for row in rows))


def _refuse_newer(schema: Schema, path: str, version: int) -> Unsupported:
    newest = len(schema.migrations)
    return Unsupported(
        f"{schema.option}: {path} was written by a newer release of headroom.libvirt (schema {version}, this one "
        f"knows {newest}). Upgrade the collection on the controller.",
        found=version,
        known=newest,
    )


def set_aside(
    path: str,
    identity: tuple[int, int] | None,
    now: float,
    close: t.Callable[[], None] = lambda: None,
) -> str | None:
    """Rename the broken file to ``PATH.corrupt-TIME``; return its new name.

    Returns None when it is no longer the file that ``identity`` (device, inode) means: two runs may find the same
    file broken, and the second must not set the first one's fresh file aside. ``close`` closes the broken file: after
    it was moved, and before anyone can make a fresh one, whose -wal SQLite would take for its own.
    """
    file = pathlib.Path(path)
    with lock_path(path, fcntl.LOCK_EX):
        if identity is None or read_identity(path) != identity:
            return None
        time = dt.datetime.fromtimestamp(now, dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        aside = _choose_unused(f"{path}.corrupt-{time}")
        file.rename(aside)
        for suffix in (
            "-wal",
            "-shm",
        ):  # what they hold belongs to the broken file, and would be read into a new one
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(path + suffix).rename(aside + suffix)
        close()
        return aside


def _choose_unused(path: str) -> str:
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = f"{path}-{number}"
    return candidate


@contextlib.contextmanager
def lock_path(path: str, operation: int, mode: int | None = 0o600) -> t.Iterator[None]:
    """Hold the lock on what ``path`` means (LOCK_SH or LOCK_EX): who opens, makes or moves that file has it.

    It is a file of its own, which others may not open: a folder could be locked by everybody who may look into it.
    It is made with ``mode``; without one nothing is made, and there is no lock where nobody has made it.
    """
    try:
        flags = os.O_RDONLY if mode is None else os.O_RDONLY | os.O_CREAT
        descriptor = open_own(f"{path}.lock", flags, mode or 0o600)
    except FileNotFoundError:
        if mode is not None:
            raise
        yield
        return
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def read_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the file at ``path``; None where none is."""
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
