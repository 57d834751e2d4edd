# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which numbers can be a demand: ``require_amount`` is asked wherever one comes in. Pure.

``check_demand`` asks it for an option, ``read_demand`` for what comes through a playbook.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value

# Forecasts square demands and add them up. Chosen: a thousand times what 64 bits count, and far from where floats end.
LARGEST: t.Final = 1e22
# What is left of the arithmetic of floats where the result is 0: of small numbers, and as a share of large ones.
_NOISE: t.Final = 1e-9
_NOISE_SHARE: t.Final = 1e-12


def require_amount(value: float, peak: float = 0.0) -> float:
    """Return a demand, with the noise of arithmetic below 0 taken for the 0 that it is.

    ``peak`` is the largest of the numbers that came along. Raises ValueError with what it must be for anything else.
    """
    if 0 <= value <= LARGEST:
        return value + 0.0  # of -0.0 makes 0.0
    if -max(_NOISE, _NOISE_SHARE * min(peak, LARGEST)) <= value < 0:
        return 0.0
    raise ValueError(
        f"a number of no more than {LARGEST:g}"
        if LARGEST < value < math.inf
        else "a number of 0 or more"
    )


def check_demand(
    option: str, value: float, remedy: str = "Write a demand of 0 or more, in the fleet's unit."
) -> float:
    """Return the demand that an option says; raises InvalidInput naming it."""
    try:
        return require_amount(value)
    except ValueError as error:
        raise InvalidInput(option, value, f"must be {error}", remedy) from None


def read_demand(value: Value) -> float:
    """Return the demand that stands in another task's result; raises InvalidInput saying where."""
    try:
        return require_amount(value.require_number())
    except ValueError as error:
        raise value.error(str(error)) from None
