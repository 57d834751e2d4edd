# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""libvirt's domain states by name. Pure: the numbers are libvirt's stable ABI (virDomainState)."""

from __future__ import annotations

import typing as t

State = t.Literal["nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended", "unknown"]

STATES: t.Final[tuple[State, ...]] = (
    "nostate",
    "running",
    "blocked",
    "paused",
    "shutdown",
    "shutoff",
    "crashed",
    "pmsuspended",
)

ACTIVE_STATES: t.Final[frozenset[State]] = frozenset({"running", "blocked", "paused", "shutdown", "pmsuspended"})


def state_name(number: int | None) -> State:
    """Return the name of a virDomainState; ``unknown`` for one that this collection does not know."""
    if number is None or not 0 <= number < len(STATES):
        return "unknown"
    return STATES[number]
