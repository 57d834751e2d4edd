# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts in one task: what each answers, or why it does not, beside the others."""

from __future__ import annotations

import json
import socket
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    LibvirtFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import on_host

from tools.inventories import Inventories, domain

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@pytest.fixture
def uris(tmp_path: Path) -> list[str]:
    inventories = Inventories(tmp_path)
    return [
        inventories.host("k1", domain("web-1"), domain("web-2"))["uri"],
        f"test://root:hunter2@{tmp_path}/missing.xml",
        inventories.host("k2", domain("db"))["uri"],
    ]


def ask(
    uris: t.Sequence[str], call: t.Callable[..., dict[str, t.Any]], **params: t.Any
) -> list[on_host.HostAnswer]:
    limits = {"timeout": 30.0, "connect_timeout": 20.0, "parallel": 4, **params}
    module = types.SimpleNamespace(params={"uris": list(uris), **limits})
    return on_host.ask_hosts(t.cast("t.Any", module), call)


def list_names(connection: Connection, _module: object) -> dict[str, t.Any]:
    names = sorted(domain.name() for domain in connection.handle.listAllDomains(0))
    return {"rows": [{"name": name} for name in names]}


def test_rows_carry_their_host_and_a_host_that_is_dead_is_told(uris: list[str]) -> None:
    result = on_host.merge_rows("rows")(ask([*uris, uris[0]], list_names))
    assert [(row["name"], row["uri"]) for row in result["rows"]] == [
        ("web-1", uris[0]),
        ("web-2", uris[0]),
        ("db", uris[2]),
    ]
    assert [host["problem"] is None for host in result["hosts"]] == [True, False, True]
    assert "missing.xml" in result["hosts"][1]["problem"]
    assert "hunter2" not in json.dumps(result)


def test_what_goes_wrong_on_one_host_is_its_own_problem(uris: list[str]) -> None:
    def call(connection: Connection, module: object) -> dict[str, t.Any]:
        if connection.uri == uris[0]:
            raise LibvirtFailed("no such pool")
        return list_names(connection, module)

    answers = ask(uris, call)
    assert answers[0] == on_host.HostAnswer(uris[0], None, "no such pool")
    assert answers[2].result == {"rows": [{"name": "db"}]}


def test_what_is_wrong_with_the_options_is_the_mistake_of_the_task(uris: list[str]) -> None:
    def call(_connection: object, _module: object) -> dict[str, t.Any]:
        raise InvalidInput("name", "a b", "is no name", "Write another.")

    with pytest.raises(InvalidInput, match="is no name"):
        ask(uris, call)


@pytest.mark.parametrize("option", ["timeout", "connect_timeout", "parallel"])
def test_limits_are_above_zero(uris: list[str], option: str) -> None:
    with pytest.raises(InvalidInput, match=f"{option}: 0 must be a positive number"):
        ask(uris, list_names, **{option: 0})


def test_a_host_that_says_nothing_is_given_up_on(uris: list[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        hung = f"qemu+unix:///system?socket={tmp_path}/silent"
        answers = ask([hung, uris[0]], list_names, timeout=1.0)
    assert "within 1 s" in str(answers[0].problem)
    assert answers[1].result is not None


def test_a_mistake_of_ours_is_not_taken_for_a_dead_host(uris: list[str]) -> None:
    def call(_connection: object, _module: object) -> dict[str, t.Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(uris, call)
    assert not issubclass(ZeroDivisionError, HeadroomError)
