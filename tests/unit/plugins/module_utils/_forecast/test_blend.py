# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import math
import random
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import Blend
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import Tracker
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecast

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    Value: t.TypeAlias = "float | None"

HOUR = 3600
VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=60)


def forecast(values: Sequence[Value], steps: int = 1, risk: float = 0.05) -> Forecast:
    (made,) = Blend(risk).forecast(Series(HOUR, 0, tuple(values)), steps)
    assert made is not None
    return made


def missed(values: Sequence[Value], risk: float, start: int, interval: int = HOUR) -> float:
    """The share of slots from `start` on in which demand exceeded what had been forecast a slot earlier."""
    tracker = Tracker(interval, 1, [1 - risk])
    outcomes: list[bool] = []
    for index, value in enumerate(values):
        made = tracker.forecast()
        if index >= start and made is not None and value is not None:
            outcomes.append(value > made.steps[0].upper)
        tracker.observe(value)
    return sum(outcomes) / len(outcomes)


def poisson(source: random.Random, mean: float) -> float:
    """A count with this mean, from the normal distribution that large ones come near."""
    return max(0.0, round(source.gauss(mean, math.sqrt(mean))))


def days(
    count: int, peak: float = 400, seed: int = 1, shift: t.Callable[[int], int] = lambda _hour: 0
) -> list[float]:
    """Hourly counts with a wave a day; `shift` moves the clock."""
    source = random.Random(seed)  # noqa: S311
    waves = (1 + math.sin(2 * math.pi * (hour + shift(hour)) / 24) for hour in range(24 * count))
    return [poisson(source, 20 + peak * wave / 2) for wave in waves]


# The seed example


@pytest.mark.parametrize("before", [[], [5.0] * 4, [5.0] * 30, [5.0] * 400])
def test_two_doublings_are_drawn_on(before: list[float]) -> None:
    assert forecast([*before, 5.0, 10.0, 20.0]).steps[0].upper >= 40


def test_a_spike_in_a_long_calm_is_no_surge() -> None:
    made = forecast([5.0] * 400 + [50.0])
    assert made.method == "blend"
    assert made.steps[0].upper <= 50
    assert forecast([5.0] * 400 + [50.0, 5.0, 5.0]).steps[0].upper < 10


def test_a_spike_among_few_errors_keeps_no_machines_and_tells_which_expert_to_believe() -> None:
    """So that a forecast of which enough is known has nothing of how carefully it began."""
    tracker = Tracker(HOUR, 1, [0.95])
    for value in (10.0, 11.0, 10.0, 11.0, 90.0, 10.0, 11.0, 10.0):
        tracker.observe(value)
    (issued,) = tracker.dump_state()["horizons"][0]["pending"]
    assert issued["upper"][0] < min(issued["uppers"][0])
    for _hour in range(48):
        tracker.observe(11.0)
    (issued,) = tracker.dump_state()["horizons"][0]["pending"]
    # The upper value of a count is one.
    assert math.floor(min(issued["uppers"][0])) <= issued["upper"][0] <= max(issued["uppers"][0])


def test_nothing_is_forecast_from_nothing() -> None:
    assert Blend().forecast(Series(HOUR, 0, ()), 2) == []
    assert Blend().forecast(Series(HOUR, 0, (None, None)), 2, last=2) == [None, None]


# Calibration


@pytest.mark.parametrize("risk", [0.2, 0.1, 0.05])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param([poisson(random.Random(hour), 50) for hour in range(3000)], id="noise"),  # noqa: S311
        pytest.param(
            [random.Random(hour).paretovariate(2.5) for hour in range(3000)],  # noqa: S311
            id="heavy tail",
        ),
        pytest.param(days(125), id="days"),
        pytest.param(
            [value * (1 + hour / 1000) for hour, value in enumerate(days(125))], id="growing days"
        ),
        pytest.param(
            [poisson(random.Random(hour), 100 + 100 * (hour > 1500)) for hour in range(3000)],  # noqa: S311
            id="step",
        ),
    ],
)
def test_the_risk_is_kept(values: list[float], risk: float) -> None:
    assert missed(values, risk, start=300) <= risk * 1.15 + 0.003


def test_days_are_found_without_being_told() -> None:
    values = days(30)
    made = forecast(values, steps=1)
    assert made.steps[0].value == pytest.approx(220, rel=0.3)  # the mean, and rising
    at_dusk = forecast([*values, *days(31)[-24:][:12]]).steps[0]
    assert at_dusk.value == pytest.approx(220, rel=0.3)
    assert at_dusk.value < 210 < made.steps[0].value + 60


def test_summer_time_costs_days_not_weeks() -> None:
    values = days(60, shift=lambda hour: int(hour >= 24 * 40))
    assert missed(values[: 24 * 42], 0.05, start=24 * 40) <= 0.25
    assert missed(values, 0.05, start=24 * 44) <= 0.07


def quarters(count: int) -> list[float]:
    """Counts of 900 s with a wave a day, so many days of them, rising from one week to the next."""
    waves = (1 + slot / 4000 + math.sin(2 * math.pi * slot / 96) for slot in range(96 * count))
    return [poisson(random.Random(slot), 50 + 200 * wave) for slot, wave in enumerate(waves)]  # noqa: S311


@pytest.mark.parametrize("lost", [None, 0.0], ids=["not known", "an outage"])
def test_what_lies_far_back_is_only_skimmed_which_hardly_moves_the_forecast(lost: Value) -> None:
    values: list[Value] = [*quarters(28)]
    for slot in (400, 401, *range(1000, 1096)):  # two are few enough to be taken for an outage
        values[slot] = lost
    for end in range(len(values) - 96, len(values), 40):
        series = Series(900, 0, tuple(values[:end]))
        (skimmed,) = Blend().forecast(series, 2)
        (gone_through,) = Blend().forecast(series, 2, last=end - 700)[-1:]
        assert skimmed
        assert gone_through
        for step, exact in zip(skimmed.steps, gone_through.steps, strict=True):
            assert step.value == pytest.approx(exact.value, rel=0.04)
            assert step.upper == pytest.approx(exact.upper, rel=0.06)


# Gaps and outages


def test_a_gap_is_bridged_by_what_was_expected() -> None:
    values: list[Value] = [*days(20)]
    with_gap = [*values[:-3], None, None, None]
    assert forecast(with_gap).steps[0].upper == pytest.approx(
        forecast(values).steps[0].upper, rel=0.3
    )


def test_sudden_zeros_are_an_outage_at_first_and_a_fact_after_a_while() -> None:
    values = [poisson(random.Random(slot), 100) for slot in range(600)]  # noqa: S311
    series = Series(300, 0, (*values, *[0.0] * 200))
    made = Blend().forecast(series, 1, last=200)
    uppers = [one.steps[0].upper for one in made if one]
    assert min(uppers[:6]) > 90
    assert uppers[-1] < 10


def test_zeros_of_every_night_are_believed() -> None:
    values = [
        poisson(random.Random(hour), 100) if hour % 24 >= 12 else 0.0  # noqa: S311
        for hour in range(24 * 20)
    ]
    assert forecast([*values, 0.0, 0.0]).steps[0].upper < 20
    assert forecast([*values, *[0.0] * 12]).steps[0].upper > 80


# Seldom used


def jobs(count: int) -> list[float]:
    """A service that idles but for a job of eight slots now and then, whose demand scatters by a third."""
    source = random.Random(3)  # noqa: S311
    values: list[float] = []
    for _job in range(count):
        values += [0.0] * source.randint(40, 90) + [
            100 * source.uniform(0.67, 1.33) for _slot in range(8)
        ]
    return values


def test_quiet_hours_say_nothing_of_busy_ones() -> None:
    values = jobs(40)
    made = Blend(0.1).forecast(Series(300, 0, tuple(values)), 1, last=len(values) - 1000)
    inside = [
        after > forecast_.steps[0].upper
        for forecast_, before, after in zip(made[:-1], values[1000:-1], values[1001:], strict=True)
        if forecast_ and before and after
    ]
    assert sum(inside) / len(inside) <= 0.2


def test_the_first_quiet_slots_keep_a_margin() -> None:
    source = random.Random(5)  # noqa: S311
    quiet = [source.uniform(0.2, 1.8) for _slot in range(40)]
    busy = [poisson(random.Random(slot), 100) for slot in range(600)]  # noqa: S311
    assert missed([*busy, *quiet], 0.05, start=len(busy)) <= 0.1


# Properties


@settings(max_examples=60)
@given(VALUES, st.integers(1, 20), st.integers(1, 5))
def test_forecasts_are_finite_and_none_only_before_the_first_value(
    values: list[Value], steps: int, last: int
) -> None:
    made = Blend().forecast(Series(HOUR, 0, tuple(values)), steps, last)
    assert len(made) == min(last, len(values))
    known = [any(value is not None for value in values[: end + 1]) for end in range(len(values))][
        -last:
    ]
    for forecast_, is_known in zip(made, known, strict=True):
        assert (forecast_ is not None) == is_known
        for step in forecast_.steps if forecast_ else ():
            assert 0 <= step.value <= step.upper < math.inf


@settings(max_examples=40)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=80), st.sampled_from([0.25, 16, 1024]))
def test_the_unit_of_demand_does_not_matter(values: list[int], unit: float) -> None:
    made, scaled = forecast(values), forecast([value * unit for value in values])
    if any(values):
        assert scaled.steps[0].upper == pytest.approx(
            made.steps[0].upper * unit, rel=1e-6, abs=1e-6 * unit
        )


@settings(max_examples=40)
@given(VALUES.filter(len), st.integers(1, 4))
def test_a_forecast_knows_nothing_of_the_future(values: list[Value], last: int) -> None:
    made = Blend().forecast(Series(HOUR, 0, tuple(values)), 2, last)
    earlier = Blend().forecast(Series(HOUR, 0, tuple(values[:-1])), 2, last)
    assert made[:-1] == earlier[len(earlier) - len(made) + 1 :]


@settings(max_examples=40)
@given(VALUES, st.integers(0, 60), st.integers(1, 3), st.integers(1, 4))
def test_kept_state_changes_nothing_but_the_time(
    values: list[Value], cut: int, steps: int, last: int
) -> None:
    whole = Series(HOUR, 7200, tuple(values))
    part = dataclasses.replace(whole, values=whole.values[:cut])
    _made, state = Blend().resume(part, steps, last)
    kept, _state = Blend().resume(whole, steps, last, json.loads(json.dumps(state)))
    assert kept == Blend().forecast(whole, steps, last)


def test_state_that_does_not_fit_is_not_used() -> None:
    series = Series(HOUR, 0, tuple(days(3)))
    _made, state = Blend(0.05).resume(series, 1)
    shorter = dataclasses.replace(series, values=series.values[:-5])
    assert Blend(0.05).resume(shorter, 1, state=state)[0] == Blend(0.05).forecast(shorter, 1)
    assert Blend(0.2).resume(series, 1, state=state)[0] == Blend(0.2).forecast(series, 1)
    assert Blend(0.05).resume(series, 2, state=state)[0] == Blend(0.05).forecast(series, 2)
    other = dataclasses.replace(series, values=tuple(value + 1 for value in days(3, seed=2)))
    assert Blend(0.05).resume(other, 1, state=state)[0] == Blend(0.05).forecast(other, 1)
    moved = dataclasses.replace(series, start=500 * HOUR)
    assert Blend(0.05).resume(moved, 1, state=state)[0] == Blend(0.05).forecast(moved, 1)


def test_a_breach_of_the_limit_is_remembered_for_a_day() -> None:
    values = [100 + 5 * math.sin(hour) for hour in range(100)]
    values += [400.0, *values[:24]]
    series = Series(HOUR, 0, tuple(values))
    made, state = Blend().resume(dataclasses.replace(series, values=series.values[:-9]), 1, 17)
    made = [*made, *Blend().resume(series, 1, 9, json.loads(json.dumps(state)))[0]]
    told = [one.recent_breach for one in made if one is not None]
    assert told == [None, None, *[400] * 23, None]


def test_a_state_of_the_first_release_goes_on() -> None:
    series = Series(HOUR, 0, tuple(days(5)))
    state = Blend().resume(dataclasses.replace(series, values=series.values[:-1]), 1, 2)[1]
    del state["tracker"]["limit_breaches"]
    for one in state["made"]:
        del one["recent_breach"]
    assert Blend().resume(series, 1, 2, state)[0] == Blend().forecast(series, 1, 2)


@pytest.mark.parametrize("left", [0, 1])
def test_a_state_makes_no_forecasts_for_a_history_that_was_lost(left: int) -> None:
    series = Series(HOUR, 0, tuple(days(3)))
    _made, state = Blend(0.05).resume(series, 1, 3)
    lost = Series(HOUR, state["next"], tuple(series.values[:left]))
    made, _state = Blend(0.05).resume(lost, 1, 3, state)
    assert len(made) == left


def test_the_upper_value_of_a_count_is_one() -> None:
    """Half a job takes no machine: in between two numbers of jobs, machines are paid for that serve nobody."""
    source = random.Random(3)  # noqa: S311
    jobs = [float(source.choice([0, 0, 1, 1, 2, 3])) for _unused in range(400)]
    assert forecast(jobs).steps[0].upper in (2.0, 3.0, 4.0)
    assert forecast([0.25 * count for count in jobs]).steps[0].upper in (0.5, 0.75, 1.0)
    assert not forecast([*jobs, 0.3141]).steps[0].upper.is_integer()
