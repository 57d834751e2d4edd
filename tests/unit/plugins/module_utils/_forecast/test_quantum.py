# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.quantum import (
    UNDETERMINED,
    find_common,
    round_to_quantum,
)

COUNTS = st.lists(st.integers(0, 5000), max_size=30)


def seen(*demands: float) -> float | None:
    quantum: float | None = UNDETERMINED
    for demand in demands:
        quantum = find_common(quantum, demand)
    return quantum


@given(COUNTS, st.sampled_from([1.0, 0.25, 1 / 300, 17000.0, 0.1]))
def test_counts_have_the_unit_that_all_are_multiples_of(counts: list[int], unit: float) -> None:
    assert seen(*(count * unit for count in counts)) == pytest.approx(
        math.gcd(*counts) * unit, rel=1e-6
    )


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
def test_whatever_was_seen_is_a_multiple_of_it(demands: list[float]) -> None:
    quantum = seen(*demands)
    if quantum:
        for demand in demands:
            assert round_to_quantum(demand, quantum) == pytest.approx(
                demand, abs=1e-3 * max(demands)
            )


def test_what_is_measured_has_none_and_never_gets_one() -> None:
    assert seen(10.1234567, 3.7654321, 8.4433221) is None
    assert seen(1.0, math.pi, 1.0, 2.0) is None


def test_a_unit_that_hardly_counts_is_none() -> None:
    assert seen(1.0, 1_000_001.0) is None


@given(st.floats(0, 1e6), st.sampled_from([1.0, 0.25, 8.0]))
def test_the_nearest_is_at_most_half_a_unit_away(demand: float, quantum: float) -> None:
    found = round_to_quantum(demand, quantum)
    assert found == round(found / quantum) * quantum
    assert abs(found - demand) <= quantum / 2
