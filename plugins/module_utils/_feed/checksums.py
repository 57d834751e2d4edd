# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_checksum``: what a list such as SHA512SUMS says of a file. Pure.

Debian and Ubuntu publish lists as sha512sum writes them, Fedora and its kin as BSD does, in a signature.
"""

from __future__ import annotations

import re
import typing as t

from .armor import strip_signature
from .entry import Checksum
from .errors import InvalidFeed

_DIGITS: t.Final = r"(?P<digits>[0-9a-fA-F]{64}|[0-9a-fA-F]{128})"
_GNU: t.Final = re.compile(rf"{_DIGITS}(?:\s+[ *]?(?P<name>.+))?")
_BSD: t.Final = re.compile(rf"SHA(?:256|512) ?\((?P<name>.+)\) ?= ?{_DIGITS}")
_ALGORITHMS: t.Final[dict[int, str]] = {64: "sha256", 128: "sha512"}


def find_checksum(text: bytes, name: str, what: str) -> Checksum:
    """Return the longest checksum that the list ``what`` has of the file ``name``; raises InvalidFeed without one.

    A list of one line without names is of the file that it lies beside.
    """
    lines = strip_signature(text).decode(errors="replace").splitlines()
    matches = [
        match
        for line in lines
        if (match := _BSD.fullmatch(line.strip()) or _GNU.fullmatch(line.strip()))
    ]
    own = {
        match["digits"].lower()
        for match in matches
        if (match["name"] or "").rpartition("/")[2] == name
        or ((match["name"] or "-") == "-" and len(matches) == 1)
    }
    longest = max(map(len, own), default=0)
    chosen = [digits for digits in own if len(digits) == longest]
    if len(chosen) != 1:
        problem = "has several checksums" if chosen else "has no SHA-256 or SHA-512"
        raise InvalidFeed(
            f"{what} {problem} of {name}, so it could not be checked. It is not used. Look whether the list is that of "
            "this version."
        )
    return Checksum(_ALGORITHMS[longest], chosen[0])
