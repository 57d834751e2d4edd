# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The XML of streaming: helper domains, what they serve, and disks that stand on an export. Pure.

A helper is a transient domain that never runs an instruction. A backup in pull mode has its QEMU serve its disks over
NBD. All of that is libvirt's API, so it works from afar, outlives the module that began it, and ends with the domain.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import read
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

from .model import HELPER_NAMESPACE, WARM_NAMESPACE, Export, Platform, is_helper_name

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service

    from .model import Helper, Served

# A guest whose disk does not answer for a while must wait for it, not see errors.
_PATIENT: t.Final = {"error_policy": "stop", "rerror_policy": "stop"}
# How long QEMU tries to reach a lost export before the guest is told, that is, paused. A libvirt that does not know it
# refuses the XML; there a broken connection pauses the guest at once.
_RECONNECT_SECONDS: t.Final = 10
_HELPER_MEMORY_MIB: t.Final = 8
_MARK_PREFIX: t.Final = "headroom-helper"


def read_platform(domain_xml: str) -> Platform:
    """Return the Platform of a domain."""
    root = parse_element(domain_xml)
    os_type = root.find("os/type")
    return Platform(
        type=root.get("type", "kvm"),
        arch="x86_64" if os_type is None else os_type.get("arch", "x86_64"),
        machine=None if os_type is None else os_type.get("machine"),
        emulator=root.findtext("devices/emulator"),
    )


def mark_helper(domain: etree._Element) -> None:
    """Say in the metadata of a parsed ``<domain>`` that it is the collection's own, and no guest of somebody's."""
    container = domain.find("metadata")
    if container is None:
        container = etree.SubElement(domain, "metadata")
    name = f"{{{HELPER_NAMESPACE}}}helper"
    container.append(etree.Element(name, nsmap={_MARK_PREFIX: HELPER_NAMESPACE}))


def is_helper(domain: etree._Element) -> bool:
    """Return whether a parsed ``<domain>`` is one that the collection keeps for itself: by its name *and* its mark.

    Helpers of earlier releases have no mark, and a memory in which no guest runs.
    """
    if not is_helper_name(domain.findtext("name", "")):
        return False
    marks = [
        domain.find(f"metadata/{{{namespace}}}*")
        for namespace in (HELPER_NAMESPACE, WARM_NAMESPACE)
    ]
    if any(mark is not None for mark in marks):
        return True
    memory_bytes = read(domain).memory_bytes
    return 0 < memory_bytes <= _HELPER_MEMORY_MIB << 20


def build_helper_xml(helper: Helper) -> str:
    """Return the domain that holds the disks which ``helper`` serves."""
    return _build_idle_domain_xml(
        helper.name,
        helper.title,
        helper.platform,
        [_build_disk(disk) for disk in helper.disks],
        helper.service,
    )


def build_reader_xml(name: str, title: str, platform: Platform, export: Export) -> str:
    """Return a domain that never runs, and whose QEMU only opens ``export``."""
    disk = etree.Element("disk", type="network", device="disk")
    etree.SubElement(disk, "driver", name="qemu", type="raw")
    disk.append(_build_source(export))
    etree.SubElement(disk, "readonly")
    return _build_idle_domain_xml(name, title, platform, [disk])


def build_writer_xml(
    name: str, title: str, platform: Platform, files: t.Iterable[tuple[str, str]]
) -> str:
    """Return a domain that never runs, and whose QEMU has the ``files``, (path, format), open for writing.

    What an image stands on is not opened, nor is anything probed.
    """
    disks = []
    for path, image_format in files:
        disk = etree.Element("disk", type="file", device="disk")
        etree.SubElement(disk, "driver", name="qemu", type=image_format, cache="writeback")
        etree.SubElement(disk, "source", file=path)
        etree.SubElement(disk, "backingStore")
        disks.append(disk)
    return _build_idle_domain_xml(name, title, platform, disks)


def _build_idle_domain_xml(
    name: str,
    title: str,
    platform: Platform,
    disks: t.Sequence[etree._Element],
    service: Service | None = None,
) -> str:
    root = etree.Element("domain", type=platform.type)
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "title").text = title
    if service is not None:
        metadata.put_in(root, metadata.Metadata(service=service))
    mark_helper(root)
    etree.SubElement(root, "memory", unit="MiB").text = str(_HELPER_MEMORY_MIB)
    etree.SubElement(root, "vcpu").text = "1"
    os_type = etree.SubElement(etree.SubElement(root, "os"), "type", arch=platform.arch)
    os_type.text = "hvm"
    if platform.machine:
        os_type.set("machine", platform.machine)
    devices = etree.SubElement(root, "devices")
    if platform.emulator:
        etree.SubElement(devices, "emulator").text = platform.emulator
    for number, disk in enumerate(disks):
        etree.SubElement(disk, "target", dev=name_target(number), bus="virtio")
        devices.append(disk)
    etree.SubElement(devices, "controller", type="usb", model="none")
    etree.SubElement(devices, "memballoon", model="none")
    return serialise(root)


def _build_disk(served: Served) -> etree._Element:
    disk = etree.Element("disk", type="file", device="disk")
    etree.SubElement(disk, "driver", name="qemu", type=served.format)
    etree.SubElement(disk, "source", file=served.path)
    if served.base_path is None:
        etree.SubElement(disk, "readonly")
        return disk
    backing = etree.SubElement(disk, "backingStore", type="file")
    etree.SubElement(backing, "format", type=served.base_format)
    etree.SubElement(backing, "source", file=served.base_path)
    if served.base_format == "raw":  # never probed: its guest could have written any header
        etree.SubElement(backing, "backingStore")
    return disk


def name_target(number: int, prefix: str = "vd") -> str:
    """Return the name of a disk, counted from 0: ``vda``, … ``vdz``, ``vdaa`` …"""
    letters = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return prefix + letters


def build_backup_xml(helper: Helper, port: int) -> str:
    """Return the backup in pull mode that serves the helper's disks at that port of its address."""
    root = etree.Element("domainbackup", mode="pull")
    server = etree.SubElement(root, "server", transport="tcp", name=helper.address, port=str(port))
    if helper.tls:
        server.set("tls", "yes")
    disks = etree.SubElement(root, "disks")
    for number, served in enumerate(helper.disks):
        disk = etree.SubElement(
            disks,
            "disk",
            name=name_target(number),
            backup="yes",
            type="file",
            exportname=served.name,
        )
        etree.SubElement(disk, "driver", type="qcow2")
        etree.SubElement(disk, "scratch", file=served.scratch_path)
    return serialise(root)


def put_backing(disk: etree._Element, export: Export, *, reconnect: bool = False) -> None:
    """Let a ``<disk>`` stand on its export. What it cannot read there stops the guest.

    ``reconnect`` has QEMU try for a while before that, where this libvirt can be told so. Raises ValueError for a disk
    without driver or source.
    """
    driver, source = disk.find("driver"), disk.find("source")
    if driver is None or source is None:
        raise ValueError("a disk without driver or source")
    driver.attrib.update(dict(_PATIENT))
    # Said in full and ended: what is not said here would be probed, and an empty base is silent corruption.
    backing = etree.Element("backingStore", type="network")
    etree.SubElement(backing, "format", type="raw")
    nbd = _build_source(export)
    if reconnect:
        etree.SubElement(nbd, "reconnect", delay=str(_RECONNECT_SECONDS))
    backing.append(nbd)
    etree.SubElement(backing, "backingStore")
    source.addnext(backing)


def _build_source(export: Export) -> etree._Element:
    source = etree.Element("source", protocol="nbd", name=export.name)
    if export.tls:
        source.set("tls", "yes")
        if export.tls_name:
            source.set("tlsHostname", export.tls_name)
    etree.SubElement(source, "host", name=export.address, port=str(export.port))
    return source


def remove_backings(domain_xml: str, targets: t.Collection[str] | None = None) -> str:
    """Return the domain with disks that stand on nothing: all of them, or those of ``targets``."""
    root = parse_element(domain_xml)
    for disk in root.iterfind("devices/disk"):
        target = disk.find("target")
        if targets is None or (target is not None and target.get("dev") in targets):
            for backing in disk.findall("backingStore"):
                disk.remove(backing)
    return serialise(root)


def read_policies(domain_xml: str) -> dict[str, dict[str, str]]:
    """Return {target: its error policies} of every disk; empty where the domain says none."""
    policies = {}
    for disk in parse_element(domain_xml).iterfind("devices/disk"):
        target, driver = disk.find("target"), disk.find("driver")
        if target is not None and driver is not None:
            policies[target.get("dev", "")] = {
                name: driver.get(name, "") for name in _PATIENT if driver.get(name)
            }
    return policies


def put_policies(domain_xml: str, policies: t.Mapping[str, t.Mapping[str, str]]) -> str:
    """Return the domain with these error policies in place of those of its disks; the same text if it has them."""
    root = parse_element(domain_xml)
    changed = False
    for disk in root.iterfind("devices/disk"):
        target, driver = disk.find("target"), disk.find("driver")
        if target is None or driver is None or target.get("dev") not in policies:
            continue
        desired = policies[target.get("dev", "")]
        changed = changed or any(driver.get(name) != desired.get(name) for name in _PATIENT)
        for name in _PATIENT:
            driver.attrib.pop(name, None)
        driver.attrib.update(dict(desired))
    return serialise(root) if changed else domain_xml
