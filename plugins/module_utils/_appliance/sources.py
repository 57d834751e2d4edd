# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Where the disks of an appliance come from: image files beside the module, or the disks of a domain."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import image
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domains
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import api, content
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import xml as storage_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.content import Digest

    Pool = libvirt.virStoragePool
    Volume = libvirt.virStorageVol

READ_ONLY: t.Final = "0444"


class DiskSource(t.Protocol):
    """A disk that can become a base. ``needed_bytes`` is what it will take of the pool, about."""

    @property
    def target(self) -> str:
        """The name under which the guest's XML knows it, such as vda."""

    @property
    def format(self) -> str:
        """The format that the base will have."""

    @property
    def virtual_size_bytes(self) -> int:
        """The size that a guest sees."""

    @property
    def needed_bytes(self) -> int:
        """The room that it needs."""

    def create(self, pool: Pool, name: str) -> Volume:
        """Create the base volume, with its content where libvirt can copy it."""

    def fill(self, connection: Connection, volume: Volume) -> Digest:
        """Bring the content into the volume where create() did not; return the Digest of the volume's file."""


@dataclasses.dataclass(frozen=True)
class FileDisk:
    """An image file, open as long as the task runs, so that what was inspected is what is sent."""

    target: str
    path: str
    descriptor: int
    image: image.Image

    @property
    def format(self) -> str:
        """The image's format, which the base keeps."""
        return self.image.format

    @property
    def virtual_size_bytes(self) -> int:
        """The size that a guest sees."""
        return self.image.virtual_size_bytes

    @property
    def needed_bytes(self) -> int:
        """What the file takes where it is, holes not counted."""
        return os.fstat(self.descriptor).st_blocks * 512

    def create(self, pool: Pool, name: str) -> Volume:
        """Create an empty file of the image's length: a header that libvirt wrote would show through its holes."""
        new = storage_xml.NewVolume(name, os.fstat(self.descriptor).st_size, "raw", mode=READ_ONLY)
        return api.create(pool, name, storage_xml.volume_xml(new))

    def fill(self, connection: Connection, volume: Volume) -> Digest:
        """Upload the file."""
        return content.send_file(connection, volume, self.descriptor)


@dataclasses.dataclass(frozen=True)
class VolumeDisk:
    """A disk of a stopped domain, copied by the host itself, without its backing chain."""

    target: str
    source: Volume
    virtual_size_bytes: int
    needed_bytes: int
    format: str = "qcow2"

    def create(self, pool: Pool, name: str) -> Volume:
        """Have libvirt make a flat copy."""
        new = storage_xml.NewVolume(name, self.virtual_size_bytes, mode=READ_ONLY)
        return api.create_from(pool, name, storage_xml.volume_xml(new), self.source)

    def fill(self, connection: Connection, volume: Volume) -> Digest:
        """Take the checksum of the copy."""
        return content.digest(connection, volume)


@contextlib.contextmanager
def open_files(paths: t.Mapping[str, str], image_format: str) -> t.Iterator[list[DiskSource]]:
    """Yield the disks {target: path}; raises InvalidInput for a file that cannot become a base.

    ``image_format`` is ``auto``, ``qcow2`` or ``raw``.
    """
    with contextlib.ExitStack() as opened:
        disks: list[DiskSource] = []
        for target, path in paths.items():
            descriptor = content.open_source("source.file", path)
            opened.callback(os.close, descriptor)
            disks.append(FileDisk(target, path, descriptor, _inspect(path, descriptor, image_format)))
        yield disks


def _inspect(path: str, descriptor: int, image_format: str) -> image.Image:
    size = os.fstat(descriptor).st_size
    if image_format == "raw":
        return image.raw("source.file", path, size)
    found = image.inspect("source.file", path, os.pread(descriptor, image.HEADER_BYTES, 0), size)
    if image_format not in {"auto", found.format}:
        raise InvalidInput("source.format", image_format, f"is not the format of {path!r}", f"It is {found.format}.")
    return found


def stopped_domain(connection: Connection, name: str) -> libvirt.virDomain:
    """Return the domain called ``name``; raises Conflict unless it is off for good."""
    domain = domains.look_up(connection, name)
    remedy = f"Shut it down first: headroom.libvirt.domain with name: {name} and state: shutdown."
    if domains.is_active(domain):
        raise Conflict(f"source.domain: {name!r} is running, so its disks are not at rest. {remedy}", domain=name)
    if domains.has_saved_memory(domain):
        raise Conflict(
            f"source.domain: {name!r} is saved, so its disks are not complete without its memory. Start it. {remedy}",
            domain=name,
        )
    return domain


def disks_of(connection: Connection, definition: xml.Definition) -> list[DiskSource]:
    """Return the disks of a domain, less its seed; raises NotFound for one that lies in no storage pool."""
    own = (disk for disk in definition.disks if disk.device == "disk" and disk.alias != xml.SEED_ALIAS)
    return [_volume_disk(connection, disk) for disk in own]


def _volume_disk(connection: Connection, disk: xml.Disk) -> VolumeDisk:
    volume = _find_volume(connection, disk)
    if volume is None:
        raise NotFound(
            f"source.domain: the disk {disk.target} ({disk.source}) lies in no active storage pool. "
            "Define a pool over its folder, or register the image with source.file.",
            disk=disk.target,
        )
    described = storage_xml.parse_volume(api.volume_xml(volume))
    needed = described.allocation_bytes if described.backing_path is None else described.capacity_bytes
    return VolumeDisk(disk.target, volume, described.capacity_bytes, needed)


def _find_volume(connection: Connection, disk: xml.Disk) -> Volume | None:
    if disk.pool and disk.volume:
        return api.find_volume(api.look_up_pool(connection, disk.pool), disk.volume)
    if not disk.source:
        return None
    found = api.find_volume_by_path(connection, disk.source)
    if found is not None:
        return found
    for pool in api.list_pools(connection):  # put there by hand: the pool learns of it when it looks again
        folder = storage_xml.parse_pool(api.pool_xml(pool)).path
        if folder == os.path.dirname(disk.source) and api.is_active(pool) and api.try_to_refresh(pool):  # noqa: PTH120
            return api.find_volume_by_path(connection, disk.source)
    return None
