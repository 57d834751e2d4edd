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
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from .element_xml import parse_element, read_size_bytes, serialise

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.kinds import Sharing


class SecretRef(t.NamedTuple):
    """One of libvirt's secrets, by its UUID or by what it is used for."""

    uuid: str | None = None
    usage: str | None = None

    def __str__(self) -> str:
        return self.uuid or f"for {self.usage}"


@dataclasses.dataclass(frozen=True)
class RbdSource:
    """Where the images of an RBD pool are: Ceph's own pool, (host, port) of its monitors, and as whom they are used."""

    pool: str
    hosts: tuple[tuple[str, str | None], ...] = ()
    user: str | None = None
    secret: SecretRef | None = None

    def path_of(self, image: str) -> str:
        """Return what libvirt takes for the path of an image."""
        return f"{self.pool}/{image}"


@dataclasses.dataclass(frozen=True)
class Pool:
    """What the collection reads of a ``<pool>``. ``available_bytes`` is as of the last refresh.

    ``source`` names the storage behind a pool that several hosts may have; None for one that is the host's own.
    """

    name: str
    type: str
    path: str | None
    available_bytes: int
    capacity_bytes: int = 0
    source_paths: tuple[str, ...] = ()
    """The devices or files that it is made of."""
    source: str | None = None
    source_name: str | None = None
    rbd: RbdSource | None = None
    """Where its images are, of a pool of the type rbd."""

    @property
    def sharing(self) -> Sharing:
        """How it is proven that another host has the same pool; ``never`` where that cannot be."""
        kind = kinds.find_kind(self.type)
        return "never" if kind is None else kind.sharing

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
        """Return the path that a volume of that name has, or will have, where libvirt does not choose one itself."""
        kind = kinds.find_kind(self.type)
        folder = self.source_name if kind is not None and kind.path == "source" else self.path
        return posixpath.join(folder or "", volume)


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
        source=describe_source(root),
        source_name=root.findtext("source/name"),
        rbd=_read_rbd(root),
    )


def describe_source(root: etree._Element) -> str | None:
    """Return type, hosts and place of a pool on the network's storage, by which hosts tell that they have the same."""
    source, kind = root.find("source"), kinds.find_kind(root.get("type", ""))
    if source is None or kind is None or not kind.is_remote:
        return None
    hosts = sorted(
        f"{host.get('name')}:{host.get('port', '')}".rstrip(":") for host in source.findall("host")
    )
    places = [source.find(name) for name in ("dir", "device", "adapter")]
    parts = [place.get("path") or place.get("name") or "" for place in places if place is not None]
    return " ".join(
        part for part in (kind.type, *hosts, *parts, source.findtext("name") or "") if part
    )


def _read_rbd(root: etree._Element) -> RbdSource | None:
    source = root.find("source")
    if root.get("type") != "rbd" or source is None:
        return None
    auth = source.find("auth")
    return RbdSource(
        source.findtext("name") or "",
        tuple((host.get("name", ""), host.get("port")) for host in source.iterfind("host")),
        None if auth is None else auth.get("username"),
        None if auth is None else read_secret_ref(auth),
    )


def read_secret_ref(auth: etree._Element) -> SecretRef | None:
    """Return the secret that an ``<auth>`` names."""
    secret = auth.find("secret")
    return None if secret is None else SecretRef(secret.get("uuid"), secret.get("usage"))


def put_image(disk: etree._Element, source: RbdSource, image: str) -> None:
    """Have a ``<disk>`` without a source stand on an image in Ceph, right behind its driver."""
    disk.set("type", "network")
    element = etree.Element("source", protocol="rbd", name=source.path_of(image))
    for host, port in source.hosts:
        etree.SubElement(element, "host", {"name": host, **({"port": port} if port else {})})
    driver = disk.find("driver")
    if driver is None:
        disk.insert(0, element)
    else:
        driver.addnext(element)
    if source.user is not None:
        auth = etree.Element("auth", username=source.user)
        element.addprevious(auth)
        if source.secret is not None:
            secret = etree.SubElement(auth, "secret", type="ceph")
            for name, value in source.secret._asdict().items():
                if value:
                    secret.set(name, value)


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
