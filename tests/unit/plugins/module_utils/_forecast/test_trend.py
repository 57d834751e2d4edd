# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    Forecast,
    TrendRule,
)

Values: t.TypeAlias = "tuple[float | None, ...]"
VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=40).map(tuple)


def forecast(values: Values, steps: int = 1) -> Forecast:
    """The forecast after the last of the values."""
    (made,) = TrendRule().forecast(Series(3600, 0, values), steps)
    assert made is not None
    return made


def expected(values: Values, steps: int = 1) -> list[float]:
    return [step.value for step in forecast(values, steps).steps]


def test_a_gap_that_doubles_is_expected_to_double_again() -> None:
    assert expected((5, 10, 20)) == [40]
    assert expected((5, 5, 5, 5, 5, 5, 10, 20)) == [40]


def test_a_doubling_is_damped_in_the_long_run() -> None:
    steps = expected((5, 10, 20), steps=4)
    assert steps[:2] == [40, 70]
    assert steps[2] - steps[1] < 40


def test_a_steady_rise_goes_on() -> None:
    assert expected((10, 20, 30, 40, 50, 60, 70), steps=3) == [80, 90, 100]


@pytest.mark.parametrize("values", [(7,), (5, 10), (5, 5, 5, 50), (20, 10, 20), (30, 20, 10)])
def test_the_last_value_is_expected_without_a_rise_that_went_on(values: Values) -> None:
    made = forecast(values, steps=2)
    assert [step.value for step in made.steps] == [values[-1]] * 2
    assert made.method == "last value"


def test_a_rise_within_the_noise_is_not_extended() -> None:
    assert expected((10, 14, 9, 13, 8, 14, 10, 11, 12)) == [12]


def test_a_spike_that_is_over_is_forgotten() -> None:
    made = forecast((5.0,) * 30 + (500.0,) + (5.0,) * 10)
    assert made.steps[0].value == made.steps[0].upper == 5


def test_a_short_outage_is_no_fall_and_no_rise() -> None:
    assert expected((20, 20, 20, 0, 0, 20, 20)) == [20]
    assert expected((18, 20, 0, 20)) == [20]


def test_a_rise_across_a_gap_is_a_slope() -> None:
    assert expected((10, None, 30)) == [40]


def test_missing_data_at_the_end_continues_the_rise_and_never_falls_below() -> None:
    assert expected((5, 10, 20, None)) == [70]
    assert expected((30, 20, 10, None, None)) == [10]


def test_nothing_known_has_no_forecast() -> None:
    assert TrendRule().forecast(Series(60, 0, (None, None)), 1) == [None]
    assert TrendRule().forecast(Series(60, 0), 1) == []


def test_the_upper_value_holds_for_the_share_that_was_asked() -> None:
    chance = random.Random(7)  # noqa: S311 - a reproducible series, not a secret
    values = tuple(chance.gauss(100, 10) for _slot in range(600))
    made = TrendRule(risk=0.1).forecast(Series(60, 0, values), 1, last=400)
    breaches = sum(
        one is not None and value > one.steps[0].upper
        for one, value in zip(made[:-1], values[201:], strict=True)
    )
    assert 0.04 < breaches / 399 < 0.16


@given(VALUES, st.integers(1, 12), st.integers(1, 5))
def test_forecasts_are_those_of_their_time(values: Values, steps: int, last: int) -> None:
    series = Series(60, 0, values)
    made = TrendRule().forecast(series, steps, last)
    assert len(made) == min(last, len(values))
    for back, one in enumerate(reversed(made)):
        then = Series(60, 0, values[: len(values) - back])
        assert TrendRule().forecast(then, steps) == [one]


@given(VALUES, st.integers(1, 12))
def test_no_forecast_is_below_the_last_known_value(values: Values, steps: int) -> None:
    known = [value for value in values if value is not None]
    for made in TrendRule().forecast(Series(60, 0, values), steps):
        assert (made is None) == (not known)
        for step in made.steps if made else ():
            assert known[-1] <= step.value <= step.upper
