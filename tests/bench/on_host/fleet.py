# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that stay until their host goes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from bench import frame
from bench.on_host import virsh
from bench.on_host.guests import Guests


def run(prefix: str, number: str) -> list[frame.Row]:
    """Start `number` paused guests called after `prefix`; there is nothing to measure yet."""
    folder = Path(tempfile.mkdtemp(prefix="headroom-bench-", dir="/var/tmp"))
    folder.chmod(0o755)  # QEMU runs as a user of its own
    with open_connection(virsh.URI) as connection:
        Guests(connection.handle, folder, prefix).grow_to(int(number))
    return []
