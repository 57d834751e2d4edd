# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of single cells. Whoever mends one moves it from KNOWN_RED to PROVEN.

A cell that is in neither was not run to its end yet: a whole group insists that it holds. The suite's slice is drawn
from PROVEN alone. When KNOWN_RED is empty and every group was green, PROVEN goes, and the slice is of every cell.
"""

from __future__ import annotations

import typing as t

# {cell: row of the issue that it shows}. One that holds is told as one that has to be taken out, and counts as failed.
KNOWN_RED: t.Final[t.Mapping[str, str]] = {}
PROVEN: t.Final[t.AbstractSet[str]] = frozenset(
    {
        "clocks: history of ten years",
        "clocks: lease of ten years",
        "clocks: streaming, frozen, a day ahead",
        "clocks: streaming, frozen, a day ahead, killed",
        "finish: precopy, managed, module killed",
        "finish: precopy, peer-to-peer, module killed",
        "finish: precopy, peer-to-peer, source's daemon killed",
        "finish: precopy, peer-to-peer, source's daemon stands still",
        "finish: precopy, peer-to-peer, target's daemon killed",
        "finish: precopy, peer-to-peer, target's daemon stands still",
        "finish: precopy, peer-to-peer, target's daemon stands still and is killed, source's too",
        "finish: precopy, peer-to-peer, target's daemon stands still, module killed",
        "finish: precopy, peer-to-peer, target's daemon stands still, source's and the module killed",
        "finish: streaming, managed, module killed",
        "finish: streaming, managed, source's daemon killed",
        "finish: streaming, managed, source's daemon stands still",
        "finish: streaming, managed, target's daemon killed",
        "finish: streaming, managed, target's daemon stands still",
        "finish: streaming, managed, target's daemon stands still and is killed, source's too",
        "finish: streaming, managed, target's daemon stands still, module killed",
        "finish: streaming, managed, target's daemon stands still, source's and the module killed",
        "finish: streaming, peer-to-peer, module killed",
        "finish: streaming, peer-to-peer, source's daemon killed",
        "finish: streaming, peer-to-peer, source's daemon stands still",
        "finish: streaming, peer-to-peer, target's daemon killed",
        "finish: streaming, peer-to-peer, target's daemon stands still",
        "finish: streaming, peer-to-peer, target's daemon stands still and is killed, source's too",
        "finish: streaming, peer-to-peer, target's daemon stands still, module killed",
        "finish: streaming, peer-to-peer, target's daemon stands still, source's and the module killed",
        "full: streaming, before, all ports",
        "full: streaming, frozen, journal",
        "others: capture, frozen, snapshot without metadata",
        "others: capture, overlay made, destroy",
        "others: clone, defined, clone started",
        "others: clone, defined, clone undefined",
        "others: flatten, copied, snapshot without metadata",
        "others: flatten, copied, start",
        "others: flatten, copy under way, rename",
        "others: flatten, copy under way, snapshot with metadata",
        "others: flatten, copy under way, snapshot without metadata",
        "others: flatten, copy under way, start",
        "others: offline, copied, start",
        "others: offline, disks under way, start",
        "others: precopy, memory under way, pool refresh",
        "others: precopy, switched over, reset",
        "others: precopy, volumes made, snapshot without metadata",
        "others: removal, begun, an overlay of another pool",
        "others: removal, begun, pool refresh",
        "others: removal, begun, second controller",
        "others: removal, begun, start",
        "others: streaming, exported, snapshot without metadata",
        "others: streaming, frozen, backup",
        "others: streaming, frozen, blockcommit",
        "others: streaming, frozen, checkpoint",
        "others: streaming, frozen, destroy",
        "others: streaming, frozen, hot-plug",
        "others: streaming, frozen, internal snapshot",
        "others: streaming, frozen, reset",
        "others: streaming, frozen, snapshot with metadata",
        "others: streaming, frozen, snapshot without metadata",
        "others: streaming, frozen, undefine",
        "others: streaming, pulling, blockcommit",
        "power: clone, streaming, both",
        "power: offline, moved, source, definition stays",
        "power: precopy, moved, source, definition stays",
        "power: streaming, frozen, both, autostart off",
        "power: streaming, moved, source, definition stays",
        "power: streaming, pulling, both, autostart on",
        "power: streaming, pulling, both, journal lost",
        "second: captured",
        "second: moved back",
        "second: moved on",
        "second: moved on with its disks",
        "second: off, captured",
        "second: off, moved on",
        "second: parked",
        "second: power-cycled, moved on",
        "second: removed",
        "second: repeated with another journal",
        "second: rolled back",
        "second: swept",
        "second: undefined by somebody, swept",
    }
)
