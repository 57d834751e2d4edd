# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import Member
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.yielding import (
    WakingRoom,
)

from simulate import __main__ as simulation
from simulate import world as simulated
from simulate.weather import KINDS, Fault
from simulate.world import Log, World

HOUR = 3600
SLOTS = 72
RULE = Rule(capacity=10, min=2, max=8, interval=HOUR, headroom=0, cooldown=HOUR, scale_in_limit=4)
FAULTS = st.lists(
    st.builds(
        Fault, st.integers(0, SLOTS), st.sampled_from(KINDS), st.integers(1, 12), st.integers(0, 5)
    ),
    max_size=30,
)
DEMAND = st.lists(st.floats(0, 120), min_size=SLOTS, max_size=SLOTS)
RULES = st.builds(
    lambda **options: dataclasses.replace(RULE, **options),
    min=st.integers(0, 4),
    parked=st.integers(0, 2),
    parked_max=st.sampled_from([None, 3]),
    scale_in_limit=st.integers(1, 8),
    scale_out_limit=st.one_of(st.none(), st.integers(1, 3)),
    n_plus_one=st.booleans(),
    on_missing_data=st.sampled_from(["forecast", "hold", "max"]),
)


def passed(demand: t.Sequence[float], faults: t.Sequence[Fault] = (), rule: Rule = RULE) -> Log:
    """The log after that demand, an hour each, on two hosts with room for 5 and 6 machines."""
    world = World(rule, (5, 6), faults)
    try:
        for value in demand:
            world.tick(value)
    finally:
        world.close()
    return world.log


@settings(max_examples=40, deadline=None)
@given(DEMAND, FAULTS, RULES)
def test_no_fault_breaks_a_promise_within_72_hours(
    demand: list[float], faults: list[Fault], rule: Rule
) -> None:
    assert passed(demand, faults, rule).broken == []


def test_72_hours_of_random_weather_break_no_promise() -> None:
    log = simulation.simulate(
        72, seed=1, rule=dataclasses.replace(simulation.RULE, interval=900, horizon=1800)
    )
    assert log.broken == []
    assert set(log.faults) == set(KINDS)
    assert {"create", "wake", "park", "remove", "stale plans refused", "runs that yielded"} <= set(
        log.done
    )
    assert simulation.summary(log).endswith("promises  0 broken")


def test_a_fleet_comes_back_after_its_host_was_dead() -> None:
    log = passed([35.0] * 20, [Fault(10, "dead host", 3, pick=0)])
    assert log.running[9] == 4
    assert min(log.running[10:]) >= 4
    assert log.broken == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"max": 20}, "more than rule.max"),
        ({"min": 0}, "fewer than rule.min"),
    ],
)
def test_a_planner_that_breaks_a_promise_is_found_out(
    wrong: dict[str, t.Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(observed: t.Any, rule: Rule, *forecasters: t.Any, **more: t.Any) -> t.Any:
        return decide(observed, dataclasses.replace(rule, **wrong), *forecasters, **more)

    monkeypatch.setattr(simulated, "decide", careless)
    assert any(words in line for line in passed([200.0] * 5 + [0.0] * 20).broken)


def test_a_planner_that_takes_protected_machines_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def blind(observed: t.Any, rule: Rule, *forecasters: t.Any, **more: t.Any) -> t.Any:
        bare: list[Member] = [
            dataclasses.replace(member, protected=False) for member in observed.members
        ]
        return decide(
            dataclasses.replace(observed, members=tuple(bare)), rule, *forecasters, **more
        )

    monkeypatch.setattr(simulated, "decide", blind)
    faults = [Fault(6, "protected machine", 1, pick) for pick in range(6)]
    assert "a protected machine was to go" in passed([80.0] * 8 + [0.0] * 8, faults).broken[0]


def test_the_command_counts_what_was_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulation.main(["--hours", "6", "--runs", "2"]) == 0
    assert capsys.readouterr().out.count("promises  0 broken") == 6


QUARTERS: t.Final = dataclasses.replace(simulation.RULE, interval=900, horizon=1800)


def test_two_fleets_that_share_scarce_hosts_break_no_promise() -> None:
    web, batch = simulation.simulate_two(48, seed=2, rule=QUARTERS)
    assert web.broken == batch.broken == []
    assert web.done["parked for another fleet"] > 0


def test_a_fleet_that_wakes_without_room_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WakingRoom, "take", lambda _room, _member: True)
    web, batch = simulation.simulate_two(48, seed=2, rule=QUARTERS)
    assert any("which has room for" in line for line in web.broken + batch.broken)
