# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import image
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

PATH = "/srv/disk"


def qcow2(
    *,
    version: int = 3,
    backing_offset: int = 0,
    size: int = 1 << 30,
    encryption: int = 0,
    incompatible: int = 0,
    extensions: bytes = b"",
) -> bytes:
    """A qcow2 header by the field table of the specification, one struct code a field."""
    head = b"QFI\xfb" + struct.pack(">I", version)
    head += struct.pack(">QI", backing_offset, 11 if backing_offset else 0)
    head += struct.pack(">IQI", 16, size, encryption)
    head += struct.pack(">IQQIIQ", 1, 0x30000, 0x10000, 1, 0, 0)
    if version >= 3:
        head += struct.pack(">QQQII", incompatible, 0, 0, 4, 104)
    return (head + extensions + struct.pack(">II", 0, 0)).ljust(65536, b"\0")


def inspect(head: bytes, size: int | None = None) -> image.Image:
    return image.inspect("source.file", PATH, head, len(head) if size is None else size)


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_qcow2_image_says_its_size(version: int) -> None:
    assert inspect(qcow2(version=version, size=10 << 30)) == image.Image("qcow2", 10 << 30)


def test_harmless_extensions_do_not_matter() -> None:
    names = struct.pack(">II", 0x6803F857, 5) + b"dirty".ljust(8, b"\0")
    assert inspect(qcow2(extensions=names)).format == "qcow2"


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (qcow2(backing_offset=0x200), "names a backing file"),
        (qcow2(version=2, backing_offset=0x200), "names a backing file"),
        (qcow2(extensions=struct.pack(">II", 0xE2792ACA, 3) + b"raw".ljust(8, b"\0")), "names a backing file"),
        (qcow2(incompatible=1 << 2), "keeps its data in another file"),
        (
            qcow2(extensions=struct.pack(">II", 0x44415441, 11) + b"/etc/shadow".ljust(16, b"\0")),
            "keeps its data in another file",
        ),
        (qcow2(encryption=2), "is encrypted"),
        (qcow2(incompatible=1 << 1), "is marked as corrupt"),
        (qcow2(version=7), "has a damaged qcow2 header"),
        (qcow2(size=0), "has a damaged qcow2 header"),
        (qcow2()[:50], "is a truncated qcow2 image"),
        (b"\x1f\x8b" + bytes(510), "is in the format gzip"),
        (b"\xfd7zXZ\x00" + bytes(506), "is in the format xz"),
        (b"KDMV" + bytes(508), "is in the format VMDK"),
        (b"LUKS\xba\xbe" + bytes(506), "is in the format LUKS"),
        (b"", "is no raw disk image"),
        (b"hello\n", "is no raw disk image"),
    ],
)
def test_each_image_that_cannot_be_trusted_is_refused_in_its_own_words(head: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        inspect(head)
    assert caught.value.message.startswith(f"source.file: {PATH!r} {problem}")
    assert caught.value.details["remedy"]


def test_what_has_no_header_is_raw() -> None:
    assert inspect(bytes(512), size=1 << 20) == image.Image("raw", 1 << 20)


@given(st.binary(max_size=400), st.booleans())
def test_no_content_does_anything_but_pass_or_be_refused(content: bytes, magic: bool) -> None:
    try:
        found = inspect(b"QFI\xfb" + content if magic else content)
    except InvalidInput:
        return
    assert found.virtual_size_bytes > 0
    assert (found.format == "qcow2") == magic or not magic


@given(st.integers(1, 2**64 - 1))
def test_an_image_with_a_backing_file_never_passes(offset: int) -> None:
    with pytest.raises(InvalidInput, match="backing file"):
        inspect(qcow2(backing_offset=offset))
