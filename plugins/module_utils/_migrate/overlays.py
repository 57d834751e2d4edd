# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Freezing a running guest's disks under overlays, and merging these back."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion, overlays
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Endpoints
    from .intent import Intent


def freeze(domain: libvirt.virDomain, intent: Intent) -> None:
    """Let the guest write into overlays from now on; what is below does not change any more."""
    places = {disk.target: disk.overlay_path for disk in intent.streamed}
    every = domains.read_live(domain).disks
    others = [disk.target for disk in every if disk.target not in places]
    overlays.put(domain, overlays.snapshot_xml(places, others))


def thaw(sides: Endpoints, intent: Intent) -> None:
    """Merge the overlays back into the disks of the guest, which runs on; whatever of it is left to do.

    Of a guest that is off the overlays stay: they are part of its disks, and it starts with them.
    """
    domain = sides.find_at_source()
    if domain is None or not domains.is_active(domain):
        return
    for disk in intent.streamed:
        overlays.merge(domain, disk.target, disk.overlay_path, sides.clock)
    deletion.delete_own_files(sides.source, [disk.overlay_path for disk in intent.streamed])
