# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that was taken away is forgotten: by rosters and by marks, and by nothing else."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import roster
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._host import maintenance
from ansible_collections.headroom.libvirt.plugins.modules import host_maintenance

if t.TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path) -> Database:
    database = Database(str(tmp_path / "history.sqlite"))

    def fill(connection: sqlite3.Connection) -> None:
        machines = (
            roster.RosterEntry("kvm1", "web-1", "a"),
            roster.RosterEntry("kvm3", "web-2", "b"),
            roster.RosterEntry("kvm3", "web-3"),
        )
        roster.write(connection, "web", roster.Roster(1.0, machines))
        guest = maintenance.AbsentGuest("db", "c")
        maintenance.mark(connection, "firmware", [guest], 1.0, ["kvm2", "kvm3"])

    database.run(fill, 0.0)
    return database


def run(history: Database, *names: str, check_mode: bool = False) -> dict[str, t.Any]:
    module = types.SimpleNamespace(
        params={"state": "removed", "hosts": list(names), "history": history.path},
        check_mode=check_mode,
        warn=print,
    )
    return host_maintenance.set_mark(t.cast("t.Any", module))


def list_hosts(history: Database) -> tuple[set[str], tuple[str, ...]]:
    def read(connection: sqlite3.Connection) -> tuple[set[str], tuple[str, ...]]:
        web, mark = roster.read(connection, "web"), maintenance.read(connection)
        assert web is not None
        assert mark is not None
        assert mark.guests == (maintenance.AbsentGuest("db", "c"),)
        return {machine.host for machine in web.machines}, mark.hosts

    return history.run(read, 0.0)[0]


def test_a_host_is_forgotten_once(history: Database) -> None:
    result = run(history, "kvm3", "kvm3")
    assert result["changed"]
    assert result["lost"] == [
        {"host": "kvm3", "fleet": "web", "name": "web-2", "uuid": "b"},
        {"host": "kvm3", "fleet": "web", "name": "web-3", "uuid": None},
    ]
    assert list_hosts(history) == ({"kvm1"}, ("kvm2",))
    assert not run(history, "kvm3")["changed"]


def test_check_mode_tells_and_keeps(history: Database) -> None:
    assert run(history, "kvm3", check_mode=True)["changed"]
    assert list_hosts(history) == ({"kvm1", "kvm3"}, ("kvm2", "kvm3"))


def test_a_host_that_nobody_knows_changes_nothing(history: Database) -> None:
    result = run(history, "kvm9")
    assert (result["changed"], result["lost"]) == (False, [])
