# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.fleets import read_fleet


def decision(slot: int, upper: float | None, **change: t.Any) -> dict[str, t.Any]:
    """A decision of the slot about the next one."""
    return {
        "timestamp": slot * 300,
        "interval": 300,
        "demand": 50.0,
        "forecast": {"value": upper, "upper": upper, "at": (slot + 1) * 300 if upper else None},
        "alert": {"raised": False},
        "machines": {"current": 1, "needed": 2, "target": 2},
        "actions": [
            {"action": "create", "name": "web-2", "host": "a"},
            {"action": "create", "name": "web-3", "host": "a"},
        ],
        "error": {"surplus_machines": 0, "short_machines": 1, "unmet": 5.0},
        **change,
    }


def past(*values: float | None, decisions: t.Sequence[dict[str, t.Any]] = ()) -> dict[str, t.Any]:
    rows = [
        {"timestamp": slot * 300, "value": value, "whole": False}
        for slot, value in enumerate(values)
    ]
    return {"history": rows, "decisions": list(decisions)}


def test_histories_of_hosts_are_added_up_and_decisions_counted_once() -> None:
    made = [decision(slot, upper) for slot, upper in enumerate([100.0, 50.0, 100.0, None])]
    told = read_fleet(
        {
            "name": "web",
            "past": [
                past(30, 30, 30, 30, decisions=made),
                past(40, 40, 40, 40, decisions=made),
                {"failed": True},
            ],
        },
        900,
    )
    assert [one["timestamp"] for one in told.decided] == [900, 600, 300, 0]
    assert told.kept == 2 / 3
    assert told.balance["decisions"] == 4
    assert told.decided[0]["chips"] == [{"text": "2 created", "kind": "up"}]
    assert "series band" in told.demand["wide"]
    assert "series needed" in told.machines["narrow"]


def test_an_alert_is_told_until_the_next_decision() -> None:
    alert = {"raised": True, "reason": "Demand doubled."}
    assert (
        read_fleet(
            {"name": "web", "past": [past(decisions=[decision(1, 5.0, alert=alert)])]}, 900
        ).alert
        == "Demand doubled."
    )
    later = [decision(1, 5.0, alert=alert), decision(2, 5.0)]
    assert read_fleet({"name": "web", "past": [past(decisions=later)]}, 900).alert is None


def test_a_fleet_without_a_past_is_empty() -> None:
    told = read_fleet({"name": "web", "past": None}, 900)
    assert (told.latest, told.kept, told.demand["wide"], told.machines["wide"]) == (
        None,
        None,
        "",
        "",
    )


def test_what_is_no_demand_in_a_history_is_not_known_and_keeps_nobody_from_a_report() -> None:
    odd: list[t.Any] = [-5.0, 1.7e308, "many", float("nan")]
    told = read_fleet({"name": "web", "past": [past(*odd, 3.0, 4.0)]}, 1500)
    assert "series demand" in told.demand["wide"]
    assert read_fleet({"name": "web", "past": [past(*odd)]}, 900).demand["wide"] == ""


def test_a_row_of_another_age_is_told_and_fills_no_memory() -> None:
    with pytest.raises(InvalidInput, match=r"fleets \(web\): '1 rows' cannot be right"):
        read_fleet({"name": "web", "past": [past(5.0)]}, 1_795_392_000.0)
