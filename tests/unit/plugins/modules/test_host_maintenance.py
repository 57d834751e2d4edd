# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.modules import host_info, host_maintenance

if t.TYPE_CHECKING:
    from pathlib import Path

WEB, DB = ({"name": name, "uuid": f"uuid-{name}"} for name in ("web", "db"))


class Run(t.Protocol):
    def __call__(self, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]: ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def run(path: Path) -> Run:
    def task(*, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        defaults = {
            name: option.get("default")
            for name, option in host_maintenance.ARGUMENTS.options.items()
        }
        values = {**defaults, "history": str(path), **params}
        module = types.SimpleNamespace(params=values, check_mode=check_mode, warn=pytest.fail)
        return host_maintenance.set_mark(t.cast("t.Any", module))

    return task


def seen(path: Path, uri: str = "test:///default") -> tuple[t.Any, list[t.Any]]:
    """What host_info says of the mark, and of what was in the way of reading it."""
    defaults = {name: option.get("default") for name, option in host_info.ARGUMENTS.options.items()}
    params = {**defaults, "history": str(path), "uri": uri}
    with open_connection("test:///default") as connection:
        host = host_info.read_capacity(
            connection._replace(uri=uri),
            t.cast("t.Any", types.SimpleNamespace(params=params)),
        )["host"]
    return host["maintenance"], [
        check for check in host["health"] if check["check"] == "maintenance"
    ]


def test_a_mark_is_set_told_and_taken_off(run: Run, path: Path) -> None:
    assert seen(path) == (None, [])
    marked = run(reason="firmware", guests=[WEB])
    assert marked["changed"]
    assert marked["diff"] == {
        "before": {"maintenance": None},
        "after": {"maintenance": {"reason": "firmware", "guests": ["web"], "hosts": []}},
    }
    assert seen(path) == (marked["maintenance"], [])
    assert run(reason="firmware", guests=[WEB])["changed"] is False
    assert run()["maintenance"] == marked["maintenance"]
    gone = run(state="absent")
    assert (gone["changed"], gone["maintenance"]) == (True, None)
    assert run(state="absent")["changed"] is False
    assert seen(path) == (None, [])


def test_guests_are_added_and_never_forgotten_on_the_way(run: Run) -> None:
    first = run(guests=[WEB], hosts=["b", "a"])["maintenance"]
    second = run(guests=[DB], hosts=["c"])["maintenance"]
    assert second["guests"] == [DB, WEB]
    assert second["hosts"] == ["a", "b", "c"]
    assert (second["since"], second["reason"]) == (first["since"], "maintenance")


def test_check_mode_changes_nothing(run: Run, path: Path) -> None:
    assert run(check_mode=True, guests=[WEB])["changed"] is True
    assert not path.exists()


def test_another_host_s_mark_is_not_in_the_history_here(run: Run, path: Path) -> None:
    run(reason="firmware")
    assert seen(path, "qemu+tls://other/system") == (None, [])


def test_a_history_that_cannot_be_read_is_told_and_no_reason_to_fail(tmp_path: Path) -> None:
    mark, checks = seen(tmp_path)  # a folder
    assert mark is None
    assert checks[0]["status"] == "warning"
    assert "is not a regular file" in checks[0]["detail"]
