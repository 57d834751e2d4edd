# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.baselines import (
    plan_blend,
    plan_gap_rule,
    plan_perfect,
    plan_reactive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.replay import (
    FleetTerms,
    Outcome,
    Table,
    replay,
)

DEMAND = st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=60)
TERMS = st.builds(
    FleetTerms,
    capacity=st.floats(1, 50),
    delay=st.integers(1, 6),
    fewest=st.integers(0, 3),
    most=st.integers(3, 40),
    hold=st.integers(1, 5),
    out_tolerance=st.floats(0, 0.3),
    in_tolerance=st.floats(0, 0.3),
    hysteresis=st.sampled_from([0.0, 0.1, 0.3]),
)
HOUR = 3600


def ready(outcome: Outcome) -> list[int]:
    return [slot.ready for slot in outcome.slots]


def alive(outcome: Outcome) -> list[int]:
    return [slot.alive for slot in outcome.slots]


def test_a_machine_is_paid_for_from_the_next_slot_and_ready_after_the_delay() -> None:
    outcome = replay(
        [10, 10, 30, 30, 30, 30],
        plan_reactive([10, 10, 30, 30, 30, 30], 1.0),
        FleetTerms(10, delay=2),
        HOUR,
    )
    assert ready(outcome) == [1, 1, 1, 1, 3, 3]
    assert alive(outcome) == [1, 1, 1, 3, 3, 3]
    assert outcome.tau_u == pytest.approx(2 / 6)
    assert outcome.theta_u == pytest.approx(2 * (2 / 3) / 6)
    assert outcome.unmet == pytest.approx(40 / 140)
    assert outcome.cost == pytest.approx(12 / 14)


def test_a_machine_goes_when_it_was_too_many_in_every_plan_of_the_hold() -> None:
    demand = [30, 10, 10, 10, 10]
    assert ready(replay(demand, plan_reactive(demand, 1.0), FleetTerms(10, hold=1), HOUR)) == [
        3,
        3,
        1,
        1,
        1,
    ]
    assert ready(replay(demand, plan_reactive(demand, 1.0), FleetTerms(10, hold=3), HOUR)) == [
        3,
        3,
        3,
        3,
        1,
    ]


def test_the_youngest_machines_go_first() -> None:
    demand = [10, 50, 20, 20, 20]
    outcome = replay(demand, plan_reactive(demand, 1.0), FleetTerms(10, delay=3), HOUR)
    assert alive(outcome) == [1, 1, 5, 2, 2]
    assert ready(outcome) == [1, 1, 1, 1, 2]


def test_small_differences_are_tolerated() -> None:
    demand = [100, 105, 95, 120]
    tolerant = FleetTerms(1, out_tolerance=0.1, in_tolerance=0.1)
    assert alive(replay(demand, plan_reactive(demand, 1.0), tolerant, HOUR)) == [100] * 4


def test_hysteresis_lets_more_stay_in_the_six_slots_after_growth() -> None:
    demand = [100, 120, *[100] * 8]
    terms = FleetTerms(1, hysteresis=0.1)
    sizes = alive(replay(demand, plan_reactive(demand, 1.0), terms, HOUR))
    assert sizes == [100, 100, *[120] * 7, 100]
    demand = [1, 2, *[1] * 8]
    assert alive(replay(demand, plan_reactive(demand, 1.0), terms, HOUR)) == [
        *[1, 1],
        *[2] * 7,
        1,
    ]


def test_a_change_of_direction_soon_after_is_a_flap() -> None:
    demand = [10, 20, 10, 10, 10, 10, 10, 10, 10, 10, 20, 20]
    outcome = replay(demand, plan_reactive(demand, 1.0), FleetTerms(10), HOUR)
    assert outcome.actions_a_day == pytest.approx(3 * 2)
    assert outcome.flaps_a_day == pytest.approx(1 * 2)


def test_what_is_not_known_is_not_judged() -> None:
    outcome = replay([10, None, 30], [[10.0]] * 3, FleetTerms(10), HOUR)
    assert outcome.tau_u == pytest.approx(0.5)
    assert outcome.slots[1].needed is None


def test_every_slot_needs_its_forecasts() -> None:
    with pytest.raises(ValueError, match="every slot"):
        replay([1, 2], [[1.0]], FleetTerms(1), HOUR)


@given(DEMAND, TERMS)
def test_a_fleet_stays_within_its_limits(demand: list[float | None], terms: FleetTerms) -> None:
    outcome = replay(demand, plan_reactive(demand, 0.5), terms, HOUR)
    for slot in outcome.slots[1:]:
        assert 0 <= slot.ready <= slot.alive <= max(terms.most, outcome.slots[0].alive)
        assert slot.alive >= min(terms.fewest, outcome.slots[0].alive)
    assert 0 <= outcome.tau_u + outcome.tau_o <= 1 + 1e-9
    assert 0 <= outcome.unmet <= 1


@given(st.lists(st.floats(0, 100), min_size=2, max_size=60), st.integers(1, 4))
def test_who_knows_the_future_is_never_short_once_machines_had_time(
    demand: list[float], delay: int
) -> None:
    outcome = replay(demand, plan_perfect(demand, delay), FleetTerms(10, delay=delay), HOUR)
    assert all(slot.ready >= (slot.needed or 0) for slot in outcome.slots[delay:])


def test_the_gap_rule_draws_a_rise_on() -> None:
    demand = [5, 10, 20, 15]
    assert plan_gap_rule(demand, 2, 1.0) == [[5, 5], [15, 20], [40, 80], [15, 15]]


METHODS: dict[str, t.Callable[[t.Sequence[float | None]], t.Sequence[Table]]] = {
    "reactive": lambda demand: [plan_reactive(demand, 0.8)],
    "gap rule": lambda demand: [plan_gap_rule(demand, 2, 0.8)],
    "blend": lambda demand: plan_blend(demand, HOUR, 2, [0.1, 0.01]),
}


@pytest.mark.parametrize("name", METHODS)
@given(demand=DEMAND)
def test_no_method_looks_ahead(name: str, demand: list[float | None]) -> None:
    whole = METHODS[name](demand)
    part = METHODS[name](demand[:-1]) if demand[:-1] else [[] for _unused in whole]
    assert [list(table)[:-1] for table in whole] == [list(table) for table in part]
