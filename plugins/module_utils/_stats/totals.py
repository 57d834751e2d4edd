# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Sums over devices and over domains. Pure."""

from __future__ import annotations

import math
import typing as t

if t.TYPE_CHECKING:
    from .fields import Field, Number

Values = t.Mapping[str, t.Any]


def add(numbers: t.Iterable[Number | None]) -> Number | None:
    """Return the sum of what is known: 0 for no numbers at all, None where there are some and none is known."""
    everything = list(numbers)
    known = [number for number in everything if number is not None]
    if everything and not known:
        return None
    if all(isinstance(number, int) for number in known):
        return sum(known)
    return math.fsum(known)


def add_complete(numbers: t.Iterable[Number | None]) -> Number | None:
    """Return the sum, None if any number is not known: for what would be wrong without it."""
    everything = list(numbers)
    return None if any(number is None for number in everything) else add(everything)


def add_up(table: t.Iterable[Field], items: t.Sequence[Values]) -> dict[str, t.Any]:
    """Return the sums over ``items`` of what a sum means something for, by the table's names."""
    if len(items) == 1:  # as most guests have of each device
        return {field.name: items[0][field.name] for field in table if field.summed}
    return {
        field.name: _rounded(add(item[field.name] for item in items))
        for field in table
        if field.summed
    }


def _rounded(total: Number | None) -> Number | None:
    # libvirt counts time in nanoseconds: no digit beyond them is real.
    return round(total, 9) if isinstance(total, float) else total
