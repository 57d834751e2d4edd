# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import Tracker
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions

from tools.planned import HOUR, START, call, execute, host


def test_it_plans_ahead_of_the_third_hour() -> None:
    plan = call()
    assert plan["changed"] is False
    assert plan["demand"]["current"] == 20
    assert plan["demand"]["series"][0] == {"timestamp": START, "value": 5}
    assert plan["forecast"] == {"value": 40, "upper": 40, "at": START + 3 * HOUR, "method": "trend"}
    assert plan["alert"]["raised"] is True
    assert plan["machines"] == {"current": 1, "needed": 4, "target": 4}
    assert plan["create"] == {"kvm2": ["web-2", "web-4"], "kvm1": ["web-3"]}
    assert plan["wake"] == plan["park"] == plan["remove"] == {}
    assert plan == call()


def test_the_decision_leaves_the_history_out_and_can_be_kept() -> None:
    plan = call(hosts=[host("kvm1", 5, 30, machines=["web-1"])], now=START + HOUR + 60)
    decision = plan["decision"]
    assert decisions.check_decision("decision", json.loads(json.dumps(decision))) == decision
    assert "series" not in json.dumps(decision)
    assert decision["error"] == {"surplus_machines": 0, "short_machines": 2, "unmet": 20}
    assert decision["machines"] == plan["machines"]


def test_the_blend_knows_the_hour_of_the_day() -> None:
    """Calm all day but for one busy hour: what comes next is known from the days before, and trend cannot know it."""
    days = ([5.0] * 8 + [80.0] + [5.0] * 15) * 14
    before_the_busy_hour = days[: 13 * 24 + 8]
    params: dict[str, t.Any] = {
        "hosts": [host("kvm1", *before_the_busy_hour, machines=["web-1"])],
        "now": START + (len(before_the_busy_hour) - 1) * HOUR + 60,
    }
    assert call(**params, rule={"forecaster": "blend"})["machines"]["needed"] >= 8
    assert call(**params)["machines"]["needed"] >= 8
    assert call(**params, rule={"forecaster": "trend"})["machines"]["needed"] == 1


def test_a_filter_forecasts_in_place_of_ours() -> None:
    rule = {"forecaster": "example.capacity.arima", "cooldown": HOUR}
    plan = call(rule=rule, forecasts=[[10], [{"value": 60, "upper": 75}]])
    assert plan["forecast"] == {
        "value": 60,
        "upper": 75,
        "at": START + 3 * HOUR,
        "method": "example.capacity.arima",
    }
    assert plan["machines"]["needed"] == 8


def test_a_filter_is_asked_by_ansible_and_cannot_be_replayed() -> None:
    rule = {"forecaster": "example.capacity.arima"}
    with pytest.raises(
        InvalidInput, match=r"forecasts: None must be what example.capacity.arima says"
    ):
        call(rule=rule)
    with pytest.raises(
        InvalidInput, match=r"rule\.forecaster: 'example.capacity.arima' cannot be replayed"
    ):
        call(rule=rule, backtest={})
    with pytest.raises(
        InvalidInput, match=r"backtest.rules \(own\): 'example.capacity.arima' cannot be replayed"
    ):
        call(backtest={"rules": [{"name": "own", **rule}]})


def test_a_forecaster_that_is_none_is_named_with_those_there_are() -> None:
    with pytest.raises(
        InvalidInput,
        match=r"'trent' is not a forecaster\. Write one of auto, trend, blend, last_value, or",
    ):
        call(rule={"forecaster": "trent"})


def test_a_forecast_goes_on_from_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.sqlite"
    params: dict[str, t.Any] = {"rule": {"forecaster": "blend"}, "forecast_state": str(state)}

    def plan(hours: int, **more: t.Any) -> dict[str, t.Any]:
        demand = [60 + 50 * math.sin(2 * math.pi * hour / 24) for hour in range(hours)]
        return call(
            hosts=[host("kvm1", *demand)], now=START + (hours - 1) * HOUR + 60, **{**params, **more}
        )

    told = plan(300, check_mode=True)
    assert not state.exists()
    assert plan(300) == told
    observed: list[float | None] = []
    observe = Tracker.observe

    def noted(tracker: Tracker, value: float | None, brief: bool = False) -> None:
        observed.append(value)
        observe(tracker, value, brief)

    monkeypatch.setattr(Tracker, "observe", noted)
    gone_on = plan(301)
    assert len(observed) == 1
    afresh = plan(301, forecast_state=None)
    del gone_on["invocation"], afresh["invocation"]
    assert gone_on == afresh


def test_both_forecasts_go_on_where_parked_machines_follow_one(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    rule = {
        "forecaster": "blend",
        "risk": 0.2,
        "capacity": 30,
        "parked_max": 9,
        "parked_as": "paused",
        "cooldown": 0,
    }
    demand = [
        60 + 50 * math.sin(2 * math.pi * hour / 24) + 31 * (hour % 7 == 0) for hour in range(301)
    ]

    def plan(hours: int, **more: t.Any) -> dict[str, t.Any]:
        params = {"rule": rule, "forecast_state": str(state), **more}
        return call(
            hosts=[host("kvm1", *demand[:hours])], now=START + (hours - 1) * HOUR + 60, **params
        )

    plan(300)
    made, afresh = plan(301), plan(301, forecast_state=None)
    del made["invocation"], afresh["invocation"]
    assert made == afresh
    assert made["parked_as"] == "paused"
    assert len(made["prepare"]["kvm1"]) > 0
    assert any("at a risk of 1 %" in reason for reason in made["reasons"])
    with contextlib.closing(sqlite3.connect(state)) as connection:
        assert {name for (name,) in connection.execute("SELECT fleet FROM forecaster")} == {
            "web",
            "web/parked",
        }


def test_a_state_that_is_broken_is_begun_anew(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    params: dict[str, t.Any] = {"rule": {"forecaster": "blend"}, "forecast_state": str(state)}
    plan = call(**params)
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as connection:
        connection.execute("UPDATE forecaster SET state = x'00'")
    assert call(**params) == plan


def test_a_state_that_cannot_be_kept_costs_a_warning_and_no_plan(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plan = execute(forecast_state=str(tmp_path / "file" / "state.sqlite"))
    assert plan["machines"]["target"] == 4
    assert "forecast_state" in json.dumps(plan["warnings"])


def test_a_result_holds_the_latest_day_and_not_all_that_was_handed_in() -> None:
    hours = 50 * 24
    plan = call(hosts=[host("kvm1", *range(hours))], now=START + (hours - 1) * HOUR + 60)
    series = plan["demand"]["series"]
    assert series[0] == {"timestamp": START + (hours - 24) * HOUR, "value": hours - 24}
    assert [row["value"] for row in series] == list(range(hours - 24, hours))
    assert plan["invocation"]["module_args"]["hosts"] == [{"name": "kvm1"}]


def test_a_bad_value_is_refused_however_old_it_is() -> None:
    hours = 50 * 24
    with pytest.raises(InvalidInput, match=r"hosts\[0\].sample.history\[2\].value"):
        call(hosts=[host("kvm1", 1, 2, -3, *range(hours))], now=START + (hours + 2) * HOUR)


def test_it_says_so_when_nothing_is_known() -> None:
    plan = call(hosts=[{"name": "kvm1"}])
    assert plan["forecast"] == {"value": None, "upper": None, "at": None, "method": None}
    assert plan["machines"]["needed"] is None
    assert plan["actions"] == []


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"fleet": "we/b"}, "fleet"),
        ({"rule": {"min": 30}}, "rule.min"),
        ({"now": -1.0}, "now"),
        ({"machine": {"memory": "much"}}, "machine.memory"),
        ({"machine": {"vcpus": 0}}, "machine.vcpus"),
        ({"hosts": [host("kvm1", -5)]}, "hosts[0].sample.history[0].value"),
        ({"hosts": []}, "hosts"),
        ({"backtest": {"csv": "/nowhere.csv"}}, "backtest.csv"),
        ({"backtest": {"most_short": 5.0}}, "backtest.most_short"),
        ({"backtest": {"rules": [{"headroom": 1}]}}, "backtest.rules[0].name"),
        ({"backtest": {"rules": [{"name": "a", "headrom": 1}]}}, "backtest.rules[0]"),
        ({"backtest": {"rules": [{"name": "a"}, {"name": "a"}]}}, "backtest.rules[1].name"),
        ({"backtest": {"rules": [{"name": "a", "risk": 2}]}}, "backtest.rules[0]"),
        ({"backtest": {"rules": [{"name": "a", "interval": 60}]}}, "backtest.rules[0].interval"),
        ({"backtest": {}}, "backtest"),
        ({"backtest": {"tune": True}}, "backtest.tune"),
        (
            {"rule": {"schedule": [{"name": "a", "start": "soon", "end": "later"}]}},
            "rule.schedule[0].start",
        ),
    ],
)
def test_wrong_options_are_explained(params: dict[str, t.Any], option: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        call(**params)
    assert caught.value.details["option"] == option


DAYS = [
    None if hour == 100 else 60 + 50 * math.sin(2 * math.pi * hour / 24) for hour in range(14 * 24)
]


def rows(found: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {row["name"]: row for row in found["backtest"]["rules"]}


def test_a_recorded_history_is_replayed_under_several_rules() -> None:
    hosts = [host("kvm1", *DAYS)]
    found = call(
        hosts=hosts,
        now=START + len(DAYS) * HOUR - 1,
        backtest={
            "slots": True,
            "rules": [{"name": "ample", "headroom": 0.5}, {"name": "trend", "forecaster": "trend"}],
        },
    )
    replayed = rows(found)
    assert list(replayed) == ["rule", "ample", "trend", "reactive 0.7", "perfect"]
    assert replayed["ample"]["changes"] == {"headroom": 0.5}
    assert replayed["ample"]["machine_hours"] > replayed["rule"]["machine_hours"] > 0
    assert replayed["ample"]["unmet_share"] <= replayed["rule"]["unmet_share"]
    assert replayed["perfect"]["under_provisioned_share"] == 0
    assert replayed["rule"]["cost"] < replayed["trend"]["cost"]
    assert len(found["backtest"]["table"]) == 6
    start = int(0.1 * len(DAYS))
    assert found["backtest"]["start"] == START + start * HOUR
    assert found["backtest"]["demand"] == DAYS[start:]
    assert len(replayed["perfect"]["machines"]) == len(DAYS) - start


def test_a_file_is_replayed_and_a_rule_found_for_it(tmp_path: Path) -> None:
    """The rule is found on one part and judged on another, where it costs less at no more than the share asked for."""
    file = tmp_path / "demand.csv"
    file.write_text(csv.write((START + index * HOUR, value) for index, value in enumerate(DAYS)))
    wasteful = {"headroom": 1.0, "cooldown": 12 * HOUR, "forecaster": "trend"}
    found = call(hosts=[], rule=wasteful, backtest={"csv": str(file), "tune": True})
    replayed = rows(found)
    assert found["backtest"]["tuned"]["forecaster"] == "blend"
    assert found["backtest"]["start"] == START + int(0.6 * len(DAYS)) * HOUR
    assert replayed["tuned"]["cost"] < 0.8 * replayed["rule"]["cost"]
    assert replayed["tuned"]["under_provisioned_share"] <= 0.08
    assert replayed["tuned"]["changes"] == found["backtest"]["tuned"]


def test_a_schedule_is_replayed_too() -> None:
    calm = [5.0] * 200
    sale = {
        "name": "sale",
        "start": "2026-01-06T00:00:00Z",
        "end": "2026-01-06T04:00:00Z",
        "machines": 9,
    }
    sale = {"every": None, "demand": None, **sale}
    found = call(
        hosts=[host("kvm1", *calm)],
        now=START + 199 * HOUR,
        rule={"schedule": [sale], "cooldown": 0},
        backtest={"slots": True, "warm_up_share": 0.0},
    )
    busy = [hour for hour, count in enumerate(rows(found)["rule"]["machines"]) if count == 9]
    assert busy == [120, 121, 122, 123, 124]


def test_a_plan_that_was_looked_at_is_refused_when_the_machines_have_changed() -> None:
    reviewed = call()["digest"]
    assert call(expected_digest=reviewed)["machines"]["target"] == 4
    with pytest.raises(Conflict, match="Make a new plan"):
        call(expected_digest=reviewed, hosts=[host("kvm1", 5, 10, 20, machines=["web-1", "web-2"])])


def test_it_runs_without_libvirt() -> None:
    assert execute()["machines"]["target"] == 4


def test_a_wrong_type_is_named_by_its_option() -> None:
    failed = execute(hosts=[{"name": "kvm1", "sample": [1]}])
    assert failed["failed"] is True
    assert "sample" in failed["msg"]


def test_a_limited_run_makes_and_removes_nothing_and_the_next_one_goes_on() -> None:
    rule = {"min": 3}
    seen = host("kvm1", 5, 5, 5, machines=["web-1", "web-4"])
    others = [
        host("kvm2", 5, 5, 5, machines=["web-2"]),
        host("kvm3", 5, 5, 5, machines=["web-3"]),
    ]
    left_out = [{"name": other["name"], "sample": {"left_out": True}} for other in others]
    plan = call(hosts=[seen, *left_out], rule=rule)
    assert plan["actions"] == []
    assert "the machines of kvm2 and kvm3, which this run leaves out" in " ".join(plan["reasons"])
    double = host("kvm2", 5, 5, 5, machines=["web-2", "web-4"])
    double["sample"]["members"][1]["uuid"] = "another"
    plan = call(hosts=[seen, double, others[1]], rule={"min": 7})
    assert [action["name"] for action in plan["actions"]] == ["web-5", "web-6"]
    assert "web-4 is a machine on kvm1 and kvm2" in " ".join(plan["reasons"])
