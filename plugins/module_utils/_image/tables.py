# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""check() that the tables of a qcow2 image stay inside its file. Reads through a function that is handed in.

A disk of many gigabytes can be claimed by a small file whose tables lead to one place again and again; a copy of it
fills a pool. A file that was cut off shows here too: its tables lead past its end.
"""

from __future__ import annotations

import array
import sys
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

if t.TYPE_CHECKING:
    from .header import Tables

Read = t.Callable[[int, int], bytes]

_OFFSET: t.Final = 0x00FFFFFFFFFFFE00
_COMPRESSED: t.Final = 1 << 62
_REMEDY: t.Final = "Check it with qemu-img check, or copy it again."


def check(option: str, path: str, tables: Tables, size: int, read: Read) -> None:
    """Raise InvalidInput unless every cluster lies in the file of ``size`` bytes, and none is used twice.

    ``read`` returns that many bytes from an offset, fewer at the end of the file.
    """
    tops = [
        entry & _OFFSET
        for entry in _read_entries(read(tables.l1_offset, tables.l1_entries * 8))
        if entry & _OFFSET
    ]
    if len(set(tops)) != len(tops):
        raise InvalidInput(option, path, "uses a table for several parts of its disk", _REMEDY)
    clusters = 0
    for top in tops:
        if top >= size or top % tables.cluster_bytes:
            raise InvalidInput(
                option,
                path,
                "has a table that lies beyond its end: it was cut off or damaged",
                _REMEDY,
            )
        own, last = _find_uses(
            _read_entries(read(top, tables.cluster_bytes))[:: tables.l2_entry_bytes // 8], tables
        )
        clusters += own
        if last >= size:
            raise InvalidInput(
                option,
                path,
                "has data that lies beyond its end: it was cut off or damaged",
                _REMEDY,
            )
    if (clusters - 1) * tables.cluster_bytes > size:
        raise InvalidInput(
            option, path, "uses the same data for several parts of its disk", _REMEDY
        )


def _find_uses(entries: array.array[int], tables: Tables) -> tuple[int, int]:
    """Return (number of clusters that are whole ones of the file, largest offset that is used)."""
    offsets = [entry & _OFFSET for entry in entries if not entry & _COMPRESSED and entry & _OFFSET]
    # of a compressed cluster the offset has as many bits as the rest leaves: 70 - cluster_bits (62 - (bits - 8))
    mask = (1 << (70 - tables.cluster_bytes.bit_length() + 1)) - 1
    packed = [entry & mask for entry in entries if entry & _COMPRESSED]
    return len(offsets), max([*offsets, *packed], default=0)


def _read_entries(content: bytes) -> array.array[int]:
    entries = array.array("Q", content[: len(content) // 8 * 8])
    if sys.byteorder == "little":
        entries.byteswap()
    return entries
