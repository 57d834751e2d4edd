# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    Calibration,
    Load,
    Work,
    apply_calibration,
    estimate_ready_seconds,
    estimate_work,
    is_partial,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

RULE = Rule(capacity=100, max=20, interval=60)
MEASURED = Rule(capacity=100, max=20, interval=60, measure_capacity=True, utilization=0.5)


def series(*values: float | None) -> Series:
    return Series(60, 600, values)


def loads(*used: float | None, vcpus: int = 4) -> list[Load]:
    """What a host used in each slot, 7 s after its start; nothing where that is not known."""
    return [
        Load(607 + 60 * index, cores, vcpus)
        for index, cores in enumerate(used)
        if cores is not None
    ]


def test_new_machines_are_ready_in_time_in_nine_of_ten_runs() -> None:
    assert estimate_ready_seconds([]) is None
    assert estimate_ready_seconds([30]) == 30
    assert estimate_ready_seconds(range(1, 11)) == 9
    assert estimate_ready_seconds(range(1, 21)) == 18


def test_a_unit_of_demand_takes_the_processor_time_that_was_used_for_it() -> None:
    work = estimate_work(series(*[10] * 6, 20), [loads(*[1] * 6, 2)])
    assert work == Work(demand_per_core=10, utilization=0.25)
    assert Calibration(work=work).estimate_capacity(vcpus=2, utilization=0.7) == 14


def test_the_machines_of_all_hosts_met_the_demand_together() -> None:
    assert estimate_work(series(*[30] * 6), [loads(*[1] * 6), loads(*[2] * 6)]) == Work(10, 0.375)


def test_a_slot_in_which_one_host_did_not_tell_says_nothing() -> None:
    hosts = [loads(*[1] * 6, 1), loads(*[2] * 6, None)]
    assert estimate_work(series(*[30] * 6, 1e9), hosts) == Work(10, 0.375)


def test_a_host_that_joined_without_machines_had_none_before() -> None:
    joined = [Load(607 + 60 * 8, 0.0, 0)]
    assert estimate_work(series(*[30] * 9), [loads(*[3] * 9), joined]) == Work(10, 0.75)
    assert not is_partial(series(*[30] * 9), [loads(*[3] * 9), joined])


def test_a_host_that_lost_what_its_machines_used_leaves_unknown_what_was_measured() -> None:
    lost = loads(*[None] * 8, 1)
    for hosts in ([loads(*[3] * 9), lost], [loads(*[3] * 9), []]):
        assert estimate_work(series(*[30] * 9), hosts) is None
        assert is_partial(series(*[30] * 9), hosts)
    assert not is_partial(series(*[30] * 9), [lost, []])
    assert not is_partial(series(*[30] * 9), [])


def test_the_slots_count_in_which_a_vcpu_met_the_most_demand() -> None:
    """A machine that boots is as busy as one that serves, and an idle one is not quite idle."""
    demand, used = [40.0] * 8 + [4.0] * 12 + [10.0] * 8, [2.0] * 8 + [0.5] * 12 + [3.9] * 8
    assert estimate_work(series(*demand), [loads(*used)]) == Work(20, 0.5)


@pytest.mark.parametrize(
    ("demand", "used"),
    [
        pytest.param([10.0] * 5, [1.0] * 5, id="too few slots"),
        pytest.param([10.0] * 9, [0.3] * 9, id="idle machines"),
        pytest.param([0.0] * 9, [1.0] * 9, id="no demand"),
        pytest.param([None] * 9, [1.0] * 9, id="unknown demand"),
        pytest.param([10.0] * 9, [], id="no loads"),
    ],
)
def test_nothing_is_measured_of(demand: list[float | None], used: list[float]) -> None:
    assert estimate_work(series(*demand), [loads(*used)]) is None


def test_no_host_tells_nothing() -> None:
    assert estimate_work(series(*[10] * 9), []) is None


def test_machines_without_processors_tell_nothing() -> None:
    assert estimate_work(series(*[10] * 9), [loads(*[0.0] * 9, vcpus=0)]) is None


@given(st.floats(0.1, 1e6), st.floats(0.41, 4), st.integers(6, 40))
def test_a_steady_service_is_measured_as_it_is(demand: float, used: float, slots: int) -> None:
    work = estimate_work(series(*[demand] * slots), [loads(*[used] * slots)])
    assert work is not None
    assert Calibration(work=work).estimate_capacity(4, used / 4) == pytest.approx(demand)


def test_a_rule_that_measures_nothing_stays_as_it_is() -> None:
    assert apply_calibration(RULE, Calibration(30.0, Work(1, 0.5)), 2) == (RULE, [])


def test_the_horizon_is_what_machines_took_and_whole_intervals() -> None:
    auto = dataclasses.replace(RULE, horizon="auto")
    assert auto.steps == 1
    same, told = apply_calibration(auto, Calibration(), 2)
    assert same == auto
    assert told == [
        "How long a new machine takes is not measured yet, so demand is looked at 1 interval ahead."
    ]
    rule, told = apply_calibration(auto, Calibration(ready_seconds=121.5), 2)
    assert (rule.horizon, rule.steps) == (122, 3)
    assert told == ["New machines took up to 2 min 2 s in nine of ten runs (rule.horizon=auto)."]
    assert apply_calibration(auto, Calibration(ready_seconds=2.5), 2)[0].horizon == 60
    assert apply_calibration(auto, Calibration(ready_seconds=1e9), 2)[0].steps == 288


def test_the_capacity_is_what_was_measured_and_the_rule_bounds_it() -> None:
    assert apply_calibration(MEASURED, Calibration(), 2) == (
        MEASURED,
        ["What a machine carries is not measured yet, so the 100 of rule.capacity count."],
    )
    rule, told = apply_calibration(MEASURED, Calibration(work=Work(120, 0.625)), 2)
    assert rule.capacity == 120
    assert told == [
        "A machine carries 120 with 50% of its vCPUs, as measured where machines used 62% of theirs."
    ]
    rule, told = apply_calibration(MEASURED, Calibration(work=Work(1000, 0.12)), 2)
    assert rule.capacity == 200
    assert told[0].endswith("of theirs; rule.capacity bounds it to 200.")
    assert apply_calibration(MEASURED, Calibration(work=Work(1, 0.9)), 2)[0].capacity == 50
