# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Copying volumes that nobody writes to from host to host through this process: whole, compared, and durable."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import content, storage

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .endpoints import Endpoints
    from .intent import Intent
    from .model import DiskPlan


def copy_volumes(
    sides: Endpoints, intent: Intent, disks: t.Sequence[DiskPlan]
) -> dict[str, float | None]:
    """Copy each disk's file, byte for byte, holes as holes, into the volume that was made for it.

    Returns when each is at the destination as it was read, durable and read back: {path on the source: the time at
    which that was last written to before}. Raises ChecksumMismatch for one that reads differently there, Conflict for
    one that is to be the only one and is not known to be durable.
    """
    times: dict[str, float | None] = {}
    for disk in disks:
        times[disk.source_path] = _read_time(sides.source, disk.source_path)
        _copy(sides, disk)
    formats = {disk.destination_path: disk.format for disk in disks}
    unknown = durable.make_durable(sides.destination, formats, intent.sync_token)
    if unknown and intent.remove_source_volumes:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in unknown.items())
        raise Conflict(
            f"it is not known whether these copies outlive a loss of power of the destination: {reasons}. Write "
            "remove_source_volumes: false, and delete the source's by hand later, or run the task on the destination.",
            paths=unknown,
        )
    return times


def require_unchanged(sides: Endpoints, times: t.Mapping[str, float | None]) -> None:
    """Raise Conflict when somebody has written to a volume since it was copied, as a guest that was started does."""
    changed = [path for path, time in times.items() if _read_time(sides.source, path) != time]
    if changed:
        raise Conflict(
            f"somebody has written to {', '.join(changed)} since it was copied. Run the task again, which copies it "
            "anew.",
            paths=changed,
        )


def _copy(sides: Endpoints, disk: DiskPlan) -> None:
    source = _find_volume(sides.source, disk.source_path)
    target = _find_volume(sides.destination, disk.destination_path)
    ends = (sides.source, sides.destination)
    sent = storage.copy_sparse(ends, source, target, sides.stop_if_cancelled)
    received = storage.digest_sparse(
        sides.destination, target, sent.size_bytes, sides.stop_if_cancelled
    )
    content.require_same(f"{disk.destination_path} on the destination", sent, received)


def _read_time(connection: Connection, path: str) -> float | None:
    return storage.read_volume(_find_volume(connection, path)).modified


def _find_volume(connection: Connection, path: str) -> storage.Volume:
    volume = storage.find_volume_by_path(connection, path)
    if volume is None:
        raise NotFound(f"there is no volume at {path} any more", path=path)
    return volume
