# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""detect_content(): what a file is that is no disk, by how it begins. Pure.

Archives, pages, programs and pictures of whole sectors would pass for raw disks, of which any content is one. The
numbers are those of https://github.com/file/file/tree/master/magic/Magdir, each format's own specification behind them.
"""

from __future__ import annotations

import re
import typing as t

# What is packed is unpacked before, once: these are in what was packed, or are not unpacked here.
_PACKED: t.Final = (
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    *((0, bytes([first]) + b"\x2a\x4d\x18", "zstd or lz4") for first in range(0x50, 0x60)),
    (0, b"LZIP", "lzip"),
    (0, b"\x89LZO\x00", "lzop"),
    (0, b"\x5d\x00\x00", "lzma"),
    (0, b"\x1f\x9d", "compress"),
)
_ARCHIVES: t.Final = (
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"PK\x07\x08", "a ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"MSCF", "a cabinet archive"),
    (0, b"xar!", "a xar archive"),
    (0, b"070701", "a cpio archive"),
    (0, b"070702", "a cpio archive"),
    (0, b"070707", "a cpio archive"),
    (0, b"\xc7\x71", "a cpio archive"),
    (0, b"!<arch>\n", "a package or library (ar)"),
    (0, b"\xed\xab\xee\xdb", "an RPM package"),
    (0, b"MSWIM\x00\x00\x00", "a Windows image (WIM)"),
    (0, b"VMA\x00", "a backup of Proxmox (VMA)"),
    (0, b"\x3a\xff\x26\xed", "a sparse image of Android"),
    (0, b"partclone-image", "a backup of partclone"),
    (0, b"PaRtImAgE-VoLuMe", "a backup of partimage"),
    (0, b"\x00ntfsclone-image", "a backup of ntfsclone"),
    (0, b"FsA0", "a backup of FSArchiver"),
    (0, b"Salted__", "a file that openssl has encrypted"),
    (0, b"PACK\x00\x00\x00", "a pack of git"),
    (0, b"EVF\x09\x0d\x0a\xff\x00", "a forensic image (EWF)"),
    (0, b"btrfs-stream\x00", "a stream of btrfs"),
    (0, b"\xd6\xc3\xc4\x00", "a difference between files (VCDIFF)"),
    (0, b"\xd6\xc3\xc4\x53", "a difference between files (VCDIFF)"),
    (0, b"hsqs", "a squashfs"),
    (0, b"sqsh", "a squashfs"),
)
_OTHERS: t.Final = (
    (32769, b"CD001", "an ISO image of a CD or DVD"),
    (32769, b"BEA01", "an image of a DVD (UDF)"),
    (0, b"\x7fELF", "a program (ELF)"),
    (0, b"\xfe\xed\xfa\xce", "a program (Mach-O)"),
    (0, b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (0, b"\xca\xfe\xba\xbe", "a program (Java or Mach-O)"),
    (514, b"HdrS", "a Linux kernel"),
    (56, b"ARMd", "a Linux kernel"),
    (56, b"RSC\x05", "a Linux kernel"),
    (0, b"\x27\x05\x19\x56", "an image of U-Boot"),
    (0, b"\xd0\x0d\xfe\xed", "a device tree or FIT image"),
    (0, b"ANDROID!", "a boot image of Android"),
    (0, b"KDUMP   ", "a crash dump"),
    (0, b"MDMP\x93\xa7", "a crash dump"),
    (0, b"PAGEDU", "a crash dump"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (0, b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"RIFF", "a picture, a sound or a film (RIFF)"),
    (0, b"OggS\x00", "a sound or a film (Ogg)"),
    (0, b"ID3", "a sound (MP3)"),
    (0, b"fLaC", "a sound (FLAC)"),
    (0, b"\x1a\x45\xdf\xa3", "a film (Matroska)"),
    (4, b"ftyp", "a film or a picture (MP4)"),
    (0, b"SQLite format 3\x00", "a database (SQLite)"),
    (0, b"LibvirtQemudSave", "a saved state of libvirt"),
    (0, b"LibvirtQemudPart", "a saved state of libvirt"),
    (0, b"QEVM", "a migration stream of QEMU"),
)
_TAR_NAME_BYTES: t.Final = 100
_TAR_CHECKSUM: t.Final = slice(148, 156)
_TAR_HEADER_BYTES: t.Final = 512
_TEXT_BYTES: t.Final = 512
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|!--|svg|rss|error|[a-z]+>)",
    re.IGNORECASE,
)
# A line of whole sectors, such as the answer of a registry.
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*\"[^\"\x00]*\"\s*:")
_WIDE_TEXT = re.compile(rb"(?:\xff\xfe(?:[\t\n\r -~]\x00){8}|\xfe\xff(?:\x00[\t\n\r -~]){8})")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def detect_content(head: bytes) -> str | None:
    """Return what a file that begins with ``head`` is (``a tar archive``), None when it may be a disk."""
    for offset, magic, name in _PACKED:
        if head.startswith(magic, offset):
            return f"packed by {name}"
    for offset, magic, name in (*_ARCHIVES, *_OTHERS):
        if head.startswith(magic, offset):
            return name
    if _is_tar(head):
        return "an OVA" if b".ovf\x00" in head[: _TAR_NAME_BYTES + 1].lower() else "a tar archive"
    if _is_portable_executable(head):
        return "a program (PE)"
    if _MARKUP.match(head):
        return "a page or document (HTML or XML)"
    texts = (_JSON.match(head), _WIDE_TEXT.match(head), _is_text(head))
    return "a text" if any(texts) else None


def _is_tar(head: bytes) -> bool:
    """Return whether ``head`` is that of a member: by its magic, or, of an old one, by its checksum."""
    if head.startswith(b"ustar", 257):
        return True
    header = head[:_TAR_HEADER_BYTES]
    digits = header[_TAR_CHECKSUM].strip(b" \x00")
    if len(header) < _TAR_HEADER_BYTES or not header[0] or not re.fullmatch(rb"[0-7]{3,6}", digits):
        return False
    blank = sum(header) - sum(header[_TAR_CHECKSUM]) + 8 * ord(" ")
    return blank == int(digits, 8)


def _is_portable_executable(head: bytes) -> bool:
    if not head.startswith(b"MZ") or len(head) < 64:
        return False
    return head.startswith(b"PE\x00\x00", int.from_bytes(head[60:64], "little"))


def _is_text(head: bytes) -> bool:
    """Return whether the first sector is lines of text; what boots has code there, or zeros."""
    sector = head[:_TEXT_BYTES]
    if len(sector) < _TEXT_BYTES or b"\n" not in sector or _CONTROLS.search(sector):
        return False
    try:
        sector.decode()
    except UnicodeDecodeError as error:
        return error.start > len(sector) - 4  # a character that the sector cuts
    return True
