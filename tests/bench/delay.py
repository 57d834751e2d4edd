# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distant host on one machine: a Unix socket whose bytes arrive late, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def delayed(socket: Path, target: Path, round_trip: float) -> Iterator[None]:
    """Have `socket` lead to the one at `target`, with `round_trip` seconds between a question and its answer.

    What is sent while other bytes are under way does not wait for them: only time is added, as a long line would.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> asyncio.Server:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_unix_connection(str(target))
            try:
                await asyncio.gather(_pass(reader, back, round_trip / 2), _pass(there, writer, round_trip / 2))
                await asyncio.sleep(round_trip)  # for what is still under way
            finally:
                back.close()
                writer.close()

        return await asyncio.start_unix_server(accept, str(socket))

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        socket.unlink(missing_ok=True)


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # the transports close in the loop's next turn


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            loop.call_later(delay, writer.write, data)
        loop.call_later(delay, writer.write_eof)
