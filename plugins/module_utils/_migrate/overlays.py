# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Freezing a running guest's disks under overlays, and merging these back."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion, overlays
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_layers
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, folders

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Endpoints
    from .intent import Intent, Streamed


def freeze(domain: libvirt.virDomain, intent: Intent) -> None:
    """Let the guest write into overlays from now on; what is below does not change any more."""
    places = {disk.target: disk.overlay_path for disk in intent.streamed}
    every = domains.read_live(domain).disks
    others = [disk.target for disk in every if disk.target not in places]
    overlays.put(domain, overlays.snapshot_xml(places, others))


def thaw(sides: Endpoints, intent: Intent) -> None:
    """Merge the overlays back into the disks of the guest, which runs on; whatever of it is left to do.

    Raises Conflict for what keeps one from being merged: somebody's snapshot, or a guest that is off or gone. Every
    file stays then.
    """
    domain = sides.find_at_source()
    for disk in intent.streamed:
        if domain is None:
            _refuse_without_guest(sides, intent, disk)
        elif domains.is_active(domain):
            overlays.merge(domain, disk.target, disk.overlay_path, sides.clock)
        else:
            overlays.check_free(domain, disk.target, disk.overlay_path)
            _refuse_off(domain, intent, disk)
    deletion.delete_own_files(sides.source, [disk.overlay_path for disk in intent.streamed])


def _refuse_off(domain: libvirt.virDomain, intent: Intent, disk: Streamed) -> None:
    """Raise Conflict for a guest that is off and stands on its overlay: libvirt merges only while it runs."""
    layers = read_layers(domains.read_definition_xml(domain)).get(disk.target, ())
    if disk.overlay_path in map(str, layers):
        raise Conflict(
            f"{intent.name!r} stopped while it was being moved, so that its disk {disk.target} consists of "
            f"{disk.overlay_path} and {disk.base_path} below it. Nothing of it is lost, both stay, and it starts with "
            f"them. Start it (virsh start {intent.name}), and run the task again, which merges them.",
            name=intent.name,
            paths=[disk.overlay_path, disk.base_path],
        )


def _refuse_without_guest(sides: Endpoints, intent: Intent, disk: Streamed) -> None:
    """Raise Conflict for a guest that somebody undefined: what it wrote last is in the overlay, and nowhere else."""
    if folders.does_file_exist(sides.source, disk.overlay_path) is False:
        return
    raise Conflict(
        f"{intent.name!r} has gone from the source while it was being moved; its disk {disk.target} consists of "
        f"{disk.overlay_path} and {disk.base_path} below it. Both stay. Define it again with the upper one as its "
        "disk, start it, and run the task again; or delete the upper one if nothing needs the guest any more.",
        name=intent.name,
        paths=[disk.overlay_path, disk.base_path],
    )
