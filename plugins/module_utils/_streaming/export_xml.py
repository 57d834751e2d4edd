# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The XML of streaming: the export of an appliance's disks, and disks that stand on it. Pure.

An export is a transient domain on the source that never runs an instruction. Its disks are the appliance's, read-only,
and a backup in pull mode has its QEMU serve them over NBD. All of that is libvirt's API, so it works from afar,
outlives the module that began it, and ends with the domain.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

PREFIX: t.Final = "headroom-export-"
RECORD_NAMESPACE: t.Final = "urn:headroom:libvirt:1:stream"
RECORD_PREFIX: t.Final = "headroom-stream"

# How long QEMU tries to reach a lost export before the guest is told, that is, paused. A libvirt that does not know it
# refuses the XML; there a broken connection pauses the guest at once.
_RECONNECT_SECONDS: t.Final = 10
_HELPER_MEMORY_MIB: t.Final = 8


@dataclasses.dataclass(frozen=True)
class Export:
    """Where the disks of an appliance are served. ``token`` is chosen at random for each export.

    The token is part of every name that the server answers to, so that a server that was left on the port, with other
    disks, is never taken for this one.
    """

    token: str
    address: str
    port: int
    source_uri: str
    source_pool: str

    @property
    def helper(self) -> str:
        """The name of the domain that serves."""
        return helper_name(self.token)

    def name_of(self, target: str) -> str:
        """Return the name under which a disk is served."""
        return f"{self.token}-{target}"


@dataclasses.dataclass(frozen=True)
class Record:
    """What a streamed clone's metadata says until it is local. ``bytes_per_second`` 0 is without limit."""

    export: Export
    appliance: str
    bytes_per_second: int


@dataclasses.dataclass(frozen=True)
class Served:
    """A disk to be served: the appliance's file and its format, and a path for what QEMU needs meanwhile."""

    target: str
    path: str
    format: str
    scratch: str


def helper_name(token: str) -> str:
    """Return the name of the domain that serves the export of that token."""
    return PREFIX + token[:12]


def helper_xml(export: Export, disks: t.Sequence[Served], arch: str, kind: str, title: str) -> str:
    """Return the domain that serves ``disks``; ``kind`` is ``qemu`` or ``kvm``."""
    root = etree.Element("domain", type=kind)
    etree.SubElement(root, "name").text = export.helper
    etree.SubElement(root, "title").text = title
    etree.SubElement(root, "memory", unit="MiB").text = str(_HELPER_MEMORY_MIB)
    etree.SubElement(root, "vcpu").text = "1"
    etree.SubElement(etree.SubElement(root, "os"), "type", arch=arch).text = "hvm"
    devices = etree.SubElement(root, "devices")
    for served in disks:
        disk = etree.SubElement(devices, "disk", type="file", device="disk")
        etree.SubElement(disk, "driver", name="qemu", type=served.format)
        etree.SubElement(disk, "source", file=served.path)
        etree.SubElement(disk, "target", dev=served.target, bus="virtio")
        etree.SubElement(disk, "readonly")
    etree.SubElement(devices, "controller", type="usb", model="none")
    etree.SubElement(devices, "memballoon", model="none")
    return serialise(root)


def backup_xml(export: Export, disks: t.Sequence[Served]) -> str:
    """Return the backup in pull mode that serves ``disks`` at the export's address."""
    root = etree.Element("domainbackup", mode="pull")
    etree.SubElement(root, "server", transport="tcp", name=export.address, port=str(export.port))
    listed = etree.SubElement(root, "disks")
    for served in disks:
        disk = etree.SubElement(
            listed,
            "disk",
            name=served.target,
            type="file",
            exportname=export.name_of(served.target),
        )
        etree.SubElement(disk, "driver", type="qcow2")
        etree.SubElement(disk, "scratch", file=served.scratch)
    return serialise(root)


def put_backing(disk: etree._Element, export: Export, *, reconnect: bool) -> None:
    """Let a ``<disk>`` stand on its export; it must have a source. What it cannot read there stops the guest.

    ``reconnect`` says whether this libvirt can be told to try for a while before.
    """
    driver, target = disk.find("driver"), disk.find("target")
    if driver is None or target is None:
        raise ValueError("a disk without driver or target")
    driver.set("error_policy", "stop")
    driver.set("rerror_policy", "stop")
    backing = etree.Element("backingStore", type="network")
    etree.SubElement(backing, "format", type="raw")
    source = etree.SubElement(
        backing, "source", protocol="nbd", name=export.name_of(target.get("dev", ""))
    )
    etree.SubElement(source, "host", name=export.address, port=str(export.port))
    if reconnect:
        etree.SubElement(source, "reconnect", delay=str(_RECONNECT_SECONDS))
    etree.SubElement(backing, "backingStore")
    target.addprevious(backing)


def backings(domain_xml: str) -> dict[str, tuple[str, ...]]:
    """Return {target: what each layer under the disk is, top first} of the disks that stand on something.

    A layer is ``nbd://ADDRESS:PORT/NAME``, a path, or the XML of any other source.
    """
    found = {}
    for disk in parse_element(domain_xml).iterfind("devices/disk"):
        target = disk.find("target")
        under = tuple(_layer(source) for source in disk.iterfind(".//backingStore/source"))
        if under and target is not None:
            found[target.get("dev", "")] = under
    return found


def url_of(export: Export, target: str) -> str:
    """Return the layer that backings() must name for a disk that stands on the export."""
    return f"nbd://{export.address}:{export.port}/{export.name_of(target)}"


def _layer(source: etree._Element) -> str:
    host = source.find("host")
    if source.get("protocol") == "nbd" and host is not None:
        return f"nbd://{host.get('name')}:{host.get('port')}/{source.get('name')}"
    return source.get("file") or source.get("dev") or serialise(source)


def without_backing(definition: str) -> str:
    """Return the definition of a clone that has become local: its disks stand on nothing."""
    root = parse_element(definition)
    for disk in root.iterfind("devices/disk"):
        for backing in disk.findall("backingStore"):
            disk.remove(backing)
    return serialise(root)


def record_element(record: Record) -> str:
    """Return the record as virDomainSetMetadata wants it, in no namespace."""
    export = record.export
    return serialise(
        etree.Element(
            "stream",
            token=export.token,
            address=export.address,
            port=str(export.port),
            source_uri=export.source_uri,
            source_pool=export.source_pool,
            appliance=record.appliance,
            bandwidth=str(record.bytes_per_second),
        )
    )


def put_record(domain: etree._Element, record: Record) -> None:
    """Put the record into the metadata of a parsed ``<domain>``."""
    container = domain.find("metadata")
    if container is None:
        container = etree.SubElement(domain, "metadata")
    bare = parse_element(record_element(record))
    container.append(
        etree.Element(
            f"{{{RECORD_NAMESPACE}}}stream",
            dict(bare.attrib),
            nsmap={RECORD_PREFIX: RECORD_NAMESPACE},
        )
    )


def read_record(text: str | None) -> Record | None:
    """Return the record that stands in the metadata; None where there is none, or not a whole one."""
    if text is None:
        return None
    facts = parse_element(text).attrib
    try:
        export = Export(
            token=facts["token"],
            address=facts["address"],
            port=int(facts["port"]),
            source_uri=facts["source_uri"],
            source_pool=facts["source_pool"],
        )
        return Record(export, facts["appliance"], int(facts["bandwidth"]))
    except (KeyError, ValueError):
        return None
