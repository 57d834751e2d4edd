# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a fleet's rollout remembers between runs: ``write`` it with a decision, ``read`` it with a sample.

Every host keeps it, as any of them may be the one that the next run has.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils import _persisted

if t.TYPE_CHECKING:
    import sqlite3

_FORMAT: t.Final = 1
_WHAT: t.Final = "what is remembered of a rollout"


@dataclasses.dataclass(frozen=True)
class RolloutMemory:
    """``stable`` is the version (``name:version``) that the fleet last had as a whole.

    ``failed`` is the one whose members failed, at ``failed_at`` (epoch seconds) for the ``reason``: it is not tried
    again before the fleet has asked for another one.
    """

    stable: str | None = None
    failed: str | None = None
    failed_at: float | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as JSON-able data."""
        return {"format": _FORMAT, **dataclasses.asdict(self)}


def build_memory(data: t.Any) -> RolloutMemory:
    """Return the memory that as_dict() made; nothing where it cannot be read, and the machines alone tell then."""
    try:
        _persisted.check_format(data if isinstance(data, dict) else {}, _FORMAT, _WHAT)
        memory = _persisted.build(RolloutMemory, data, _WHAT)
    except _persisted.UnreadableShape:
        return RolloutMemory()
    texts = (memory.stable, memory.failed, memory.reason)
    is_sound = all(isinstance(text, (str, type(None))) for text in texts)
    return memory if is_sound else RolloutMemory()


def read(connection: sqlite3.Connection, fleet: str) -> dict[str, t.Any] | None:
    """Return ``moment`` (epoch seconds) and ``memory`` of the latest decision, None before any."""
    row = connection.execute(
        "SELECT moment, memory FROM rollout WHERE fleet = ?", (fleet,)
    ).fetchone()
    if row is None:
        return None
    try:
        data = json.loads(row[1])
    except (ValueError, RecursionError):
        data = None
    return {"moment": row[0], "memory": build_memory(data).as_dict()}


def write(connection: sqlite3.Connection, fleet: str, moment: float, memory: t.Any) -> None:
    """Keep the memory in place of the one before."""
    connection.execute(
        "INSERT OR REPLACE INTO rollout (fleet, moment, memory) VALUES (?, ?, ?)",
        (fleet, moment, json.dumps(build_memory(memory).as_dict())),
    )
