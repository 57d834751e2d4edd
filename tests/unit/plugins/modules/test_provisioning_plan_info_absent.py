# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of runs that lack hosts: what the history has on these."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import roster
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions

from tools.planned import HOUR, call, host

if t.TYPE_CHECKING:
    from pathlib import Path


def test_what_only_the_history_has_is_unknown_until_it_is_said_to_be_gone(tmp_path: Path) -> None:
    rule = {"min": 3}
    hosts = [
        host(name, 5, 5, 5, machines=[machine])
        for name, machine in (("kvm1", "web-1"), ("kvm2", "web-2"), ("kvm3", "web-30"))
    ]
    database = Database(str(tmp_path / "history.sqlite"))

    def record(plan: dict[str, t.Any]) -> None:
        decision = decisions.check_decision("decision", json.loads(json.dumps(plan["decision"])))
        database.run(lambda opened: decisions.record(opened, decision, 3600), 0.0)

    def see(name: str) -> dict[str, t.Any]:
        """The host, with what its history has by now."""
        latest, _warnings = database.run(lambda opened: roster.read(opened, "web"), 0.0)
        assert latest is not None
        (seen,) = [one for one in hosts if one["name"] == name]
        return {
            **seen,
            "sample": {**seen["sample"], "roster": json.loads(json.dumps(latest.as_dict()))},
        }

    record(call(hosts=hosts, rule={"min": 4}))
    alone = call(hosts=[see("kvm1"), see("kvm2")], rule=rule)
    assert alone["actions"] == []
    assert (
        "kvm3 is not counted: it has no part in this run, and the history has web-30 there."
        in " ".join(alone["reasons"])
    )
    record(alone)  # of which the one after it still knows
    again = call(hosts=[see("kvm1"), see("kvm2"), {"name": "kvm3"}], rule={"min": 6})
    # web-3 was to be made on one of them, and web-30 is known although the limit of the rule is 20
    assert [action["name"] for action in again["actions"]] == [f"web-{n}" for n in (31, 32, 33, 34)]
    moved = host("kvm2", 5, 5, 5, machines=["web-2", "web-30"])
    moved["sample"]["roster"] = see("kvm1")["sample"]["roster"]
    assert "kvm3" not in " ".join(call(hosts=[hosts[0], moved], rule=rule)["reasons"])
    gone = call(hosts=[see("kvm1"), see("kvm2")], rule=rule, gone=["kvm3"])
    assert [action["name"] for action in gone["actions"]] == ["web-3"]
    assert {machine["host"] for machine in gone["decision"]["roster"]} == {"kvm1", "kvm2"}


@pytest.mark.parametrize("demand", [0, 5, 500])
def test_nothing_goes_and_no_name_comes_twice_whoever_is_missing(demand: int) -> None:
    rule = {"min": 1, "cooldown": 0, "scale_in_limit": 20}
    whole = [
        host(f"kvm{number}", 0, 0, demand / 3, machines=[f"web-{number}", f"web-{number + 20}"])
        for number in (1, 2, 3)
    ]
    machines = [
        {"host": one["name"], "name": member["name"], "uuid": member["uuid"]}
        for one in whole
        for member in one["sample"]["members"]
    ]
    for one in whole:
        one["sample"]["roster"] = {"moment": HOUR, "machines": machines}
    names = {machine["name"] for machine in machines}
    for missing in whole:
        present = [one for one in whole if one is not missing]
        for stand_in in (
            [],
            [{"name": missing["name"]}],
            [{"name": missing["name"], "sample": {"left_out": True}}],
        ):
            plan = call(hosts=present + stand_in, rule=rule)
            assert {action["action"] for action in plan["actions"]} <= {"create"}
            made = [action["name"] for action in plan["actions"]]
            assert not names.intersection(made)
            assert not made or stand_in == [{"name": missing["name"]}]


def test_a_limited_run_wakes_nothing_as_what_is_needed_may_be_up_elsewhere() -> None:
    seen = host("kvm1", 30, 30, 30, machines=["web-1", "web-2", "web-3"])
    for member in seen["sample"]["members"][1:]:
        member["state"] = "saved"
    limited = [seen, {"name": "kvm2", "sample": {"left_out": True}}]
    plan = call(hosts=limited, rule={"max": 3})
    assert plan["actions"] == []
    assert (
        "web-2 and web-3 are needed but not woken: the machines of kvm2, which this run leaves out, may be those. "
        "Run it on all hosts." in plan["reasons"]
    )
    silent = call(hosts=[seen, {"name": "kvm2"}], rule={"max": 3})
    assert silent["wake"] == {"kvm1": ["web-2", "web-3"]}


def test_a_roster_of_a_clock_that_was_ahead_is_no_newer_for_that() -> None:
    seen = host("kvm1", 5, 5, 5, machines=["web-1"])
    ahead = host("kvm2", 5, 5, 5)
    seen["sample"]["roster"] = {"moment": HOUR, "machines": []}
    ahead["sample"]["roster"] = {
        "moment": 10**10,
        "machines": [{"host": "kvm9", "name": "web-9", "uuid": None}],
    }
    assert "kvm9" not in " ".join(call(hosts=[seen, ahead])["reasons"])
    del seen["sample"]["roster"]
    assert "the history has web-9 there" in " ".join(call(hosts=[seen, ahead])["reasons"])


def test_a_host_that_refuses_new_machines_counts_all_the_same() -> None:
    refusing = {**host("kvm2", 0, 0, 0, machines=["web-2"]), "refuses": "it has not the appliance"}
    plan = call(hosts=[host("kvm1", 5, 10, 20, machines=["web-1"]), refusing])
    assert plan["create"] == {"kvm1": ["web-3", "web-4"]}
    assert "kvm2 takes no clones: it has not the appliance." in plan["reasons"]
