# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Image files that become bases: beside the module or on a web server, packed or not, never trusted."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import typing as t
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import transfer
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.checksums import find_checksum
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.download import Download, fetch
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header, tables, unpack
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import FileImage
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)

from .sources import DiskSource, describe_base

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import Checksum
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.transfer import Web
    from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import Image
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest

DOWNLOADS: t.Final = Path("/var/lib/headroom/downloads")

# What comes without a length may be so long, unless the task says more.
_LONGEST_UNKNOWN_BYTES: t.Final = 64 * 1024**3
# That of all images of a distribution has some hundred lines.
_LONGEST_LIST_BYTES: t.Final = 4 * 1024 * 1024
# Enough of a packed image for its first 64 KiB: bzip2 packs 900 kB at a time.
_PACKED_HEAD_BYTES: t.Final = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Location:
    """Where an image is: the path ``place``, or the address ``place`` when ``remote``.

    ``size_bytes`` and ``checksum`` are what the file must have, and ``checksums`` is the address of a list that has the
    latter. ``virtual_size_bytes`` is what a feed says that a guest will see. ``may_be_packed`` None takes a file that
    is said to be raw as it is, whatever it begins like.
    """

    place: str
    remote: bool = False
    image_format: str = "auto"
    size_bytes: int | None = None
    checksum: Checksum | None = None
    virtual_size_bytes: int | None = None
    may_be_packed: bool | None = None
    checksums: str | None = None

    def detect_packing(self, head: bytes) -> str | None:
        """Return how the file that begins with ``head`` is packed, None where its content is taken as it is."""
        packs = self.image_format != "raw" if self.may_be_packed is None else self.may_be_packed
        return header.detect_compression(head) if packs else None

    @property
    def option(self) -> str:
        """The option that named it."""
        return "source.url" if self.remote else "source.file"


@dataclasses.dataclass(frozen=True)
class Means:
    """How images are obtained: what is allowed, and where they may lie meanwhile.

    ``max_size`` is the largest disk in bytes, None for what is likely of the file. With ``look_only`` nothing is
    fetched but the beginning of what is far away.
    """

    web: Web = dataclasses.field(default_factory=transfer.Web)
    folder: Path = DOWNLOADS
    max_size: int | None = None
    look_only: bool = False


@dataclasses.dataclass(frozen=True)
class FileDisk:
    """An image file, open as long as the task runs, so that what was inspected is what is sent."""

    target: str
    path: str
    descriptor: int
    image: header.Image
    source_sha256: str | None = None

    @property
    def format(self) -> str:
        """The image's format, which the base keeps."""
        return self.image.format

    @property
    def virtual_size_bytes(self) -> int:
        """The size that a guest sees."""
        return self.image.virtual_size_bytes

    @property
    def needed_bytes(self) -> int:
        """What the file takes where it is, holes not counted."""
        return os.fstat(self.descriptor).st_blocks * 512

    def create(self, pool: storage.Pool, name: str) -> storage.Volume:
        """Create an empty file of the image's length: a header that libvirt wrote would show through its holes."""
        new = describe_base(pool, name, os.fstat(self.descriptor).st_size, "raw")
        return storage.create(pool, name, storage_xml.build_volume_xml(new))

    def fill(self, connection: Connection, volume: storage.Volume) -> Digest:
        """Upload the file."""
        return content.send_file(connection, volume, self.descriptor)

    def open_image(self) -> Image:
        """Return the open file, whose header was inspected."""
        return FileImage(f"/proc/self/fd/{self.descriptor}", self.format, (self.descriptor,))

    def digest_source(self) -> str | None:
        """Return the SHA-256 of the file."""
        return _compute_sha256(self.descriptor)


@dataclasses.dataclass(frozen=True)
class DistantDisk:
    """An image of which only the beginning was looked at: enough for a plan, not for making it."""

    target: str
    place: str
    format: str
    virtual_size_bytes: int
    needed_bytes: int
    source_sha256: str | None = None

    def create(self, pool: storage.Pool, name: str) -> storage.Volume:
        """Refuse."""
        del pool, name
        raise HeadroomError(f"{self.place} was not fetched")

    def fill(self, connection: Connection, volume: storage.Volume) -> Digest:
        """Refuse."""
        del connection, volume
        raise HeadroomError(f"{self.place} was not fetched")

    def open_image(self) -> Image:
        """Refuse."""
        raise HeadroomError(f"{self.place} was not fetched")

    def digest_source(self) -> str | None:
        """Return None: of the file only the beginning is known."""
        return None


@contextlib.contextmanager
def open_images(places: t.Mapping[str, Location], means: Means) -> t.Iterator[list[DiskSource]]:
    """Yield the disks {target: Location}; raises InvalidInput for an image that cannot become a base."""
    with contextlib.ExitStack() as stack:
        disks: list[DiskSource] = []
        for target, location in places.items():
            if location.remote and means.look_only:
                disks.append(_look_from_afar(target, location, means))
                continue
            descriptor = stack.enter_context(
                _fetch(location, means) if location.remote else _open_local(location)
            )
            disks.append(stack.enter_context(open_disk(target, location, descriptor, means)))
        yield disks


@contextlib.contextmanager
def open_disk(
    target: str, location: Location, descriptor: int, means: Means
) -> t.Iterator[FileDisk]:
    """Yield the disk that the open file holds, unpacked where it is packed; raises InvalidInput."""
    head, size = os.pread(descriptor, header.HEADER_BYTES, 0), os.fstat(descriptor).st_size
    packed = location.detect_packing(head)
    with contextlib.ExitStack() as stack:
        unpacked, digest = descriptor, None
        if packed is not None:
            limit = header.limit_disk_bytes(size, means.max_size)
            unpacked = stack.enter_context(
                unpack.unpack(
                    location.option, location.place, descriptor, packed, means.folder, limit
                )
            )
            digest = _compute_sha256(descriptor)
        yield FileDisk(
            target, location.place, unpacked, _inspect(location, unpacked, size, means), digest
        )


def _inspect(location: Location, descriptor: int, packed_size: int, means: Means) -> header.Image:
    option, place, size = location.option, location.place, os.fstat(descriptor).st_size
    head = os.pread(descriptor, header.HEADER_BYTES, 0)
    image = _recognise(location, head, size)
    if location.image_format != "raw" and image.format == "raw":
        last = size - header.TRAILER_BYTES
        header.refuse_trailer(option, place, os.pread(descriptor, header.TRAILER_BYTES, last))
    if image.tables is not None:
        header.refuse_bomb(option, place, image, packed_size, means.max_size)
        tables.check(
            option,
            place,
            image.tables,
            size,
            lambda offset, count: os.pread(descriptor, count, offset),
        )
    _check_claim(location, image)
    return image


def _recognise(location: Location, head: bytes, size: int) -> header.Image:
    claimed_format = location.image_format
    if claimed_format == "raw":
        return header.inspect_raw(location.option, location.place, head, size)
    image = header.inspect(location.option, location.place, head, size)
    if claimed_format not in {"auto", image.format}:
        raise InvalidInput(
            "source.format",
            claimed_format,
            f"is not the format of {location.place!r}",
            f"It is {image.format}.",
        )
    return image


def _check_claim(location: Location, image: header.Image) -> None:
    claimed = location.virtual_size_bytes
    if claimed is not None and claimed != image.virtual_size_bytes:
        raise InvalidInput(
            location.option,
            location.place,
            f"is a disk of {image.virtual_size_bytes} bytes, but the feed says {claimed}",
            "Tell the feed's publisher; it is not used.",
        )


@contextlib.contextmanager
def _open_local(location: Location) -> t.Iterator[int]:
    descriptor = content.open_source(location.option, location.place)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fetch(location: Location, means: Means) -> t.ContextManager[int]:
    limit = location.size_bytes or means.max_size or _LONGEST_UNKNOWN_BYTES
    checksum = location.checksum
    if location.checksums is not None:
        text = transfer.get(means.web, location.checksums, _LONGEST_LIST_BYTES)
        name = unquote(urlsplit(location.place).path).rpartition("/")[2]
        checksum = find_checksum(text, name, mask_uri(location.checksums))
    return fetch(
        means.web, Download(location.place, limit, location.size_bytes, checksum), means.folder
    )


def _look_from_afar(target: str, location: Location, means: Means) -> DistantDisk:
    """Return what the first bytes tell; of a packed raw image only a feed knows the size, else it shows as 0."""
    content_head, announced = transfer.get_head(means.web, location.place, _PACKED_HEAD_BYTES)
    size = location.size_bytes or announced or 0
    packed = location.detect_packing(content_head)
    if packed is None:
        image = _recognise(
            location, content_head[: header.HEADER_BYTES], size or header.LARGEST_TABLES_BYTES
        )
        if size:
            header.refuse_bomb(location.option, location.place, image, size, means.max_size)
    else:
        image = _look_into(location, content_head, packed)
    _check_claim(location, image)
    return DistantDisk(target, location.place, image.format, image.virtual_size_bytes, size)


def _look_into(location: Location, packed_head: bytes, compression: str) -> header.Image:
    head = unpack.unpack_head(
        location.option, location.place, packed_head, compression, header.HEADER_BYTES
    )
    if head.startswith(b"QFI\xfb"):
        return header.inspect(location.option, location.place, head, header.LARGEST_TABLES_BYTES)
    header.refuse_other(location.option, location.place, head)
    return header.Image("raw", location.virtual_size_bytes or 0)


def _compute_sha256(descriptor: int) -> str:
    running = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, transfer.CHUNK_BYTES):
        running.update(chunk)
    return running.hexdigest()
