# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""inspect() what a disk image says of itself, without trusting it. Pure: bytes in, dataclasses out.

QEMU opens whatever files a qcow2 header names, with its own rights. So an image from outside may name none.
The layout is that of https://www.qemu.org/docs/master/interop/qcow2.html.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from .content import detect_content

ImageFormat = t.Literal["qcow2", "raw"]

HEADER_BYTES: t.Final = 65536
_CHECK: t.Final = "Check it with qemu-img check, or copy it again."
_QCOW2_MAGIC: t.Final = b"QFI\xfb"
# magic, version, backing file offset and length, cluster bits, virtual size, encryption, entries and offset of the L1
# table, offset and clusters of the refcount table, number and offset of the snapshots
_QCOW2 = struct.Struct(">4sIQIIQIIQQIIQ")
# incompatible, compatible and autoclear features, refcount order, header length
_FEATURES = struct.Struct(">QQQII")
_EXTENSION = struct.Struct(">II")
_CORRUPT: t.Final = 1 << 1
_DATA_FILE: t.Final = 1 << 2
_EXTENDED_L2: t.Final = 1 << 4
_KNOWN_FEATURES: t.Final = (1 << 5) - 1  # dirty, corrupt, data file, compression type, extended L2
_ENCRYPTION_EXTENSION: t.Final = 0x0537BE77
# What QEMU itself allows, so that it never takes more memory for an image.
_LARGEST_L1_BYTES: t.Final = 32 * 1024**2
_LARGEST_REFCOUNT_TABLE_BYTES: t.Final = 8 * 1024**2
_MOST_SNAPSHOTS: t.Final = 1000
# Where no length is known, tables are looked for no further than here.
LARGEST_TABLES_BYTES: t.Final = 1 << 62
# Published images of operating systems are 3 to 40 times larger unpacked; a bomb is 1000 times larger.
_LIKELY_RATIO: t.Final = 100
_ALWAYS_ALLOWED_BYTES: t.Final = 1024**3
_DATA_FILE_EXTENSION: t.Final = 0x44415441
_BACKING_EXTENSION: t.Final = 0xE2792ACA
_COMPRESSED: t.Final[dict[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
# What libvirt and QEMU tell a disk image by, so what they may take a "raw" disk for.
_DISK_FORMATS: t.Final[dict[bytes, str]] = {
    b"QFI\xfb": "qcow2",
    b"KDMV": "VMDK",
    b"COWD": "VMDK",
    b"# Disk DescriptorFile": "VMDK",
    b"vhdxfile": "VHDX",
    b"conectix": "VHD",
    b"<<< ": "VDI",
    b"QED\x00": "QED",
    b"WithoutFreeSpace": "Parallels",
    b"WithouFreSpacExt": "Parallels",
    b"LUKS\xba\xbe": "LUKS",
    b"Bochs Virtual HD Image": "Bochs",
    b"#!/bin/sh\n#V2.0 Format": "cloop",
    b"OOOM": "UML's copy-on-write",
    b"json:": "a description in JSON",
}
_VMDK_TEXT: t.Final = b"# Disk DescriptorFile"
_VDI_SIGNATURE: t.Final = b"\x7f\x10\xda\xbe"
_VDI_SIGNATURE_OFFSET: t.Final = 64
# What stands at the end of a file only, in its last 512 bytes; before it may be a disk as it is.
TRAILER_BYTES: t.Final = 512
_TRAILERS: t.Final[dict[bytes, str]] = {b"conectix": "VHD", b"koly": "DMG"}
# QEMU passes over comments and empty lines, whatever they say.
_VMDK_DESCRIPTOR = re.compile(rb"(?:#[^\n]*\n| *\r?\n)*version=[0-9]")


class _Header(t.NamedTuple):
    """The first 72 bytes of a qcow2 image."""

    magic: bytes
    version: int
    backing_offset: int
    backing_length: int
    cluster_bits: int
    virtual_size: int
    encryption: int
    l1_entries: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int
    snapshots: int
    snapshots_offset: int


@dataclasses.dataclass(frozen=True)
class Image:
    """A disk image that may become a base: its format and the size that a guest sees."""

    format: ImageFormat
    virtual_size_bytes: int
    tables: Tables | None = None


@dataclasses.dataclass(frozen=True)
class Tables:
    """Where a qcow2 image says that its table of tables lies; ``l2_entry_bytes`` is 8, or 16 with subclusters."""

    l1_offset: int
    l1_entries: int
    cluster_bytes: int
    l2_entry_bytes: int


class Backing(t.NamedTuple):
    """The file that an image names below it, as it is written there, and the format that it says for it."""

    path: str
    format: str | None = None


def read_backing(head: bytes) -> Backing | None:
    """Return what the qcow2 image that begins with ``head`` stands on; None when it stands on nothing, or is no qcow2.

    A description in JSON (``json:{…}``) counts by its ``filename``.
    """
    if not head.startswith(_QCOW2_MAGIC) or len(head) < _QCOW2.size:
        return None
    fields = _Header(*_QCOW2.unpack_from(head))
    end = fields.backing_offset + fields.backing_length
    if not fields.backing_offset or not fields.backing_length or end > len(head):
        return None
    text = head[fields.backing_offset : end].decode(errors="surrogateescape")
    path = _filename(text)
    return None if path is None else Backing(path, _backing_format(head, fields))


def read_data_file(head: bytes) -> str | None:
    """Return the file in which the qcow2 image that begins with ``head`` keeps its data; None where that is itself."""
    if not head.startswith(_QCOW2_MAGIC) or len(head) < _QCOW2.size + _FEATURES.size:
        return None
    incompatible, length = _read_features(head, _Header(*_QCOW2.unpack_from(head)).version)
    name = _list_extensions(head, length).get(_DATA_FILE_EXTENSION)
    if not incompatible & _DATA_FILE or name is None:
        return None
    return _filename(name.decode(errors="surrogateescape"))


def find_hidden(head: bytes, declared_format: str, *, is_copied_whole: bool) -> tuple[str, ...]:
    """Return why a copy of the image that begins with ``head`` would lack something, as ends of sentences.

    ``is_copied_whole`` says that its file is copied byte for byte, rather than what the guest sees of it.
    """
    if declared_format == "vmdk" and head.startswith(_VMDK_TEXT) and is_copied_whole:
        return ("keeps its data in files of its own",)
    if declared_format != "qcow2" or len(head) < _QCOW2.size:
        return ()
    obstacles = [] if read_data_file(head) is None else ["keeps its data in a file of its own"]
    count = _Header(*_QCOW2.unpack_from(head)).snapshots
    if head.startswith(_QCOW2_MAGIC) and count and not is_copied_whole:
        obstacles.append(f"holds {count} snapshots that only qemu-img sees, and that stay behind")
    return tuple(obstacles)


def _filename(text: str) -> str | None:
    if not text.startswith("json:"):
        return text.partition("\0")[0].removeprefix("file:")
    try:
        return _find_filename(json.loads(text.removeprefix("json:")))
    except (ValueError, RecursionError):
        return None


def _find_filename(node: object) -> str | None:
    """Return the file that a description leads to, be it written in levels or flat (``file.filename``)."""
    if not isinstance(node, dict):
        return None
    for key, value in node.items():
        levels = key.split(".")
        if levels[-1] == "filename" and set(levels[:-1]) <= {"file"} and isinstance(value, str):
            return value
    return _find_filename(node.get("file"))


def _backing_format(head: bytes, fields: _Header) -> str | None:
    length = (
        _QCOW2.size
        if fields.version < 3 or len(head) < _QCOW2.size + _FEATURES.size
        else _FEATURES.unpack_from(head, _QCOW2.size)[4]
    )
    data = _list_extensions(head, length).get(_BACKING_EXTENSION)
    return None if data is None else data.decode(errors="replace")


def detect_compression(head: bytes) -> str | None:
    """Return how a file that begins with ``head`` is compressed (gzip, bzip2, xz, zstd), None when it is not."""
    return next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), None)


def limit_disk_bytes(size: int, max_size: int | None) -> int:
    """Return how large a disk may be that comes as a file of ``size`` bytes: ``max_size``, or what is likely."""
    return max_size if max_size is not None else max(_ALWAYS_ALLOWED_BYTES, _LIKELY_RATIO * size)


def refuse_bomb(option: str, path: str, image: Image, size: int, max_size: int | None) -> None:
    """Raise InvalidInput for a disk that is far larger than its file, unless ``max_size`` allows it."""
    allowed = limit_disk_bytes(size, max_size)
    if image.virtual_size_bytes > allowed:
        raise InvalidInput(
            option,
            path,
            f"claims a disk of {image.virtual_size_bytes} bytes in a file of {size}, more than the {allowed} that are "
            "allowed",
            f"If that is right, say max_size: {image.virtual_size_bytes}.",
        )


def inspect(option: str, path: str, head: bytes, size: int) -> Image:
    """Return what the image is whose first HEADER_BYTES are ``head`` and whose file is ``size`` bytes long.

    Raises InvalidInput, naming ``option`` and ``path``, for what is not an image, for another format, and for a qcow2
    image that names other files, is encrypted, marked as corrupt, or claims more than a file of its length can hold.
    """
    if head.startswith(_QCOW2_MAGIC):
        return _inspect_qcow2(option, path, head, size)
    refuse_other(option, path, head)
    return inspect_raw(option, path, head, size)


def refuse_other(option: str, path: str, head: bytes) -> None:
    """Raise InvalidInput for what is a disk of another format than qcow2 and raw, or no disk at all."""
    name = detect_disk_format(head)
    if name is not None:
        raise _build_other(option, path, name)
    name = detect_content(head)
    if name is not None:
        raise InvalidInput(
            option,
            path,
            f"is no disk image, but {name}",
            "Unpack it and name the disk image that it holds, or look whether the address is right. If all of it is "
            "the content of a disk, say format: raw.",
        )


def refuse_trailer(option: str, path: str, tail: bytes) -> None:
    """Raise InvalidInput for a file whose last TRAILER_BYTES make it a disk of another format, as a fixed VHD's do."""
    name = next((name for magic, name in _TRAILERS.items() if tail.startswith(magic)), None)
    if name is not None:
        raise _build_other(option, path, name)


def _build_other(option: str, path: str, name: str) -> InvalidInput:
    return InvalidInput(
        option,
        path,
        f"is in the format {name}",
        "Convert it first: qemu-img convert -O qcow2.",
    )


def detect_disk_format(head: bytes) -> str | None:
    """Return which format of disks (qcow2, VMDK …) libvirt or QEMU may take ``head`` for; None for a raw disk."""
    if head[_VDI_SIGNATURE_OFFSET:].startswith(_VDI_SIGNATURE):
        return "VDI"
    if _VMDK_DESCRIPTOR.match(head):
        return "VMDK"
    return next((name for magic, name in _DISK_FORMATS.items() if head.startswith(magic)), None)


def inspect_raw(option: str, path: str, head: bytes, size: int) -> Image:
    """Return the raw image that begins with ``head`` and whose file is ``size`` bytes long.

    Raises InvalidInput when no disk has that size, and for one that begins like an image of another format: whoever
    probes it would open the files that its header names.
    """
    probed = detect_disk_format(head)
    if probed is not None:
        raise InvalidInput(
            option,
            path,
            f"is said to be raw, but begins like an image in the format {probed}",
            "If it is one, leave the format out, or convert it first: qemu-img convert -O qcow2. If it is not, do not "
            "use it.",
        )
    if size == 0 or size % 512:
        raise InvalidInput(
            option,
            path,
            f"is not a raw disk image: it is {size} bytes long",
            "Name a qcow2 or raw disk image.",
        )
    return Image("raw", size)


class _Dependence(t.NamedTuple):
    """Why an image is not all of its disk, and what to do about it."""

    problem: str
    remedy: str


def explain_dependence(head: bytes) -> str | None:
    """Return why the qcow2 image that begins with ``head`` is not all of its disk: ``names a backing file`` …

    None for one that is, and for what is no qcow2.
    """
    if not head.startswith(_QCOW2_MAGIC) or len(head) < _QCOW2.size + _FEATURES.size:
        return None
    fields = _Header(*_QCOW2.unpack_from(head))
    incompatible, header_length = _read_features(head, fields.version)
    dependence = _find_dependence(fields, incompatible, _list_extensions(head, header_length))
    return None if dependence is None else dependence.problem


def _find_dependence(
    fields: _Header, incompatible: int, extensions: t.Mapping[int, bytes]
) -> _Dependence | None:
    if fields.backing_offset or _BACKING_EXTENSION in extensions:
        return _Dependence(
            "names a backing file, so it is not a complete image",
            "Flatten it first: qemu-img convert -O qcow2.",
        )
    if incompatible & _DATA_FILE or _DATA_FILE_EXTENSION in extensions:
        return _Dependence(
            "keeps its data in another file", "Convert it first: qemu-img convert -O qcow2."
        )
    if fields.encryption or _ENCRYPTION_EXTENSION in extensions:
        return _Dependence("is encrypted", "Decrypt it first: qemu-img convert.")
    return None


def _inspect_qcow2(option: str, path: str, head: bytes, size: int) -> Image:
    def refuse(problem: str, remedy: str) -> InvalidInput:
        return InvalidInput(option, path, problem, remedy)

    if len(head) < _QCOW2.size + _FEATURES.size:
        raise refuse("is a truncated qcow2 image", "Copy it again.")
    fields = _Header(*_QCOW2.unpack_from(head))
    if fields.version == 1:
        raise _build_other(option, path, "qcow, which qcow2 came after")
    if (
        fields.version not in {2, 3}
        or not 9 <= fields.cluster_bits <= 21
        or fields.virtual_size == 0
    ):
        raise refuse("has a damaged qcow2 header", _CHECK)
    incompatible, header_length = _read_features(head, fields.version)
    extensions = _list_extensions(head, header_length)
    dependence = _find_dependence(fields, incompatible, extensions)
    if dependence is not None:
        raise refuse(*dependence)
    if incompatible & _CORRUPT:
        raise refuse("is marked as corrupt", "Repair it first: qemu-img check -r all.")
    if incompatible & ~_KNOWN_FEATURES:
        raise refuse(
            "has features that are not known here", "Convert it first: qemu-img convert -O qcow2."
        )
    tables = Tables(
        fields.l1_offset,
        fields.l1_entries,
        1 << fields.cluster_bits,
        16 if incompatible & _EXTENDED_L2 else 8,
    )
    problem = _find_false_claim(fields, tables, size)
    if problem is not None:
        raise refuse(f"claims {problem}", _CHECK)
    return Image("qcow2", fields.virtual_size, tables)


def _find_false_claim(fields: _Header, tables: Tables, size: int) -> str | None:
    """Return what the header claims that cannot be in a file of ``size`` bytes, or that QEMU would not take."""
    l1_bytes = fields.l1_entries * 8
    refcount_bytes = fields.refcount_clusters * tables.cluster_bytes
    needed = -(
        -fields.virtual_size
        // (tables.cluster_bytes * (tables.cluster_bytes // tables.l2_entry_bytes))
    )
    if l1_bytes > _LARGEST_L1_BYTES or refcount_bytes > _LARGEST_REFCOUNT_TABLE_BYTES:
        return f"tables of {max(l1_bytes, refcount_bytes)} bytes, more than QEMU takes"
    if fields.l1_entries < needed:
        return f"a disk of {fields.virtual_size} bytes, for which its table is too small"
    if fields.l1_offset + l1_bytes > size or fields.refcount_offset + refcount_bytes > size:
        return "tables beyond its end"
    if (fields.l1_offset | fields.refcount_offset) % tables.cluster_bytes or 0 in {
        fields.l1_offset,
        fields.refcount_offset,
    }:
        return "tables where none can be"
    if fields.snapshots > _MOST_SNAPSHOTS or (fields.snapshots and fields.snapshots_offset >= size):
        return f"{fields.snapshots} snapshots"
    return None


def _read_features(head: bytes, version: int) -> tuple[int, int]:
    """Return (incompatible features, header length)."""
    if version == 2:
        return 0, _QCOW2.size
    incompatible, _compatible, _autoclear, _refcount_order, header_length = _FEATURES.unpack_from(
        head, _QCOW2.size
    )
    return incompatible, header_length


def _list_extensions(head: bytes, start: int) -> dict[int, bytes]:
    """Return {type: data} of the header extensions, which lie one after another until type 0."""
    extensions: dict[int, bytes] = {}
    while start + _EXTENSION.size <= len(head):
        kind, length = _EXTENSION.unpack_from(head, start)
        if kind == 0:
            break
        start += _EXTENSION.size
        extensions[kind] = head[start : start + length]
        start += (length + 7) // 8 * 8
    return extensions
