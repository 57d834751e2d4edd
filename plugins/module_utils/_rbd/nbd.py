# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A server of QEMU's on a socket of this task, asked by the NBD protocol: Client reads and writes its image.

https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: the handshake "fixed newstyle" with
NBD_OPT_EXPORT_NAME, and simple replies. Nothing is in flight but one request.
"""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

if t.TYPE_CHECKING:
    import socket

_GREETING: t.Final = struct.Struct(">8s8sH")
_OPTION: t.Final = struct.Struct(">8sII")
_EXPORT: t.Final = struct.Struct(">QH")
_REQUEST: t.Final = struct.Struct(">IHHQQI")
_REPLY: t.Final = struct.Struct(">IIQ")
_MAGIC: t.Final = b"NBDMAGIC"
_OPTION_MAGIC: t.Final = b"IHAVEOPT"
_FIXED_NEWSTYLE: t.Final = 1
_NO_ZEROES: t.Final = 2
_EXPORT_NAME: t.Final = 1
_REQUEST_MAGIC: t.Final = 0x25609513
_REPLY_MAGIC: t.Final = 0x67446698
_READ: t.Final = 0
_WRITE: t.Final = 1
_DISCONNECT: t.Final = 2
_FLUSH: t.Final = 3


class Client:
    """A connection to a server that has one image, under no name; ``size_bytes`` is the image's.

    Raises ConnectionError from any call when the server goes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        magic, option_magic, flags = _GREETING.unpack(self._receive(_GREETING.size))
        if (magic, option_magic) != (_MAGIC, _OPTION_MAGIC) or not flags & _FIXED_NEWSTYLE:
            raise HeadroomError("the server of the image does not speak NBD as it should")
        quiet = flags & _NO_ZEROES
        connection.sendall(struct.pack(">I", _FIXED_NEWSTYLE | quiet))
        connection.sendall(_OPTION.pack(_OPTION_MAGIC, _EXPORT_NAME, 0))
        self.size_bytes, _flags = _EXPORT.unpack(self._receive(_EXPORT.size))
        if not quiet:
            self._receive(124)

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on."""
        self._ask(_READ, offset, count)
        return self._receive(count)

    def write(self, offset: int, content: bytes) -> None:
        """Write ``content`` at ``offset``; durable after flush()."""
        self._ask(_WRITE, offset, len(content), content)

    def flush(self) -> None:
        """Return when all that was written is durable."""
        self._ask(_FLUSH, 0, 0)

    def disconnect(self) -> None:
        """Tell the server that nothing more comes."""
        self._connection.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))

    def _ask(self, command: int, offset: int, count: int, content: bytes = b"") -> None:
        self._connection.sendall(
            _REQUEST.pack(_REQUEST_MAGIC, 0, command, 0, offset, count) + content
        )
        magic, error, _handle = _REPLY.unpack(self._receive(_REPLY.size))
        if magic != _REPLY_MAGIC or error:
            raise HeadroomError(f"the server of the image refuses a request (error {error})")

    def _receive(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._connection.recv(min(count - len(parts), 1 << 20))
            if not part:
                raise ConnectionResetError("the server of the image has gone")
            parts += part
        return bytes(parts)
