# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's mark and leases, by its own history, be that here or where SSH leads to."""

from __future__ import annotations

import sqlite3
import time
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._host import facts, maintenance
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

from tools import local_ssh

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = time.time()


@pytest.fixture
def history(tmp_path: Path) -> str:
    """The history of a host with a mark, a lease that is in force and one that has run out."""
    path = str(tmp_path / "state" / "history.sqlite")

    def note(database: sqlite3.Connection) -> None:
        guests = [maintenance.AbsentGuest("web-1", "u")]
        maintenance.mark(database, "new firmware", guests, NOW, ["kvm2"])
        lease.acquire(database, "web", "me", 600.0, NOW)
        lease.acquire(database, "db", "me", 1.0, NOW - 100)

    Database(path).run(note, NOW)
    return path


@pytest.fixture
def ssh(tmp_path: Path) -> str:
    """The URI of a host to which a program leads that runs here what it is to run there."""
    return f"qemu+ssh://kvm1/system?{local_ssh.make_command(tmp_path)}"


def read(node: Connection, history: str, uri: str | None = None) -> dict[str, t.Any]:
    params = {
        "cpu_overcommit": 4.0,
        "memory_overcommit": 1.0,
        "memory_reserve": "1GiB",
        "history": history,
    }
    return facts.read_facts(node._replace(uri=uri or node.uri), params, NOW)


def test_the_history_here_and_there_say_the_same(node: Connection, history: str, ssh: str) -> None:
    local, remote = read(node, history), read(node, history, ssh)
    for host in (local, remote):
        assert host["maintenance"]["reason"] == "new firmware"
        assert host["maintenance"]["guests"] == [{"name": "web-1", "uuid": "u"}]
        assert [(row["fleet"], row["holder"]) for row in host["leases"]] == [("web", "me")]
    assert local["maintenance"] == remote["maintenance"]
    assert local["leases"] == remote["leases"]


def test_nothing_is_known_of_a_host_without_a_history(
    node: Connection, ssh: str, tmp_path: Path
) -> None:
    host = read(node, str(tmp_path / "nowhere.sqlite"), ssh)
    assert (host["maintenance"], host["leases"]) == (None, [])
    assert [check for check in host["health"] if check["check"] == "maintenance"] == []


def test_the_history_here_is_not_that_of_another_host(node: Connection, history: str) -> None:
    for uri in ("qemu+tls://kvm1/system", "qemu+unix:///system?socket=/tunnel"):
        host = read(node, history, uri)
        assert (host["maintenance"], host["leases"]) == (None, [])


def test_a_mark_that_cannot_be_read_is_a_check(node: Connection, history: str, ssh: str) -> None:
    def spoil(database: sqlite3.Connection) -> None:
        database.execute("UPDATE maintenance SET guests = '[7]'")

    Database(history).run(spoil, NOW)
    host = read(node, history, ssh)
    assert host["maintenance"] is None
    (check,) = [check for check in host["health"] if check["check"] == "maintenance"]
    assert "does not tell which guests" in check["detail"]
