# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import SCHEMA
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import (
    MOST_READINESS,
    History,
    Readiness,
    Record,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)


@pytest.fixture
def connection() -> t.Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        _sqlite.migrate(opened, ":memory:", SCHEMA)
        yield opened


def test_rows_are_kept_by_fleet_and_slot(connection: sqlite3.Connection) -> None:
    web, db = History(connection, "web"), History(connection, "db")
    rows = [
        Record(0, 3.5, 1.0, None, 4.0),
        Record(10, 13.5, None, "the first", 14.0),
        Record(20, 23.5, 7.0, fleet_wide=True),
    ]
    for row in rows:
        web.add(row)
    assert web.read_since(0) == rows
    assert web.read_since(10) == rows[1:]
    assert web.find(10) == rows[1]
    assert web.find(30) is None
    assert db.read_since(0) == []


def test_a_slot_has_one_row(connection: sqlite3.Connection) -> None:
    History(connection, "web").add(Record(0, 1.0, 1.0))
    with pytest.raises(sqlite3.IntegrityError):
        History(connection, "web").add(Record(0, 2.0, 2.0))


def test_the_last_row_with_counters_is_found(connection: sqlite3.Connection) -> None:
    web = History(connection, "web")
    assert web.find_last_counted(100) is None
    for row in (
        Record(0, 0.0, 1.0, taken_at=1.0),
        Record(10, 10.0, 1.0, taken_at=11.0),
        Record(20, 20.0, 1.0),
    ):
        web.add(row)
    assert web.find_last_counted(30) == Record(10, 10.0, 1.0, taken_at=11.0)
    assert web.find_last_counted(10) == Record(0, 0.0, 1.0, taken_at=1.0)


def test_old_rows_are_forgotten(connection: sqlite3.Connection) -> None:
    web, db = History(connection, "web"), History(connection, "db")
    for slot in (0, 10, 20):
        web.add(Record(slot, slot, 1.0))
        db.add(Record(slot, slot, 1.0))
    web.forget_before(20)
    assert [row.slot for row in web.read_since(0)] == [20]
    assert len(db.read_since(0)) == 3


def test_a_clock_that_is_years_ahead_deletes_no_history(connection: sqlite3.Connection) -> None:
    web, hour, keep, now = History(connection, "web"), 3600, 90 * 86_400, 2_000_000_000
    for age in range(720):
        web.add(Record(now - age * hour, 0.0, 1.0))
    for run in range(5):
        ahead = now + 10 * 365 * 86_400 + run * hour
        web.add(Record(ahead, 0.0, 1.0))
        web.forget_before(ahead - keep)
    assert len(web.read_since(0)) == 725
    web.add(Record(now + hour, 0.0, 1.0))
    web.forget_before(now - 9 * hour, now + hour)
    assert web.read_since(0)[0].slot == now - 9 * hour


def test_a_pause_takes_no_history_along(connection: sqlite3.Connection) -> None:
    web, day = History(connection, "web"), 86_400
    for slot in (0, day, 2 * day, 400 * day, 401 * day):
        web.add(Record(slot, 0.0, 1.0))
    web.forget_before(401 * day - 2 * day)
    assert [row.slot // day for row in web.read_since(0)] == [1, 2, 400, 401]


def test_counters_come_back_as_they_were_and_replace_the_old(
    connection: sqlite3.Connection,
) -> None:
    web = History(connection, "web")
    stats = parse_record(
        {
            "state.state": 1,
            "cpu.time": 5_000_000_000,
            "net.count": 1,
            "net.0.name": "vnet0",
            "net.0.rx.bytes": 7,
        }
    )
    old = DomainSample("web-1", "uuid 1", 3, 99.5, stats)
    new = DomainSample("web-2", "uuid 2", None, 100.5, stats)
    web.keep_counters([old], {})
    assert web.read_counters() == [old]
    web.keep_counters([new], {})
    assert web.read_counters() == [new]
    assert History(connection, "db").read_counters() == []


def test_the_rows_that_tell_a_load_are_found(connection: sqlite3.Connection) -> None:
    web = History(connection, "web")
    rows = [
        Record(0, 0.0, 1.0, used_cores=0.5, vcpus=2),
        Record(10, 10.0, 1.0),
        Record(20, 20.0, 1.0, None, 21.0, False, 0.0, 0),
    ]
    for row in rows:
        web.add(row)
    assert web.read_loads(-10, 20) == [rows[0], rows[2]]
    assert web.read_loads(0, 20) == [rows[2]]
    assert web.read_loads(-10, 10) == [rows[0]]


def test_how_long_machines_took_is_kept_of_the_latest_runs(connection: sqlite3.Connection) -> None:
    web, db = History(connection, "web"), History(connection, "db")
    assert web.read_readiness() == []
    runs = [Readiness(moment, 1 + moment % 3, moment / 2) for moment in range(25)]
    assert all(web.add_readiness(run) for run in runs)
    assert not web.add_readiness(Readiness(24, 9, 9.0))
    assert web.read_readiness() == runs[-MOST_READINESS:]
    assert db.read_readiness() == []


def test_a_history_from_before_loads_were_kept_goes_on() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        _sqlite.migrate(
            opened, ":memory:", dataclasses.replace(SCHEMA, migrations=SCHEMA.migrations[:3])
        )
        opened.execute("INSERT INTO sample VALUES ('web', 0, 3.5, 4.0, 1.0, NULL, 0)")
        _sqlite.migrate(opened, ":memory:", SCHEMA)
        web = History(opened, "web")
        web.add(Record(10, 13.5, 2.0, used_cores=0.5, vcpus=2))
        assert web.read_since(0) == [
            Record(0, 3.5, 1.0, taken_at=4.0),
            Record(10, 13.5, 2.0, used_cores=0.5, vcpus=2),
        ]
        assert [row.slot for row in web.read_loads(-10, 10)] == [10]
