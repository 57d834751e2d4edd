# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How full a host was, hour by hour."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import usage
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.usage import Usage
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

if t.TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

NOON, HOUR = 1_767_268_800, 3600
T = t.TypeVar("T")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(str(tmp_path / "history.sqlite"))


def keep(database: Database, *rows: tuple[float, float, str], keep_seconds: int = 90_000) -> None:
    """Record (moment, used, pool)."""

    def write(opened: sqlite3.Connection) -> None:
        for moment, used, name in rows:
            usage.record(opened, [Usage("pool", name, used, 100.0)], moment, keep_seconds)

    database.run(write, NOON)


def read(database: Database, now: float = NOON + 10 * HOUR) -> list[usage.UsageHistory]:
    return database.run(lambda opened: usage.read(opened, now), NOON)[0]


def test_facts_say_how_full_a_host_is() -> None:
    facts = {
        "pools": [
            {"name": "default", "capacity_bytes": 100, "available_bytes": 30},
            {"name": "off", "capacity_bytes": None, "available_bytes": None},
            {"name": "thin", "capacity_bytes": 100, "available_bytes": 110},
        ],
        "committed": {"defined": {"memory_bytes": 7}},
        "allowed": {"memory_bytes": 9},
    }
    assert usage.measure(facts) == (
        Usage("pool", "default", 70, 100),
        Usage("pool", "thin", 0, 100),
        Usage("memory", "", 7, 9),
    )


def test_the_most_of_each_hour_is_kept(database: Database) -> None:
    keep(database, (NOON, 10, "a"), (NOON + 300, 30, "a"), (NOON + 600, 20, "a"))
    keep(database, (NOON + 2 * HOUR, 5, "a"))
    (history,) = read(database)
    assert (history.kind, history.name, history.total_bytes) == ("pool", "a", 100)
    assert (history.series.start, history.series.values) == (NOON, (30, None, 5))
    assert read(database, NOON + HOUR)[0].series.values == (30,)


def test_a_pool_that_is_gone_has_no_history(database: Database) -> None:
    keep(database, (NOON, 1, "a"), (NOON, 1, "b"), (NOON + HOUR, 2, "a"))
    assert [history.name for history in read(database)] == ["a"]
    assert [history.name for history in read(database, NOON)] == ["a", "b"]


def test_old_hours_go(database: Database) -> None:
    keep(database, (NOON, 1, "a"), (NOON, 1, "b"), (NOON + 30 * HOUR, 2, "a"))
    assert [history.name for history in read(database, NOON + 40 * HOUR)] == ["a"]
    assert read(database, NOON + 40 * HOUR)[0].series.values == (2,)


def test_what_is_packed_is_unpacked(database: Database) -> None:
    keep(database, (NOON, 10, "a"), (NOON + 2 * HOUR, 5, "a"))
    histories = read(database)
    assert usage.unpack("usage", usage.pack(histories)) == histories
    assert usage.unpack("usage", usage.pack([])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cpu"},
        {"used_bytes": [-1]},
        {"used_bytes": ["x"]},
        {"used_bytes": [1e300]},
        {"total_bytes": None},
        {"start": "soon"},
        {"used_bytes": 7},
    ],
)
def test_what_is_none_is_refused_by_name(change: dict[str, t.Any]) -> None:
    row = {"kind": "pool", "name": "a", "total_bytes": 9, "start": NOON, "used_bytes": [1, None]}
    assert len(usage.unpack("hosts[0].usage", json.dumps([row]))) == 1
    for text in (json.dumps([{**row, **change}]), "[", None, "7", json.dumps([{}])):
        with pytest.raises(InvalidInput, match=r"hosts\[0\]\.usage"):
            usage.unpack("hosts[0].usage", text)
