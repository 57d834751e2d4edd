# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Freezing a running guest's disks under overlays, and merging these back."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domains
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import xml as domain_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import api, volumes, xml
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import Intent
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.sides import Sides

_MERGE_SECONDS: t.Final = 600.0


def freeze(domain: libvirt.virDomain, intent: Intent) -> None:
    """Let the guest write into overlays from now on; what is below does not change any more."""
    overlays = {disk.target: disk.overlay_path for disk in intent.streamed}
    every = domain_xml.parse(domains.live_xml(domain)).disks
    others = [disk.target for disk in every if disk.target not in overlays]
    api.put_overlays(domain, xml.snapshot_xml(overlays, others))


def thaw(sides: Sides, intent: Intent) -> None:
    """Merge the overlays back into the disks of the guest, which runs on; whatever of it is left to do.

    Of a guest that is off the overlays stay: they are part of its disks, and it starts with them.
    """
    domain = sides.at_source()
    if domain is None or not domains.is_active(domain):
        return
    for disk in intent.streamed:
        if xml.chain(domains.live_xml(domain), disk.target)[:1] == (disk.overlay_path,):
            _merge(sides, domain, disk.target)
    volumes.delete_paths(sides.source, [disk.overlay_path for disk in intent.streamed])


def _merge(sides: Sides, domain: libvirt.virDomain, target: str) -> None:
    if not api.block_job(domain, target):
        api.commit_overlay(domain, target)

    def is_ready() -> bool:
        if not api.block_job(domain, target):
            raise HeadroomError(f"the overlay of the disk {target} could not be merged back: its block job failed")
        return xml.has_mirror(domains.live_xml(domain), target)

    Waiter(_MERGE_SECONDS, sides.clock).until(is_ready, f"merging the overlay of the disk {target} back")
    api.pivot(domain, target)
    Waiter(_MERGE_SECONDS, sides.clock).until(
        lambda: not api.block_job(domain, target), f"going back to the disk {target}"
    )
