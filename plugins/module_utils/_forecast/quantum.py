# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The unit that a demand is counted in: jobs come whole, and machines for half a job serve none. Pure."""

from __future__ import annotations

import math
import typing as t

NOTHING_SEEN: t.Final = 0.0
# Of what the arithmetic of floats leaves, and of what is worth counting in, by the larger of two demands.
_ROUNDING: t.Final = 1e-9
_FINEST: t.Final = 1e-5


def common(grain: float | None, demand: float) -> float | None:
    """Return the largest unit of which ``demand`` and all before it, whose unit is ``grain``, are multiples.

    None if there is none, now and for ever after. All are multiples of each other while only zeros were seen.

    >>> common(common(NOTHING_SEEN, 6.0), 9.0), common(0.25, math.pi), common(None, 6.0)
    (3.0, None, None)
    """
    if grain is None:
        return None
    most = max(grain, demand)
    larger, smaller = grain, demand
    while smaller > _ROUNDING * most:
        left = larger % smaller
        larger, smaller = smaller, (left if smaller - left > _ROUNDING * most else 0.0)
    if larger < _FINEST * most:
        return None
    # Each remainder has the error of all before it, and the demand itself has none.
    return most / round(most / larger) if most else NOTHING_SEEN


def nearest(demand: float, grain: float | None) -> float:
    """Return the demand next to ``demand`` that one counted in ``grain`` can have.

    >>> nearest(2.4, 1.0), nearest(2.5, 1.0), nearest(2.4, None), nearest(2.4, NOTHING_SEEN)
    (2.0, 3.0, 2.4, 2.4)
    """
    return math.floor(demand / grain + 0.5) * grain if grain else demand
