# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Parse the XML of pools and volumes, and build that of a new volume. Pure."""

from __future__ import annotations

import dataclasses
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

from .element_xml import parse_element, read_size_bytes, serialise

# Pools whose volumes are files, so that an image of any format can lie in them and be backed by another.
# Volumes of the type gluster are reached by a library; mounted (netfs), the same storage has files.
FILE_POOLS: t.Final = frozenset({"dir", "fs", "netfs", "vstorage"})


@dataclasses.dataclass(frozen=True)
class Pool:
    """What the collection reads of a ``<pool>``. ``available_bytes`` is as of the last refresh."""

    name: str
    type: str
    path: str | None
    available_bytes: int
    capacity_bytes: int = 0
    source_paths: tuple[str, ...] = ()
    """The devices or files that it is made of."""

    @property
    def holds_files(self) -> bool:
        """Whether volumes are files."""
        return self.type in FILE_POOLS

    def shares_room_with(self, other: Pool) -> bool:
        """Return whether both lie on one file system, as far as their sizes tell: what one takes, the other lacks."""
        if self == other:
            return True
        # somebody may have written between the two refreshes
        little = self.capacity_bytes // 1000
        return (
            self.capacity_bytes == other.capacity_bytes > 0
            and abs(self.available_bytes - other.available_bytes) <= little
        )

    def path_of(self, volume: str) -> str:
        """Return the path that a volume of that name has, or will have."""
        return posixpath.join(self.path or "", volume)


@dataclasses.dataclass(frozen=True)
class Volume:
    """What the collection reads of a ``<volume>``.

    ``capacity_bytes`` is what a guest sees, ``size_bytes`` the length of the file where libvirt says it;
    ``modified`` is the file's time in epoch seconds.
    """

    name: str
    path: str = ""
    format: str | None = None
    capacity_bytes: int = 0
    allocation_bytes: int = 0
    size_bytes: int | None = None
    backing_path: str | None = None
    backing_format: str | None = None
    modified: float | None = None

    def capacity_as(self, declared_format: str | None) -> int:
        """Return the bytes that a guest sees by a disk which is declared to be of that format.

        That of a raw one is its length, whatever libvirt has probed there: it is the guest that wrote it.
        """
        if declared_format == "raw" and self.size_bytes is not None:
            return self.size_bytes
        return self.capacity_bytes


@dataclasses.dataclass(frozen=True)
class NewVolume:
    """A volume to be created. ``backing_path`` with ``backing_format`` makes it an overlay: one needs the other.

    ``group``, the number of the one that the file is to belong to, goes with ``mode``.
    """

    name: str
    capacity_bytes: int
    format: str = "qcow2"
    mode: str | None = None
    group: int | None = None
    backing_path: str | None = None
    backing_format: str | None = None

    def __post_init__(self) -> None:
        if self.backing_path is not None and self.backing_format is None:
            raise ValueError(f"{self.name}: the format of {self.backing_path} is not said")


def parse_pool(text: str) -> Pool:
    """Return the Pool of its XML."""
    root = parse_element(text)
    return Pool(
        name=root.findtext("name") or "",
        type=root.get("type", ""),
        path=root.findtext("target/path"),
        available_bytes=read_size_bytes(root.find("available"), "bytes"),
        capacity_bytes=read_size_bytes(root.find("capacity"), "bytes"),
        source_paths=tuple(
            path for path in map(str, root.xpath("source/device/@path")) if path.startswith("/")
        ),
    )


def parse_volume(text: str) -> Volume:
    """Return the Volume of its XML."""
    root = parse_element(text)
    image_format = root.find("target/format")
    physical = root.find("physical")
    modified = root.findtext("target/timestamps/mtime")
    backing_format = root.find("backingStore/format")
    return Volume(
        name=root.findtext("name") or "",
        path=root.findtext("target/path") or "",
        format=None if image_format is None else image_format.get("type"),
        capacity_bytes=read_size_bytes(root.find("capacity"), "bytes"),
        allocation_bytes=read_size_bytes(root.find("allocation"), "bytes"),
        size_bytes=None if physical is None else read_size_bytes(physical, "bytes"),
        backing_path=root.findtext("backingStore/path") or None,
        backing_format=None if backing_format is None else backing_format.get("type"),
        modified=None if modified is None else _read_time(modified),
    )


def _read_time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise HeadroomError(f"XML: <mtime> says {text[:40]!r}, which is not a time") from None


def build_volume_xml(new: NewVolume) -> str:
    """Return the XML that creates ``new``."""
    root = etree.Element("volume")
    etree.SubElement(root, "name").text = new.name
    etree.SubElement(root, "capacity", unit="bytes").text = str(new.capacity_bytes)
    etree.SubElement(root, "allocation", unit="bytes").text = "0"
    target = etree.SubElement(root, "target")
    etree.SubElement(target, "format", type=new.format)
    if new.format == "qcow2":
        etree.SubElement(target, "compat").text = "1.1"
    if new.mode is not None:
        permissions = etree.SubElement(target, "permissions")
        if new.group is not None:
            etree.SubElement(permissions, "group").text = str(new.group)
        etree.SubElement(permissions, "mode").text = new.mode
    if new.backing_path is not None:
        backing = etree.SubElement(root, "backingStore")
        etree.SubElement(backing, "path").text = new.backing_path
        # Always said, never probed: a raw base could carry any header that its guest wrote.
        etree.SubElement(backing, "format", type=new.backing_format or "")
    return serialise(root)
