# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.last_value import LastValue
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    Forecast,
    Growth,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.parked import (
    ParkedRequirement,
    assess,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

HOUR = 3600
RULE = Rule(
    capacity=10, max=20, interval=HOUR, headroom=0, cooldown=2 * HOUR, parked=1, parked_max=6
)


@dataclasses.dataclass(frozen=True)
class Told:
    """A forecaster whose upper values are given, of the latest slots."""

    uppers: tuple[float | None, ...]

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        made = [
            None if upper is None else Forecast("told", (Step(0, upper),) * steps, Growth(()))
            for upper in self.uppers
        ]
        return made[-min(last, len(series.values)) :]


def reserve(
    *uppers: float | None, values: tuple[float | None, ...] = (5.0, 5.0, 5.0), rule: Rule = RULE
) -> ParkedRequirement:
    return assess(Series(HOUR, 0, values), rule, Told(uppers))


def test_the_upper_value_says_how_many_and_the_cooldown_how_many_stay() -> None:
    found = reserve(70, 30, 20)
    assert found == ParkedRequirement(now=2, keep=7, upper=20)
    assert (found.count_to_park(RULE, 1), found.count_to_keep(RULE, 1)) == (1, 6)


def test_demand_that_is_there_counts_as_much_as_what_is_forecast() -> None:
    assert reserve(10, 10, 10, values=(5.0, 5.0, 42.0)).now == 5


@pytest.mark.parametrize(
    ("asked", "running", "parked"),
    [(70, 3, 4), (70, 6, 1), (70, 7, 1), (70, 9, 1), (200, 2, 6), (200, 17, 3), (200, 20, 0)],
)
def test_as_many_as_the_limits_allow_and_as_could_ever_run(
    asked: float, running: int, parked: int
) -> None:
    assert reserve(asked, asked, asked).count_to_park(RULE, running) == parked


def test_without_a_range_no_forecast_is_asked() -> None:
    fixed = dataclasses.replace(RULE, parked_max=None)
    found = reserve(200, 200, 200, rule=fixed)
    assert (found, found.count_to_park(fixed, 2)) == (ParkedRequirement(), 1)
    assert assess(Series(HOUR, 0, (5.0,)), RULE, None) == ParkedRequirement()


def test_nothing_known_leaves_what_is_always_parked() -> None:
    assert reserve(None, None, None).count_to_park(RULE, 2) == 1


def test_the_last_value_is_expected_to_stay() -> None:
    made = LastValue().forecast(Series(HOUR, 0, (None, 4.0, None, 8.0)), steps=2, last=3)
    assert [forecast and [step.upper for step in forecast.steps] for forecast in made] == [
        [4, 4],
        [4, 4],
        [8, 8],
    ]
    assert LastValue().forecast(Series(HOUR, 0, (None,)), steps=1) == [None]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_made(method: str) -> None:
    (made,) = make_forecaster(method, 0.1).forecast(Series(HOUR, 0, (4.0, 4.0, 4.0)), steps=1)
    assert made is not None
    assert made.steps[0].upper == pytest.approx(4, abs=1)
