# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many decisions in one task, and the leases that it gives up."""

from __future__ import annotations

import functools
import sqlite3
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.modules import provisioning_decision

from tools.planned import call

if t.TYPE_CHECKING:
    from pathlib import Path

NOW: t.Final = 1_795_392_003.0


def record(path: Path, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
    options = provisioning_decision.ARGUMENTS.options
    defaults = {name: option.get("default") for name, option in options.items()}
    values = {**defaults, "history": str(path), **params}
    module = types.SimpleNamespace(params=values, check_mode=check_mode, warn=pytest.fail)
    return provisioning_decision.record(t.cast("t.Any", module))


def decide(fleet: str) -> dict[str, t.Any]:
    return {**call()["decision"], "fleet": fleet}


def test_the_decisions_of_many_fleets_are_kept_at_once(tmp_path: Path) -> None:
    path, prom = tmp_path / "history.sqlite", tmp_path / "fleets.prom"
    decisions = [decide("web"), decide("ci")]
    first = record(path, decisions=decisions, textfile=str(prom))
    assert first["fleets"] == [
        {"fleet": "web", "recorded": True},
        {"fleet": "ci", "recorded": True},
    ]
    assert first["diff"]["after"]["ci"] == decisions[1]["machines"]["target"]
    assert 'fleet="web"' in prom.read_text()
    assert 'fleet="ci"' in prom.read_text()
    again = record(path, decisions=decisions, textfile=str(prom))
    assert (again["changed"], [row["recorded"] for row in again["fleets"]]) == (False, [False] * 2)
    assert record(path, decision=decisions[0])["recorded"] is False


def test_leases_are_given_up_with_it_but_not_those_of_others(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    for fleet, holder in (("web", "run"), ("ci", "run"), ("db", "rival")):
        claim = functools.partial(lease.acquire, fleet=fleet, holder=holder, seconds=900, now=NOW)
        Database(str(path)).run(claim, NOW)
    release: dict[str, t.Any] = {"holder": "run", "release": ["web", "db"]}
    record(path, check_mode=True, decisions=[], **release)
    with sqlite3.connect(path) as opened:
        assert opened.execute("SELECT count(*) FROM lease").fetchone() == (3,)
        record(path, decisions=[decide("web")], **release)
        assert opened.execute("SELECT fleet FROM lease ORDER BY fleet").fetchall() == [
            ("ci",),
            ("db",),
        ]


def test_nothing_is_written_where_nothing_is_said(tmp_path: Path) -> None:
    record(tmp_path / "history.sqlite", decisions=[], holder="run", release=["web"])
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_decision_is_told_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"decisions\[1\]"):
        record(tmp_path / "history.sqlite", decisions=[decide("web"), {"fleet": "ci"}])
