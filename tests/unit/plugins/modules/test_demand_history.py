# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.modules import (
    demand_history,
    demand_history_info,
    provisioning_decision,
)

NOON = 1795392000
CSV = f"timestamp,demand\n{NOON},10\n{NOON + 300},\n{NOON + 610},30\n{NOON + 620},50\n"
DECISION: dict[str, t.Any] = {
    "timestamp": NOON + 5.0,
    "interval": 300,
    "fleet": "web",
    "mode": "act",
    "demand": 25.0,
    "unit": "requests/s",
    "capacity": 10.0,
    "forecast": {"value": 40.0, "upper": None, "at": None, "method": "trend"},
    "alert": {"raised": True, "reason": "Demand doubled.", "growth": 2.0},
    "machines": {"current": 2, "needed": 4, "target": 4},
    "actions": [{"action": "create", "name": "web-3", "host": "a", "reason": "the fleet needs it"}],
    "reasons": ["Demand doubled."],
    "error": {"surplus_machines": 0, "short_machines": 1, "unmet": 5.0},
    "digest": "",
}


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "new" / "history.sqlite"


class Run(t.Protocol):
    def __call__(
        self, name: str, *, check_mode: bool = False, **params: t.Any
    ) -> dict[str, t.Any]: ...


@pytest.fixture
def run(path: pathlib.Path) -> Run:
    calls: dict[str, tuple[t.Any, t.Any]] = {
        "import": (demand_history, demand_history.import_rows),
        "read": (demand_history_info, demand_history_info.read),
        "decide": (provisioning_decision, provisioning_decision.record),
    }

    def task(name: str, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        module, call = calls[name]
        defaults = {
            option: spec.get("default") for option, spec in module.ARGUMENTS.options.items()
        }
        values = {**defaults, "fleet": "web", "history": str(path), **params}
        result: dict[str, t.Any] = call(
            types.SimpleNamespace(params=values, check_mode=check_mode, warn=pytest.fail)
        )
        return result

    return task


def values(read: dict[str, t.Any]) -> list[tuple[float, float | None]]:
    return [(row["timestamp"], row["value"]) for row in read["history"]]


def test_rows_are_imported_once_and_read_again(run: Run, path: pathlib.Path) -> None:
    told = run("import", csv=CSV, check_mode=True)
    assert not path.parent.exists()
    done = run("import", csv=CSV)
    assert told == done
    assert done["intervals"] == {"added": 3, "replaced": 0, "kept": 0, "same": 0}
    again = run("import", csv=CSV)
    assert (again["changed"], again["intervals"]["same"]) == (False, 3)
    read = run("read", csv=True)
    assert values(read) == [(NOON, 10), (NOON + 300, None), (NOON + 600, 40)]
    assert all(row["whole"] for row in read["history"])
    assert run("import", csv=read["csv"])["changed"] is False


def test_what_is_known_already_stays_unless_told_otherwise(run: Run) -> None:
    run("import", csv=CSV)
    other = f"timestamp,demand\n{NOON},99\n{NOON + 300},20\n{NOON + 600},\n"
    assert run("import", csv=other)["intervals"] == {
        "added": 0,
        "replaced": 1,
        "kept": 1,
        "same": 1,
    }
    assert values(run("read")) == [(NOON, 10), (NOON + 300, 20), (NOON + 600, 40)]
    assert run("import", csv=other, replace=True)["intervals"]["replaced"] == 1
    assert values(run("read"))[0] == (NOON, 99)


def test_a_window_is_read_up_to_a_time(run: Run) -> None:
    run("import", csv=CSV)
    assert values(run("read", until=NOON + 300.0, window=200)) == [(NOON + 300, None)]


def test_reading_makes_no_database(run: Run, path: pathlib.Path) -> None:
    read = run("read")
    assert (read["history"], read["decisions"], read["balance"]["unmet_share"]) == ([], [], None)
    assert not path.parent.exists()


def test_rows_that_are_years_apart_take_no_slots_between_them(run: Run) -> None:
    text = "timestamp,demand\n1973-03-04,1\n5000-01-01,2\n"
    assert run("import", csv=text, interval=1)["intervals"]["added"] == 2
    assert run("read")["history"][0]["timestamp"] == 100051200


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("import", {"csv": "timestamp,demand\n1767225600000,5\n1767225900000,6\n"}),
        ("read", {"until": 1767225600000.0}),
        ("decide", {"decision": {**DECISION, "timestamp": 1767225600000.0}}),
    ],
)
def test_milliseconds_are_refused(
    run: Run, path: pathlib.Path, name: str, params: dict[str, t.Any]
) -> None:
    with pytest.raises(InvalidInput, match="it has milliseconds"):
        run(name, **params)
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "params"), [("import", {"csv": CSV, "interval": 0}), ("read", {"window": 0})]
)
def test_a_time_that_is_none_is_explained(run: Run, name: str, params: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidInput, match="must be a positive number of seconds"):
        run(name, **params)


def test_a_decision_is_kept_once_an_interval_with_what_it_cost(
    run: Run, path: pathlib.Path
) -> None:
    assert run("decide", decision=DECISION, check_mode=True)["recorded"] is True
    assert not path.parent.exists()
    assert run("decide", decision=DECISION)["changed"] is True
    again = run("decide", decision={**DECISION, "timestamp": NOON + 200})
    assert (again["changed"], again["recorded"]) == (False, False)
    later = {
        **DECISION,
        "timestamp": NOON + 305,
        "error": {"surplus_machines": 6, "short_machines": 0, "unmet": 0.0},
    }
    unknown = {**DECISION, "timestamp": NOON + 605, "demand": None, "error": None}
    run("decide", decision=later)
    run("decide", decision=unknown)
    read = run("read", until=NOON + 900.0)
    assert read["decisions"] == [DECISION, later, unknown]
    assert read["balance"] == {
        "decisions": 3,
        "surplus_machine_hours": 0.5,
        "short_machine_hours": pytest.approx(1 / 12),
        "unmet_share": 0.1,
    }


def test_old_decisions_go(run: Run) -> None:
    run("decide", decision=DECISION)
    run("decide", decision={**DECISION, "timestamp": NOON + 7200}, keep=3600)
    assert [one["timestamp"] for one in run("read", until=NOON + 9000.0)["decisions"]] == [
        NOON + 7200
    ]


def test_prometheus_is_told_of_every_fleet(run: Run, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "textfile" / "headroom.prom"
    run("decide", decision={**DECISION, "fleet": 'a"b', "demand": None, "error": None})
    told = run("decide", decision=DECISION, textfile=str(file), check_mode=True)
    assert not file.exists()
    done = run("decide", decision=DECISION, textfile=str(file))
    assert file.read_text() == done["textfile"] == told["textfile"]
    lines = done["textfile"].splitlines()
    assert 'headroom_fleet_demand{fleet="web"} 25.0' in lines
    assert not [line for line in lines if line.startswith('headroom_fleet_demand{fleet="a')]
    assert 'headroom_fleet_machines_target{fleet="a\\"b"} 4.0' in lines
    assert 'headroom_fleet_actions{fleet="web",action="create"} 1.0' in lines
    assert 'headroom_fleet_alert{fleet="web"} 1.0' in lines
    assert not [line for line in lines if line.startswith("headroom_fleet_forecast_upper_demand{")]
    assert [line for line in lines if line.startswith("# TYPE headroom_fleet_machines gauge")]
    assert run("decide", decision=DECISION, textfile=str(file))["changed"] is False


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"fleet": 3}, "fleet"),
        ({"machines": {"current": 1}}, "machines"),
        ({"actions": ["create"]}, "actions"),
        ({"error": {"surplus_machines": 1}}, "error"),
    ],
)
def test_what_is_no_decision_is_explained(run: Run, change: dict[str, t.Any], word: str) -> None:
    with pytest.raises(InvalidInput, match=f"look at {word}"):
        run("decide", decision={**DECISION, **change})
