# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_seasons`` says how many slots a day and a week have. Pure.

Seasons are lags in slots of UTC time, never slots of a calendar: a change to summer time moves the demand by an hour
against the lags, the forecasts that lean on them lose weight, and regain it within days.
"""

from __future__ import annotations

import dataclasses

_DAY: int = 86_400
# A day of fewer slots shows no shape. Chosen, not measured.
_FEWEST_SLOTS: int = 4


@dataclasses.dataclass(frozen=True)
class Seasons:
    """Lags in slots; None where the slots are too long to show the season."""

    day: int | None
    week: int | None

    @property
    def cycle(self) -> int:
        """Slots over which a method may call its memory short: a day, or a week of long slots."""
        return self.day or self.week or _FEWEST_SLOTS

    @property
    def longest(self) -> int:
        """The longest lag."""
        return self.week or self.day or 0


def find_seasons(interval: int) -> Seasons:
    """Return the Seasons of slots of ``interval`` seconds; a lag that is no whole number of slots is rounded."""
    return Seasons(_count_slots(_DAY, interval), _count_slots(7 * _DAY, interval))


def _count_slots(period: int, interval: int) -> int | None:
    slots = round(period / interval)
    return slots if slots >= _FEWEST_SLOTS else None
