# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.amount import (
    check_demand,
    read_demand,
    require_amount,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


@pytest.mark.parametrize(
    ("value", "peak", "amount"),
    [
        (0.0, 0, 0),
        (1e22, 0, 1e22),
        (-1e-17, 0, 0),
        (-1e-9, 0, 0),
        (-1e-4, 1e9, 0),
        (5e-324, 0, 5e-324),
    ],
)
def test_a_demand_is_what_it_is_and_noise_below_0_is_0(
    value: float, peak: float, amount: float
) -> None:
    assert require_amount(value, peak) == amount


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1e-8, "a number of 0 or more"),
        (-1.0, "a number of 0 or more"),
        (-math.inf, "a number of 0 or more"),
        (math.inf, "a number of 0 or more"),
        (math.nan, "a number of 0 or more"),
        (1.7e308, r"a number of no more than 1e\+22"),
    ],
)
def test_what_no_demand_can_be_is_refused(value: float, words: str) -> None:
    with pytest.raises(InvalidInput, match=rf"value: .* must be {words}\."):
        check_demand("value", value)
    with pytest.raises(InvalidInput, match=r"hosts\[0\]\.value: .* must be a number"):
        read_demand(Value("hosts[0].value", value, "Hand in a sample."))
