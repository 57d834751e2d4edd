# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A digest of a file that is read in pieces, by which two files are compared whose holes differ. Pure.

The whole of a file is compared, but what is zero costs no more than a look, and a hole nothing at all.
"""

from __future__ import annotations

import hashlib
import typing as t

_BLOCK_BYTES: t.Final = 64 * 1024
_ZEROS: t.Final = bytes(_BLOCK_BYTES)


class SparseDigest:
    """Takes a file from its beginning on, in pieces of any size; files with the same bytes have the same hex()."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._rest = bytearray()

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            piece = view[: _BLOCK_BYTES - len(self._rest)]
            self._rest += piece
            self.size_bytes += len(piece)
            view = view[len(piece) :]
            if len(self._rest) == _BLOCK_BYTES:
                self._close_block()

    def add_hole(self, length: int) -> None:
        """Take that many zeros."""
        edge = min(length, -self.size_bytes % _BLOCK_BYTES)
        self.add(_ZEROS[:edge])
        blocks, rest = divmod(length - edge, _BLOCK_BYTES)
        self.size_bytes += blocks * _BLOCK_BYTES
        self.add(_ZEROS[:rest])

    def hex(self) -> str:
        """Return the digest of what was taken so far."""
        final = self._hash.copy()
        final.update(f"{self.size_bytes}:".encode())
        final.update(self._rest)
        return final.hexdigest()

    def _close_block(self) -> None:
        if self._rest != _ZEROS:
            self._hash.update(f"{self.size_bytes}:".encode())
            self._hash.update(self._rest)
        self._rest.clear()
