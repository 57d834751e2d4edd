# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The SQLite file of a host: opened, migrated, locked, and set aside when it is broken."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import os
import pathlib
import sqlite3
import stat
import typing as t
from urllib.parse import quote

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    InvalidInput,
    NoSpace,
    Unsupported,
)

T = t.TypeVar("T")

DEFAULT_PATH: t.Final = "/var/lib/headroom/history.sqlite"
_OPTION: t.Final = "history"
_REMEDY: t.Final = f"Give the path of a file of its own, for example {DEFAULT_PATH}."

# "hdrm": marks the file as ours, so that no other program's database is ever written to.
APPLICATION_ID: t.Final = 0x6864726D

# The statements that lead from each version of the schema to the next. What has been released is never edited.
MIGRATIONS: t.Final[tuple[tuple[str, ...], ...]] = (
    (
        # slot: start of the interval, taken_at: when the counters were read, both in epoch seconds. No value: missing.
        # whole: the value is the fleet's, handed in, and not this host's part of it.
        """CREATE TABLE sample (
            fleet TEXT NOT NULL, slot INTEGER NOT NULL, timestamp REAL NOT NULL, taken_at REAL, value REAL, reason TEXT,
            whole INTEGER NOT NULL,
            PRIMARY KEY (fleet, slot)
        ) WITHOUT ROWID""",
        # The counters of the latest sample by domain, as JSON: what the next rates are measured against.
        """CREATE TABLE counters (
            fleet TEXT NOT NULL, domain TEXT NOT NULL, sample TEXT NOT NULL,
            PRIMARY KEY (fleet, domain)
        ) WITHOUT ROWID""",
        """CREATE TABLE lease (
            fleet TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # What was decided in a slot, as JSON, and what had become of the decisions before by then.
        """CREATE TABLE decision (
            fleet TEXT NOT NULL, slot INTEGER NOT NULL, decision TEXT NOT NULL,
            PRIMARY KEY (fleet, slot)
        ) WITHOUT ROWID""",
        # From where a forecaster goes on, as compressed JSON: it is always the latest, and may be lost without harm.
        "CREATE TABLE forecaster (fleet TEXT NOT NULL PRIMARY KEY, state BLOB NOT NULL)",
    ),
)

# SQLite's own words for SQLITE_CORRUPT and SQLITE_NOTADB; Python has error codes only from 3.11 on.
_BROKEN: t.Final = ("malformed", "not a database", "unsupported file format")


class _Broken(Exception):
    """The file is no sound SQLite database; leaves this module only as a warning."""


@dataclasses.dataclass(frozen=True)
class Database:
    """The file at ``path``. With ``dry_run`` everything happens and nothing of it stays, not even a new file."""

    path: str
    dry_run: bool = False
    busy_timeout: float = 15.0

    def run(self, work: t.Callable[[sqlite3.Connection], T], now: float) -> tuple[T, list[str]]:
        """Return what ``work`` returns, and warnings.

        ``work`` runs in one transaction that excludes every other run's, and may run twice: a broken file is set
        aside (never deleted) and a fresh one started. ``now`` (epoch seconds) dates the name of the broken file.

        Raises InvalidInput for a path that cannot be used, Conflict when others hold the file for longer than
        ``busy_timeout`` seconds, NoSpace, and Unsupported for a file of a newer release.
        """
        _check(self.path)
        identity = _identity(self.path)
        try:
            return self._transact(work, self._source(identity is not None)), []
        except _Broken as broken:
            if self.dry_run:
                return self._transact(work, ":memory:"), [_warning(self.path, broken, "would be set aside")]
            aside = set_aside(self.path, identity, now)
            kept = f"is kept as {aside}" if aside else "was set aside by another run"
            return self._transact(work, self._source(exists=False)), [_warning(self.path, broken, kept)]

    def _source(self, exists: bool) -> str:
        if self.dry_run and not exists:
            return ":memory:"
        if not exists:
            _make(self.path)
        return f"file:{quote(self.path)}?mode=rw"

    def _transact(self, work: t.Callable[[sqlite3.Connection], T], source: str) -> T:
        with _explained(self.path), contextlib.closing(self._connect(source)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                migrate(connection, self.path)
                result = work(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("ROLLBACK" if self.dry_run else "COMMIT")
            return result

    def _connect(self, source: str) -> sqlite3.Connection:
        connection = sqlite3.connect(source, timeout=self.busy_timeout, isolation_level=None, uri=source != ":memory:")
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode safe against corruption, also by power loss
        if not self.dry_run and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with contextlib.suppress(sqlite3.OperationalError):  # another run is switching it just now
                connection.execute("PRAGMA journal_mode = WAL")
        return connection


def migrate(connection: sqlite3.Connection, path: str, migrations: t.Sequence[t.Sequence[str]] = MIGRATIONS) -> None:
    """Bring the schema up to date, inside the transaction that is open.

    Raises Unsupported for a newer schema than this release knows, InvalidInput for another program's database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise InvalidInput(_OPTION, path, "is another program's SQLite database", _REMEDY)
    if version > len(migrations):
        raise Unsupported(
            f"{_OPTION}: {path} was written by a newer release of headroom.libvirt (schema {version}, this one knows "
            f"{len(migrations)}). Upgrade the collection on the controller.",
            found=version,
            known=len(migrations),
        )
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    if version < len(migrations):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def set_aside(path: str, identity: tuple[int, int] | None, now: float) -> str | None:
    """Rename the broken file to ``PATH.corrupt-TIME``; return its new name.

    Returns None when it is no longer the file that ``identity`` (device, inode) means: two runs may find the same
    file broken, and the second must not set the first one's fresh file aside.
    """
    file = pathlib.Path(path)
    with _locked(file.parent):
        if identity is None or _identity(path) != identity:
            return None
        time = dt.datetime.fromtimestamp(now, dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        aside = _unused(f"{path}.corrupt-{time}")
        file.rename(aside)
        for suffix in ("-wal", "-shm"):  # what they hold belongs to the broken file, and would be read into a new one
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(path + suffix).rename(aside + suffix)
        return aside


def _unused(path: str) -> str:
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = f"{path}-{number}"
    return candidate


@contextlib.contextmanager
def _locked(directory: pathlib.Path) -> t.Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check(path: str) -> None:
    if not pathlib.Path(path).is_absolute() or "\0" in path:
        raise InvalidInput(_OPTION, path, "is not an absolute path", _REMEDY)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    if stat.S_ISLNK(mode):
        raise InvalidInput(_OPTION, path, "is a symbolic link", "Give the path of the file itself.")
    if not stat.S_ISREG(mode):
        raise InvalidInput(_OPTION, path, "is not a regular file", _REMEDY)


def _make(path: str) -> None:
    """Make the empty file, readable by its owner and group alone, and its directory."""
    try:
        pathlib.Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: str, error: Exception) -> HeadroomError:
    if isinstance(error, OSError) and error.strerror:
        return InvalidInput(_OPTION, path, f"cannot be used: {error.strerror}", _REMEDY)
    return InvalidInput(_OPTION, path, f"cannot be used: {error}", _REMEDY)


@contextlib.contextmanager
def _explained(path: str) -> t.Iterator[None]:
    """Turn SQLite's errors into the collection's."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if any(words in text for words in _BROKEN):
            raise _Broken(text) from error
        if "locked" in text or "busy" in text:
            raise Conflict(f"{_OPTION}: {path} is in use by another run. Try again when that has ended.") from error
        if "full" in text:
            raise NoSpace(f"{_OPTION}: there is no room left for {path}. Free some, or lower `keep`.") from error
        if "unable to open" in text or "readonly" in text:
            raise _unusable(path, error) from error
        raise HeadroomError(f"{_OPTION}: {path} could not be used: {text}") from error


def _warning(path: str, broken: _Broken, what: str) -> str:
    return (
        f"The history {path} could not be read ({broken}). It {what}, and a new one begins: demand is known only from "
        "now on, so that nothing is removed before the cooldown has passed again."
    )
