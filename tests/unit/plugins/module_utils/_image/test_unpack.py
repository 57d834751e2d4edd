# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import typing as t
import zlib
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import unpack

CONTENT = os.urandom(256 << 10) + bytes(2816 << 10) + b"end"


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout


PACKERS: dict[str, t.Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
if shutil.which("zstd"):
    PACKERS["zstd"] = zstd


def unpacked(
    folder: Path, packed: bytes, compression: str, limit: int = 1 << 30
) -> tuple[bytes, int]:
    with tempfile.TemporaryFile() as source:
        source.write(packed)
        source.flush()
        with unpack.unpack(
            "source.file", "/x", source.fileno(), compression, folder, limit
        ) as descriptor:
            facts = os.fstat(descriptor)
            return os.pread(descriptor, facts.st_size + 1, 0), facts.st_blocks * 512


@pytest.mark.parametrize("compression", PACKERS)
def test_what_was_packed_comes_out_with_holes(tmp_path: Path, compression: str) -> None:
    content, taken = unpacked(tmp_path, PACKERS[compression](CONTENT), compression)
    assert content == CONTENT
    assert taken < 2 << 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", PACKERS)
def test_several_streams_are_one_file(tmp_path: Path, compression: str) -> None:
    packed = PACKERS[compression](b"one") + PACKERS[compression](b"two")
    assert unpacked(tmp_path, packed, compression)[0] == b"onetwo"


@pytest.mark.parametrize("compression", PACKERS)
def test_no_more_than_is_allowed(tmp_path: Path, compression: str) -> None:
    bomb = PACKERS[compression](bytes(8 << 20))
    with pytest.raises(InvalidInput, match="unpacks to more than the 1048576 bytes"):
        unpacked(tmp_path, bomb, compression, 1 << 20)


@pytest.mark.parametrize("compression", PACKERS)
@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-20], lambda packed: packed[:200] + b"XXXX" + packed[204:]]
)
def test_what_is_damaged_says_so(
    tmp_path: Path, compression: str, damage: t.Callable[[bytes], bytes]
) -> None:
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        unpacked(tmp_path, damage(PACKERS[compression](CONTENT)), compression)


def test_xz_may_not_ask_for_all_memory(tmp_path: Path) -> None:
    packed = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    small = packed.compress(b"x") + packed.flush()
    assert unpacked(tmp_path, small, "xz")[0] == b"x"
    # the dictionary's size stands in the block header, checked by its CRC: 0x27 says 3 GiB
    header = bytearray(small[12:24])
    header[4] = 0x27
    header[8:12] = zlib.crc32(bytes(header[:8])).to_bytes(4, "little")
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        unpacked(tmp_path, small[:12] + bytes(header) + small[24:], "xz")


@pytest.mark.parametrize("compression", PACKERS)
def test_the_head_of_a_packed_file(compression: str) -> None:
    packed = PACKERS[compression](CONTENT)
    assert unpack.unpack_head("source.url", "/x", packed, compression, 65536) == CONTENT[:65536]
