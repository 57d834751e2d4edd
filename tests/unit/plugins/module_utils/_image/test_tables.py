# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header, tables


def check(content: bytes) -> None:
    found = header.inspect("source.file", "/x", content[: header.HEADER_BYTES], len(content))
    assert found.tables is not None

    def read(offset: int, count: int) -> bytes:
        return content[offset : offset + count]

    tables.check("source.file", "/x", found.tables, len(content), read)


@pytest.fixture(
    scope="module",
    params=["-o cluster_size=65536", "-o cluster_size=512", "-c", "-o extended_l2=on"],
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An image that QEMU made, 8 MiB with data in it."""
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    folder = tmp_path_factory.mktemp("images")
    (folder / "raw").write_bytes(bytes(range(256)) * 8192 + bytes(2 << 20) + b"x" * (4 << 20))
    options = request.param.split()
    subprocess.run(
        [
            "qemu-img",
            "convert",
            "-q",
            "-f",
            "raw",
            "-O",
            "qcow2",
            *options,
            folder / "raw",
            folder / "q",
        ],
        check=True,
    )
    return Path(folder / "q").read_bytes()


def test_what_qemu_made_passes(whole: bytes) -> None:
    check(whole)


def test_what_was_cut_off_does_not(whole: bytes) -> None:
    with pytest.raises(InvalidInput, match="beyond its end"):
        check(whole[: len(whole) * 2 // 3])


def crafted(l1: list[int], l2: list[int], size: int = 1 << 30) -> bytes:
    """A header, the first table at 0x30000 and one of the second at 0x40000, in a file of 0x60000 bytes."""
    head = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 16, size, 0, len(l1), 0x30000, 0x10000, 1, 0, 0
    )
    head += struct.pack(">QQQIIQ", 0, 0, 0, 4, 104, 0)
    content = bytearray(head.ljust(0x60000, b"\0"))
    struct.pack_into(f">{len(l1)}Q", content, 0x30000, *l1)
    struct.pack_into(f">{len(l2)}Q", content, 0x40000, *l2)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (crafted([0x40000, 0x40000], []), "uses a table for several parts"),
        (crafted([0x900000, 0], []), "a table that lies beyond its end"),
        (crafted([0x40200, 0], []), "a table that lies beyond its end"),
        (crafted([0x40000, 0], [0x900000]), "data that lies beyond its end"),
        (crafted([0x40000, 0], [1 << 62 | 0x900000]), "data that lies beyond its end"),
        (crafted([0x40000, 0], [0x50000] * 100), "uses the same data for several parts"),
    ],
)
def test_tables_that_lead_astray(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        check(content)


def test_tables_that_stay_inside_pass() -> None:
    check(crafted([1 << 63 | 0x40000, 0], [1 << 63 | 0x50000, 1, 0]))
