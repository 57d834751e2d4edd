# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import math
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule, validate
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.schedule import Event

RULE = Rule(capacity=10, max=20)


@pytest.mark.parametrize(
    ("change", "option", "words"),
    [
        ({"capacity": 0}, "rule.capacity", "must be a positive number"),
        ({"capacity": math.nan}, "rule.capacity", "must be a positive number"),
        ({"capacity": math.inf}, "rule.capacity", "must be a positive number"),
        ({"min": -1}, "rule.min", "must be at least 0 machines"),
        ({"max": 0, "min": 0}, "rule.max", "1 or more"),
        ({"min": 21}, "rule.min", "above rule.max, which is 20"),
        ({"interval": 0}, "rule.interval", "seconds"),
        ({"horizon": 60}, "rule.horizon", "shorter than rule.interval, which is 300"),
        ({"horizon": 300 * 300}, "rule.horizon", "must not be more than 288 intervals"),
        ({"cooldown": -1}, "rule.cooldown", "must be at least 0 seconds"),
        ({"cooldown": 10**9}, "rule.cooldown", "2016 intervals"),
        ({"headroom": -0.1}, "rule.headroom", "0.2 keeps 20 %"),
        ({"headroom": 20}, "rule.headroom", "0.2 keeps 20 %"),
        ({"risk": 0}, "rule.risk", "one in twenty"),
        ({"risk": 5}, "rule.risk", "one in twenty"),
        ({"alert_growth": 1}, "rule.alert_growth", "above 1"),
        ({"parked": -1}, "rule.parked", "0 for none"),
        ({"parked": 3, "parked_max": 2}, "rule.parked_max", "which is 3"),
        ({"parked_risk": 0}, "rule.parked_risk", "one in a hundred"),
        ({"scale_out_limit": 0}, "rule.scale_out_limit", "must be a positive number of machines"),
        ({"scale_in_limit": -1}, "rule.scale_in_limit", "never takes one away"),
        ({"max_per_host": 0}, "rule.max_per_host", "must be a positive number of machines"),
        ({"hysteresis": 1.0}, "rule.hysteresis", "a fleet of 20 keep 2"),
        ({"hysteresis": -0.1}, "rule.hysteresis", "a fleet of 20 keep 2"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_explained(
    change: dict[str, t.Any], option: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        validate(dataclasses.replace(RULE, **change))
    assert caught.value.details["option"] == option


def test_a_rule_that_can_be_meant_is_returned() -> None:
    assert validate(RULE) is RULE


def test_names_are_protected_by_pattern() -> None:
    rule = dataclasses.replace(RULE, protected=("web-1", "web-db*"))
    assert [name for name in ("web-1", "web-10", "web-db2", "WEB-1") if rule.protects(name)] == [
        "web-1",
        "web-db2",
    ]


def test_what_is_scheduled_is_ready_when_it_begins() -> None:
    """Two slots ahead: the one in which it is decided, and the one in which the machines boot."""
    sale = Event("sale", start=10 * 300, end=12 * 300, machines=7)
    rule = dataclasses.replace(RULE, horizon=600, schedule=(sale,))
    counts = [rule.count_scheduled(slot * 300)[0] for slot in range(6, 14)]
    assert counts == [0, 0, 7, 7, 7, 7, 0, 0]
    assert rule.count_scheduled(8 * 300)[1] == (sale,)


def test_what_is_scheduled_as_demand_becomes_machines_within_the_limits() -> None:
    events = (Event("a", 0, 600, demand=50), Event("b", 0, 600, demand=1e9))
    assert dataclasses.replace(RULE, schedule=events[:1]).count_scheduled(0)[0] == 6
    assert dataclasses.replace(RULE, schedule=events).count_scheduled(0)[0] == RULE.max


def test_times_are_counted_in_slots() -> None:
    assert (RULE.steps, RULE.cooldown_slots) == (1, 4)
    assert dataclasses.replace(RULE, horizon=301, cooldown=0).steps == 2
    assert dataclasses.replace(RULE, horizon=301, cooldown=0).cooldown_slots == 1


@pytest.mark.parametrize(
    ("demand", "machines"), [(0, 1), (9, 1), (9.1, 2), (100, 11), (1e300, 20), (math.inf, 20)]
)
def test_machines_carry_the_demand_with_headroom_within_limits(
    demand: float, machines: int
) -> None:
    assert RULE.count_machines(demand) == machines


@given(st.integers(1, 19), st.floats(0.001, 1e6))
def test_a_demand_of_whole_machines_takes_just_these(machines: int, capacity: float) -> None:
    rule = Rule(capacity=capacity, max=20, headroom=0)
    assert rule.count_machines(machines * capacity) == machines
