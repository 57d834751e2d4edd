# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From where a forecast goes on: the state of the last run, so that a decision costs what is new and not the past."""

from __future__ import annotations

import json
import typing as t
import zlib

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

    from .blend import Blend, State
    from .trend import Forecast


class Continuing:
    """A Forecaster that goes on from ``state``, and afterwards holds the one to keep."""

    def __init__(self, blend: Blend, state: State | None) -> None:
        self._blend = blend
        self.state = state

    def forecasts(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        made, self.state = self._blend.continued(series, steps, last, self.state)
        return made


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
