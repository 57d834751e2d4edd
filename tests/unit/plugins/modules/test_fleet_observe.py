# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module over libvirt's test driver: several fleets at once, and what is wrong with one of them."""

from __future__ import annotations

import json
import socket
import sqlite3
import types
import typing as t
import uuid

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import outline
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.modules import fleet_observe

if t.TYPE_CHECKING:
    from pathlib import Path

NOW: t.Final = 1_795_392_003.0
DOMAIN: t.Final = """<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<os><type>hvm</type></os>
<metadata><headroom:machine xmlns:headroom='urn:headroom:libvirt:1'><headroom:fleet>{fleet}</headroom:fleet>
<headroom:created>2026-11-23T00:00:00Z</headroom:created></headroom:machine></metadata></domain>"""
COUNT: t.Final = {"query": "length(domains)"}
WEB: t.Final = {"name": "web", "demand": COUNT, "rule": {"interval": 10}}
CI: t.Final = {"name": "ci", "demand": {"value": 7}}
NODE: t.Final = """<node><network><name>default</name><bridge name='virbr0'/></network>
<pool type='dir'><name>default</name><target><path>{path}</path></target></pool></node>"""
VOLUME_GROUP: t.Final = (
    "<pool type='logical'><name>vg</name><source><name>vg</name></source></pool>"
)


class Run(t.Protocol):
    def __call__(
        self, *fleets: t.Mapping[str, t.Any], check_mode: bool = False, **params: t.Any
    ) -> dict[str, t.Any]: ...


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "made" / "history.sqlite"


@pytest.fixture
def run(tmp_path: Path, history: Path) -> Run:
    """Run the module on a host with web-1 and web-2 of the fleet web, and db-1 of the fleet db."""
    (tmp_path / "pool").mkdir()
    machines = "".join(
        DOMAIN.format(name=name, fleet=name[:-2], uuid=uuid.uuid5(uuid.NAMESPACE_DNS, name))
        for name in ("web-1", "web-2", "db-1")
    )
    text = NODE.format(path=tmp_path / "pool").replace("</node>", f"{machines}</node>")
    (tmp_path / "node.xml").write_text(text)

    def task(
        *fleets: t.Mapping[str, t.Any], check_mode: bool = False, **params: t.Any
    ) -> dict[str, t.Any]:
        options = fleet_observe.ARGUMENTS.options
        defaults = {name: option.get("default") for name, option in options.items()}
        unsaid = dict.fromkeys(t.cast("t.Any", options["fleets"]["options"]))
        values = {
            **defaults,
            "uri": f"test://{tmp_path}/node.xml",
            "history": str(history),
            "timestamp": NOW,
            **params,
            "fleets": [{**unsaid, **fleet} for fleet in fleets],
        }
        module = types.SimpleNamespace(params=values, check_mode=check_mode, warn=pytest.fail)
        return fleet_observe.observe(t.cast("t.Any", module))

    return task


def by_name(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {row["fleet"]: row for row in result["fleets"]}


def test_all_fleets_are_measured_and_recorded_by_one_look(run: Run, history: Path) -> None:
    rows = by_name(run(WEB, CI, holder="a"))
    assert {name: row["sample"]["value"] for name, row in rows.items()} == {"web": 2, "ci": 7}
    assert [member["name"] for member in rows["web"]["members"]] == ["web-1", "web-2"]
    assert rows["ci"]["members"] == []
    assert {name: row["lease"]["held"] for name, row in rows.items()} == {"web": True, "ci": True}
    assert json.loads(rows["ci"]["past"])["history"] == [[NOW, 7, True]]
    with sqlite3.connect(history) as opened:
        assert opened.execute("SELECT fleet, value FROM sample ORDER BY fleet").fetchall() == [
            ("ci", 7.0),
            ("web", 2.0),
        ]


def test_the_second_look_in_an_interval_changes_nothing(run: Run) -> None:
    first, again = run(WEB, CI), run(WEB, CI)
    assert first["diff"]["after"] == {
        "web": {"timestamp": NOW, "value": 2},
        "ci": {"timestamp": NOW, "value": 7},
    }
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["fleets"] == first["fleets"]


def test_what_is_wrong_with_one_fleet_does_not_cost_the_others(run: Run) -> None:
    with socket.socket() as closed:  # bound, and not listening
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        rows = by_name(
            run(
                {"name": "text", "demand": {"query": "'many'"}, "rule": {"interval": 10}},
                {"name": "db", "demand": {"query": "to_string(domains)"}},
                {"name": "syntax", "demand": {"query": "sum(domains["}},
                {"name": "down", "demand": {"prometheus": {"url": url, "query": "up"}}},
                {"name": "typed", "demand": {"value": "much"}},
                {"name": "nothing"},
                {"name": "both", "demand": {"value": 1, "query": "`1`"}},
                {"name": "slow", "demand": {"value": 1}, "rule": {"interval": "often"}},
                WEB,
            )
        )
    problems = {
        name: None if row["problem"] is None else row["problem"]["message"]
        for name, row in rows.items()
    }
    assert problems.pop("web") is None
    assert problems.pop("text") is None  # nothing runs there, so nothing is asked
    words = {
        "db": "yields a string",
        "syntax": "it ends too early",
        "down": "refused",
        "typed": "float",
        "nothing": "names no source of the demand",
        "both": "names more than one source",
        "slow": "int",
    }
    assert problems.keys() == words.keys()
    for name, word in words.items():
        assert word in (problems[name] or "")
        assert (rows[name]["sample"] or {"value": None})["value"] is None
    assert rows["web"]["sample"]["value"] == 2
    # of one that could not be measured nothing is recorded, and its machines are known all the same
    assert [member["name"] for member in rows["db"]["members"]] == ["db-1"]
    assert json.loads(rows["db"]["past"])["history"] == []


def test_a_fleet_that_somebody_else_holds_is_told_and_not_written(run: Run, history: Path) -> None:
    run(CI, holder="rival")
    rows = by_name(run(WEB, CI, holder="a", timestamp=NOW + 600))
    assert (rows["ci"]["lease"]["held"], rows["ci"]["lease"]["by"]) == (False, "rival")
    assert rows["web"]["lease"]["held"]
    with sqlite3.connect(history) as opened:
        slots = opened.execute("SELECT timestamp FROM sample WHERE fleet = 'ci'").fetchall()
    assert slots == [(NOW,)]


def test_new_fleets_are_looked_at_before_anything_is_written(run: Run, history: Path) -> None:
    result = run(WEB, CI, holder="a", begin=[])
    assert not history.parent.exists()
    assert result["new"] == ["web", "ci"]
    assert by_name(result)["ci"]["sample"]["value"] == 7
    assert not by_name(result)["ci"]["lease"]["recorded"]
    assert not result["changed"]
    assert run(WEB, CI, holder="a", begin=["ci"])["new"] == ["web"]
    with sqlite3.connect(history) as opened:
        assert opened.execute("SELECT fleet FROM lease").fetchall() == [("ci",)]


def test_check_mode_tells_what_the_real_run_then_does(run: Run, history: Path) -> None:
    predicted = run(WEB, CI, check_mode=True)
    assert not history.exists()
    assert run(WEB, CI) == predicted


def test_what_keeps_a_host_from_making_clones_is_told(run: Run) -> None:
    rows = by_name(
        run(
            {**WEB, "appliance": "web:1.0"},
            {**CI, "machine": {"network": "customers"}},
            {**CI, "name": "fast", "appliance": "web", "machine": {"pool": "fast"}},
        )
    )
    assert rows["web"]["refuses"] == (
        "it has not the appliance web:1.0 in its pool default (headroom.libvirt.appliance brings it there)"
    )
    assert "it has no network customers (it has: default;" in rows["ci"]["refuses"]
    assert "fast" in rows["fast"]["refuses"]


@pytest.mark.parametrize("mode", ["auto", "full", "streamed", None])
def test_a_pool_in_which_no_clone_can_be_made_is_told_once(
    run: Run, tmp_path: Path, mode: str | None
) -> None:
    node = tmp_path / "node.xml"
    node.write_text(node.read_text().replace("</node>", f"{VOLUME_GROUP}</node>"))
    pools = {"pool": "vg", "appliance_pool": "default", "mode": mode}
    rows = by_name(
        run({**WEB, "machine": pools}, {**CI, "appliance": "web", "machine": {"pool": "vg"}})
    )
    told = "pool: the pool 'vg' is of the type 'logical', whose volumes are not files. Name a pool of one of the types "
    usual, own = (
        ", ".join(kinds.list_types(kinds.name_operation("clone", name)))
        for name in ("linked", "linked" if mode in (None, "auto") else mode)
    )
    # once, although the catalogue is asked for there, too
    assert (rows["web"]["refuses"], rows["ci"]["refuses"]) == (f"{told}{own}", f"{told}{usual}")


def test_one_name_twice_is_refused(run: Run) -> None:
    with pytest.raises(InvalidInput, match=r"fleets\[1\].name: 'web' stands there twice"):
        run(WEB, WEB)


def test_who_may_not_write_the_history_is_told_to_become_root(
    run: Run, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, _mode: path != history.parent.parent)
    with pytest.raises(InvalidInput, match=r"Permission denied.*become: true"):
        run(WEB)


def test_what_a_machine_is_told_does_not_reach_the_host() -> None:
    fleet = {
        **WEB,
        "machine": {"pool": "fast", "user_data": "secret", "memory": None},
        "after_create": "hook.yml",
    }
    assert outline(fleet) == {**WEB, "machine": {"pool": "fast"}}
    assert outline("web") == "web"


def test_members_tell_how_they_are_and_failures_are_counted_over_runs(run: Run) -> None:
    """The test driver's guests have no address, so they fail any check of a port, and pass one that asks for none."""
    asked = {**WEB, "health": {"port": 80, "timeout": 0.2}}
    first = by_name(run(asked))["web"]["members"][0]
    assert (first["healthy"], first["awaited"], first["health_kind"]) == (None, False, "no address")
    once = by_name(run({**WEB, "health": {"port": 80, "timeout": 0.2, "failures": 1}}))
    assert once["web"]["members"][0]["healthy"] is False
    well = by_name(run({**WEB, "health": {"timeout": 0.2}}))["web"]["members"][0]
    assert (well["healthy"], well["has_passed"]) == (True, True)
    assert "healthy" not in by_name(run(WEB))["web"]["members"][0]
    wrong = by_name(run({**WEB, "health": {"path": "/"}}))["web"]
    assert "health.path: '/' needs a port" in wrong["problem"]["message"]


def test_how_full_the_host_is_is_recorded_with_the_demand_and_told_where_asked_for(
    run: Run, history: Path
) -> None:
    look = run(CI, check_mode=True, usage=True)["usage"]
    assert not history.exists()
    assert run(CI)["usage"] is None
    assert run(CI, check_mode=True, usage=True)["usage"] == look
    rows = {row["kind"]: row for row in json.loads(run(CI, usage=True, check_mode=True)["usage"])}
    assert set(rows) == {"pool", "memory"}
    assert rows["pool"]["name"] == "default"
    # three domains of 64 MiB
    assert rows["memory"]["used_bytes"] == [3 * 64 * 2**20]
    assert rows["memory"]["start"] == NOW // 3600 * 3600
    with sqlite3.connect(history) as opened:
        assert opened.execute("SELECT count(*) FROM usage").fetchone() == (2,)
