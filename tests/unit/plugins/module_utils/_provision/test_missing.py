# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever does not come, for whatever reason: a plan with less data never takes what one with all of it keeps."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    apply_calibration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.inputs import (
    MachineSize,
    observe,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import Plan
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

INTERVAL = 300
START = 1_795_392_000
SLOTS = 6
NOW = START + (SLOTS - 1) * INTERVAL + 7
RULE = Rule(
    capacity=10,
    max=20,
    min=1,
    interval=INTERVAL,
    headroom=0,
    cooldown=(SLOTS - 1) * INTERVAL,
    scale_in_limit=20,
)
FACTS = {
    "free": {"vcpus": 9, "memory_bytes": 2**40, "pools": {}},
    "committed": {"running": {"vcpus": 1, "memory_bytes": 2**30}},
}
# What a task leaves that did not succeed, and a host without a part in the run.
SILENCE: list[t.Any] = [None, {"failed": True}, {"unreachable": True}, {"left_out": True}]
NOBODY = "no member runs on this host"
Hosts = list[dict[str, t.Any]]


def row(slot: int, value: float) -> dict[str, t.Any]:
    return {"timestamp": START + slot * INTERVAL + 7, "value": value, "whole": False}


@st.composite
def estates(draw: t.Callable[..., t.Any]) -> Hosts:
    """One to three hosts that all know everything: demand, machines and how busy each is."""
    # Calm, with a peak now and then, so that there often is something to take.
    value = st.sampled_from([1] * 9 + [0, 4, 35])
    demand = st.lists(value, min_size=SLOTS, max_size=SLOTS)
    hosts: Hosts = []
    for number in range(draw(st.integers(1, 3))):
        name = f"kvm{number}"
        states = draw(st.lists(st.sampled_from(["running"] * 5 + ["saved", "shutoff"]), max_size=5))
        members = [
            {
                "name": f"web-{number * 5 + index + 1}",
                "uuid": f"{number}-{index}",
                "state": state,
                "created": float(index),
                "activity": draw(st.floats(0, 1)),
            }
            for index, state in enumerate(states)
        ]
        history = [row(slot, value) for slot, value in enumerate(draw(demand))]
        sample = {"fleet": "web", "history": history, "members": members}
        hosts.append({"name": name, "facts": FACTS, "sample": sample})
    return hosts


def plan(hosts: Hosts, forecaster: str = "trend") -> Plan:
    observed = observe("web", NOW, INTERVAL, hosts, MachineSize(1, 2**30))
    return decide(observed, RULE, make_forecaster(forecaster, RULE.risk))


def stopped(made: Plan) -> set[str]:
    return {action.name for action in made.actions if action.action in ("park", "remove")}


def removed(made: Plan) -> set[str]:
    return {action.name for action in made.actions if action.action == "remove"}


def choose(data: st.DataObject, items: t.Sequence[t.Any]) -> list[t.Any]:
    return data.draw(st.lists(st.sampled_from(items), unique_by=id)) if items else []


@given(estates(), st.data(), st.sampled_from(METHODS))
def test_answers_that_do_not_come_take_no_machine(
    whole: Hosts, data: st.DataObject, forecaster: str
) -> None:
    partial = copy.deepcopy(whole)
    for host in choose(data, partial):
        host["sample"] = data.draw(st.sampled_from(SILENCE))
    for host in choose(data, partial):
        host["facts"] = None
    for host in partial:
        history = (host["sample"] or {}).get("history", [])
        for lost in choose(data, history):
            if data.draw(st.booleans()):
                lost["value"] = None
            else:
                history.remove(lost)
    full, made = plan(whole, forecaster), plan(partial, forecaster)
    assert removed(made) <= removed(full)
    assert stopped(made) <= stopped(full)


@given(
    st.lists(st.sampled_from([1, 1, 35, 75]), min_size=SLOTS, max_size=SLOTS),
    st.sets(st.integers(0, SLOTS - 1), max_size=3),
    st.sampled_from(METHODS),
)
def test_a_slot_that_is_lost_is_never_taken_for_a_small_one(
    values: list[int], lost: set[int], forecaster: str
) -> None:
    members = [{"name": f"web-{number}", "state": "running"} for number in range(1, 9)]
    sample = {"fleet": "web", "members": members}

    def decide_on(history: list[dict[str, t.Any]]) -> set[str]:
        host = {"name": "kvm1", "facts": FACTS, "sample": {**sample, "history": history}}
        return stopped(plan([host], forecaster))

    rows = [row(slot, value) for slot, value in enumerate(values)]
    partial = [known | {"value": None} if at in lost else known for at, known in enumerate(rows)]
    assert decide_on(partial) <= decide_on(rows)
    assert decide_on([known for at, known in enumerate(rows) if at not in lost]) <= decide_on(rows)


@given(estates(), st.data())
def test_a_machine_of_unknown_activity_goes_before_none_of_which_it_is_known(
    whole: Hosts, data: st.DataObject
) -> None:
    partial = copy.deepcopy(whole)
    members = [member for host in partial for member in host["sample"]["members"]]
    for member in choose(data, members):
        member["activity"] = None
    full, made = plan(whole), plan(partial)
    assert len(stopped(made)) <= len(stopped(full))
    assert removed(made) <= removed(full) | {m["name"] for m in members if m["state"] == "running"}
    running = [member for member in members if member["state"] == "running"]
    known = {member["name"] for member in running if member["activity"] is not None}
    if known:
        assert stopped(made).isdisjoint({member["name"] for member in running} - known)


@given(estates(), st.integers(1, SLOTS - 1), st.data())
def test_an_outage_of_all_hosts_wakes_what_was_there_and_takes_nothing(
    hosts: Hosts, dark: int, data: st.DataObject
) -> None:
    """In some of the dark slots no host recorded anything, in the others each that no machine of its own ran."""
    recorded = {slot for slot in range(SLOTS - dark, SLOTS) if data.draw(st.booleans())}
    for host in hosts:
        sample = host["sample"]
        sample["history"] = [
            row(slot, 0) | {"reason": NOBODY} if slot in recorded else sample["history"][slot]
            for slot in range(SLOTS)
            if slot < SLOTS - dark or slot in recorded
        ]
        for member in sample["members"]:
            member["state"] = data.draw(st.sampled_from(["shutoff", "saved", "crashed"]))
    last = sum(host["sample"]["history"][SLOTS - dark - 1]["value"] for host in hosts)
    there = sum(len(host["sample"]["members"]) for host in hosts)
    made = plan(hosts)
    assert stopped(made) == set()
    woken = [action for action in made.actions if action.action == "wake"]
    assert len(woken) >= min(there, RULE.count_machines(last))


def test_a_host_that_lost_what_machines_carry_takes_none() -> None:
    """Five machines are needed as measured, three by the capacity that the rule was written with."""

    def host(number: int, cores: float | None) -> dict[str, t.Any]:
        loads = [
            {"timestamp": START + slot * INTERVAL + 7, "used_cores": cores, "vcpus": 5}
            for slot in range(SLOTS)
            if cores is not None
        ]
        members = [
            {"name": f"web-{number}{index}", "state": "running", "activity": 0.9, "vcpus": 1}
            for index in range(5)
        ]
        history = [row(slot, 50) | {"whole": True} for slot in range(SLOTS)]
        sample = {"fleet": "web", "history": history, "members": members, "loads": loads}
        return {"name": f"kvm{number}", "facts": FACTS, "sample": sample}

    def decide_on(*hosts: dict[str, t.Any]) -> Plan:
        rule = dataclasses.replace(RULE, capacity=20, measure_capacity=True, utilization=0.7)
        observed = observe("web", NOW, INTERVAL, hosts, MachineSize(1, 2**30))
        rule, _sentences = apply_calibration(rule, observed.calibration, 1)
        return decide(observed, rule, make_forecaster("trend", rule.risk))

    assert decide_on(host(1, 3.5), host(2, 3.5)).target == 5
    lost = decide_on(host(1, 3.5), host(2, None))
    assert stopped(lost) == set()
    assert "Nothing is removed: what a machine carries was measured" in "\n".join(lost.reasons)
