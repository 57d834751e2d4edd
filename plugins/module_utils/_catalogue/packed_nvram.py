# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""UEFI's variables as they stand in a manifest: packed before it is written, unpacked when a clone gets them. Pure."""

from __future__ import annotations

import base64
import binascii
import typing as t
import zlib

from .manifest import InvalidManifest

# The flash of ARM's virtual machines; no firmware of QEMU's has more.
LONGEST_BYTES: t.Final = 64 * 1024**2
_LONGEST_PACKED: t.Final = 2 * 1024**2


def pack_variables(variables: bytes) -> str:
    """Return the variables as they stand in a manifest."""
    return base64.b64encode(zlib.compress(variables, 9)).decode()


def unpack_variables(packed: str) -> bytes:
    """Return the variables; raises InvalidManifest for another text, or one that holds too much."""
    problem, variables, unpacker = "it is too long", b"", zlib.decompressobj()
    if len(packed) <= _LONGEST_PACKED:
        problem = "it holds too much, or not all of it"
        try:
            variables = unpacker.decompress(base64.b64decode(packed, validate=True), LONGEST_BYTES)
        except (binascii.Error, zlib.error, ValueError) as error:
            problem = str(error)
    if not unpacker.eof:
        raise InvalidManifest(
            f"nvram of the manifest cannot be used: {problem}. Tell its publisher."
        )
    return variables
