# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import virt_builder
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed

INDEX = f"""[debian-12]
name=Debian 12 (bookworm)
osinfo=debian12
arch=x86_64
aliases=debian  bookworm
file=debian-12.xz
checksum[sha512]={"b" * 128}
format=raw
size=6442450944
compressed_size=221602132
expand=/dev/sda1
notes=Debian 12 (bookworm).

 This is a minimal Debian install.

[debian-12]
arch=aarch64
file=debian-12-aarch64.xz
checksum={"c" * 128}
revision=3
size=100

[secret]
file=x
hidden=true
"""


def test_an_index() -> None:
    first, second = virt_builder.read_index(INDEX.encode())
    assert (first.name, first.version, first.arch, first.image_format) == (
        "debian-12",
        "1",
        "x86_64",
        "raw",
    )
    assert (first.disks[0].path, first.disks[0].size_bytes) == ("debian-12.xz", 221602132)
    assert (first.disks[0].checksum.algorithm, first.virtual_size_bytes) == ("sha512", 6442450944)
    assert first.os_id is None
    assert (first.aliases, second.aliases) == (("debian", "bookworm"), ())
    assert (second.version, second.arch, second.disks[0].size_bytes) == ("3", "aarch64", None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("file=debian-12.xz", "file=../../etc/shadow", "leads out"),
        ("checksum[sha512]", "checksum[md5]", "gives no sha512"),
        ("size=6442450944", "size=much", "is not a size in bytes"),
        ("format=raw", "format", "line 8 of the index cannot be read"),
        ("name=Debian 12", "\x01name Debian 12", "line 2 of the index cannot be read"),
    ],
)
def test_a_damaged_section_says_why(old: str, new: str, problem: str) -> None:
    assert problem in (virt_builder.read_index(INDEX.replace(old, new).encode())[0].problem or "")


def test_a_damaged_section_keeps_no_other_from_being_read() -> None:
    first, second = virt_builder.read_index(INDEX.replace("format=raw", "<<<").encode())
    assert first.problem
    assert (second.problem, second.arch) == (None, "aarch64")


@pytest.mark.parametrize("text", [b"<html>", b"a=b", b" x", b"\xff\xfe"])
def test_what_is_no_index(text: bytes) -> None:
    with pytest.raises(InvalidFeed):
        virt_builder.read_index(text)


@given(st.text(alphabet="[]=\n ab#.", max_size=60))
def test_no_content_does_anything_but_pass_or_be_refused(text: str) -> None:
    try:
        virt_builder.read_index(text.encode())
    except InvalidFeed:
        return


def test_a_byte_order_mark_and_ends_of_lines_of_others_are_read() -> None:
    names = [entry.name for entry in virt_builder.read_index(INDEX.encode())]
    foreign = INDEX.replace("\n", "\r\n").encode()
    signed = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + INDEX.encode()
    for text in (foreign, signed):
        assert [entry.name for entry in virt_builder.read_index(b"\xef\xbb\xbf" + text)] == names


def test_a_note_may_hold_what_is_an_end_of_a_line_elsewhere() -> None:
    text = "[a]\narch=x86_64\nfile=a.xz\nchecksum=" + "c" * 128
    notes = "\nnotes=one\u2028two\x0cthree\n and\x85four\n"
    (entry,) = virt_builder.read_index((text + notes).encode())
    assert entry.problem is None
