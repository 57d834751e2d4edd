# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import math
import random

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.comparison import (
    Settings,
    compare,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.tuning import (
    make_terms,
    tune,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

RULE = Rule(capacity=10, max=50, interval=3600, headroom=0.0, cooldown=3600)


@pytest.fixture
def series() -> Series:
    """Two weeks of hours with a wave a day, and an hour that nobody saw."""
    source = random.Random(2)  # noqa: S311
    values: list[float | None] = [
        100 + 80 * math.sin(2 * math.pi * hour / 24) + source.gauss(0, 8) for hour in range(14 * 24)
    ]
    values[200] = None
    return Series(3600, 0, tuple(values))


def test_a_rule_is_replayed_with_its_own_terms() -> None:
    terms = make_terms(dataclasses.replace(RULE, min=2, horizon=7200))
    assert (terms.capacity, terms.delay, terms.fewest, terms.most, terms.hold) == (10, 2, 2, 50, 2)


def test_more_headroom_costs_more_and_leaves_less_unmet(series: Series) -> None:
    rules = {share: dataclasses.replace(RULE, headroom=share) for share in (0.0, 0.3)}
    tight, ample = (
        compare(series, Settings({"rule": rule}, warm_up=1 / 7)).outcomes["rule"]
        for rule in rules.values()
    )
    assert ample.cost > tight.cost
    assert ample.unmet < tight.unmet
    assert ample.tau_u <= tight.tau_u


def test_a_fleet_never_leaves_the_rules_limits(series: Series) -> None:
    settings = Settings({"rule": dataclasses.replace(RULE, min=5, max=12)}, warm_up=0)
    outcome = compare(series, settings).outcomes["rule"]
    assert {slot.alive for slot in outcome.slots[1:]} <= set(range(5, 13))


def test_tuning_finds_the_cheapest_rule_that_is_seldom_short(series: Series) -> None:
    wasteful = dataclasses.replace(RULE, risk=0.01, headroom=1.0, cooldown=6 * 3600)
    tuned = tune(series, wasteful, most_short=0.05)
    assert tuned.training.tau_u <= 0.05
    assert tuned.rest.tau_u <= 0.08
    assert tuned.rest.cost < 0.8 * tuned.original_on_rest.cost
    assert (tuned.rule.capacity, tuned.rule.max) == (wasteful.capacity, wasteful.max)


def test_the_rest_is_what_comes_after_the_training_part(series: Series) -> None:
    tuned = tune(series, RULE, training_share=0.5)
    assert len(tuned.rest.slots) == len(series.values) // 2
    assert tuned.rest.slots[0].demand == series.values[len(series.values) // 2]


def test_a_short_history_says_what_to_do(series: Series) -> None:
    with pytest.raises(InvalidInput, match="too few to tune on"):
        tune(dataclasses.replace(series, values=series.values[:60]), RULE)
