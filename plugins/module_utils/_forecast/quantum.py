# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The quantum that a demand is counted in: ``find_common`` follows it, ``round_to_quantum`` applies it. Pure.

Jobs come whole, and machines for half a job serve none.
"""

from __future__ import annotations

import math
import typing as t

UNDETERMINED: t.Final = 0.0
# Of what the arithmetic of floats leaves, and of what is worth counting in, by the larger of two demands.
_ROUNDING: t.Final = 1e-9
# A finer quantum than this share of the demand makes no difference. Chosen, not measured; what a quantum is worth was:
# on traces of small counts the fleet is short for up to a quarter less of the time at the same cost.
_FINEST: t.Final = 1e-5


def find_common(quantum: float | None, demand: float) -> float | None:
    """Return the largest quantum of which ``demand`` and all before it, whose quantum is ``quantum``, are multiples.

    None if there is none, now and for ever after. All are multiples of each other while only zeros were seen.

    >>> find_common(find_common(UNDETERMINED, 6.0), 9.0), find_common(0.25, math.pi), find_common(None, 6.0)
    (3.0, None, None)
    """
    if quantum is None:
        return None
    most = max(quantum, demand)
    larger, smaller = quantum, demand
    while smaller > _ROUNDING * most:
        remainder = larger % smaller
        larger, smaller = smaller, (remainder if smaller - remainder > _ROUNDING * most else 0.0)
    if larger < _FINEST * most:
        return None
    # Each remainder has the error of all before it, and the demand itself has none.
    return most / round(most / larger) if most else UNDETERMINED


def round_to_quantum(demand: float, quantum: float | None) -> float:
    """Return the demand next to ``demand`` that one counted in ``quantum`` can have.

    >>> [round_to_quantum(2.4, quantum) for quantum in (1.0, None, UNDETERMINED)]
    [2.0, 2.4, 2.4]
    """
    return math.floor(demand / quantum + 0.5) * quantum if quantum else demand
