# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`fill` has a host expect a machine of a fleet on k2; `tell` prints all that its history keeps but past decisions."""

from __future__ import annotations

import sqlite3
import sys

PATH = "/var/lib/headroom/history.sqlite"

with sqlite3.connect(PATH) as history:
    if sys.argv[1] == "fill":
        history.execute("INSERT INTO roster (fleet, moment) VALUES ('join', 1)")
        history.execute("INSERT INTO roster_machine VALUES ('join', 'k2', 'join-web-1', 'u')")
    else:
        print("\n".join(line for line in history.iterdump() if 'INTO "decision"' not in line))
