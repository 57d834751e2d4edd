# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.season import (
    Seasons,
    find_seasons,
)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (300, Seasons(288, 2016)),
        (1800, Seasons(48, 336)),
        (420, Seasons(206, 1440)),
        (86_400, Seasons(None, 7)),
        (604_800, Seasons(None, None)),
    ],
)
def test_seasons_are_lags_in_slots(interval: int, expected: Seasons) -> None:
    assert find_seasons(interval) == expected


def test_a_cycle_is_there_without_seasons() -> None:
    assert [find_seasons(interval).cycle for interval in (300, 86_400, 604_800)] == [288, 7, 4]
