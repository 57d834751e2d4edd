# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All machines of the corpus."""

from __future__ import annotations

import typing as t

from corpus import by_clouds, by_tools, by_virt_manager

SITUATIONS: t.Final = (
    *by_virt_manager.SITUATIONS,
    *by_clouds.SITUATIONS,
    *by_tools.SITUATIONS,
)
