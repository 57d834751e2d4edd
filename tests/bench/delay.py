# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A road to libvirt that takes its time: a proxy that holds back all bytes, but passes on as many as come.

In place of netem, which not every kernel has.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_LIBVIRT = "/run/libvirt/libvirt-sock"
_MOST_BYTES = 1 << 16
_Parcel = tuple[float, bytes]


@contextlib.contextmanager
def delayed(round_trip: float, target: str = _LIBVIRT) -> Iterator[str]:
    """Yield a URI that reaches the host's libvirt with answers `round_trip` seconds later.

    The proxy is a process of its own. Begin with it before the first connection, since it is forked.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-delay-") as folder:
        path = Path(folder, "socket")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen()
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(_serve(listening, target, round_trip / 2))
            finally:
                os._exit(1)
        listening.close()
        try:
            yield f"qemu+unix:///system?socket={path}"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


async def _serve(listening: socket.socket, target: str, seconds: float) -> None:
    async def pair(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_unix_connection(target)
        await asyncio.gather(
            _forward(reader, their_writer, seconds), _forward(their_reader, writer, seconds)
        )

    server = await asyncio.start_unix_server(pair, sock=listening)
    await server.serve_forever()


async def _forward(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float
) -> None:
    """Pass on each piece `seconds` after it came, whatever is on its way already."""
    now = asyncio.get_running_loop().time
    parcels: asyncio.Queue[_Parcel] = asyncio.Queue()
    delivery = asyncio.create_task(_deliver(parcels, sink))
    piece = b"-"
    while piece:
        try:
            piece = await source.read(_MOST_BYTES)
        except ConnectionError:
            piece = b""
        parcels.put_nowait((now() + seconds, piece))
    await delivery


async def _deliver(parcels: asyncio.Queue[_Parcel], sink: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    with contextlib.suppress(ConnectionError):
        while True:
            due, piece = await parcels.get()
            await asyncio.sleep(due - now())
            if not piece:
                break
            sink.write(piece)
            await sink.drain()
    sink.close()
