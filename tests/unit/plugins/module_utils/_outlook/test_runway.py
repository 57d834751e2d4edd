# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a limit is reached, and how often what is said of that holds."""

from __future__ import annotations

import dataclasses
import math
import random
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook import runway

from bench import runway as bench
from bench import traces

QUARTER, DAY = runway.SLOT_SECONDS
START = 1_767_225_600
VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e12)), max_size=60)


def hourly(values: t.Sequence[float | None]) -> Series:
    return Series(3600, START, tuple(values))


def rise(days: int, a_day: float) -> Series:
    """A pool that fills evenly."""
    return hourly([100.0 + a_day * hour / 24 for hour in range(24 * days)])


def test_a_pool_that_fills_evenly_is_full_when_it_is() -> None:
    series = rise(28, 24.0)
    found = runway.find_runway(series, 771.0 + 3 * 24)
    end = START + 28 * DAY
    assert found.until == end + 7 * DAY
    assert found.median is not None
    assert found.median == pytest.approx(end + 3 * DAY, abs=QUARTER)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.median <= found.high
    assert found.asked > 60
    assert found.covered >= runway.SHARE * found.asked


def test_what_lies_beyond_the_horizon_is_not_told() -> None:
    found = runway.find_runway(rise(28, 24.0), 771.0 + 20 * 24)
    assert (found.low, found.median, found.high) == (None, None, None)
    assert found.until is not None


def test_a_limit_that_is_reached_needs_no_forecast() -> None:
    found = runway.find_runway(rise(28, 24.0), 700.0)
    assert found.is_reached
    assert (found.low, found.until, found.asked) == (None, None, 0)


@pytest.mark.parametrize("hours", [0, 1, 47])
def test_less_than_two_days_say_nothing(hours: int) -> None:
    found = runway.find_runway(hourly([float(hour) for hour in range(hours)]), 1e6)
    assert found.until is None
    assert found.known_seconds == hours // 6 * QUARTER
    told = runway.find_runway(hourly([float(hour) for hour in range(48)]), 1e6)
    assert told.until is not None


def test_what_never_grows_is_never_full() -> None:
    for value in (0.0, 50.0):
        found = runway.find_runway(hourly([value] * 24 * 28), 100.0)
        assert (found.low, found.median, found.high) == (None, None, None)
        assert found.covered == found.asked > 0


def test_a_long_history_is_looked_at_by_days() -> None:
    assert runway.find_peaks(rise(60, 1.0))[1] == QUARTER
    peaks, seconds = runway.find_peaks(rise(61, 1.0))
    assert (seconds, len(peaks)) == (DAY, 61)


def test_slots_are_counted_from_the_end_and_begin_with_what_is_known() -> None:
    assert runway.find_highest([9.0, 1.0, None, 4.0, None, None], 2) == [9.0, 4.0, None]
    assert runway.find_highest([9.0, 1.0, 2.0], 2) == [2.0]
    series = hourly([None] * 100 + [1.0] * 48)
    assert runway.find_peaks(series) == ([1.0] * 8, QUARTER)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.floats(1, 1e12))
def test_dates_are_in_order_and_within_the_horizon(
    values: list[float | None], limit: float
) -> None:
    found = runway.find_runway(Series(QUARTER, START, tuple(values)), limit)
    dates = [math.inf if date is None else date for date in (found.low, found.median, found.high)]
    assert dates == sorted(dates)
    assert 0 <= found.covered <= found.asked
    end = START + len(values) * QUARTER
    if found.until is None:
        assert dates == [math.inf] * 3
    else:
        assert all(end <= date <= found.until for date in dates if date < math.inf)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=8, max_size=40), st.floats(1, 1e6), st.floats(1, 1e6))
def test_a_higher_limit_is_never_reached_earlier(
    values: list[float], first: float, second: float
) -> None:
    lower, higher = sorted((first, second))
    foresight = runway.foresee(values, QUARTER)[-1]
    for one, other in zip(
        dataclasses.astuple(foresight.find_span(lower)),
        dataclasses.astuple(foresight.find_span(higher)),
        strict=True,
    ):
        assert (one or math.inf) <= (other or math.inf)


def test_a_span_covers_what_comes_within_it() -> None:
    span = runway.Span(2, 3, 5)
    assert [span.covers(slots) for slots in (1, 2, 5, 6, None)] == [False, True, True, False, False]
    assert [runway.Span(2).covers(slots) for slots in (1, 2, None)] == [False, True, True]
    assert [runway.Span().covers(slots) for slots in (1, None)] == [False, True]


def grow_by_chance(seed: int) -> traces.Trace:
    """Three months of a day's wave that grows by some per cent a week, with noise and crowds."""
    source = random.Random(seed)  # noqa: S311  # reproducible, not secret
    demand = [
        100
        * (1 + 0.04 * slot / 28)
        * (1.5 - math.cos(math.pi * slot / 2))
        * source.lognormvariate(0, 0.2)
        * (3 if source.random() < 0.01 else 1)
        for slot in range(4 * 90)
    ]
    return traces.Trace(f"seed {seed}", QUARTER, tuple(demand), 4 * 14)


def list_shares(trace: traces.Trace) -> dict[str, float]:
    return {row.case: row.seconds for row in bench.measure(trace, QUARTER)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interval_holds_as_often_as_it_says(seed: int) -> None:
    shares = list_shares(grow_by_chance(seed))
    assert len(shares) == 2
    assert min(shares.values()) >= runway.SHARE, shares


RECORDED = sorted(traces.DEFAULT_FOLDER.glob("*.csv"))


@pytest.mark.skipif(not RECORDED, reason=f"no traces in {traces.DEFAULT_FOLDER}")
def test_it_does_so_on_recorded_demand() -> None:
    for path in RECORDED:
        if path.stat().st_size < 300_000:  # the large ones are `./dev bench runway`'s
            shares = list_shares(traces.read(path))
            assert min(shares.values()) >= runway.SHARE, shares
