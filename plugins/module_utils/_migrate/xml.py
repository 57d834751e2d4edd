# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""XML that a migration writes and reads. Pure: text in, text and dataclasses out."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

# A guest whose disk does not answer for a while must wait for it, not see errors.
_PATIENT: t.Final = {"error_policy": "stop", "rerror_policy": "stop"}
_HELPER_MEMORY_KIB: t.Final = 8 * 1024


@dataclasses.dataclass(frozen=True)
class Export:
    """A read-only disk served over NBD: its random name, and where; ``tls_name`` is whose certificate is expected."""

    name: str
    host: str
    port: int
    tls: bool = False
    tls_name: str | None = None

    def __str__(self) -> str:
        return f"nbd://{self.host}:{self.port}/{self.name}"


@dataclasses.dataclass(frozen=True)
class PlacedDisk:
    """A disk as the destination has it; with ``backing`` what it has not got yet is read from there."""

    target: str
    path: str
    format: str
    backing: Export | None = None


@dataclasses.dataclass(frozen=True)
class Platform:
    """What a helper domain needs to be like the guest, so that the same QEMU runs it."""

    type: str
    arch: str
    machine: str | None
    emulator: str | None


def platform_of(text: str) -> Platform:
    """Return the Platform of a domain's XML."""
    root = parse_element(text)
    os_type = root.find("os/type")
    return Platform(
        type=root.get("type", "kvm"),
        arch="x86_64" if os_type is None else os_type.get("arch", "x86_64"),
        machine=None if os_type is None else os_type.get("machine"),
        emulator=root.findtext("devices/emulator"),
    )


def destination_xml(
    text: str, disks: t.Iterable[PlacedDisk], moved: t.Mapping[tuple[str, str], tuple[str, str]]
) -> str:
    """Return the domain's XML with ``disks`` where the destination has them.

    ``moved`` maps (pool, volume) on the source to those on the destination, for the volumes that the metadata owns.
    """
    root = parse_element(text)
    placed = {disk.target: disk for disk in disks}
    for element in root.iterfind("devices/disk"):
        target = element.find("target")
        disk = placed.get("" if target is None else target.get("dev", ""))
        if disk is not None:
            _place(element, disk)
    owned = metadata.find_in(root)
    if owned.volumes and moved:
        volumes = tuple(
            metadata.VolumeRef(*moved.get((ref.pool, ref.name), (ref.pool, ref.name)))
            for ref in owned.volumes
        )
        metadata.put_in(root, owned._replace(volumes=volumes))
    return serialise(root)


def _place(element: etree._Element, disk: PlacedDisk) -> None:
    for name in ("source", "backingStore", "mirror"):
        for old in element.findall(name):
            element.remove(old)
    element.set("type", "file")
    driver = element.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        element.insert(0, driver)
    driver.set("type", disk.format)
    parts = [etree.Element("source", file=disk.path)]
    if disk.backing is not None:
        driver.attrib.update(dict(_PATIENT))
        parts.append(_backing(disk.backing))
    place = element.index(driver) + 1
    for offset, part in enumerate(parts):
        element.insert(place + offset, part)


def _backing(export: Export) -> etree._Element:
    # Said in full and ended: what is not said here would be probed, and an empty base is silent corruption.
    backing = etree.Element("backingStore", type="network")
    etree.SubElement(backing, "format", type="raw")
    backing.append(_nbd_source(export))
    etree.SubElement(backing, "backingStore")
    return backing


def _nbd_source(export: Export) -> etree._Element:
    source = etree.Element("source", protocol="nbd", name=export.name)
    if export.tls:
        source.set("tls", "yes")
        if export.tls_name:
            source.set("tlsHostname", export.tls_name)
    etree.SubElement(source, "host", name=export.host, port=str(export.port))
    return source


def policies(text: str) -> dict[str, dict[str, str]]:
    """Return {target: its error policies} of every disk; empty where the definition says none."""
    found = {}
    for element in parse_element(text).iterfind("devices/disk"):
        target, driver = element.find("target"), element.find("driver")
        if target is not None and driver is not None:
            found[target.get("dev", "")] = {
                name: driver.get(name, "") for name in _PATIENT if driver.get(name)
            }
    return found


def with_policies(text: str, wanted: t.Mapping[str, t.Mapping[str, str]]) -> str:
    """Return the domain's XML with these error policies in place of those of its disks."""
    root = parse_element(text)
    changed = False
    for element in root.iterfind("devices/disk"):
        target, driver = element.find("target"), element.find("driver")
        if target is None or driver is None or target.get("dev") not in wanted:
            continue
        new = wanted[target.get("dev", "")]
        changed = changed or any(driver.get(name) != new.get(name) for name in _PATIENT)
        for name in _PATIENT:
            driver.attrib.pop(name, None)
        driver.attrib.update(dict(new))
    return serialise(root) if changed else text


def chain(text: str, target: str) -> tuple[str, ...]:
    """Return what the disk ``target`` reads from, the top first: paths, and NBD addresses as an Export shows."""
    for element in parse_element(text).iterfind("devices/disk"):
        named = element.find("target")
        if named is not None and named.get("dev") == target:
            return tuple(_layers(element))
    return ()


def _layers(element: etree._Element | None) -> t.Iterator[str]:
    while element is not None:
        source = element.find("source")
        if source is None:
            return
        host = source.find("host")
        if source.get("protocol") == "nbd" and host is not None:
            yield f"nbd://{host.get('name')}:{host.get('port')}/{source.get('name')}"
        else:
            yield (
                source.get("file")
                or source.get("dev")
                or source.get("name")
                or source.get("volume")
                or ""
            )
        element = element.find("backingStore")


@dataclasses.dataclass(frozen=True)
class HelperDisk:
    """A disk of a helper domain: a file with its base said in full; or, without a path, what another one serves."""

    path: str = ""
    format: str = "qcow2"
    base_path: str | None = None
    base_format: str = "qcow2"
    served: Export | None = None


def helper_xml(name: str, platform: Platform, disks: t.Sequence[HelperDisk], purpose: str) -> str:
    """Return the XML of a domain that never runs, whose QEMU only holds ``disks``."""
    root = etree.Element("domain", type=platform.type)
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "title").text = purpose
    etree.SubElement(root, "memory", unit="KiB").text = str(_HELPER_MEMORY_KIB)
    etree.SubElement(root, "vcpu").text = "1"
    system = etree.SubElement(root, "os")
    kind = etree.SubElement(system, "type", arch=platform.arch)
    kind.text = "hvm"
    if platform.machine:
        kind.set("machine", platform.machine)
    devices = etree.SubElement(root, "devices")
    if platform.emulator:
        etree.SubElement(devices, "emulator").text = platform.emulator
    for number, disk in enumerate(disks):
        devices.append(_helper_disk(f"vd{chr(ord('a') + number)}", disk))
    etree.SubElement(devices, "controller", type="usb", model="none")
    etree.SubElement(devices, "memballoon", model="none")
    return serialise(root)


def _helper_disk(target: str, disk: HelperDisk) -> etree._Element:
    element = etree.Element("disk", type="file" if disk.path else "network", device="disk")
    etree.SubElement(element, "driver", name="qemu", type=disk.format)
    if disk.served is not None:
        element.append(_nbd_source(disk.served))
        etree.SubElement(element, "readonly")
    else:
        etree.SubElement(element, "source", file=disk.path)
    if disk.base_path is not None:
        backing = etree.SubElement(element, "backingStore", type="file")
        etree.SubElement(backing, "format", type=disk.base_format)
        etree.SubElement(backing, "source", file=disk.base_path)
        if disk.base_format == "raw":
            etree.SubElement(backing, "backingStore")
    etree.SubElement(element, "target", dev=target, bus="virtio")
    return element


def backup_xml(exports: t.Sequence[Export], scratch_paths: t.Sequence[str]) -> str:
    """Return the XML of a pull-mode backup that serves a helper's disks, in order, as ``exports``."""
    root = etree.Element("domainbackup", mode="pull")
    server = etree.SubElement(
        root, "server", transport="tcp", name=exports[0].host, port=str(exports[0].port)
    )
    if exports[0].tls:
        server.set("tls", "yes")
    disks = etree.SubElement(root, "disks")
    for number, (export, path) in enumerate(zip(exports, scratch_paths)):
        disk = etree.SubElement(
            disks,
            "disk",
            name=f"vd{chr(ord('a') + number)}",
            backup="yes",
            type="file",
            exportname=export.name,
        )
        etree.SubElement(disk, "scratch", file=path)
    return serialise(root)
