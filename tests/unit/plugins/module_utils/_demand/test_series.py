# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Sample,
    Series,
    bridge_gaps,
    check_span,
    merge,
    slot_start,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


def history(*values: float | None, first: int = 0) -> list[Sample]:
    """Samples 3 s into consecutive slots of 10 s."""
    return [Sample((first + index) * 10 + 3, value) for index, value in enumerate(values)]


def test_the_hosts_add_up() -> None:
    assert merge([history(1, 2, 3), history(10, 20, 30)], 10, 25) == Series(10, 0, (11, 22, 33))


def test_what_one_host_does_not_know_is_not_known() -> None:
    assert merge([history(1, 2, 3), history(10, None, 30)], 10, 25).values == (11, None, 33)


def test_a_host_that_joined_empty_counts_as_zero_before() -> None:
    assert merge([history(1, 2, 3), history(0, 5, first=1)], 10, 25).values == (1, 2, 8)


@pytest.mark.parametrize("first_seen", [5.0, None])
def test_a_host_that_lost_its_history_leaves_the_past_unknown(first_seen: float | None) -> None:
    assert merge([history(1, 2, 3), history(first_seen, 5, first=1)], 10, 25).values[0] is None


def unmeasured(*slots: int) -> list[Sample]:
    """What a host records on which no machine runs."""
    return [Sample(slot * 10 + 3, 0.0, reason="no member runs on this host") for slot in slots]


def test_what_nobody_measured_adds_nothing_to_what_others_did_and_is_missing_alone() -> None:
    """A host without machines has no part; a fleet that was off as a whole was not idle."""
    assert merge([history(1, 2, 3), unmeasured(0, 1, 2)], 10, 25).values == (1, 2, 3)
    assert merge([history(1, None, 3), unmeasured(0, 1, 2)], 10, 25).values == (1, None, 3)
    dark = merge([[*history(4, 0), *unmeasured(2)], unmeasured(0, 1, 2)], 10, 25)
    assert list(dark.values) == [4, 0, None]
    assert dark.explain_missing(2) == ["no machine of the fleet ran, so nobody could measure it"]
    assert merge([history(4), unmeasured(1, 2)], 10, 25).values == (4, None, None)


def test_what_is_missing_says_why_and_the_latest_first() -> None:
    told = [*history(1), Sample(13, None, reason="busy"), Sample(23, None, reason="gone")]
    series = merge([told, history(1, 2, 3)], 10, 35)
    assert list(series.values) == [2, None, None, None]
    assert (series.explain_missing(4), series.explain_missing(1)) == (["gone", "busy"], [])
    warned = [Sample(3, None, fleet_wide=True, reason="warned"), Sample(13, 7, fleet_wide=True)]
    assert merge([warned, warned[1:]], 10, 15) == Series(10, 0, (None, 7), {0: "warned"})
    assert merge([warned, [Sample(3, 9, fleet_wide=True)]], 10, 15) == Series(10, 0, (9, 7))


def test_the_whole_fleets_demand_counts_once_whoever_recorded_it() -> None:
    whole = [Sample(3, 7.0, fleet_wide=True), Sample(13, 8.0, fleet_wide=True)]
    assert merge([whole, whole[:1]], 10, 25).values == (7, 8, None)
    assert merge([whole, history(1, None, 3)], 10, 25).values == (7, 8, 3)


def test_the_slots_up_to_now_are_missing_when_nobody_sampled() -> None:
    assert merge([history(1, 2)], 10, 45).values == (1, 2, None, None, None)


def test_the_future_is_not_looked_at() -> None:
    assert merge([history(1, 2, 3)], 10, 15).values == (1, 2)


def test_no_history_is_an_empty_series() -> None:
    assert merge([], 10, 25) == merge([[]], 10, 25) == Series(10, 20)


def test_several_samples_in_a_slot_are_averaged() -> None:
    assert merge([[Sample(1, 2.0), Sample(4, 4.0), Sample(6, None)]], 10, 9).values == (3,)


def test_a_time_that_is_wrong_by_decades_makes_no_series_of_millions_of_slots() -> None:
    """Nine years of five minutes without a row are a host that was off; a row of 1973 among those of today is not."""
    now = 1_795_392_000.0
    check_span("csv", [[Sample(now - 9 * 365 * 86400, 1.0), Sample(now, 1.0)]], 300, now)
    check_span("csv", [[]], 300, now)
    with pytest.raises(InvalidInput, match=r"csv: '2 rows' cannot be right: they begin 5651307 "):
        check_span("csv", [[Sample(1e8, 1.0)], [Sample(now, 1.0)]], 300, now)


def test_one_missing_slot_is_bridged_by_its_larger_neighbour_and_two_are_not() -> None:
    assert bridge_gaps(Series(10, 0, (1, None, 3, None, None, 2, None))).values == (
        1,
        3,
        3,
        None,
        None,
        2,
        None,
    )


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=30))
def test_bridging_keeps_what_is_known_and_invents_nothing_at_the_ends(
    values: list[float | None],
) -> None:
    filled = bridge_gaps(Series(10, 0, tuple(values))).values
    assert all(
        now == before for before, now in zip(values, filled, strict=True) if before is not None
    )
    assert filled[:1] == tuple(values[:1])
    assert filled[-1:] == tuple(values[-1:])


@given(st.floats(0, 4e9), st.integers(1, 86400))
def test_a_slot_starts_at_a_multiple_of_the_interval_and_holds_its_time(
    timestamp: float, interval: int
) -> None:
    start = slot_start(timestamp, interval)
    assert start % interval == 0
    assert start <= timestamp < start + interval
