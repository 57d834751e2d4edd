# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.peaks import (
    PeakTracker,
    choose_reaches,
)

VALUES = st.lists(
    st.one_of(st.none(), st.just(0.0), st.floats(0.01, 1e12)), min_size=1, max_size=30
)


def track(values: list[float | None], most: int = 6) -> list[list[float]]:
    tracker = PeakTracker(21_600, most, (0.1, 0.5, 0.9))
    for value in values:
        tracker.observe(value)
    return [tracker.forecast(level) for level in range(3)]


@given(st.integers(1, 400))
def test_reaches_go_up_to_the_last(most: int) -> None:
    reaches = choose_reaches(most)
    assert (reaches[0], reaches[-1]) == (1, most)
    assert all(before < after for before, after in itertools.pairwise(reaches))


@settings(max_examples=60)
@given(VALUES)
def test_no_peak_is_below_one_before_it(values: list[float | None]) -> None:
    for peaks in track(values):
        assert all(before <= after for before, after in itertools.pairwise(peaks))
        assert bool(peaks) is any(value is not None for value in values)


def test_a_steady_rise_goes_on_as_it_did() -> None:
    low, median, high = track([100.0 + 10 * slot for slot in range(60)], most=6)
    assert choose_reaches(6) == [1, 2, 3, 4, 6]
    assert median == pytest.approx([700, 710, 720, 730, 750], rel=0.01)
    assert low[-1] <= median[-1] <= high[-1]


def test_what_stays_is_expected_to_stay() -> None:
    assert track([5.0] * 30) == [pytest.approx([5.0] * 5)] * 3


def test_the_peak_of_many_slots_is_above_what_one_of_them_is_expected_to_be() -> None:
    """One slot in four is high: of single slots the median is low, and of six in a row none misses it."""
    _low, median, _high = track([10.0, 1.0, 1.0, 1.0] * 15, most=6)
    assert median[-1] == pytest.approx(10.0, rel=0.05)
