# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making durable what was written into volumes, so that it outlives a loss of power: make_durable() before a deletion.

libvirt does not sync what is uploaded. Where this runs on the host the files are synced themselves. Elsewhere its own
tools do so: setting the size of a disk to what that is ends with a sync, for a qcow2 image at once, and for a raw file
when an overlay is put over it. qemu-img does it where libvirt lets it, else the QEMU of a helper that never runs.
"""

from __future__ import annotations

import os
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import overlays
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import blocks, storage

from . import export_xml, serve
from .model import SYNC_PREFIX

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_TITLE: t.Final = "Makes volumes durable, for a moment"
# QEMU sets sizes in units of that.
_SECTOR_BYTES: t.Final = 512


class _Disk(t.NamedTuple):
    """A file as a helper opens it, and the size of what it shows."""

    path: str
    format: str
    size_bytes: int


def make_durable(
    connection: Connection, formats: t.Mapping[str, str], token: str
) -> dict[str, str]:
    """Make the volumes {path: declared format} durable; return {path: reason} of those of which that is not known.

    ``token`` is part of what is made for a moment: the same one has what a run left that broke off here removed.
    Raises HeadroomError for what could not be written.
    """
    disks: list[_Disk] = []
    unknown: dict[str, str] = {}
    for path, declared_format in formats.items():
        if leads_here(connection.uri) and _sync_here(path):
            continue
        volume = storage.find_volume_by_path(connection, path)
        if volume is None:
            unknown[path] = "it lies in no active pool"
            continue
        # libvirt knows the format and the size of what was uploaded only when it has looked again
        storage.try_to_refresh(storage.look_up_pool_of(volume))
        described = storage.read_volume(volume)
        is_image = declared_format == described.format == "qcow2"
        size = described.capacity_bytes if is_image else described.size_bytes or 0
        if is_image and described.allocation_bytes <= size:  # else libvirt takes it for smaller
            storage.resize(volume, size)
        elif size and size % _SECTOR_BYTES == 0:
            disks.append(_Disk(path, "qcow2" if is_image else "raw", size))
        else:
            unknown[path] = f"its length of {size} bytes is no multiple of {_SECTOR_BYTES}"
    return {**unknown, **(_sync_by_helper(connection, disks, token) if disks else {})}


def clean_up(connection: Connection, paths: t.Collection[str], token: str) -> None:
    """Remove what a run that broke off in make_durable() has left; harmless when nothing is."""
    serve.stop(connection, SYNC_PREFIX + token, [_overlay(path, token) for path in paths])


def _sync_here(path: str) -> bool:
    """Sync a file and its folder's entry; return False where this user may not."""
    try:
        for name, flags in ((path, os.O_RDONLY), (posixpath.dirname(path), os.O_DIRECTORY)):
            descriptor = os.open(name, flags | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except (PermissionError, FileNotFoundError):
        return False
    except OSError as error:
        raise HeadroomError(
            f"{path} could not be written to the disk that it is on: {error.strerror}. Look at that disk.",
            path=path,
        ) from error
    return True


def _sync_by_helper(connection: Connection, disks: t.Sequence[_Disk], token: str) -> dict[str, str]:
    paths = [disk.path for disk in disks]
    clean_up(connection, paths, token)
    try:
        platform = serve.choose_platform(connection, "x86_64")
        files = [(disk.path, disk.format) for disk in disks]
        text = export_xml.build_writer_xml(SYNC_PREFIX + token, _TITLE, platform, files)
        domain = blocks.create_transient_paused(connection, SYNC_PREFIX + token, text)
    except HeadroomError as error:
        return dict.fromkeys(paths, f"no helper could open it ({error.message})")
    try:
        places = {}
        for number, disk in enumerate(disks):
            target = export_xml.name_target(number)
            blocks.set_size(domain, target, disk.size_bytes)
            places[target] = _overlay(disk.path, token)
        overlays.put(domain, overlays.snapshot_xml(places, ()))
    finally:
        clean_up(connection, paths, token)
    return {}


def _overlay(path: str, token: str) -> str:
    return f"{path}.headroom-{token}.sync"
