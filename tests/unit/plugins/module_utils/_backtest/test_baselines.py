# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the forecaster that a rule has by default makes of a fleet, with little history and with much."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
import statistics
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._backtest import baselines
from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.replay import (
    FleetTerms,
    replay,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import Auto, Blend
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import TrendRule
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

HOUR = 3600
RULE = Rule(
    capacity=10, max=8, min=1, interval=HOUR, headroom=0, cooldown=2 * HOUR, scale_in_limit=8
)
NOISE = random.Random(4)  # noqa: S311
CALM = {
    "hardly any history": [5.0, 5.0],
    "ten hours": [5.0] * 10,
    "just before it learns": [5.0] * 46,
    "just after it learns": [5.0] * 49,
    "three weeks": [5.0] * 24 * 21,
    "three noisy weeks": [NOISE.gauss(5, 0.3) for _unused in range(24 * 21)],
}


@pytest.fixture(params=list(CALM.values()), ids=list(CALM))
def calm(request: pytest.FixtureRequest) -> list[float]:
    return list(request.param)


def plan(values: t.Sequence[float], machines: int) -> Plan:
    members = tuple(Member(f"web-{number + 1}", "a") for number in range(machines))
    rooms = (HostRoom("a", Size(20, 200, 2000), machines),)
    series = Series(HOUR, 0, tuple(values))
    now = (len(values) - 1) * HOUR + 5
    return decide(
        Observation("web", now, series, Size(1, 10, 100), members, rooms),
        RULE,
        make_forecaster(RULE.forecaster, RULE.risk),
    )


def test_the_seed_example_alerts_at_hour_one_and_is_ordered_by_hour_two(calm: list[float]) -> None:
    before = plan([*calm, 5.0], 1)
    assert not before.alert.raised
    assert before.actions == ()
    assert plan([*calm, 5.0, 10.0], 1).alert.raised
    ordered = plan([*calm, 5.0, 10.0, 20.0], 1)
    assert ordered.alert.raised
    assert ordered.target * RULE.capacity >= 40


def test_a_spike_takes_one_step_at_most_and_is_cleaned_up_after_the_cooldown(
    calm: list[float],
) -> None:
    sizes, alerts = [1], []
    for values in itertools.accumulate([(50.0,), *[(5.0,)] * 5], initial=tuple(calm)):
        made = plan(values, sizes[-1])
        sizes.append(made.target)
        alerts.append(made.alert.raised)
    steps = [after - before for before, after in itertools.pairwise(sizes)]
    assert sum(step > 0 for step in steps) <= 1
    assert sizes[-1] == 1
    assert alerts == [False, True, False, False, False, False, False]


def test_a_rise_is_believed_at_first_and_judged_from_then_on() -> None:
    values = [20.0 + index % 3 for index in range(46)] + [30.0, 45.0, 70.0]
    for count in (48, 49):
        series = Series(HOUR, 0, tuple(values[-count:]))
        (auto,), (blend,) = Auto().forecast(series, 2), Blend().forecast(series, 2)
        assert auto == blend
    series = Series(HOUR, 0, tuple(values[-47:]))
    (auto,), (trend,) = Auto().forecast(series, 2), TrendRule().forecast(series, 2)
    assert auto is not None
    assert trend is not None
    assert auto.method == "trend"
    assert all(
        made.upper >= rise.value > 70 for made, rise in zip(auto.steps, trend.steps, strict=True)
    )


def test_in_short_slots_it_is_the_trend_at_first_and_then_the_blend() -> None:
    values = [NOISE.gauss(50, 5) for _unused in range(60)]
    for count, expected in ((47, TrendRule()), (50, Blend())):
        series = Series(300, 0, tuple(values[:count]))
        assert Auto().forecast(series, 2, 3) == expected.forecast(series, 2, 3)


def test_a_morning_is_expected_of_the_first_hours_and_not_of_minutes() -> None:
    morning = 50 * 2 ** (1 / 8)
    for interval, count, most in ((HOUR, 19, morning), (HOUR, 20, 50), (HOUR // 2, 19, 50)):
        (made,) = Auto().forecast(Series(interval, 0, (*[50.0] * (count - 2), 51.0, 50.0)), 1)
        assert made is not None
        assert made.steps[0].value == 50
        assert made.steps[0].upper == pytest.approx(most)


def test_a_table_holds_what_each_slot_was_forecast_with() -> None:
    values = [NOISE.gauss(50, 5) for _unused in range(60)]
    for interval in (HOUR, 300):
        (table,) = baselines.plan_auto(values, interval, 2, [0.05])
        for count in (1, 19, 20, 47, 48, 60):
            series = Series(interval, 0, tuple(values[:count]))
            for last, made in enumerate(reversed(Auto().forecast(series, 2, 3)), 1):
                assert made is not None
                assert table[count - last] == [step.upper for step in made.steps]


def test_gaps_are_no_history() -> None:
    """An interval of a second and a sample a minute: what lies between is not known, however many slots it is."""
    values = [value for demand in (10.0, 20.0, 40.0) for value in (demand, *[None] * 59)]
    (made,) = Auto().forecast(Series(1, 0, tuple(values)), 2)
    (rise,) = TrendRule().forecast(Series(1, 0, tuple(values)), 2)
    assert made is not None
    assert rise is not None
    assert made == rise


def test_what_is_kept_counts_as_history() -> None:
    """A day of hours is too little to learn from; with the weeks before that are kept it is not."""
    values = [NOISE.gauss(50, 5) for _unused in range(24 * 14)]
    whole = Series(HOUR, 0, tuple(values))
    _made, state = Auto().resume(dataclasses.replace(whole, values=whole.values[:-1]), 1)
    day = Series(HOUR, HOUR * (len(values) - 24), whole.values[-24:])
    (kept,) = Auto().resume(day, 1, state=json.loads(json.dumps(state)))[0]
    assert kept == Auto().forecast(whole, 1)[0]
    later = dataclasses.replace(day, values=(*day.values[:-2], 60.0, 75.0))
    (short,) = Auto().forecast(later, 1)
    assert short is not None
    assert short.method == "trend"


def test_the_first_two_days_are_short_for_no_more_than_the_risk() -> None:
    """From nothing at all, in slots of five minutes: noise, a day's wave, office hours, steps and bursts."""
    source = random.Random(6)  # noqa: S311
    means: dict[str, t.Callable[[int], float]] = {
        "noise": lambda _slot: 100,
        "a day": lambda slot: 100 - 60 * math.cos(2 * math.pi * slot / 288),
        "office": lambda slot: 300 if 96 <= slot % 288 < 216 else 20,
        "steps": lambda slot: 50 * (1 + slot // 96 % 4),
        "bursts": lambda slot: 400 if slot % 101 < 4 else 60,
    }
    short = {}
    for name, mean in means.items():
        demand = [
            max(0.0, round(source.gauss(mean(slot), mean(slot) ** 0.5))) for slot in range(576)
        ]
        (table,) = baselines.plan_auto(demand, 300, 2, [0.05])
        terms = FleetTerms(capacity=max(demand) / 20, delay=2, most=60, hold=2)
        short[name] = replay(demand, table, terms, 300).tau_u
    assert statistics.fmean(short.values()) <= 0.05, short
