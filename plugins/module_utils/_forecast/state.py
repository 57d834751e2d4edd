# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The state from which a forecast goes on, so that a decision costs what is new and not the past.

``load`` and ``save`` keep one a fleet in a history database; ``pack`` and ``unpack`` are for the numbers in it.
"""

from __future__ import annotations

import base64
import json
import struct
import typing as t
import zlib

if t.TYPE_CHECKING:
    import sqlite3


State = dict[str, t.Any]


def pack(values: t.Sequence[float]) -> str:
    """Return ``values`` as text, exactly and in a third of the room of JSON's decimals.

    >>> unpack(pack([0.1, 2.0]))
    [0.1, 2.0]
    """
    return base64.b64encode(struct.pack(f"<{len(values)}d", *values)).decode("ascii")


def unpack(text: str) -> list[float]:
    """Return the numbers that ``pack`` put into ``text``."""
    packed = base64.b64decode(text)
    return list(struct.unpack(f"<{len(packed) // 8}d", packed))


def load(connection: sqlite3.Connection, fleet: str) -> State | None:
    """Return the state that is kept of the fleet; None where there is none, or none that can be read."""
    row = connection.execute("SELECT state FROM forecaster WHERE fleet = ?", (fleet,)).fetchone()
    if row is None:
        return None
    try:
        state: State = json.loads(zlib.decompress(row[0]))
    except (zlib.error, ValueError, TypeError):
        return None
    return state


def save(connection: sqlite3.Connection, fleet: str, state: State) -> None:
    """Keep the state in the place of the one before."""
    # The quickest level: a state is written every few minutes, and read once.
    packed = zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 1)
    connection.execute(
        "INSERT OR REPLACE INTO forecaster (fleet, state) VALUES (?, ?)", (fleet, packed)
    )
