# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.last_value import LastValue
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    is_filter,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Step
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.external import (
    ExternalForecaster,
    ask_all,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.requirement import assess
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

HOUR = 3600
RULE = Rule(capacity=10, max=8, interval=HOUR, headroom=0, cooldown=2 * HOUR, risk=0.05)
SERIES = Series(HOUR, 0, (5.0, 6.0, None, 9.0, 12.0))


def foretold(made: list[t.Any]) -> ExternalForecaster:
    return ExternalForecaster("a.b.c", "forecasts", made, otherwise=LastValue())


def test_a_forecast_is_asked_for_after_each_slot_of_the_cooldown_from_what_was_known_then() -> None:
    asked: list[tuple[list[float | None], float]] = []
    made = ask_all(
        SERIES, RULE, lambda history, risk: asked.append(([row["value"] for row in history], risk))
    )
    assert made == {"forecasts": [None, None, None]}
    # A single missing slot is bridged as it is for every forecaster.
    assert asked == [([5, 6, 9], 0.05), ([5, 6, 9, 9], 0.05), ([5, 6, 9, 9, 12], 0.05)]


def test_parked_machines_have_a_forecast_at_their_own_risk() -> None:
    rule = Rule(capacity=10, max=8, interval=HOUR, cooldown=0, parked_max=3, parked_risk=0.01)
    made = ask_all(SERIES, rule, lambda history, risk: [len(history), risk])
    assert made == {"forecasts": [[4, 0.05], [5, 0.05]], "parked_forecasts": [[4, 0.01], [5, 0.01]]}


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=12), st.integers(0, 6))
def test_as_many_forecasts_are_asked_for_as_a_plan_looks_at(
    values: list[float | None], cooldown: int
) -> None:
    rule = Rule(capacity=10, max=8, interval=HOUR, cooldown=cooldown * HOUR, horizon=2 * HOUR)
    series = Series(HOUR, 0, tuple(values))
    made = ask_all(series, rule, lambda history, _risk: [history[-1]["value"] or 0.0] * 2)[
        "forecasts"
    ]
    requirement = assess(series, rule, foretold(made), len(values) * HOUR)
    assert (requirement.now is None) == (not values)


def test_an_answer_is_a_number_or_a_value_and_an_upper() -> None:
    told = [[4, {"value": 9, "upper": 7}, 100]]
    (forecast,) = foretold(told).forecast(SERIES, steps=2)
    assert forecast is not None
    assert forecast.steps == (Step(4, 4), Step(7, 7))
    assert (forecast.method, forecast.limit) == ("a.b.c", None)
    assert list(forecast.growth.values) == [6, 9, 12]


def test_where_it_cannot_tell_another_one_does() -> None:
    others = LastValue().forecast(SERIES, steps=2, last=3)
    made = foretold([None, [1, 1], None]).forecast(SERIES, steps=2, last=3)
    assert [made[0], made[2]] == [others[0], others[2]]
    assert made[1] not in others


def test_the_last_of_the_answers_are_for_the_last_slots() -> None:
    (forecast,) = foretold([[1], [2], [3]]).forecast(SERIES, steps=1)
    assert forecast is not None
    assert forecast.steps == (Step(3, 3),)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], r"forecasts: \[\] holds fewer than 1 forecasts"),
        ([7], r"forecasts\[0\]: 7 must be a list"),
        ([[1]], r"forecasts\[0\]: \[1\] must be a list of at least 2 demands"),
        ([[1, "many"]], r"forecasts\[0\]\[1\]: 'many' must be a number"),
        ([[1, -2]], r"forecasts\[0\]\[1\]: -2 must be a number of 0 or more"),
        ([[1, {"value": 3}]], r"forecasts\[0\]\[1\].upper: None must be a number"),
        ([[1, float("nan")]], r"forecasts\[0\]\[1\]: nan must be a number"),
    ],
)
def test_what_is_no_answer_is_named_by_its_place(told: t.Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        foretold(told).forecast(SERIES, steps=2)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("example.capacity.arima", True),
        ("a.b.c.d", True),
        ("arima", False),
        ("a.b", False),
        ("a.b.c d", False),
    ],
)
def test_a_filter_has_a_collection(name: str, is_one: bool) -> None:
    assert is_filter(name) is is_one
    assert not any(map(is_filter, METHODS))
