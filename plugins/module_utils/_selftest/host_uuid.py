# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_uuid_problem``: whether the UUID of a host is one that other hosts may have, too. Pure."""

from __future__ import annotations

import re
import typing as t

_UUID: t.Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What makers left in the firmware of whole series; the first one is of AMI's reference code.
_SERIES: t.Final = frozenset(
    (
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "12345678-1234-5678-1234-567812345678",
    )
)
# A UUID with fewer different digits than that was typed, not drawn.
_FEWEST_DIGITS: t.Final = 5


def find_uuid_problem(uuid: str | None) -> str:
    """Return in words what is wrong with it ("is one that …"); nothing for one that may be the host's own."""
    text = (uuid or "").lower()
    if not text:
        return "is none"
    if not _UUID.fullmatch(text):
        return "is no UUID"
    if text in _SERIES:
        return "is one that a maker left in the firmware of a whole series"
    if len(set(text.replace("-", ""))) < _FEWEST_DIGITS:
        return "is a placeholder of the firmware"
    return ""
