# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both sides of the faults about appliances call things; the hosts' side needs libvirt, the other has none."""

from __future__ import annotations

GOLDEN = "killed-golden"
# By where the guest lies: in a folder, or in a Ceph cluster on the host.
OPERATION_NAMES = {
    "default": (
        "register",
        "capture-off",
        "capture-live",
        "capture-stopped",
        "flatten",
        "warm",
    ),
    "ceph": ("capture-off", "capture-live", "capture-stopped"),
}
