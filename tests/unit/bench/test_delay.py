# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The road that takes its time, in front of a server that echoes."""

from __future__ import annotations

import asyncio
import time
import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.delay import delayed

if t.TYPE_CHECKING:
    from pathlib import Path

ROUND_TRIP = 0.04


@pytest.mark.parametrize("times", [1, 3])
def test_every_answer_comes_late_and_whole(tmp_path: Path, times: int) -> None:
    target = tmp_path / "echo"
    with delayed(ROUND_TRIP, str(target)) as uri:
        (road,) = parse_qs(urlsplit(uri).query)["socket"]
        seconds = asyncio.run(talk(str(target), road, times))
    assert seconds >= times * ROUND_TRIP


async def talk(target: str, road: str, times: int) -> float:
    """Say something of a few buffers so many times; the seconds until all answers have come."""

    over = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            writer.write(piece)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_unix_server(echo, target):
        reader, writer = await asyncio.open_unix_connection(road)
        started = time.monotonic()
        for turn in range(times):
            said = bytes([turn]) * 200_000
            writer.write(said)
            assert await reader.readexactly(len(said)) == said
        elapsed = time.monotonic() - started
        writer.close()
        await writer.wait_closed()
        await over.wait()
        return elapsed
