# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the disks of a domain stand on, as its XML or that of a snapshot says it. Pure.

``read_disks`` reads a parsed ``<domain>`` or ``<domainsnapshot>``, ``read_layers`` the text of a domain. Where the XML
of a domain that is off ends early, ``stored.HostStorage.layers_of`` follows the chain on through the volumes.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import format_host, mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    read_attribute,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import find_in

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )

# Only images of these formats can name a file that they stand on. libvirt probes others for one as well, and what it
# finds in a raw disk its guest has written there.
BACKING_FORMATS: t.Final = frozenset({"qcow2", "qcow", "qed", "vmdk", "vpc", "cow"})

# What a domain's XML says in words of people and other programs, and its disks, which are read by themselves.
_NO_FILES: t.Final = frozenset({"metadata", "description", "title", "name", "disk"})
# In arguments of QEMU a path ends at a comma that is not doubled, or at the quote of a JSON text.
_PATH_IN_ARGUMENT: t.Final = re.compile(r'/(?:[^,"]|,,)*')

# The names under which the collection serves disks: a random token of 16 digits or more, and the disk's target.
_EXPORT_NAME: t.Final = re.compile(r"[0-9a-f]{16,}-\w+")


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a disk. ``kind`` is libvirt's word: file, block, volume, network, dir, nvme, vhostuser …

    A file or a block device has a ``path``, a volume ``pool`` and ``volume``, a network disk the ``address``
    PROTOCOL://HOST:PORT/NAME, and one in Ceph the ``image`` POOL/NAME as well, which is what libvirt takes for the path
    of a volume there; ``format`` is what the XML declares, None where it says nothing.
    """

    kind: str
    path: str | None = None
    format: str | None = None
    pool: str | None = None
    volume: str | None = None
    address: str | None = None
    export: str | None = None
    image: str | None = None

    def __str__(self) -> str:
        return self.path or self.address or f"{self.pool}/{self.volume}"

    @property
    def may_have_backing(self) -> bool:
        """Whether a layer of that format, or of one that is not declared, can stand on another."""
        return self.format is None or self.format in BACKING_FORMATS


@dataclasses.dataclass(frozen=True)
class DiskLayers:
    """A disk with its layers, the top first. ``is_ended`` says that the XML tells the chain to its end.

    ``others`` are further files that the disk needs: the other side of a copy, data files.
    """

    target: str
    layers: tuple[Layer, ...] = ()
    is_ended: bool = False
    is_shareable: bool = False
    others: tuple[Layer, ...] = ()


def read_disks(root: etree._Element) -> tuple[DiskLayers, ...]:
    """Return every disk in a parsed ``<domain>`` or ``<domainsnapshot>``, those of definitions inside it too."""
    return tuple(_read_disk(disk) for disk in root.iter("disk"))


def read_layers(domain_xml: str) -> dict[str, tuple[Layer, ...]]:
    """Return {target: layers, the top first} of the disks of a domain's XML that have a source."""
    disks = read_domain_disks(parse_element(domain_xml))
    return {disk.target: disk.layers for disk in disks if disk.layers}


def read_domain_disks(root: etree._Element) -> tuple[DiskLayers, ...]:
    """Return the disks of a parsed ``<domain>``, in its order."""
    return tuple(map(_read_disk, root.iterfind("devices/disk")))


def read_other_files(root: etree._Element) -> tuple[str, ...]:
    """Return the paths that a parsed domain or snapshot names anywhere beside its disks.

    That is firmware and its settings, memory in files, modules of memory, what a share, a console or an argument of
    QEMU is on: whoever deletes one of them has to ask, whichever element it is.
    """
    return tuple(dict.fromkeys(_iterate_paths(root)))


def _iterate_paths(element: etree._Element) -> t.Iterator[str]:
    for value in (element.text or "", *element.attrib.values()):
        text = str(value).strip()
        if text.startswith("/"):
            yield text
        elif _is_argument(element):
            yield from (path.replace(",,", ",") for path in _PATH_IN_ARGUMENT.findall(text))
    for child in element.iterchildren("*"):
        if str(child.tag) not in _NO_FILES:
            yield from _iterate_paths(child)


def _is_argument(element: etree._Element) -> bool:
    """Return whether an element is of a namespace of its own, as arguments of QEMU are."""
    return "}" in str(element.tag)


def _read_disk(element: etree._Element) -> DiskLayers:
    layers, is_ended = _read_chain(element)
    return DiskLayers(
        # a disk of a snapshot's own list is named by its target, too
        target=read_attribute(element.find("target"), "dev") or element.get("name", ""),
        layers=layers,
        is_ended=is_ended,
        is_shareable=element.find("shareable") is not None,
        others=tuple(dict.fromkeys(_iterate_others(element, layers))),
    )


def _iterate_others(disk: etree._Element, layers: t.Collection[Layer]) -> t.Iterator[Layer]:
    """Yield what a disk names besides its layers: the paths of any of its elements, and volumes."""
    paths = {layer.path for layer in layers}
    volumes = {(layer.pool, layer.volume) for layer in layers}
    for element in disk.iter("*"):
        for value in map(str, element.attrib.values()):
            if value.startswith("/") and value not in paths:
                yield Layer("file", path=value)
        place = (element.get("pool"), element.get("volume"))
        if all(place) and place not in volumes:
            yield Layer("volume", pool=place[0], volume=place[1])


def _read_chain(disk: etree._Element) -> tuple[tuple[Layer, ...], bool]:
    layers: list[Layer] = []
    element: etree._Element | None = disk
    declared = read_attribute(disk.find("driver"), "type") or None
    while element is not None:
        source = element.find("source")
        if source is None:  # an empty <backingStore/> ends the chain, an empty drive has none
            return tuple(layers), bool(layers)
        layers.append(_read_layer(element.get("type", "file"), source, declared))
        element = element.find("backingStore")
        if element is not None:
            declared = read_attribute(element.find("format"), "type") or None
    return tuple(layers), False


def _read_layer(kind: str, source: etree._Element, declared: str | None) -> Layer:
    is_network = kind == "network" or source.get("protocol") is not None
    return Layer(
        kind=kind,
        path=source.get("file") or source.get("dev") or source.get("dir"),
        format=declared,
        pool=source.get("pool"),
        volume=source.get("volume"),
        address=_build_address(source) if is_network or not _is_plain(source) else None,
        export=source.get("name") if source.get("protocol") == "nbd" else None,
        image=_read_image(source) if source.get("protocol") == "rbd" else None,
    )


def _read_image(source: etree._Element) -> str:
    """Return the image of a disk in Ceph; one of its snapshots is a part of it."""
    return source.get("name", "").partition("@")[0]


def _is_plain(source: etree._Element) -> bool:
    return any(source.get(name) for name in ("file", "dev", "dir", "volume"))


def _build_address(source: etree._Element) -> str:
    protocol, host = source.get("protocol"), source.find("host")
    if protocol is None:
        return serialise(source).strip()
    if host is None:
        return f"{protocol}:{source.get('name')}"
    if host.get("transport") == "unix":
        return f"{protocol}+unix://{host.get('socket')}/{source.get('name')}"
    return (
        f"{protocol}://{format_host(host.get('name', ''))}:{host.get('port')}/{source.get('name')}"
    )


def is_export(layer: Layer, dependency: Dependency | None = None) -> bool:
    """Return whether the layer is one that the collection serves to a disk until it is local.

    That is one of those that the domain's metadata record. Where they record none, be it that a release before that
    began it or that somebody has replaced them, the name says so: what may be incomplete is taken for that.
    A network disk that somebody chose for a guest is none: its name is not made as those of exports are. The name ends
    with a disk's target, which may be another one by now.
    """
    name = layer.export or ""
    if dependency is not None:
        return name.startswith(f"{dependency.token}-")
    return _EXPORT_NAME.fullmatch(name) is not None


def find_incomplete(root: etree._Element) -> list[str]:
    """Return the targets of the disks of a parsed domain of which a part is still on another host."""
    return list_incomplete(read_disks(root), find_in(root).dependency)


def list_incomplete(disks: t.Iterable[DiskLayers], dependency: Dependency | None) -> list[str]:
    """As find_incomplete(), where the domain's disks and what its metadata record have been read."""
    return [
        disk.target
        for disk in disks
        # what a disk is itself, and not what it stands on, is its owner's choice
        if any(is_export(layer, dependency) for layer in disk.layers[1:])
    ]


def explain_incomplete(root: etree._Element) -> str | None:
    """Return in words what of a parsed domain is still on which other host; None when all of it is here."""
    return explain_targets(find_incomplete(root), find_in(root).dependency)


def explain_targets(targets: t.Sequence[str], dependency: Dependency | None) -> str | None:
    """As explain_incomplete(), where it is known which disks are incomplete."""
    if not targets:
        return None
    named = f"the disk{'s' if len(targets) > 1 else ''} {', '.join(targets)}"
    if dependency is None:
        return f"a part of {named} is still on another host, of which its metadata say nothing"
    return (
        f"a part of {named} is still on {mask_uri(dependency.source_uri)}, since {dependency.since}"
    )


def is_complete(*definitions: etree._Element) -> bool:
    """Return whether all of every disk is on the host itself, by the domain's live and its persistent definition."""
    return not any(map(find_incomplete, definitions))
