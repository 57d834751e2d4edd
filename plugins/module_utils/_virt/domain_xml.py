# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read a domain's XML: parse() takes text, read() what is parsed; find_host_devices() what its host lends it. Pure."""

from __future__ import annotations

import re
import typing as t

from . import metadata as _metadata
from .element_xml import (
    iterate_children,
    map_children,
    parse_element,
    parse_number,
    read_attribute,
    read_size_bytes,
    read_text,
)
from .metadata import Metadata

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

# The disk that shows a clone its cloud-init seed. libvirt keeps aliases that begin so as they are.
SEED_ALIAS: t.Final = "ua-headroom-seed"
_PORT: t.Final = re.compile(r"[0-9]{1,5}")
_NOTHING: t.Final[dict[str, str]] = {}  # the attributes of an element that is not there


class Disk(t.NamedTuple):
    """One ``<disk>``. ``source`` is a path; ``pool`` and ``volume`` are set where the source is a volume.

    ``image`` is POOL/NAME of one in Ceph, whose cluster ``monitors`` name.
    """

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
    alias: str | None = None
    cache: str | None = None
    image: str | None = None
    monitors: tuple[str, ...] = ()


class Interface(t.NamedTuple):
    """One ``<interface>``. ``source`` is the network, bridge or device that it is attached to."""

    mac: str | None = None
    type: str = "network"
    source: str | None = None
    target: str | None = None
    model: str | None = None


class Graphics(t.NamedTuple):
    """One ``<graphics>``: where its screen listens. A port is None while there is none, as of a domain that is off."""

    type: str
    address: str | None = None
    port: int | None = None
    tls_port: int | None = None
    socket: str | None = None


class Definition(t.NamedTuple):
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
    nvram_format: str = "raw"
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    graphics: tuple[Graphics, ...] = ()
    metadata: Metadata = Metadata()


def parse(text: str) -> Definition:
    """Return the Definition of a domain's XML."""
    return read(parse_element(text))


def read(root: etree._Element) -> Definition:
    """Return the Definition of a parsed ``<domain>``."""
    parts = map_children(root)
    system, devices = map_children(parts.get("os")), parts.get("devices")
    return Definition(
        name=read_text(parts.get("name")) or "",
        uuid=read_text(parts.get("uuid")),
        type=root.get("type", "kvm"),
        title=read_text(parts.get("title")),
        description=read_text(parts.get("description")),
        memory_bytes=read_size_bytes(parts.get("memory")),
        vcpus=parse_number(read_text(parts.get("vcpu")) or "1", "<vcpu>"),
        arch=read_attribute(system.get("type"), "arch") or None,
        machine=read_attribute(system.get("type"), "machine") or None,
        nvram=read_nvram(system.get("nvram")),
        nvram_format=read_attribute(system.get("nvram"), "format") or "raw",
        disks=tuple(map(_read_disk, iterate_children(devices, "disk"))),
        interfaces=tuple(map(_read_interface, iterate_children(devices, "interface"))),
        graphics=tuple(map(_read_graphics, iterate_children(devices, "graphics"))),
        metadata=_metadata.find_in(root),
    )


def find_writable_firmware(root: etree._Element) -> str | None:
    """Return the path of a firmware that keeps its variables in itself, so that it is one machine's; None for others.

    libvirt takes one for that which is not said to be read-only and has no NVRAM beside it.
    """
    loader = root.find("os/loader[@type='pflash']")
    if loader is None or root.find("os[@firmware]") is not None:
        return None
    default = "no" if root.find("os/nvram") is None else "yes"
    return (loader.text or "").strip() if loader.get("readonly", default) == "no" else None


def read_nvram(element: etree._Element | None) -> str | None:
    """Return the path of the settings of a domain's firmware; None where there are none, or they are in no file.

    It is the element's text, or with a ``type`` its source's, as disks have it.
    """
    if element is None:
        return None
    source = element.find("source")
    return (element.text or "").strip() or read_attribute(source, "file") or None


def _read_disk(element: etree._Element) -> Disk:
    parts = map_children(element)
    source, target = parts.get("source", _NOTHING), parts.get("target", _NOTHING)
    in_ceph = source.get("protocol") == "rbd"
    return Disk(
        target=target.get("dev", ""),
        bus=target.get("bus"),
        device=element.get("device", "disk"),
        type=element.get("type", "file"),
        source=source.get("file") or source.get("dev") or source.get("dir"),
        pool=source.get("pool"),
        volume=source.get("volume"),
        format=read_attribute(parts.get("driver"), "type") or None,
        readonly="readonly" in parts,
        shareable="shareable" in parts,
        alias=read_attribute(parts.get("alias"), "name") or None,
        cache=read_attribute(parts.get("driver"), "cache") or None,
        image=source.get("name") if in_ceph else None,
        monitors=_read_hosts(parts.get("source")) if in_ceph else (),
    )


def _read_hosts(source: etree._Element | None) -> tuple[str, ...]:
    return tuple(host.get("name", "") for host in iterate_children(source, "host"))


def _read_interface(element: etree._Element) -> Interface:
    parts = map_children(element)
    source = parts.get("source", _NOTHING)
    network = source.get("network")
    # Of a guest that runs, libvirt says what the network made of the card (a bridge, a part of another card), in its
    # own files beside what it is. It names the network all the same, and that is what the card is on.
    kind = parts.get("actual", element).get("type", "network")
    return Interface(
        mac=read_attribute(parts.get("mac"), "address") or None,
        type="network" if network else kind,
        source=network or source.get("bridge") or source.get("dev"),
        target=read_attribute(parts.get("target"), "dev") or None,
        model=read_attribute(parts.get("model"), "type") or None,
    )


def _read_graphics(element: etree._Element) -> Graphics:
    listen = element.find("listen")
    return Graphics(
        type=element.get("type", ""),
        address=element.get("listen") or read_attribute(listen, "address") or None,
        port=_read_port(element.get("port")),
        tls_port=_read_port(element.get("tlsPort")),
        socket=element.get("socket") or read_attribute(listen, "socket") or None,
    )


def _read_port(text: str | None) -> int | None:
    # -1 stands for "one that libvirt chooses when the domain starts"
    return int(text) if text and _PORT.fullmatch(text) and int(text) > 0 else None


def find_host_devices(root: etree._Element) -> tuple[str, ...]:
    """Return a name for each device of its host that a parsed domain takes.

    A network card that libvirt takes off the guest for a migration does not count (``<teaming type='transient'>``), and
    neither does an optional USB device that was not there when the guest started.
    """
    devices = [
        device for device in root.iterfind("devices/hostdev") if device.get("missing") != "yes"
    ]
    devices += root.iterfind("devices/interface[@type='hostdev']")
    return tuple(
        f"{device.get('type')} {describe_address(device)}"
        for device in devices
        if device.find("teaming[@type='transient']") is None
    )


def describe_address(device: etree._Element) -> str:
    """Return what the XML says of where ``device`` is on its host."""
    place, vendor = device.find("source/address"), device.find("source/vendor")
    if vendor is not None:
        return f"{vendor.get('id')}:{read_attribute(device.find('source/product'), 'id')}"
    if place is None:
        return (
            read_attribute(device.find("source"), "dev")
            or read_attribute(device.find("mac"), "address")
            or "without source"
        )
    if place.get("uuid"):
        return str(place.get("uuid"))
    parts = (
        ("domain", "bus", "slot", "function") if place.get("slot") else ("bus", "target", "unit")
    )
    return ":".join(str(place.get(part, "?")).removeprefix("0x") for part in parts)
