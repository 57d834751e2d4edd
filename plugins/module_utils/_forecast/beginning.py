# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``raise_uppers`` is for a demand of which hardly anything is known yet: too few errors to go by, and no day. Pure."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .trend import Forecast

# Four hours of five-minute slots, a day of half hours: below, too few errors are known for a quantile at 5 %.
# Chosen, not measured.
ENOUGH_SLOTS: t.Final = 48
# Slots so long that enough of them take a day or more. For the few hours that shorter ones take the trend rule does,
# which forgets a jump sooner.
LONG_SECONDS: t.Final = 1800
# A quantile at 5 % needs about 20 errors; until then a morning says more, in which demand doubles within eight hours.
# Of 54 hourly traces (M4, bikes, PJM, Twitter) the first 48 hours were short for 3.7 % of the time at 1.38 times the
# need, without it for 4.8 % at 1.37, with a doubling within four hours for 3.3 % at 1.39.
_FEWEST_SLOTS: t.Final = 20
_DOUBLING_SECONDS: t.Final = 8 * 3600
# Less than a machine in twenty is lost in what demand does anyway. Chosen, not measured.
_NOTABLE: t.Final = 1.05


def raise_uppers(
    uppers: t.Sequence[float], rise: Forecast, interval: int, known_count: int
) -> list[float]:
    """Return ``uppers``, the next slots' upper values, none below what a rise leads to while too little is known.

    ``rise`` is the trend rule's forecast, which is the latest value where no rise goes on; in short slots its upper
    values are returned. ``known_count`` slots of ``interval`` seconds had a value, less than ENOUGH_SLOTS.
    """
    if interval < LONG_SECONDS:
        return [step.upper for step in rise.steps]
    floors = [step.value for step in rise.steps]
    # A demand that stands still, as one that a person hands in, knows no morning, and two values are no movement.
    if 2 < known_count < _FEWEST_SLOTS and len(set(rise.growth.values)) > 1:
        latest = rise.growth.values[-1]
        floors = [
            max(floor, latest * _expect_morning(interval * (index + 1)))
            for index, floor in enumerate(floors)
        ]
    return list(map(max, uppers, floors))


def _expect_morning(seconds: int) -> float:
    growth = 2.0 ** (seconds / _DOUBLING_SECONDS)
    return growth if growth >= _NOTABLE else 1.0
