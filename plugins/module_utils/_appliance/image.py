# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a disk image says of itself, read without trusting it. Pure: bytes in, dataclasses out.

QEMU opens whatever files a qcow2 header names, with its own rights. So an image from outside may name none.
The layout is that of https://www.qemu.org/docs/master/interop/qcow2.html.
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

ImageFormat = t.Literal["qcow2", "raw"]

HEADER_BYTES: t.Final = 65536
_QCOW2_MAGIC: t.Final = b"QFI\xfb"
# magic, version, backing file offset and length, cluster bits, virtual size, encryption, …, incompatible features
_QCOW2 = struct.Struct(">4sIQIIQI36x")
_FEATURES = struct.Struct(">QQQII")
_EXTENSION = struct.Struct(">II")
_CORRUPT: t.Final = 1 << 1
_DATA_FILE: t.Final = 1 << 2
_DATA_FILE_EXTENSION: t.Final = 0x44415441
_BACKING_EXTENSIONS: t.Final = 0xE2792ACA
_OTHER_FORMATS: t.Final[dict[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"KDMV": "VMDK",
    b"# Disk DescriptorFile": "VMDK",
    b"vhdxfile": "VHDX",
    b"conectix": "VHD",
    b"<<< ": "VDI",
    b"QED\x00": "QED",
    b"LUKS\xba\xbe": "LUKS",
}


@dataclasses.dataclass(frozen=True)
class Image:
    """A disk image that may become a base: its format and the size that a guest sees."""

    format: ImageFormat
    virtual_size_bytes: int


def inspect(option: str, path: str, head: bytes, size: int) -> Image:
    """Return what the image is whose first HEADER_BYTES are ``head`` and whose file is ``size`` bytes long.

    Raises InvalidInput, naming ``option`` and ``path``, for what is no image, for another format, and for a qcow2
    image that names other files, is encrypted or marked as corrupt.
    """
    if head.startswith(_QCOW2_MAGIC):
        return _inspect_qcow2(option, path, head)
    for magic, name in _OTHER_FORMATS.items():
        if head.startswith(magic):
            raise InvalidInput(
                option, path, f"is in the format {name}", "Unpack or convert it first: qemu-img convert -O qcow2."
            )
    return raw(option, path, size)


def raw(option: str, path: str, size: int) -> Image:
    """Return the raw image whose file is ``size`` bytes long; raises InvalidInput when no disk has that size."""
    if size == 0 or size % 512:
        raise InvalidInput(
            option, path, f"is no raw disk image: it is {size} bytes long", "Name a qcow2 or raw disk image."
        )
    return Image("raw", size)


def _inspect_qcow2(option: str, path: str, head: bytes) -> Image:
    def refuse(problem: str, remedy: str) -> InvalidInput:
        return InvalidInput(option, path, problem, remedy)

    if len(head) < _QCOW2.size + _FEATURES.size:
        raise refuse("is a truncated qcow2 image", "Copy it again.")
    _magic, version, backing_offset, _length, cluster_bits, virtual_size, encryption = _QCOW2.unpack_from(head)
    if version not in {2, 3} or not 9 <= cluster_bits <= 21 or virtual_size == 0:
        raise refuse("has a damaged qcow2 header", "Check it with qemu-img check, or copy it again.")
    incompatible, header_length = _features(head, version)
    extensions = _extensions(head, header_length)
    if backing_offset or _BACKING_EXTENSIONS in extensions:
        raise refuse("names a backing file, so it is no whole image", "Flatten it first: qemu-img convert -O qcow2.")
    if incompatible & _DATA_FILE or _DATA_FILE_EXTENSION in extensions:
        raise refuse("keeps its data in another file", "Convert it first: qemu-img convert -O qcow2.")
    if encryption:
        raise refuse("is encrypted", "Decrypt it first: qemu-img convert.")
    if incompatible & _CORRUPT:
        raise refuse("is marked as corrupt", "Repair it first: qemu-img check -r all.")
    return Image("qcow2", virtual_size)


def _features(head: bytes, version: int) -> tuple[int, int]:
    """Return (incompatible features, header length)."""
    if version == 2:
        return 0, _QCOW2.size
    incompatible, _compatible, _autoclear, _refcount_order, header_length = _FEATURES.unpack_from(head, _QCOW2.size)
    return incompatible, header_length


def _extensions(head: bytes, start: int) -> set[int]:
    """Return the types of the header extensions, which lie one after another until type 0."""
    found: set[int] = set()
    while start + _EXTENSION.size <= len(head):
        kind, length = _EXTENSION.unpack_from(head, start)
        if kind == 0:
            break
        found.add(kind)
        start += _EXTENSION.size + (length + 7) // 8 * 8
    return found
