# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cells that are known to fail, each with the row of the issue that it shows. Whoever mends one takes it out here.

A cell in the table that holds is told as one that has to be taken out, and counts as failed.
"""

from __future__ import annotations

import typing as t

KNOWN_RED: t.Final[t.Mapping[str, str]] = {}
