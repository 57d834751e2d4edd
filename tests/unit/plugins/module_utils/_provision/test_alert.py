# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    Forecast,
    Growth,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.alert import judge
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

RULE = Rule(capacity=10, max=20)


def raised(*values: float | None) -> bool:
    return judge(Series(60, 0, values), RULE).raised


@pytest.mark.parametrize(
    "values", [(5, 10), (5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 10), (5, 10, 20), (0, 10)]
)
def test_demand_that_doubles_raises_it_at_once(values: tuple[float, ...]) -> None:
    assert raised(*values)


@pytest.mark.parametrize(
    "values", [(), (5,), (5, 9.9), (10, 5), (0, 0), (0, 9), (5, 10, None), (None, 10)]
)
def test_nothing_else_does(values: tuple[float | None, ...]) -> None:
    assert not raised(*values)


def test_a_jump_like_many_before_does_not() -> None:
    assert not raised(*(2, 4) * 8)


def test_it_says_what_happened() -> None:
    alert = judge(Series(60, 0, (5, 10)), RULE)
    assert (alert.reason, alert.growth) == (
        "Demand doubled from one interval to the next (5 → 10).",
        2,
    )
    assert judge(Series(60, 0, (4, 10)), RULE).reason == (
        "Demand grew 2.5-fold from one interval to the next (4 → 10)."
    )


# Against a forecast that has learned


def learned(value: float, limit: float | None) -> Forecast:
    return Forecast("blend", (Step(value, value),), Growth((value,)), limit)


@pytest.mark.parametrize(
    ("now", "expected", "limit", "outcome"),
    [
        pytest.param(90.0, 60.0, 80.0, True, id="above the limit"),
        pytest.param(80.0, 60.0, 80.0, False, id="at the limit, which is double the value before"),
        pytest.param(
            5.5, 5.0, 5.0, False, id="above a limit without noise, but by next to nothing"
        ),
        pytest.param(69.0, 59.0, 59.0, False, id="above a limit without noise, but not by much"),
        pytest.param(29.0, 20.0, 20.0, False, id="far above the limit, but not by a machine"),
        pytest.param(30.0, 20.0, 20.0, True, id="above the limit by a machine"),
        pytest.param(80.0, 60.0, None, True, id="doubled, and no limit is known"),
        pytest.param(80.0, 0.0, 0.0, True, id="doubled, where nothing was expected"),
    ],
)
def test_once_a_limit_is_known_it_counts(
    now: float, expected: float, limit: float | None, outcome: bool
) -> None:
    series = Series(60, 0, (35.0,) * 20 + (now,))
    assert judge(series, RULE, learned(expected, limit)).raised is outcome


def test_a_surge_that_doubles_again_is_one_whatever_the_limit() -> None:
    series = Series(60, 0, (5.0,) * 20 + (10.0, 20.0))
    assert not judge(series, RULE, learned(10, 90)).raised
    assert judge(series, RULE, learned(10, 90), surge=True).raised
    assert not judge(
        Series(60, 0, (5.0,) * 20 + (10.0, 19.0)), RULE, learned(10, 90), surge=True
    ).raised
    assert not judge(
        Series(60, 0, (5.0,) * 20 + (10.0, 19.0)), RULE, learned(8, 90), surge=True
    ).raised
    assert not judge(series, RULE, learned(10.1, 90), surge=True).raised
    told = dataclasses.replace(learned(10, 90), recent_breach=14)
    assert not judge(series, RULE, told, surge=True).raised


@pytest.mark.parametrize(("now", "outcome"), [(120.0, False), (120.1, True)])
def test_what_is_not_half_as_much_again_is_of_the_event_of_the_day(
    now: float, outcome: bool
) -> None:
    series = Series(60, 0, (35.0,) * 20 + (now,))
    assert judge(series, RULE, learned(60, 90)).raised
    told = dataclasses.replace(learned(60, 90), recent_breach=80)
    assert judge(series, RULE, told).raised is outcome


@pytest.mark.parametrize(("upper", "outcome"), [(9.9, True), (10.0, False)])
def test_a_growth_that_was_provisioned_for_is_none(upper: float, outcome: bool) -> None:
    before = Forecast("trend", (Step(5.0, upper),), Growth((5.0,)))
    assert judge(Series(60, 0, (5, 5, 5, 10)), RULE, before).raised is outcome


def test_it_says_what_was_expected() -> None:
    alert = judge(Series(60, 0, (30, 40, 90)), RULE, learned(60, 80))
    assert alert.growth == 2.25
    assert alert.reason == (
        "Demand is 90, 2.25 times that of the interval before. 60 was expected, and more than 80 happens once in 750 "
        "times."
    )
