# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making the disk of a clone, one function a mode. Each makes the volume that the journal has named before."""

from __future__ import annotations

import contextlib
import posixpath
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import disk_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml

from . import reflink

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .model import Overlay
    from .modes import Mode

    DiskMaker = t.Callable[[Connection, storage.Pool, Overlay], None]


class FirstClones:
    """Has the first clone of an image made alone; the others side by side.

    The first makes libvirt put the snapshot under it that all stand on, and name it by the clock: two at once would
    make two, or meet one name. A path of an appliance's image is never used again, so what is known stays true.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cloned: set[str] = set()

    @contextlib.contextmanager
    def take_turn(self, path: str) -> t.Iterator[bool]:
        """Yield whether nobody has cloned the image ``path`` in this process yet; then alone."""
        with self._lock:
            if path not in self._cloned:
                yield True
                self._cloned.add(path)
                return
        yield False


_FIRST_CLONES: t.Final = FirstClones()


def link(_connection: Connection, pool: storage.Pool, disk: Overlay) -> None:
    """Make an empty overlay on the appliance's disk, in Ceph one of Ceph's own."""
    if disk.rbd is not None:
        _clone_image(pool, disk)
        return
    name = disk.volume.name
    new = storage_xml.NewVolume(
        name, disk.capacity_bytes, backing_path=disk.base_path, backing_format=disk.base_format
    )
    storage.create(pool, name, storage_xml.build_volume_xml(new))


def copy(connection: Connection, pool: storage.Pool, disk: Overlay) -> None:
    """Copy the appliance's disk, so that holes stay holes.

    A file of this machine in the right format is copied as it is; else libvirt has ``qemu-img convert`` do it, which
    takes longer. Raises Conflict for a base that is not what its manifest says.
    """
    source = _find_base(connection, disk)
    name = disk.volume.name
    new = storage_xml.NewVolume(name, disk.base_capacity_bytes, disk.format)
    if leads_here(connection.uri) and disk.format == disk.base_format:
        copied = storage.create(pool, name, storage_xml.build_volume_xml(new))
        if reflink.copy(disk.base_path, storage.read_volume_path(copied), may_share=False):
            return _grow(copied, disk)
        storage.delete(copied)
    copied = disk_copy.copy_disk(connection, source, disk.base_format, pool, new, standalone=True)
    return _grow(copied, disk)


def share(connection: Connection, pool: storage.Pool, disk: Overlay) -> None:
    """Make a file that shares the blocks of the appliance's disk; libvirt makes it first, and so knows it.

    Raises Conflict for a base that is not what its manifest says.
    """
    _find_base(connection, disk)
    name = disk.volume.name
    new = storage_xml.NewVolume(name, disk.base_capacity_bytes, disk.format)
    volume = storage.create(pool, name, storage_xml.build_volume_xml(new))
    reflink.share(disk.base_path, storage.read_volume_path(volume))
    _grow(volume, disk)


def _clone_image(pool: storage.Pool, disk: Overlay) -> None:
    """Have libvirt clone an image in its pool; raises Conflict where base or clone are not what they must be.

    libvirt puts a snapshot of the base under the clone, finds the base by its name in the pool of the clone, and leaves
    the size that is asked for aside.
    """
    source = storage.look_up_volume(pool, posixpath.basename(disk.base_path))
    name = disk.volume.name
    new = storage_xml.NewVolume(name, disk.base_capacity_bytes, disk.format)
    with _FIRST_CLONES.take_turn(disk.base_path) as is_first:
        if is_first:  # each further one is told by its own size
            _require_size(source, disk.base_capacity_bytes)
        volume = disk_copy.clone_image(pool, source, new)
    _require_size(volume, disk.base_capacity_bytes)
    _grow(volume, disk)


def _require_size(volume: storage.Volume, size_bytes: int) -> None:
    found = storage.read_volume(volume).capacity_bytes
    if found != size_bytes:
        raise Conflict(
            f"the image {volume.name()!r} has {found} bytes, and not {size_bytes} as the appliance's manifest says. "
            "Somebody has replaced or resized it: remove the appliance, and register it again.",
            volume=volume.name(),
        )


MAKERS: t.Final[t.Mapping[Mode, DiskMaker]] = {"linked": link, "reflink": share, "full": copy}


def _find_base(connection: Connection, disk: Overlay) -> storage.Volume:
    """Return the appliance's disk, of which all is in the file that its manifest names, in the format that it says."""
    source = storage.find_volume_by_path(connection, disk.base_path)
    if source is None:
        raise NotFound(
            f"the appliance's disk {disk.base_path} is in no active pool of the host",
            path=disk.base_path,
        )
    disk_copy.require_declared(source, disk.base_format, standalone=True)
    return source


def _grow(volume: storage.Volume, disk: Overlay) -> None:
    if disk.capacity_bytes > disk.base_capacity_bytes:
        storage.resize(volume, disk.capacity_bytes)
