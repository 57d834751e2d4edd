# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Reading a domain's XML. Pure: text in, dataclasses out."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import metadata as _metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.metadata import Metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import etree

# https://libvirt.org/formatdomain.html#memory-allocation: k, KiB, M, … are binary; KB, MB, … are decimal.
_UNITS: t.Final[dict[str, int]] = {
    "b": 1,
    "bytes": 1,
    **{unit: 1024**power for power, letter in enumerate("kmgtpe", start=1) for unit in (letter, f"{letter}ib")},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtpe", start=1)},
}

# The disk that shows a clone its cloud-init seed. libvirt keeps aliases that begin so as they are.
SEED_ALIAS: t.Final = "ua-headroom-seed"


@dataclasses.dataclass(frozen=True)
class Disk:
    """One ``<disk>``. ``source`` is a path; ``pool`` and ``volume`` are set where the source is a volume."""

    target: str
    bus: str | None = None
    device: str = "disk"
    type: str = "file"
    source: str | None = None
    pool: str | None = None
    volume: str | None = None
    format: str | None = None
    readonly: bool = False
    shareable: bool = False
    backing: tuple[str, ...] = ()
    alias: str | None = None


@dataclasses.dataclass(frozen=True)
class Interface:
    """One ``<interface>``. ``source`` is the network, bridge or device that it is attached to."""

    mac: str | None = None
    type: str = "network"
    source: str | None = None
    target: str | None = None
    model: str | None = None


@dataclasses.dataclass(frozen=True)
class Graphics:
    """One ``<graphics>``: where its screen listens. A port is None while there is none, as of a domain that is off."""

    type: str
    address: str | None = None
    port: int | None = None
    tls_port: int | None = None
    socket: str | None = None


@dataclasses.dataclass(frozen=True)
class Definition:
    """What the collection reads of a ``<domain>``."""

    name: str
    uuid: str | None = None
    type: str = "kvm"
    title: str | None = None
    description: str | None = None
    memory_bytes: int = 0
    vcpus: int = 1
    arch: str | None = None
    machine: str | None = None
    nvram: str | None = None
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    graphics: tuple[Graphics, ...] = ()
    metadata: Metadata = dataclasses.field(default_factory=Metadata)


def parse_element(text: str) -> etree._Element:
    """Return the root of ``text``, parsed with entities, DTDs and the network off; raises HeadroomError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HeadroomError(f"XML could not be parsed: {error}") from error


def to_text(element: etree._Element) -> str:
    """Return the XML text of ``element``."""
    return etree.tostring(element, encoding="unicode", pretty_print=True)


def parse(text: str) -> Definition:
    """Return the Definition of a domain's XML."""
    return read(parse_element(text))


def read(root: etree._Element) -> Definition:
    """Return the Definition of a parsed ``<domain>``."""
    os_type = root.find("os/type")
    return Definition(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid"),
        type=root.get("type", "kvm"),
        title=root.findtext("title"),
        description=root.findtext("description"),
        memory_bytes=size_in_bytes(root.find("memory")),
        vcpus=int(root.findtext("vcpu") or 1),
        arch=None if os_type is None else os_type.get("arch"),
        machine=None if os_type is None else os_type.get("machine"),
        nvram=root.findtext("os/nvram"),
        disks=tuple(_read_disk(element) for element in root.iterfind("devices/disk")),
        interfaces=tuple(_read_interface(element) for element in root.iterfind("devices/interface")),
        graphics=tuple(_read_graphics(element) for element in root.iterfind("devices/graphics")),
        metadata=_metadata.find_in(root),
    )


def size_in_bytes(element: etree._Element | None, default_unit: str = "KiB") -> int:
    """Return the bytes that an element with a ``unit`` attribute says, 0 without element."""
    if element is None or not (element.text or "").strip():
        return 0
    return int(element.text or 0) * _UNITS[element.get("unit", default_unit).lower()]


def _read_disk(element: etree._Element) -> Disk:
    source = element.find("source")
    target = element.find("target")
    driver = element.find("driver")
    attributes = {} if source is None else dict(source.attrib)
    return Disk(
        target="" if target is None else target.get("dev", ""),
        bus=None if target is None else target.get("bus"),
        device=element.get("device", "disk"),
        type=element.get("type", "file"),
        source=attributes.get("file") or attributes.get("dev") or attributes.get("dir"),
        pool=attributes.get("pool"),
        volume=attributes.get("volume"),
        format=None if driver is None else driver.get("type"),
        readonly=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
        backing=tuple(
            path
            for backing in element.iterfind(".//backingStore/source")
            for path in (backing.get("file") or backing.get("dev"),)
            if path
        ),
        alias=_attribute(element.find("alias"), "name"),
    )


def _read_interface(element: etree._Element) -> Interface:
    source = element.find("source")
    attributes = {} if source is None else dict(source.attrib)
    return Interface(
        mac=_attribute(element.find("mac"), "address"),
        type=element.get("type", "network"),
        source=attributes.get("network") or attributes.get("bridge") or attributes.get("dev"),
        target=_attribute(element.find("target"), "dev"),
        model=_attribute(element.find("model"), "type"),
    )


def _read_graphics(element: etree._Element) -> Graphics:
    listen = element.find("listen")
    return Graphics(
        type=element.get("type", ""),
        address=element.get("listen") or _attribute(listen, "address"),
        port=_port(element.get("port")),
        tls_port=_port(element.get("tlsPort")),
        socket=element.get("socket") or _attribute(listen, "socket"),
    )


def _port(text: str | None) -> int | None:
    # -1 stands for "one that libvirt chooses when the domain starts"
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def _attribute(element: etree._Element | None, name: str) -> str | None:
    return None if element is None else element.get(name)
