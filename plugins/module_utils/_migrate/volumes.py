# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The volumes that a migration makes on the destination, and those that it leaves behind on the source."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import users
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

    from .model import DiskPlan


def create(connection: Connection, disk: DiskPlan) -> None:
    """Make the empty volume that ``disk`` will fill; raises Conflict when there is one of that name."""
    if disk.pool is None or disk.volume is None:
        raise Unsupported(
            f"the destination has no pool for the disk {disk.target}", disk=disk.target
        )
    pool = storage.look_up_pool(connection, disk.pool)
    new = storage_xml.NewVolume(
        disk.volume, disk.capacity_bytes, format=disk.format, backing_path=disk.backing_path
    )
    storage.create(pool, disk.volume, storage_xml.build_volume_xml(new))


def delete(connection: Connection, refs: t.Iterable[VolumeRef]) -> None:
    """Delete the volumes that are still there."""
    for ref in refs:
        users.delete(connection, ref)


def delete_unused(connection: Connection, paths: t.Iterable[str]) -> dict[str, str]:
    """Delete the volumes at ``paths`` that nobody uses; return {path: reason} of those that stay."""
    uses = users.Uses(connection)
    kept = {}
    for path in paths:
        volume = storage.find_volume_by_path(connection, path)
        if volume is None:
            continue
        name, pool = volume.name(), storage.look_up_pool_of(volume).name()
        user = "an appliance" if name.startswith(PREFIX) else uses.user_of(pool, path)
        if user is not None:
            kept[path] = f"{user} uses it"
            continue
        try:
            storage.delete(volume)
        except HeadroomError as error:
            kept[path] = error.message
    return kept
