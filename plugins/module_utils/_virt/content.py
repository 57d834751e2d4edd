# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Send files and bytes into volumes, read volumes and copy them, and take their checksums on the way."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import stat
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sparse import SparseDigest

from . import storage

if t.TYPE_CHECKING:
    from .connection import Connection
    from .libvirt_dep import libvirt

_ZEROS: t.Final = bytes(1024 * 1024)


@dataclasses.dataclass(frozen=True)
class Digest:
    """The SHA-256 of a content in hexadecimal, and its length."""

    sha256: str
    size_bytes: int


class _FileSender:
    """Feeds an open file into a stream: data is read and hashed, holes are hashed as zeros and sent as holes."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self.position = 0
        self.hash = hashlib.sha256()
        self.sparse = SparseDigest()

    def send(self, stream: libvirt.virStream) -> None:
        stream.sparseSendAll(self._read, self._find_section, self._skip, None)

    def _find_section(self, _stream: libvirt.virStream, _opaque: object) -> tuple[bool, int]:
        """Return (whether data comes next, how much of it)."""
        if self.position >= self._size:
            return False, 0
        data = _seek(self._descriptor, self.position, os.SEEK_DATA, self._size)
        if data > self.position:
            return False, data - self.position
        return True, _seek(
            self._descriptor, self.position, os.SEEK_HOLE, self._size
        ) - self.position

    def _read(self, _stream: libvirt.virStream, count: int, _opaque: object) -> bytes:
        chunk = os.pread(self._descriptor, count, self.position)
        self.hash.update(chunk)
        self.sparse.add(chunk)
        self.position += len(chunk)
        return chunk

    def _skip(self, _stream: libvirt.virStream, length: int, _opaque: object) -> int:
        for start in range(0, length, len(_ZEROS)):
            self.hash.update(_ZEROS[: min(len(_ZEROS), length - start)])
        self.sparse.add_hole(length)
        self.position += length
        return 0


def _seek(descriptor: int, position: int, whence: int, size: int) -> int:
    try:
        return min(os.lseek(descriptor, position, whence), size)
    except OSError as error:
        # ENXIO: no data until the end. Anything else: a file system that does not know of holes, so all is data.
        return position if whence == os.SEEK_DATA and error.errno != errno.ENXIO else size


def open_source(option: str, path: str) -> int:
    """Return a descriptor of the regular file ``path``; raises NotFound or HeadroomError naming ``option``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound(
            f"{option}: there is no file {path!r} where this module runs. Copy it there first.",
            path=path,
        ) from error
    except OSError as error:
        raise HeadroomError(
            f"{option}: {path!r} cannot be read: {error.strerror}.", path=path
        ) from error
    if not _is_regular(descriptor):
        os.close(descriptor)
        raise HeadroomError(
            f"{option}: {path!r} is not a regular file. Name a disk image.", path=path
        )
    return descriptor


def send_file(connection: Connection, volume: libvirt.virStorageVol, descriptor: int) -> Digest:
    """Upload the whole open file into ``volume`` and return the Digest of exactly what was sent.

    Raises ChecksumMismatch when something else is read back.
    """
    sender = _FileSender(descriptor, os.fstat(descriptor).st_size)
    storage.upload(connection, volume, sender.send)
    received = storage.digest_sparse(connection, volume, sender.position, lambda: None)
    require_same(storage.read_volume_path(volume), sender.sparse, received)
    return Digest(sender.hash.hexdigest(), sender.position)


def receive_file(connection: Connection, volume: libvirt.virStorageVol, descriptor: int) -> Digest:
    """Write the content of ``volume`` into the open empty file, with holes where it is zero, and return its Digest."""
    running, size = hashlib.sha256(), [0]

    def take(_stream: libvirt.virStream, chunk: bytes, _opaque: object) -> int:
        running.update(chunk)
        if chunk != _ZEROS[: len(chunk)]:
            _write_all(descriptor, chunk, size[0])
        size[0] += len(chunk)
        return len(chunk)

    storage.download(connection, volume, lambda stream: stream.recvAll(take, None))
    os.ftruncate(descriptor, size[0])
    return Digest(running.hexdigest(), size[0])


def _write_all(descriptor: int, chunk: bytes, position: int) -> None:
    while chunk:
        written = os.pwrite(descriptor, chunk, position)
        chunk, position = chunk[written:], position + written


def send_bytes(connection: Connection, volume: libvirt.virStorageVol, content: bytes) -> None:
    """Upload ``content`` into ``volume``; raises ChecksumMismatch when something else is read back."""
    rest = [content]

    def read(_stream: libvirt.virStream, count: int, _opaque: object) -> bytes:
        chunk, rest[0] = rest[0][:count], rest[0][count:]
        return chunk

    storage.upload(connection, volume, lambda stream: stream.sendAll(read, None))
    sent = SparseDigest()
    sent.add(content)
    received = storage.digest_sparse(connection, volume, sent.size_bytes, lambda: None)
    require_same(storage.read_volume_path(volume), sent, received)


def require_same(path: str, sent: SparseDigest, received: SparseDigest) -> None:
    """Raise ChecksumMismatch unless what was read back of the volume at ``path`` is what was sent into it."""
    if received.hex() != sent.hex():
        raise ChecksumMismatch(
            f"{path} is not what was sent there: {received.size_bytes} bytes of {sent.size_bytes} were read back, or "
            "other ones. Nothing else is touched. Look at that host's storage and memory, then run the task again.",
            path=path,
        )


def copy(
    connection: Connection,
    source: libvirt.virStorageVol,
    target: libvirt.virStorageVol,
    *,
    skip_zeros: bool = False,
) -> None:
    """Copy the file of ``source`` into ``target`` byte for byte, what no image format shows included.

    With ``skip_zeros`` what is zero becomes a hole: for a new ``target``, in which nothing lies yet.
    """

    def send(outgoing: libvirt.virStream) -> None:
        def pass_on(_stream: libvirt.virStream, chunk: bytes, _opaque: object) -> int:
            if skip_zeros and chunk == _ZEROS[: len(chunk)]:
                outgoing.sendHole(len(chunk), 0)
                return len(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[outgoing.send(bytes(rest)) :]
            return len(chunk)

        storage.download(connection, source, lambda incoming: incoming.recvAll(pass_on, None))

    storage.upload(connection, target, send)


def read_bytes(connection: Connection, volume: libvirt.virStorageVol, limit: int) -> bytes:
    """Return the content of ``volume``; raises HeadroomError when it is longer than ``limit`` bytes."""
    content = bytearray()

    def take(_stream: libvirt.virStream, chunk: bytes, _opaque: object) -> int:
        content.extend(chunk)
        if len(content) > limit:
            raise HeadroomError(f"the volume {volume.name()!r} is longer than {limit} bytes")
        return len(chunk)

    storage.download(connection, volume, lambda stream: stream.recvAll(take, None))
    return bytes(content)


def digest(connection: Connection, volume: libvirt.virStorageVol) -> Digest:
    """Return the Digest of the volume's file, byte for byte as it lies in the pool."""
    running, size = hashlib.sha256(), [0]

    def take(_stream: libvirt.virStream, chunk: bytes, _opaque: object) -> int:
        running.update(chunk)
        size[0] += len(chunk)
        return len(chunk)

    storage.download(connection, volume, lambda stream: stream.recvAll(take, None))
    return Digest(running.hexdigest(), size[0])


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
