# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Copying the volumes of a guest that is off, from host to host through this process."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    translate_errors,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .endpoints import Endpoints
    from .model import DiskPlan

# libvirt's own limit of what one message of a stream carries.
_CHUNK_BYTES: t.Final = 256 * 1024


def copy_volumes(sides: Endpoints, disks: t.Iterable[DiskPlan]) -> None:
    """Copy each disk's file, byte for byte, holes as holes, into the volume that was made for it."""
    for disk in disks:
        _copy(sides, disk)


def _copy(sides: Endpoints, disk: DiskPlan) -> None:
    source = _find_volume(sides.source, disk.source_path)
    target = _find_volume(sides.destination, disk.destination_path)
    with translate_errors(f"copy the volume {disk.source_path}"):
        reader = sides.source.handle.newStream(0)
        writer = sides.destination.handle.newStream(0)
        source.download(reader, 0, 0, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        target.upload(writer, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        try:
            _copy_stream(sides, reader, writer)
            reader.finish()
            writer.finish()
        except BaseException:
            for stream in (reader, writer):
                _abort(stream)
            raise


def _copy_stream(sides: Endpoints, reader: libvirt.virStream, writer: libvirt.virStream) -> None:
    while True:
        sides.stop_if_cancelled()
        chunk = reader.recvFlags(_CHUNK_BYTES, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE)
        if isinstance(chunk, int):  # no data here, but a hole
            writer.sendHole(reader.recvHole(0), 0)
        elif not chunk:
            return
        else:
            _send(writer, chunk)


def _send(writer: libvirt.virStream, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[writer.send(chunk) :]


def _abort(stream: libvirt.virStream) -> None:
    try:
        stream.abort()
    except libvirt.libvirtError:  # it had ended already; the first error is the one to tell
        return


def _find_volume(connection: Connection, path: str) -> libvirt.virStorageVol:
    volume = storage.find_volume_by_path(connection, path)
    if volume is None:
        raise NotFound(f"there is no volume at {path} any more", path=path)
    return volume
