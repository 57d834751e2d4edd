# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``send_answer``: how a program that was sent to a host answers. Sent to hosts, see remote.py."""

from __future__ import annotations

import json
import sys
import typing as t
import zlib

MAGIC = b"headroom-look-1:"


def send_answer(answer: t.Mapping[str, t.Any]) -> None:
    """Write JSON-able data to standard output, packed; what a login script prints may come before."""
    sys.stdout.buffer.write(MAGIC + zlib.compress(json.dumps(answer).encode(), 1))
    sys.stdout.buffer.flush()
