# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.alert import judge
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.series import Series

RULE = Rule(capacity=10, max=20)


def raised(*values: float | None) -> bool:
    return judge(Series(60, 0, values), RULE).raised


@pytest.mark.parametrize("values", [(5, 10), (5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 10), (5, 10, 20), (0, 10)])
def test_demand_that_doubles_raises_it_at_once(values: tuple[float, ...]) -> None:
    assert raised(*values)


@pytest.mark.parametrize("values", [(), (5,), (5, 9.9), (10, 5), (0, 0), (0, 9), (5, 10, None), (None, 10)])
def test_nothing_else_does(values: tuple[float | None, ...]) -> None:
    assert not raised(*values)


def test_a_jump_like_many_before_does_not() -> None:
    assert not raised(*(2, 4) * 8)


def test_it_says_what_happened() -> None:
    alert = judge(Series(60, 0, (5, 10)), RULE)
    assert (alert.reason, alert.growth) == ("Demand doubled from one interval to the next (5 → 10).", 2)
    assert judge(Series(60, 0, (4, 10)), RULE).reason == (
        "Demand grew 2.5-fold from one interval to the next (4 → 10)."
    )
