# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file for root alone, every line of which is the same and found nowhere else: canary.py PATH.

It is made on the host, so that no log of Ansible's has it either.
"""

from __future__ import annotations

import os
import secrets
import sys

BYTES = 1 << 16

line = f"canary-{secrets.token_hex(16)}\n".encode()
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
with os.fdopen(descriptor, "wb") as file:
    file.write((line * (BYTES // len(line) + 1))[:BYTES])
