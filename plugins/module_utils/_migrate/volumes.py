# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The volumes that a migration makes on the destination, and those that it leaves behind on the source."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    folders,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

    from .model import DiskPlan


def create(connection: Connection, disk: DiskPlan) -> None:
    """Make the empty volume that ``disk`` will fill; raises Conflict when there is one of that name.

    One that is planned for no pool is made in the pool that is over its folder just now.
    """
    if disk.pool is not None:
        pool = storage.look_up_pool(connection, disk.pool)
    else:
        folder_pool = folders.find_pool(connection, posixpath.dirname(disk.destination_path))
        if folder_pool is None:
            raise Unsupported(
                f"the destination has no pool for the disk {disk.target}", disk=disk.target
            )
        pool = folder_pool
    if disk.volume is None:
        raise Unsupported(f"the disk {disk.target} has no name for a volume", disk=disk.target)
    new = storage_xml.NewVolume(
        disk.volume,
        disk.capacity_bytes,
        format=disk.format,
        backing_path=disk.backing_path,
        backing_format=disk.backing_format,
    )
    storage.create(pool, disk.volume, storage_xml.build_volume_xml(new))


def delete(
    connection: Connection, refs: t.Collection[VolumeRef], without: t.Collection[str] = ()
) -> None:
    """Delete the volumes that are still there; raises Conflict naming those that somebody uses by now.

    What the domains of the UUIDs ``without`` use is not in use.
    """
    keep = deletion.delete_volumes(connection, refs, without=set(without))
    if keep:
        kept_text = "; ".join(f"{ref.pool}/{ref.name}: {reason}" for ref, reason in keep.items())
        raise Conflict(f"volumes that this migration made stay on the destination: {kept_text}")
