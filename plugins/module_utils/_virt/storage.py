# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about pools and volumes a function, with libvirt's errors translated."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sparse import SparseDigest
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from . import capabilities, storage_xml
from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Pool = libvirt.virStoragePool
    Volume = libvirt.virStorageVol

# libvirt's own limit of what one message of a stream carries.
_CHUNK_BYTES: t.Final = 256 * 1024


def list_pools(connection: Connection) -> list[Pool]:
    """Return every storage pool of the host, active or not."""
    with translate_errors("list the storage pools"):
        return connection.handle.listAllStoragePools(0)


def look_up_pool(connection: Connection, name: str) -> Pool:
    """Return the active pool called ``name``; raises NotFound naming those that exist, Conflict for an inactive one."""
    try:
        with translate_errors(f"look up the storage pool {name!r}"):
            pool = connection.handle.storagePoolLookupByName(name)
    except NotFound as error:
        names = ", ".join(sorted(pool.name() for pool in list_pools(connection))) or "none"
        raise NotFound(
            f"pool: the host has no storage pool {name!r} (it has: {names}). Name one of these, or define it first.",
            pool=name,
        ) from error
    if not is_active(pool):
        raise Conflict(
            f"pool: the storage pool {name!r} is not active. Start it: virsh pool-start {name}.",
            pool=name,
        )
    return pool


def is_active(pool: Pool) -> bool:
    """Return whether the pool's volumes can be used."""
    with translate_errors(f"read the state of the pool {pool.name()!r}"):
        return bool(pool.isActive())


def refresh(pool: Pool) -> None:
    """Have libvirt look again at what is in the pool; raises when it does not run, or while a volume is written."""
    with translate_errors(f"refresh the pool {pool.name()!r}"):
        pool.refresh(0)


def try_to_refresh(pool: Pool) -> bool:
    """Have libvirt look again at what is in the pool; return False when it is too busy for that just now."""
    try:
        refresh(pool)
    except HeadroomError:  # an upload or a copy is under way: what is known already is recent
        return False
    return True


def read_state(pool: Pool) -> int:
    """Return the pool's virStoragePoolState."""
    with translate_errors(f"read the state of the pool {pool.name()!r}"):
        return pool.info()[0]


def has_autostart(pool: Pool) -> bool:
    """Return whether the pool starts with its host."""
    with translate_errors(f"read autostart of the pool {pool.name()!r}"):
        return bool(pool.autostart())


def read_pool_xml(pool: Pool) -> str:
    """Return the pool's XML, with its sizes."""
    with translate_errors(f"read the pool {pool.name()!r}"):
        return pool.XMLDesc(0)


def read_pool(pool: Pool) -> storage_xml.Pool:
    """Return what the collection reads of a pool, its free bytes as of the last refresh."""
    return storage_xml.parse_pool(read_pool_xml(pool))


def list_volumes(pool: Pool) -> list[Volume]:
    """Return the volumes of a pool."""
    with translate_errors(f"list the volumes of the pool {pool.name()!r}"):
        return pool.listAllVolumes(0)


def look_up_volume(pool: Pool, name: str) -> Volume:
    """Return the volume called ``name``; raises NotFound."""
    with translate_errors(f"look up the volume {name!r} in the pool {pool.name()!r}"):
        return pool.storageVolLookupByName(name)


def find_volume(pool: Pool, name: str) -> Volume | None:
    """Return the volume called ``name`` or None."""
    try:
        return look_up_volume(pool, name)
    except NotFound:
        return None


def find_volume_by_path(connection: Connection, path: str) -> Volume | None:
    """Return the volume that lies at ``path`` in an active pool, or None."""
    try:
        with translate_errors(f"look up the volume at {path}"):
            return connection.handle.storageVolLookupByPath(path)
    except NotFound:
        return None


def look_up_pool_of(volume: Volume) -> Pool:
    """Return the pool that a volume lies in."""
    with translate_errors(f"look up the pool of the volume {volume.name()!r}"):
        return volume.storagePoolLookupByVolume()


def read_volume_xml(volume: Volume) -> str:
    """Return the volume's XML, sizes and times as they are now."""
    with translate_errors(f"read the volume {volume.name()!r}"):
        return volume.XMLDesc(0)


def read_volume(volume: Volume) -> storage_xml.Volume:
    """Return what the collection reads of a volume, sizes and times as they are now."""
    return storage_xml.parse_volume(read_volume_xml(volume))


def read_volume_path(volume: Volume) -> str:
    """Return the path of a volume on its host."""
    with translate_errors(f"read the path of the volume {volume.name()!r}"):
        return volume.path()


def read_qemu_group(pool: Pool) -> int | None:
    """Return the group that QEMU runs in on the pool's host; None where it runs as the user of the connection."""
    with translate_errors("read the capabilities of the host"):
        text = pool.connect().getCapabilities()
    return capabilities.read_qemu_group(text)


def create(pool: Pool, name: str, xml: str) -> Volume:
    """Create a volume; raises Conflict when the name is taken, NoSpace when the pool is full.

    Raises Unsupported for an allocation that would not give a volume of that capacity.
    """
    _check_volume(pool, name, xml)
    with translate_errors(f"create the volume {name!r} in the pool {pool.name()!r}"):
        return pool.createXML(xml, 0)


def create_from(pool: Pool, name: str, xml: str, source: Volume) -> Volume:
    """Create a volume with the content of ``source``, flattened; returns when the copy is complete.

    libvirt reads ``source`` by the format that it has probed: called by _layers.disk_copy alone.
    """
    _check_volume(pool, name, xml)
    with translate_errors(
        f"copy the volume {source.name()!r} to {name!r} in the pool {pool.name()!r}"
    ):
        return pool.createXMLFrom(xml, source, 0)


def _check_volume(pool: Pool, name: str, xml: str) -> None:
    """Raise Unsupported where libvirt would make something else than the volume: of LVM a small snapshot."""
    described, new = read_pool(pool), storage_xml.parse_volume(xml)
    kinds.check_volume(
        described.name,
        described.type,
        name,
        new.format,
        new.allocation_bytes,
        new.capacity_bytes,
    )


def is_being_written(error: HeadroomError) -> bool:
    """Return whether ``error`` of delete() says that libvirt is still copying into the volume."""
    return error.details.get("libvirt_code") == libvirt.VIR_ERR_OPERATION_INVALID


def is_watched(error: HeadroomError) -> bool:
    """Return whether ``error`` of delete() says that somebody has the image open, in Ceph, or had until just now.

    libvirt names a wrong reason behind these words (11.3: that there is no such file).
    """
    return "failed to remove volume" in error.message


def resize(volume: Volume, capacity_bytes: int) -> None:
    """Make what a guest sees of the volume larger."""
    with translate_errors(f"grow the volume {volume.name()!r} to {capacity_bytes} bytes"):
        volume.resize(capacity_bytes)


def delete(volume: Volume) -> None:
    """Delete a volume and its data."""
    with translate_errors(f"delete the volume {volume.name()!r}"):
        volume.delete(0)


def delete_image(volume: Volume) -> None:
    """Delete an image in Ceph, and the snapshots that libvirt clones it by; raises while a clone stands on one."""
    with translate_errors(f"delete the image {volume.name()!r}"):
        volume.delete(libvirt.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS)


def upload(
    connection: Connection, volume: Volume, send: t.Callable[[libvirt.virStream], None]
) -> None:
    """Replace the content of ``volume`` by what ``send`` puts into the stream, holes as holes."""
    with translate_errors(f"upload into the volume {volume.name()!r}"):
        stream = connection.handle.newStream(0)
        volume.upload(stream, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        _run(stream, send)


def download(
    connection: Connection, volume: Volume, receive: t.Callable[[libvirt.virStream], None]
) -> None:
    """Let ``receive`` take the content of ``volume``, byte for byte as it lies in the pool, from the stream."""
    with translate_errors(f"download the volume {volume.name()!r}"):
        stream = connection.handle.newStream(0)
        volume.download(stream, 0, 0, 0)
        _run(stream, receive)


def read_head(volume: Volume, count: int) -> bytes:
    """Return the first ``count`` bytes of a volume's file, or all that it has."""
    head = bytearray()

    def take(_stream: libvirt.virStream, chunk: bytes, _opaque: object) -> int:
        head.extend(chunk)
        return len(chunk)

    with translate_errors(f"read the volume {volume.name()!r}"):
        stream = volume.connect().newStream(0)
        volume.download(stream, 0, count, 0)
        _run(stream, lambda reader: reader.recvAll(take, None))
    return bytes(head)


def copy_sparse(
    ends: tuple[Connection, Connection], source: Volume, target: Volume, go_on: t.Callable[[], None]
) -> SparseDigest:
    """Copy a volume of one host into one of another, byte for byte, holes as holes; return the digest of what was sent.

    ``go_on`` is called now and then, and stops the copying by raising.
    """
    digest = SparseDigest()
    with translate_errors(f"copy the volume {source.name()!r}"):
        reader, writer = (connection.handle.newStream(0) for connection in ends)
        source.download(reader, 0, 0, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        try:
            target.upload(writer, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
            _run(writer, lambda _writer: _read_sparse(reader, digest, go_on, writer))
            reader.finish()
        except BaseException:
            _abort(reader)
            raise
    return digest


def digest_sparse(
    connection: Connection, volume: Volume, length: int, go_on: t.Callable[[], None]
) -> SparseDigest:
    """Return the digest of the first ``length`` bytes of a volume's file; ``go_on`` as for copy_sparse()."""
    digest = SparseDigest()
    with translate_errors(f"read the volume {volume.name()!r}"):
        reader = connection.handle.newStream(0)
        volume.download(reader, 0, length, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        _run(reader, lambda stream: _read_sparse(stream, digest, go_on))
    return digest


def _read_sparse(
    reader: libvirt.virStream,
    digest: SparseDigest,
    go_on: t.Callable[[], None],
    writer: libvirt.virStream | None = None,
) -> None:
    while True:
        go_on()
        chunk = reader.recvFlags(_CHUNK_BYTES, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE)
        if isinstance(chunk, int):  # no data here, but a hole
            length = reader.recvHole(0)
            digest.add_hole(length)
            if writer is not None:
                writer.sendHole(length, 0)
        elif not chunk:
            return
        else:
            digest.add(chunk)
            if writer is not None:
                _send(writer, chunk)


def _send(writer: libvirt.virStream, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[writer.send(chunk) :]


def _run(stream: libvirt.virStream, transfer: t.Callable[[libvirt.virStream], None]) -> None:
    try:
        transfer(stream)
        stream.finish()
    except BaseException:
        _abort(stream)
        raise


def _abort(stream: libvirt.virStream) -> None:
    try:
        stream.abort()
    except libvirt.libvirtError:  # it had ended already; the first error is the one to tell
        return
