# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Name libvirt's domain states and their reasons. Pure: the numbers are libvirt's stable ABI (virDomainState)."""

from __future__ import annotations

import typing as t

State = t.Literal[
    "nostate",
    "running",
    "blocked",
    "paused",
    "shutdown",
    "shutoff",
    "crashed",
    "pmsuspended",
    "unknown",
]

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

ACTIVE_STATES: t.Final[frozenset[State]] = frozenset(
    {"running", "blocked", "paused", "shutdown", "pmsuspended"}
)


def state_name(number: int | None) -> State:
    """Return the name of a virDomainState; ``unknown`` for one that this collection does not know."""
    if number is None or not 0 <= number < len(STATES):
        return "unknown"
    return STATES[number]


# virDomainRunningReason and its kin, by number.
_REASONS: t.Final[dict[State, tuple[str, ...]]] = {
    "running": (
        "unknown",
        "booted",
        "migrated",
        "restored",
        "from_snapshot",
        "unpaused",
        "migration_canceled",
        "save_canceled",
        "wakeup",
        "crashed",
        "postcopy",
        "postcopy_failed",
    ),
    "paused": (
        "unknown",
        "user",
        "migration",
        "save",
        "dump",
        "ioerror",
        "watchdog",
        "from_snapshot",
        "shutting_down",
        "snapshot",
        "crashed",
        "starting_up",
        "postcopy",
        "postcopy_failed",
        "api_error",
    ),
    "shutdown": ("unknown", "user"),
    "shutoff": (
        "unknown",
        "shutdown",
        "destroyed",
        "crashed",
        "migrated",
        "saved",
        "failed",
        "from_snapshot",
        "daemon",
    ),
    "crashed": ("unknown", "panicked"),
}


def reason_name(state: State, number: int | None) -> str:
    """Return why a domain is in ``state``; ``unknown`` for a reason that this collection does not know."""
    reasons = _REASONS.get(state, ())
    if number is None or not 0 <= number < len(reasons):
        return "unknown"
    return reasons[number]
