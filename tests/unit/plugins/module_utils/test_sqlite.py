# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files, shown on the history's."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    SCHEMA,
    Database,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NoSpace,
    Unsupported,
)

NOW = 1_795_392_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "headroom" / "history.sqlite"


def add(connection: sqlite3.Connection) -> int:
    """Add a lease; return how many there are."""
    connection.execute("INSERT INTO lease SELECT 'fleet-' || count(*), 'me', 0, 1 FROM lease")
    (count,) = connection.execute("SELECT count(*) FROM lease").fetchone()
    return int(count)


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM lease").fetchone()[0])


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def test_the_file_and_its_directory_are_made_for_their_owner_and_group(path: Path) -> None:
    assert Database(str(path)).run(add, NOW) == (1, [])
    assert Database(str(path)).run(add, NOW) == (2, [])
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0
    with contextlib.closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert opened.execute("PRAGMA user_version").fetchone() == (len(SCHEMA.migrations),)


def test_a_dry_run_leaves_nothing(path: Path) -> None:
    assert Database(str(path), dry_run=True).run(add, NOW) == (1, [])
    assert not path.parent.exists()
    Database(str(path)).run(add, NOW)
    assert Database(str(path), dry_run=True).run(add, NOW) == (2, [])
    assert Database(str(path)).run(count, NOW) == (1, [])


def test_an_error_takes_everything_back(path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        add(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Database(str(path)).run(fail, NOW)
    assert Database(str(path)).run(count, NOW) == (0, [])


@pytest.mark.parametrize(
    "content", [b"no database at all, " * 300, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_broken_file_is_kept_aside_and_told(path: Path, content: bytes) -> None:
    write(path, content)
    path.with_name("history.sqlite-wal").write_bytes(b"old")
    result, (warning,) = Database(str(path)).run(add, NOW)
    aside = path.with_name("history.sqlite.corrupt-20261123T000000Z")
    assert result == 1
    assert aside.read_bytes() == content
    assert path.with_name(aside.name + "-wal").read_bytes() == b"old"
    assert str(aside) in warning
    assert Database(str(path)).run(add, NOW) == (2, [])


def test_each_broken_file_is_kept(path: Path) -> None:
    for number in range(3):
        write(path, b"broken %d " % number * 500)
        Database(str(path)).run(add, NOW)
    kept = sorted(path.parent.glob("*.corrupt-*"))
    assert [file.read_bytes()[:8] for file in kept] == [b"broken 0", b"broken 1", b"broken 2"]


def test_a_file_that_breaks_in_the_middle_is_noticed_when_that_is_read(path: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO lease VALUES (?, ?, 0, 1)", [(str(n), "x" * 500) for n in range(200)]
        )

    Database(str(path)).run(fill, NOW)
    content = bytearray(path.read_bytes())
    content[3 * 4096 :] = b"\x55" * (len(content) - 3 * 4096)
    path.write_bytes(content)
    result, warnings = Database(str(path)).run(count, NOW)
    assert result == 0
    assert "malformed" in warnings[0]


def test_a_dry_run_moves_no_broken_file(path: Path) -> None:
    write(path, b"broken" * 1000)
    result, (warning,) = Database(str(path), dry_run=True).run(add, NOW)
    assert result == 1
    assert "would be set aside" in warning
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite"]


def test_the_second_who_finds_a_file_broken_leaves_the_fresh_one(path: Path) -> None:
    write(path, b"broken" * 1000)
    identity = (path.stat().st_dev, path.stat().st_ino)
    assert _sqlite.set_aside(str(path), identity, NOW) is not None
    Database(str(path)).run(add, NOW)
    assert _sqlite.set_aside(str(path), identity, NOW) is None
    assert Database(str(path)).run(count, NOW) == (1, [])


def test_another_programs_database_is_not_touched(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE precious (value)")
    content = path.read_bytes()
    with pytest.raises(InvalidInput, match="another program's SQLite database"):
        Database(str(path)).run(add, NOW)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    assert len(path.read_bytes()) == len(content)


def test_an_older_schema_is_migrated_and_a_newer_one_refused(path: Path) -> None:
    Database(str(path)).run(add, NOW)
    more = ("ALTER TABLE lease ADD COLUMN note TEXT DEFAULT 'kept'",)
    newer = dataclasses.replace(SCHEMA, migrations=(*SCHEMA.migrations, more))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as opened:
        _sqlite.migrate(opened, str(path), newer)
        assert opened.execute("SELECT fleet, note FROM lease").fetchall() == [("fleet-0", "kept")]
        _sqlite.migrate(opened, str(path), newer)
    with pytest.raises(Unsupported, match="Upgrade the collection") as caught:
        Database(str(path)).run(count, NOW)
    assert caught.value.details == {"found": len(newer.migrations), "known": len(SCHEMA.migrations)}


def test_a_file_that_others_hold_for_too_long_is_a_conflict(path: Path) -> None:
    Database(str(path)).run(add, NOW)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Conflict, match="in use by another run"):
            Database(str(path), busy_timeout=0.01).run(add, NOW)


def test_a_full_disk_is_told(path: Path) -> None:
    def grow(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to be out of room
        connection.execute("INSERT INTO lease VALUES ('web', ?, 0, 1)", ("x" * 100_000,))

    with pytest.raises(NoSpace, match="no room"):
        Database(str(path)).run(grow, NOW)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("link", "symbolic link"), ("directory", "regular file"), ("fifo", "regular file")],
)
def test_only_a_regular_file_will_do(path: Path, kind: str, words: str) -> None:
    path.parent.mkdir()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    for dry_run in (True, False):
        with pytest.raises(InvalidInput, match=words) as caught:
            Database(str(path), dry_run=dry_run).run(add, NOW)
        assert caught.value.details["option"] == "history"


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal", ".lock"])
def test_a_file_of_another_user_is_refused(path: Path, suffix: str) -> None:
    Database(str(path)).run(add, NOW)
    foreign = Path(f"{path}{suffix}")
    foreign.touch()
    foreign.chmod(0o666)
    with pytest.raises(InvalidInput, match=r"history: .* may be written by every user"):
        Database(str(path)).run(add, NOW)


def test_a_folder_where_every_user_may_write_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        with pytest.raises(InvalidInput, match=r"history: .* in which every user may write"):
            Database(str(folder / "history.sqlite")).run(add, NOW)
        assert list(folder.iterdir()) == []


def test_what_a_run_that_died_left_of_a_new_file_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    Path(f"{path}.new").symlink_to(path.parent / "victim")
    assert Database(str(path)).run(add, NOW) == (1, [])
    assert not (path.parent / "victim").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a process of another user needs root")
def test_no_other_user_can_stop_a_task() -> None:
    """The folder is one that others may look into: who can open it can lock it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        database = Database(str(folder / "history.sqlite"), busy_timeout=0.1)
        assert database.run(add, NOW) == (1, [])
        with subprocess.Popen(
            ["flock", name, "sh", "-c", "echo 1; read line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=65534,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"1\n"
            assert database.run(add, NOW) == (2, [])
            assert Database(str(folder / "other.sqlite")).run(add, NOW) == (1, [])
            process.communicate(b"\n")
        for file in folder.iterdir():
            assert not file.stat().st_mode & 0o007


@pytest.mark.parametrize("path", ["history.sqlite", "", "/tmp/a\0b"])
def test_only_an_absolute_path_will_do(path: str) -> None:
    with pytest.raises(InvalidInput, match="absolute path"):
        Database(path).run(add, NOW)


def test_a_path_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"cannot be used: .*irectory"):
        Database(str(tmp_path / "file" / "history.sqlite")).run(add, NOW)


def test_a_name_with_signs_of_a_uri_is_a_plain_name(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#%41.sqlite"
    Database(str(path)).run(add, NOW)
    assert path.stat().st_size > 0
