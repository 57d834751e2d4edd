# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.quantile import ErrorWindow

ERRORS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
LEVELS = st.floats(0.01, 0.9999)


def window(errors: list[float], size: int = 100) -> ErrorWindow:
    made = ErrorWindow(size, [[]])
    for error in errors:
        made.add([error])
    return made


def quantile(made: ErrorWindow, level: float, *, without_largest: bool = False) -> float:
    (found,) = made.estimate(level, without_largest=without_largest)
    return found


def test_a_quantile_is_the_rank_that_the_next_error_stays_under() -> None:
    errors = window([float(error) for error in range(1, 60)])
    assert quantile(errors, 0.95) == pytest.approx(57)
    assert quantile(errors, 0.5) == pytest.approx(30)
    assert quantile(errors, 0.51) == pytest.approx(30.6)


def test_the_largest_error_is_left_out_as_a_spike_unless_the_level_asks_for_spikes() -> None:
    few = [1.0, 2.0, 90.0]
    for count, without in ((1, 0), (2, 2), (3, 2)):
        assert quantile(window(few[-count:]), 0.95, without_largest=True) == without
    assert quantile(window(few), 0.95) > 90
    assert quantile(window(few), 0.99, without_largest=True) > 90
    assert quantile(window([1.0] * 46 + [90.0]), 0.97, without_largest=True) == 1


def test_without_an_error_there_is_no_quantile() -> None:
    with pytest.raises(IndexError):
        ErrorWindow(10, [[]]).estimate(0.5)


@given(ERRORS, st.integers(1, 30))
def test_only_the_latest_errors_count(errors: list[float], size: int) -> None:
    assert window(errors, size).list_latest() == [errors[-size:]]
    assert window(errors, size).estimate(0.5) == window(errors[-size:]).estimate(0.5)


@given(ERRORS, LEVELS, LEVELS)
@example([699051.2056856842] * 3, 0.5, 0.875)
@example([-1.0], 0.5, 0.99)
def test_a_higher_level_never_asks_for_less(
    errors: list[float], level: float, other: float
) -> None:
    lower, higher = sorted((level, other))
    made = window(errors)
    assert quantile(made, lower) <= quantile(made, higher)


@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=1, max_size=40),
    LEVELS,
    st.integers(1, 30),
)
def test_forecasts_side_by_side_do_not_touch_each_other(
    errors: list[tuple[float, float, float]], level: float, size: int
) -> None:
    together = ErrorWindow(size, [[], [], []])
    for row in errors:
        together.add(row)
    assert together.estimate(level) == [
        quantile(window([*column], size), level) for column in zip(*errors, strict=True)
    ]


@given(ERRORS, LEVELS)
def test_a_window_goes_on_from_its_latest_errors(errors: list[float], level: float) -> None:
    assert ErrorWindow(100, [errors]).estimate(level) == window(errors).estimate(level)


def test_past_the_largest_error_the_tail_is_drawn_on() -> None:
    source = random.Random(5)  # noqa: S311
    errors = window([source.expovariate(1) for _unused in range(200)], 200)
    # The 0.9999 quantile of an exponential distribution is 9.2; 200 samples alone end near 5.
    assert quantile(errors, 0.9999) == pytest.approx(9.2, rel=0.3)


def test_the_next_error_exceeds_the_quantile_as_often_as_asked() -> None:
    source = random.Random(1)  # noqa: S311
    exceeded = 0
    for _unused in range(4000):
        *errors, following = (source.gauss(0, 1) for _unused in range(40))
        exceeded += following > quantile(window(errors), 0.9)
    assert exceeded / 4000 == pytest.approx(0.1, abs=0.015)
