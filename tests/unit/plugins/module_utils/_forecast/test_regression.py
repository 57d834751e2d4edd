# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.regression import (
    Regression,
    solve,
)

Matrix = list[list[float]]

# What each coefficient alone predicts.
UNITS: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def products(samples: Matrix) -> Matrix:
    """The lower triangle of the samples' products."""
    width = len(samples[0])
    return [[sum(s[i] * s[j] for s in samples) for j in range(i + 1)] for i in range(width)]


@given(st.integers(1, 8), st.integers(0, 2**32))
def test_a_solution_solves(size: int, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311
    lower = products(
        [[source.gauss(0, 1) for _unused in range(size)] for _unused in range(4 * size + 4)]
    )
    wanted = [source.gauss(0, 1) for _unused in range(size)]
    full = [[lower[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]
    targets = [sum(full[i][j] * wanted[j] for j in range(size)) for i in range(size)]
    assert solve(lower, targets, ridge=0.0) == pytest.approx(wanted, abs=1e-6)


def test_a_feature_that_says_nothing_new_gets_no_part() -> None:
    lower = products([[1.0, 2.0, 2.0, 0.0], [1.0, -1.0, -1.0, 0.0], [1.0, 3.0, 3.0, 0.0]])
    solution = solve(lower, [4.0, 14.0, 14.0, 0.0], ridge=0.0)
    assert solution == pytest.approx([0, 1, 0, 0], abs=1e-9)


def test_a_linear_law_is_found() -> None:
    source = random.Random(3)  # noqa: S311
    regression = Regression(3, span_samples=500, patience=10)
    for _unused in range(2000):
        features = [1.0, source.gauss(0, 1), source.gauss(0, 5)]
        regression.learn(features, 2 + 3 * features[1] - features[2] + source.gauss(0, 0.1))
    assert [regression.predict(unit) for unit in UNITS] == pytest.approx([2, 3, -1], abs=0.1)
    assert regression.predict([1.0, 1.0, 1.0]) == pytest.approx(4, abs=0.2)


def test_an_old_law_is_forgotten() -> None:
    source = random.Random(4)  # noqa: S311
    regression = Regression(1, span_samples=100, patience=10)
    for index in range(2000):
        feature = source.gauss(0, 1)
        regression.learn([feature], feature if index < 1000 else -feature)
    assert regression.predict([1.0]) == pytest.approx(-1, abs=0.1)


def test_little_evidence_has_little_effect() -> None:
    regression = Regression(1, span_samples=100, patience=10)
    assert regression.predict([1.0]) == 0
    regression.learn([1.0], 1.0)
    assert 0 < regression.predict([1.0]) < 0.2


def test_weights_never_overflow() -> None:
    regression = Regression(2, span_samples=60, patience=50)
    for index in range(20_000):
        regression.learn([1.0, float(index % 7)], float(index % 7))
    assert regression.predict([1.0, 3.0]) == pytest.approx(3, abs=1)


def test_it_goes_on_from_its_state() -> None:
    source = random.Random(6)  # noqa: S311
    samples = [([1.0, source.gauss(0, 1)], source.gauss(0, 1)) for _unused in range(100)]
    whole, first = Regression(2, 50, 10), Regression(2, 50, 10)
    for features, target in samples:
        whole.learn(features, target)
    for features, target in samples[:50]:
        first.learn(features, target)
    second = Regression(2, 50, 10, json.loads(json.dumps(first.dump_state())))
    for features, target in samples[50:]:
        second.learn(features, target)
    assert [second.predict(unit) for unit in UNITS] == [whole.predict(unit) for unit in UNITS]


def test_a_sample_may_stand_for_several() -> None:
    once, thrice = Regression(1, 50, 10), Regression(1, 50, 10)
    for index in range(100):
        target = float(index % 5)
        once.learn([1.0], target, times=3)
        for _unused in range(3):
            thrice.learn([1.0], target)
    assert once.predict([1.0]) == pytest.approx(thrice.predict([1.0]), rel=0.02)
    assert once.dump_state()["total"] == pytest.approx(thrice.dump_state()["total"], rel=0.05)
