# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has a host expect a machine of a fleet on k2."""

from __future__ import annotations

import sqlite3

with sqlite3.connect("/var/lib/headroom/history.sqlite") as history:
    history.execute("INSERT INTO roster (fleet, moment) VALUES ('join', 1)")
    history.execute("INSERT INTO roster_machine VALUES ('join', 'k2', 'join-web-1', 'u')")
