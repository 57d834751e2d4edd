# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is no disk is told by name; what may be one is not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header
from ansible_collections.headroom.libvirt.plugins.module_utils._image.content import detect_content

SECTORS = 1 << 20


def pack_tar(name: str, form: int = tarfile.GNU_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        member = tarfile.TarInfo(name)
        member.size = 4096
        archive.addfile(member, io.BytesIO(bytes(4096)))
    return target.getvalue()


def forget_magic(archive: bytes) -> bytes:
    """A tar of before POSIX: no magic, and the checksum of that."""
    blank = bytearray(archive)
    blank[257:265] = bytes(8)
    blank[148:156] = b" " * 8
    blank[148:156] = b"%06o\0 " % sum(blank[:512])
    return bytes(blank)


def pack_zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("disk.vmdk", bytes(4096))
    return target.getvalue()


def build_program() -> bytes:
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + bytes(380)


TAR = pack_tar("disk.raw")
TEXTS = "a1b2c3  disk.qcow2\n" * 60


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TAR, "a tar archive"),
        (pack_tar("disk.raw", tarfile.PAX_FORMAT), "a tar archive"),
        (forget_magic(TAR), "a tar archive"),
        (pack_tar("vm/web.ovf"), "an OVA"),
        (pack_tar("Web.OVF", tarfile.USTAR_FORMAT), "an OVA"),
        (gzip.compress(TAR, mtime=0), "packed by gzip"),
        (lzma.compress(TAR), "packed by xz"),
        (lzma.compress(TAR, lzma.FORMAT_ALONE), "packed by lzma"),
        (bz2.compress(TAR), "packed by bzip2"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd"),
        (b"\x04\x22\x4d\x18", "packed by lz4"),
        (pack_zip(), "a ZIP archive"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"070701000001", "a cpio archive"),
        (b"!<arch>\ndebian-binary", "a package or library"),
        (b"\xed\xab\xee\xdb\x03\x00", "an RPM package"),
        (b"MSWIM\0\0\0", "a Windows image"),
        (b"VMA\0\0\0\0\x01", "a backup of Proxmox"),
        (b"hsqs\x07\x00", "a squashfs"),
        (bytes(32769) + b"CD001\x01", "an ISO image"),
        (b"\xeb\x63\x90" + bytes(507) + b"\x55\xaa" + bytes(32257) + b"CD001\x01", "an ISO image"),
        (b"\x7fELF\x02\x01\x01", r"a program \(ELF\)"),
        (build_program(), r"a program \(PE\)"),
        (bytes(514) + b"HdrS", "a Linux kernel"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xd0\x0d\xfe\xed\x00\x00\x1b\x6e", "a device tree or FIT image"),
        (b"\x27\x05\x19\x56" + bytes(60), "an image of U-Boot"),
        (b"ANDROID!" + bytes(8), "a boot image of Android"),
        (b"KDUMP   \x06", "a crash dump"),
        (b"\0\0\0\x18ftypmp42", "a film or a picture"),
        (b"ID3\x04", "a sound"),
        (b"\0ntfsclone-image", "a backup of ntfsclone"),
        (b"PaRtImAgE-VoLuMe", "a backup of partimage"),
        (b"Salted__" + bytes(8), "a file that openssl has encrypted"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"SQLite format 3\0", "a database"),
        (b"<!DOCTYPE html><title>404</title>".ljust(1024), "a page or document"),
        (b"\xef\xbb\xbf\r\n <HTML>", "a page or document"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code>", "a page or document"),
        (b"<domain>\n", "a page or document"),
        (TEXTS.encode(), "a text"),
        (("ä\n" * 400).encode()[:1023], "a text"),
        (b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}\n'.ljust(1024), "a text"),
        (b'{"schemaVersion":2,"manifests":[' + b'{"size":7},' * 50, "a text"),
        (b'[{"name":"web"},'.ljust(1024, b"\0"), "a text"),
        ("\ufeff<html>not found</html>".encode("utf-16-le"), "a text"),
        (b"\xd6\xc3\xc4\x00\x00", "a difference between files"),
        (b"\x53\x2a\x4d\x18" + bytes(8), "packed by zstd or lz4"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:".ljust(512), "a text"),
    ],
)
def test_what_is_no_disk_is_named(content: bytes, name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"'img' is no disk image, but {name}") as refusal:
        header.inspect("source.file", "img", content[: header.HEADER_BYTES], SECTORS)
    assert "format: raw" in refusal.value.message
    image = header.inspect_raw("source.file", "img", content[: header.HEADER_BYTES], SECTORS)
    assert image == header.Image("raw", SECTORS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(65536),
        b"boot" + bytes(4092),
        b"\xeb\x63\x90".ljust(510, b"\0") + b"\x55\xaa",
        b"\xfa\xb8\x00\x10\x8e\xd0" + bytes(504) + b"\x55\xaa",
        bytes(512) + b"EFI PART" + bytes(504),
        b"MZ".ljust(512, b"\0"),
        b"\xeb\x3c\x90mkfs.fat".ljust(512, b"\0"),
        bytes(1080) + b"\x53\xef" + bytes(1000),
        b"x" * 512,
        hashlib.shake_256(b"of an encrypted disk").digest(65536),
    ],
)
def test_what_may_be_a_disk_is_left_alone(content: bytes) -> None:
    """Empty, with a boot sector, with a table of partitions, with a file system alone, encrypted."""
    assert detect_content(content) is None
