# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import sqlite3
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    SCHEMA,
    Database,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.lease import Lease

from tools.checkout import collections_path

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def connection() -> t.Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        _sqlite.migrate(opened, ":memory:", SCHEMA)
        yield opened


def test_one_holder_at_a_time(connection: sqlite3.Connection) -> None:
    assert lease.acquire(connection, "web", "a", 60, now=100) == Lease("a", 100, 160)
    assert lease.acquire(connection, "web", "b", 60, now=159) == Lease("a", 100, 160)
    assert lease.acquire(connection, "db", "b", 60, now=159) == Lease("b", 159, 219)


def test_a_holder_may_keep_it_longer(connection: sqlite3.Connection) -> None:
    lease.acquire(connection, "web", "a", 60, now=100)
    assert lease.acquire(connection, "web", "a", 60, now=150) == Lease("a", 100, 210)


def test_a_holder_that_nobody_followed_has_it_as_before(connection: sqlite3.Connection) -> None:
    lease.acquire(connection, "web", "a", 60, now=100)
    assert lease.acquire(connection, "web", "a", 60, now=1000) == Lease("a", 100, 1060)
    assert lease.renew(connection, "web", "a", 60, now=2000) == Lease("a", 100, 2060)
    lease.acquire(connection, "web", "b", 60, now=3000)
    assert lease.renew(connection, "web", "a", 60, now=3000) == Lease("b", 3000, 3060)
    assert lease.renew(connection, "web", "a", 60, now=4000) is None
    lease.release(connection, "web", "b")
    assert lease.acquire(connection, "web", "a", 60, now=4000) == Lease("a", 4000, 4060)


def test_the_lease_of_a_holder_that_died_runs_out(connection: sqlite3.Connection) -> None:
    lease.acquire(connection, "web", "dead", 60, now=100)
    assert lease.read(connection, "web", now=160) is None
    assert lease.acquire(connection, "web", "b", 60, now=160) == Lease("b", 160, 220)


def test_a_lease_that_ends_later_than_any_can_has_expired(connection: sqlite3.Connection) -> None:
    lease.acquire(connection, "web", "dead", 900, now=1e9 + 10 * 365 * 86_400)
    assert lease.read(connection, "web", now=1e9) is None
    assert lease.acquire(connection, "web", "b", 900, now=1e9) == Lease("b", 1e9, 1e9 + 900)


def test_a_lease_from_before_the_clock_was_set_back_lasts_no_longer_than_it_should(
    connection: sqlite3.Connection,
) -> None:
    lease.acquire(connection, "web", "dead", 900, now=1e9 + 7200)
    assert lease.acquire(connection, "web", "b", 900, now=1e9) == Lease("dead", 1e9, 1e9 + 900)
    assert lease.acquire(connection, "web", "b", 900, now=1e9 + 899).holder == "dead"
    assert lease.acquire(connection, "web", "b", 900, now=1e9 + 900).holder == "b"


def test_a_lease_that_is_renewed_after_the_clock_was_set_back_is_kept(
    connection: sqlite3.Connection,
) -> None:
    lease.acquire(connection, "web", "a", 900, now=1e9 + 7200)
    assert lease.renew(connection, "web", "a", 900, now=1e9) == Lease("a", 1e9 + 7200, 1e9 + 900)
    assert lease.acquire(connection, "web", "b", 900, now=1e9 + 1).holder == "a"
    assert lease.acquire(connection, "web", "b", 900, now=1e9 + 899).holder == "a"
    assert lease.acquire(connection, "web", "b", 900, now=1e9 + 900).holder == "b"


def test_only_its_holder_gives_it_up(connection: sqlite3.Connection) -> None:
    lease.acquire(connection, "web", "a", 60, now=100)
    lease.release(connection, "web", "b")
    assert lease.read(connection, "web", now=101) == Lease("a", 100, 160)
    lease.release(connection, "web", "a")
    assert lease.read(connection, "web", now=101) is None


def ask(path: str, holder: str) -> str:
    """Ask for the lease; return who holds it then."""
    held, _warnings = Database(path).run(
        lambda opened: lease.acquire(opened, "web", holder, 60, now=100), now=100
    )
    return held.holder


def test_of_many_who_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "history.sqlite")
    with concurrent.futures.ThreadPoolExecutor(8) as executor:
        holders = list(executor.map(ask, [path] * 16, [f"run {number}" for number in range(16)]))
    assert holders == [holders[0]] * 16


_ASK = """
import sys
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
sys.stdin.read()  # until all are there
path, holder = sys.argv[1:]
held, _warnings = Database(path).run(lambda opened: lease.acquire(opened, "web", holder, 60, now=100), now=100)
print(held.holder)
"""


def test_of_several_processes_one_gets_it(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(collections_path()), *sys.path]),
    }
    path = str(tmp_path / "new" / "history.sqlite")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ASK, path, f"run {number}"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    holders = [process.communicate(timeout=60)[0] for process in processes]
    assert holders[0].startswith("run ")
    assert holders == [holders[0]] * 4


def test_of_many_who_find_the_file_broken_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"broken " * 1000)
    with concurrent.futures.ThreadPoolExecutor(8) as executor:
        holders = list(
            executor.map(ask, [str(path)] * 16, [f"run {number}" for number in range(16)])
        )
    assert len(set(holders)) == 1
    assert (
        len(
            [
                file
                for file in tmp_path.iterdir()
                if ".corrupt-" in file.name and "-wal" not in file.name
            ]
        )
        == 1
    )


def test_a_file_that_vanishes_as_soon_as_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made, make = tmp_path / "history.sqlite", [], Database._make

    def made_in_vain(database: Database) -> None:
        make(database)
        made.append(path)
        if len(made) == 1:
            path.unlink()

    monkeypatch.setattr(Database, "_make", made_in_vain)
    assert ask(str(path), "run 1") == "run 1"
    assert ask(str(path), "run 2") == "run 1"
    assert len(made) == 2
