# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Reading a domain's XML. Pure: text in, named tuples out."""

from __future__ import annotations

import functools
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
_NOTHING: t.Final[dict[str, str]] = {}  # the attributes of an element that is not there


class Disk(t.NamedTuple):
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
    cache: str | None = None


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
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    graphics: tuple[Graphics, ...] = ()
    metadata: Metadata = Metadata()


def parse_element(text: str) -> etree._Element:
    """Return the root of ``text``, parsed with entities, DTDs and the network off; raises HeadroomError."""
    try:
        return etree.fromstring(text.encode(), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HeadroomError(f"XML could not be parsed: {error}") from error


@functools.cache
def _parser() -> etree.XMLParser:
    # One for all: making a parser takes longer than most definitions take to be parsed.
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)


def to_text(element: etree._Element) -> str:
    """Return the XML text of ``element``."""
    return etree.tostring(element, encoding="unicode", pretty_print=True)


def parse(text: str) -> Definition:
    """Return the Definition of a domain's XML."""
    return read(parse_element(text))


def read(root: etree._Element) -> Definition:
    """Return the Definition of a parsed ``<domain>``."""
    parts = _by_tag(root)
    system, devices = _by_tag(parts.get("os")), parts.get("devices")
    return Definition(
        name=_text(parts.get("name")) or "",
        uuid=_text(parts.get("uuid")),
        type=root.get("type", "kvm"),
        title=_text(parts.get("title")),
        description=_text(parts.get("description")),
        memory_bytes=size_in_bytes(parts.get("memory")),
        vcpus=int(_text(parts.get("vcpu")) or 1),
        arch=attribute(system.get("type"), "arch") or None,
        machine=attribute(system.get("type"), "machine") or None,
        nvram=_text(system.get("nvram")),
        disks=tuple(map(_read_disk, _children(devices, "disk"))),
        interfaces=tuple(map(_read_interface, _children(devices, "interface"))),
        graphics=tuple(map(_read_graphics, _children(devices, "graphics"))),
        metadata=_metadata.find_in(root),
    )


def _by_tag(element: etree._Element | None) -> dict[str, etree._Element]:
    """Return the first child of each name: one pass instead of a search for each."""
    return {} if element is None else {str(child.tag): child for child in reversed(element)}


def _children(element: etree._Element | None, tag: str) -> t.Iterator[etree._Element]:
    return iter(()) if element is None else element.iterchildren(tag)


def _text(element: etree._Element | None) -> str | None:
    return None if element is None else element.text or ""


def size_in_bytes(element: etree._Element | None, default_unit: str = "KiB") -> int:
    """Return the bytes that an element with a ``unit`` attribute says, 0 without element."""
    if element is None or not (element.text or "").strip():
        return 0
    return int(element.text or 0) * _UNITS[element.get("unit", default_unit).lower()]


def _read_disk(element: etree._Element) -> Disk:
    parts = _by_tag(element)
    source, target = parts.get("source", _NOTHING), parts.get("target", _NOTHING)
    return Disk(
        target=target.get("dev", ""),
        bus=target.get("bus"),
        device=element.get("device", "disk"),
        type=element.get("type", "file"),
        source=source.get("file") or source.get("dev") or source.get("dir"),
        pool=source.get("pool"),
        volume=source.get("volume"),
        format=attribute(parts.get("driver"), "type") or None,
        readonly="readonly" in parts,
        shareable="shareable" in parts,
        backing=tuple(_backing(parts.get("backingStore"))),
        alias=attribute(parts.get("alias"), "name") or None,
        cache=attribute(parts.get("driver"), "cache") or None,
    )


def _backing(store: etree._Element | None) -> t.Iterator[str]:
    while store is not None:
        source = store.find("source")
        path = None if source is None else source.get("file") or source.get("dev")
        if path:
            yield path
        store = store.find("backingStore")


def _read_interface(element: etree._Element) -> Interface:
    parts = _by_tag(element)
    source = parts.get("source", _NOTHING)
    return Interface(
        mac=attribute(parts.get("mac"), "address") or None,
        # libvirt's own files have both, what it tells has only what the network made of it
        type=parts.get("actual", element).get("type", "network"),
        source=source.get("network") or source.get("bridge") or source.get("dev"),
        target=attribute(parts.get("target"), "dev") or None,
        model=attribute(parts.get("model"), "type") or None,
    )


def _read_graphics(element: etree._Element) -> Graphics:
    listen = element.find("listen")
    return Graphics(
        type=element.get("type", ""),
        address=element.get("listen") or attribute(listen, "address") or None,
        port=_port(element.get("port")),
        tls_port=_port(element.get("tlsPort")),
        socket=element.get("socket") or attribute(listen, "socket") or None,
    )


def _port(text: str | None) -> int | None:
    # -1 stands for "one that libvirt chooses when the domain starts"
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def attribute(element: etree._Element | None, name: str) -> str:
    """Return an attribute of ``element``; nothing if it has none, or there is no element."""
    return "" if element is None else element.get(name, "")
