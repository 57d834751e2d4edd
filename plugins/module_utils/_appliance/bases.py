# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The disks of an appliance as they lie in its pool: create(), then fill(). In Ceph they are raw images, else files."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    manifest as manifests,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.disk_copy import RAW
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images as rbd_images
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import RbdImage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml

from .sources import VolumeDisk

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest

    from .capture import Captured
    from .seal import Method
    from .sources import DiskSource

FORMAT_IN_CEPH: t.Final = RAW
# QEMU reads and writes images in units of that.
_SECTOR_BYTES: t.Final = 512


def check(catalogue: Catalogue, capture: Captured) -> None:
    """Raise Unsupported for what cannot get into the pool, before anything is made."""
    if catalogue.rbd is None:
        for disk in capture.disks:
            if isinstance(disk, VolumeDisk) and disk.lies_in_ceph:
                raise Unsupported(
                    f"pool: the disk {disk.target} of the domain lies in Ceph, out of which none is copied into files, "
                    f"as {catalogue.pool_name!r} has them. Name the pool in which the disk lies.",
                    pool=catalogue.pool_name,
                )
        return
    if capture.nvram is not None:
        raise Unsupported(
            f"pool: {catalogue.pool_name!r} lies in Ceph, and clones of a machine with UEFI keep settings in files. "
            "Name a pool of files.",
            pool=catalogue.pool_name,
        )
    _refuse_seal(capture.seal)


def _refuse_seal(method: Method) -> None:
    """Raise Unsupported for a way of sealing that works on files, of which there are none in Ceph."""
    if method == "libguestfs":
        raise Unsupported(
            "seal: libguestfs takes out of a copy in a file what makes the machine itself, and in this pool there are "
            "no files. Start the machine and write source.when_running: shutdown with seal: agent, or say seal: none."
        )


def create(catalogue: Catalogue, disk: DiskSource, name: str) -> storage.Volume:
    """Create the volume of a disk, with its content where libvirt copies it."""
    if catalogue.rbd is None:
        return disk.create(catalogue.pool, name)
    size = -(-disk.virtual_size_bytes // _SECTOR_BYTES) * _SECTOR_BYTES
    new = storage_xml.NewVolume(name, size, FORMAT_IN_CEPH)
    return storage.create(catalogue.pool, name, storage_xml.build_volume_xml(new))


def fill(
    catalogue: Catalogue, disk: DiskSource, volume: storage.Volume
) -> tuple[Digest, str | None]:
    """Bring the content into the volume; return the Digest of what lies there, and the SHA-256 of what it came as."""
    if catalogue.rbd is None:
        return disk.fill(catalogue.connection, volume), disk.source_sha256
    target = RbdImage(catalogue.rbd, volume.name())
    digest = rbd_images.fill_image(catalogue.connection, disk.open_image(), target)
    return digest, disk.source_sha256 or disk.digest_source()


def serialise(catalogue: Catalogue, manifest: Manifest) -> bytes:
    """Return the manifest as its volume holds it, which is as long as that is."""
    text = manifests.serialise(manifest)
    if catalogue.rbd is None:
        return text
    return text + b"\n" * (-len(text) % _SECTOR_BYTES)
