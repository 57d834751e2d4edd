# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header

PATH = "/srv/disk"


def qcow2(  # noqa: PLR0913 - one a field
    *,
    version: int = 3,
    backing_offset: int = 0,
    size: int = 1 << 30,
    encryption: int = 0,
    incompatible: int = 0,
    extensions: bytes = b"",
    l1: tuple[int, int] | None = None,
    reftable: int = 1,
    snapshots: int = 0,
) -> bytes:
    """A qcow2 header by the field table of the specification, one struct code a field; ``l1`` is (entries, offset)."""
    entries, offset = l1 or (min(size // (512 << 20) + 1, 1 << 32 - 1), 0x30000)
    head = b"QFI\xfb" + struct.pack(">I", version)
    head += struct.pack(">QI", backing_offset, 11 if backing_offset else 0)
    head += struct.pack(">IQI", 16, size, encryption)
    head += struct.pack(">IQQIIQ", entries, offset, 0x10000, reftable, snapshots, 0)
    if version >= 3:
        head += struct.pack(">QQQII", incompatible, 0, 0, 4, 104)
    return (head + extensions + struct.pack(">II", 0, 0)).ljust(65536, b"\0")


def inspect(head: bytes, size: int = 1 << 20) -> header.Image:
    return header.inspect("source.file", PATH, head, size)


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_qcow2_image_says_its_size(version: int) -> None:
    found = inspect(qcow2(version=version, size=10 << 30))
    assert (found.format, found.virtual_size_bytes) == ("qcow2", 10 << 30)
    assert found.tables == header.Tables(0x30000, 21, 65536, 8)


def test_harmless_extensions_do_not_matter() -> None:
    names = struct.pack(">II", 0x6803F857, 5) + b"dirty".ljust(8, b"\0")
    assert inspect(qcow2(extensions=names)).format == "qcow2"


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (qcow2(backing_offset=0x200), "names a backing file"),
        (qcow2(version=2, backing_offset=0x200), "names a backing file"),
        (
            qcow2(extensions=struct.pack(">II", 0xE2792ACA, 3) + b"raw".ljust(8, b"\0")),
            "names a backing file",
        ),
        (qcow2(incompatible=1 << 2), "keeps its data in another file"),
        (
            qcow2(extensions=struct.pack(">II", 0x44415441, 11) + b"/etc/shadow".ljust(16, b"\0")),
            "keeps its data in another file",
        ),
        (qcow2(encryption=2), "is encrypted"),
        (qcow2(incompatible=1 << 1), "is marked as corrupt"),
        (qcow2(version=7), "has a damaged qcow2 header"),
        (qcow2(version=1), "is in the format qcow, which qcow2 came after"),
        (qcow2(size=0), "has a damaged qcow2 header"),
        (qcow2()[:50], "is a truncated qcow2 image"),
        (b"\x1f\x8b" + bytes(510), "is no disk image, but packed by gzip"),
        (b"\xfd7zXZ\x00" + bytes(506), "is no disk image, but packed by xz"),
        (b"KDMV" + bytes(508), "is in the format VMDK"),
        (b"LUKS\xba\xbe" + bytes(506), "is in the format LUKS"),
        (b"COWD" + bytes(508), "is in the format VMDK"),
        (b"conectix" + bytes(504), "is in the format VHD"),
        (qcow2(extensions=struct.pack(">II", 0x0537BE77, 16) + bytes(16)), "is encrypted"),
        (qcow2(incompatible=1 << 9), "has features that are not known here"),
        (
            qcow2(l1=(1, 0x30000)),
            "claims a disk of 1073741824 bytes, for which its table is too small",
        ),
        (qcow2(l1=(1 << 30, 0x30000)), "claims tables of 8589934592 bytes, more than QEMU takes"),
        (qcow2(reftable=1 << 20), "claims tables of 68719476736 bytes, more than QEMU takes"),
        (qcow2(l1=(3, 1 << 40)), "claims tables beyond its end"),
        (qcow2(l1=(3, 0x30008)), "claims tables where none can be"),
        (qcow2(l1=(3, 0)), "claims tables where none can be"),
        (qcow2(snapshots=1 << 16), "claims 65536 snapshots"),
    ],
)
def test_each_image_that_cannot_be_trusted_is_refused_in_its_own_words(
    head: bytes, problem: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        inspect(head)
    assert caught.value.message.startswith(f"source.file: {PATH!r} {problem}")
    assert caught.value.details["remedy"]


@pytest.mark.parametrize("content", [b"", b"hello\n"])
def test_a_raw_disk_is_of_whole_sectors(content: bytes) -> None:
    with pytest.raises(
        InvalidInput, match=f"is not a raw disk image: it is {len(content)} bytes long"
    ):
        inspect(content, len(content))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (qcow2(), "qcow2"),
        (b"QFI\xfb\x00\x00\x00\x01" + bytes(504), "qcow2"),
        (b"KDMV" + bytes(508), "VMDK"),
        (b"# Disk DescriptorFile\nversion=1\n".ljust(512, b"\0"), "VMDK"),
        (b"# anything\n\n  \nversion=2\r\n".ljust(512, b"\0"), "VMDK"),
        (b"version=1\n".ljust(512, b"\0"), "VMDK"),
        (b"conectix" + bytes(504), "VHD"),
        (b"vhdxfile" + bytes(504), "VHDX"),
        (b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(512, b"\0"), "VDI"),
        (bytes(64) + b"\x7f\x10\xda\xbe" + bytes(444), "VDI"),
        (b"QED\0" + bytes(508), "QED"),
        (b"WithoutFreeSpace" + bytes(496), "Parallels"),
        (b"LUKS\xba\xbe" + bytes(506), "LUKS"),
        (b"Bochs Virtual HD Image".ljust(512, b"\0"), "Bochs"),
        (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop".ljust(512, b"\0"), "cloop"),
        (b'json:{"driver":"raw"}'.ljust(512, b"\0"), "a description in JSON"),
    ],
)
def test_what_is_called_raw_begins_like_no_other_disk(head: bytes, name: str) -> None:
    """S2: whoever probes it would open the files that its header names."""
    with pytest.raises(
        InvalidInput, match=f"is said to be raw, but begins like an image in the format {name}"
    ):
        header.inspect_raw("source.format", PATH, head, 1 << 20)


@pytest.mark.parametrize(
    "head",
    [
        bytes(65536),
        bytes(32769) + b"CD001" + bytes(1024),  # an ISO names no other file
        b"\x1f\x8b" + bytes(510),
        b"\xeb\x63\x90".ljust(510, b"\0") + b"\x55\xaa",
        b"# a comment\nversions=none".ljust(512, b"\0"),
    ],
)
def test_what_nothing_takes_for_an_image_is_raw(head: bytes) -> None:
    assert header.inspect_raw("source.format", PATH, head, 1 << 20) == header.Image("raw", 1 << 20)


def test_a_disk_that_is_far_larger_than_its_file_must_be_asked_for() -> None:
    found = inspect(qcow2(size=10 << 30))
    with pytest.raises(
        InvalidInput,
        match=r"claims a disk of 10737418240 bytes in a file of 200000.*max_size: 10737418240",
    ):
        header.refuse_bomb("source.file", PATH, found, 200_000, None)
    header.refuse_bomb("source.file", PATH, found, 200_000, 10 << 30)
    header.refuse_bomb("source.file", PATH, found, 600 << 20, None)


def test_packed_files_are_known_by_their_first_bytes() -> None:
    assert header.detect_compression(b"\xfd7zXZ\x00...") == "xz"
    assert header.detect_compression(qcow2()) is None


def test_what_has_no_header_is_raw() -> None:
    assert inspect(bytes(512), size=1 << 20) == header.Image("raw", 1 << 20)


@given(st.binary(max_size=400), st.booleans())
def test_no_content_does_anything_but_pass_or_be_refused(content: bytes, magic: bool) -> None:
    try:
        found = inspect(
            b"QFI\xfb" + content if magic else content, 1 << 20 if magic else len(content)
        )
    except InvalidInput:
        return
    assert found.virtual_size_bytes > 0
    assert (found.format == "qcow2") == magic or not magic


@given(st.integers(1, 2**64 - 1))
def test_an_image_with_a_backing_file_never_passes(offset: int) -> None:
    with pytest.raises(InvalidInput, match="backing file"):
        inspect(qcow2(backing_offset=offset))


@pytest.mark.parametrize(
    ("head", "declared", "whole", "obstacles"),
    [
        (qcow2(), "qcow2", False, ()),
        (qcow2(snapshots=2), "qcow2", True, ()),
        (
            qcow2(snapshots=2),
            "qcow2",
            False,
            ("holds 2 snapshots that only qemu-img sees, and that stay behind",),
        ),
        (
            qcow2(incompatible=4, extensions=struct.pack(">II8s", 0x44415441, 5, b"a.raw")),
            "qcow2",
            True,
            ("keeps its data in a file of its own",),
        ),
        (
            b"# Disk DescriptorFile\nversion=1\n",
            "vmdk",
            True,
            ("keeps its data in files of its own",),
        ),
        (b"KDMV".ljust(512, b"\0"), "vmdk", True, ()),
        (b"# Disk DescriptorFile\nversion=1\n", "raw", True, ()),
        (b"", "qcow2", True, ()),
        (b"x" * 512, "qcow2", False, ()),
    ],
)
def test_what_a_copy_would_lack_is_seen_in_the_first_bytes(
    head: bytes, declared: str, whole: bool, obstacles: tuple[str, ...]
) -> None:
    assert header.find_hidden(head, declared, is_copied_whole=whole) == obstacles


def name_backing(text: str) -> bytes:
    """A qcow2 header that stands on ``text``."""
    name = text.encode()
    head = bytearray(qcow2(backing_offset=0x200))
    head[16:20] = struct.pack(">I", len(name))
    head[0x200 : 0x200 + len(name)] = name
    return bytes(head)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/i/base.qcow2", "/i/base.qcow2"),
        ("file:/i/base.qcow2", "/i/base.qcow2"),
        ('json:{"driver": "qcow2", "file": {"driver": "file", "filename": "/i/a"}}', "/i/a"),
        ('json:{"driver":"qcow2","file.driver":"file","file.filename":"/i/a"}', "/i/a"),
        ('json:{"file.file.filename": "/i/a"}', "/i/a"),
        (
            'json:{"driver": "qcow2", "file": {"filename": "/i/w\\u00e9b \\"1\\".q"}}',
            '/i/wéb "1".q',
        ),
        (
            'json:{"backing": {"file": {"filename": "/i/below"}}, "file": {"file": {"filename": "/i/a"}}}',
            "/i/a",
        ),
        ('json:{"driver": "nbd", "server": {"host": "h", "type": "inet"}}', None),
        ('json:{"file": ["/i/a"]}', None),
        ('json:{"file.filename": 7', None),
        ("json:" + '{"file":' * 60, None),
    ],
)
def test_the_file_below_is_read_as_qemu_writes_it(text: str, path: str | None) -> None:
    """What QEMU writes as JSON has all that is not ASCII escaped, and quotes."""
    found = header.read_backing(name_backing(text))
    assert (None if found is None else found.path) == path


@pytest.mark.parametrize(("tail", "name"), [(b"conectix", "VHD"), (b"koly\0\0\0\4", "DMG")])
def test_a_disk_of_another_format_is_known_by_its_end(tail: bytes, name: str) -> None:
    """A fixed VHD, as clouds want it, is a raw disk with one sector more; the sector would be on the disk."""
    with pytest.raises(InvalidInput, match=f"is in the format {name}. Convert it first"):
        header.refuse_trailer("source.file", PATH, tail.ljust(512, b"\0"))
    header.refuse_trailer("source.file", PATH, bytes(512))
