# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The methods that a rule can choose from: ``make_forecaster`` makes one, and a new one is entered here. Pure."""

from __future__ import annotations

import re
import typing as t

from .blend import Auto, Blend
from .last_value import LastValue
from .trend import TrendRule

if t.TYPE_CHECKING:
    from .trend import Forecaster

_MAKERS: t.Final[dict[str, t.Callable[[float], Forecaster]]] = {
    "auto": Auto,
    "trend": TrendRule,
    "blend": Blend,
    "last_value": lambda _risk: LastValue(),
}
METHODS: t.Final = tuple(_MAKERS)
_FILTER: t.Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){2,}")


def is_filter(name: str) -> bool:
    """Return whether ``name`` is that of a filter with its collection, and so a forecaster of the user's own."""
    return _FILTER.fullmatch(name) is not None


def make_forecaster(method: str, risk: float) -> Forecaster:
    """Return the forecaster of that name whose upper value demand exceeds in the share ``risk`` of the intervals."""
    return _MAKERS[method](risk)
