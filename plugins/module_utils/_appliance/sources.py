# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Where the disks of an appliance come from: what each kind of source must do, and the disks of a domain."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import disk_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import (
    FileImage,
    RbdImage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    domain_xml,
    domains,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import Image
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    Pool = libvirt.virStoragePool
    Volume = libvirt.virStorageVol

# What is in an image may be secret. Guests read it in the group of QEMU, where libvirt gives them no files (with
# dynamic_ownership = 0); nobody else does, and nobody writes.
READ_ONLY: t.Final = "0440"


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

    @property
    def source_sha256(self) -> str | None:
        """The SHA-256 of the file that it came as, where that was packed."""

    def create(self, pool: Pool, name: str) -> Volume:
        """Create the base volume, with its content where libvirt can copy it."""

    def fill(self, connection: Connection, volume: Volume) -> Digest:
        """Bring the content into the volume where create() did not; return the Digest of the volume's file."""

    def open_image(self) -> Image:
        """Return where the tools of QEMU find it, for a pool that libvirt brings no content into."""

    def digest_source(self) -> str | None:
        """Return the SHA-256 of the file that it is, where that is one as somebody published it."""


@dataclasses.dataclass(frozen=True)
class VolumeDisk:
    """A disk of a domain at rest, copied by the host itself, without its backing chain.

    What is copied of an image in Ceph is its ``snapshot``, to which nobody can write.
    """

    target: str
    source: Volume
    virtual_size_bytes: int
    needed_bytes: int
    connection: Connection
    declared_format: str
    source_sha256: str | None = None
    snapshot: str | None = None

    @property
    def format(self) -> str:
        """The format that the base will have: a raw disk stays raw, all else becomes qcow2."""
        return disk_copy.RAW if self.declared_format == disk_copy.RAW else "qcow2"

    @property
    def lies_in_ceph(self) -> bool:
        """Whether it is an image there, of which libvirt reads no byte."""
        return _find_rbd(self.source) is not None

    def create(self, pool: Pool, name: str) -> Volume:
        """Make a flat copy."""
        new = describe_base(pool, name, self.virtual_size_bytes, self.format)
        return disk_copy.copy_disk(self.connection, self.source, self.declared_format, pool, new)

    def fill(self, connection: Connection, volume: Volume) -> Digest:
        """Take the checksum of the copy."""
        return content.digest(connection, volume)

    def open_image(self) -> Image:
        """Return the volume; raises Unsupported where its file is not on this machine."""
        disk_copy.require_declared(self.source, self.declared_format)
        rbd = _find_rbd(self.source)
        if rbd is not None:
            return RbdImage(rbd, self.source.name(), self.snapshot)
        if not leads_here(self.connection.uri):
            raise Unsupported(
                "source.domain: this module copies the disks into that pool itself, and so has to run on the host, not "
                f"to reach {self.connection.uri}.",
            )
        return FileImage(storage.read_volume_path(self.source), self.declared_format)

    def digest_source(self) -> str | None:
        """Return None: nobody published it."""
        return None


def _find_rbd(volume: Volume) -> storage_xml.RbdSource | None:
    return storage.read_pool(storage.look_up_pool_of(volume)).rbd


def describe_base(
    pool: Pool, name: str, capacity_bytes: int, image_format: str
) -> storage_xml.NewVolume:
    """Return the volume of a base, which QEMU may read and nobody else but root."""
    group = storage.read_qemu_group(pool)
    return storage_xml.NewVolume(name, capacity_bytes, image_format, READ_ONLY, group)


def require_stopped(connection: Connection, name: str) -> libvirt.virDomain:
    """Return the domain called ``name``; raises Conflict unless it is off for good."""
    domain = domains.look_up(connection, name)
    remedy = (
        f"Shut it down first: headroom.libvirt.domain with name: {name} and state: shutdown. Or set "
        "source.when_running."
    )
    if domains.is_active(domain):
        raise Conflict(
            f"source.domain: {name!r} is running, so its disks are not at rest. {remedy}",
            domain=name,
        )
    if domains.has_saved_memory(domain):
        raise Conflict(
            f"source.domain: {name!r} is saved, so its disks are not complete without its memory. Start it. {remedy}",
            domain=name,
        )
    return domain


def require_capturable(
    connection: Connection, definition: domain_xml.Definition, operation: kinds.Operation
) -> None:
    """Raise Unsupported for a disk of a domain, less its seed, that lies in a pool from which none is captured."""
    for disk in _list_own(definition):
        volume = _find_volume(connection, disk)
        if volume is not None:
            pool = storage.read_pool(storage.look_up_pool_of(volume))
            kinds.require(f"source.domain: {disk.target}", pool.name, pool.type, operation)


def _list_own(definition: domain_xml.Definition) -> list[domain_xml.Disk]:
    return [
        disk
        for disk in definition.disks
        if disk.device == "disk" and disk.alias != domain_xml.SEED_ALIAS
    ]


def find_disks(connection: Connection, definition: domain_xml.Definition) -> list[VolumeDisk]:
    """Return the disks of a domain, less its seed.

    Raises NotFound for one that lies in no storage pool, Conflict for one that is not what its definition declares.
    """
    return [_find_volume_disk(connection, disk) for disk in _list_own(definition)]


def _find_volume_disk(connection: Connection, disk: domain_xml.Disk) -> VolumeDisk:
    volume = find_volume(connection, disk)
    declared_format = read_declared_format(disk)
    described = disk_copy.require_declared(volume, declared_format)
    needed = (
        described.allocation_bytes if described.backing_path is None else described.capacity_bytes
    )
    return VolumeDisk(
        disk.target, volume, described.capacity_bytes, needed, connection, declared_format
    )


def read_declared_format(disk: domain_xml.Disk) -> str:
    """Return the format by which QEMU is told to read a domain's disk: raw where its definition does not say one."""
    return disk.format or disk_copy.RAW


def find_volume(connection: Connection, disk: domain_xml.Disk) -> Volume:
    """Return the volume that a domain's disk is; raises NotFound for one that lies in no storage pool."""
    volume = _find_volume(connection, disk)
    if volume is None:
        remedy = (
            "Define a pool of the type rbd over it, with the same monitors."
            if disk.image
            else "Define a pool over its folder, or register the image with source.file."
        )
        raise NotFound(
            f"source.domain: the disk {disk.target} ({disk.source or disk.image}) lies in no active storage pool. "
            f"{remedy}",
            disk=disk.target,
        )
    return volume


def _find_volume(connection: Connection, disk: domain_xml.Disk) -> Volume | None:
    if disk.pool and disk.volume:
        return storage.find_volume(storage.look_up_pool(connection, disk.pool), disk.volume)
    if disk.image:
        return _find_image(connection, disk.image, disk.monitors)
    if not disk.source:
        return None
    volume = storage.find_volume_by_path(connection, disk.source)
    if volume is not None:
        return volume
    for pool in storage.list_pools(
        connection
    ):  # put there by hand: the pool learns of it when it looks again
        folder = storage.read_pool(pool).path
        if (
            folder == os.path.dirname(disk.source)  # noqa: PTH120
            and storage.is_active(pool)
            and storage.try_to_refresh(pool)
        ):
            return storage.find_volume_by_path(connection, disk.source)
    return None


def _find_image(connection: Connection, image: str, monitors: t.Collection[str]) -> Volume | None:
    """Return the volume that a disk in Ceph is; an RBD pool has it once it has looked.

    Two clusters may have pools and images of the same names, so that the two have to name a monitor in common, or none.
    """
    ceph_pool, _slash, name = image.rpartition("/")
    for pool in storage.list_pools(connection):
        source = storage.read_pool(pool).rbd
        if source is None or source.pool != ceph_pool or not storage.is_active(pool):
            continue
        hosts = {host for host, _port in source.hosts}
        if hosts.intersection(monitors) or not (hosts or monitors):
            storage.try_to_refresh(pool)
            volume = storage.find_volume(pool, name)
            if volume is not None:
                return volume
    return None
