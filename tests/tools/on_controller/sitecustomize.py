# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules whose tasks run on the controller keep bytecode, too: Python imports this as it starts. See tools/warm.py."""

from __future__ import annotations

import importlib

importlib.import_module("tools.on_host.headroom_kept_bytecode")
