# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From the template of an appliance to the XML of one clone. Pure.

What is not named here stays as the template says it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import consoles
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.build import (
    add_interface,
    attach_interface,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.platform import (
    apply_platform,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.template import (
    find_own_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import metadata as metadata_
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    drop_elements,
    format_cpus,
    parse_cpus,
    parse_element,
    read_size_bytes,
    serialise,
)

from .seed import disk_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
        Platform,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

    from .identity import Identity
    from .model import Overlay, Overrides

# libvirt's schema of a domain lets these come in any order, but people expect names on top.
_TOP: t.Final = ("name", "uuid", "title", "description")
# Monitors before what they stand in, which may go.
_TUNING_OF_VCPUS: t.Final = (
    "cputune/vcpusched",
    "cputune/cachetune/monitor",
    "cputune/energytune/monitor",
    "cputune/memorytune/monitor",
    "cputune/cachetune",
    "cputune/energytune",
    "cputune/memorytune",
)


def make_clone_xml(
    template: str,
    name: str,
    identity: Identity,
    disks: t.Mapping[str, Overlay],
    metadata: Metadata,
    platform: Platform,
    overrides: Overrides,
) -> str:
    """Return the XML of the clone ``name`` with its ``disks`` by target."""
    root = apply_hardware(template, platform, overrides)
    _put_names(
        root, {"name": name, "uuid": identity.uuid, "title": overrides.title}, overrides.description
    )
    _put_system_uuid(root, identity.uuid)
    for disk in find_own_disks(root):
        _put_disk(disk, disks[disk.find("target").get("dev", "")])  # type: ignore[union-attr]
    for interface, mac in zip(root.iterfind("devices/interface"), identity.macs):
        interface.insert(0, etree.Element("mac", address=mac))
    if identity.seed is not None:
        # it lies where the disks do
        disk_xml.add(root, identity.seed, next((disk.rbd for disk in disks.values()), None))
    if identity.nvram is not None:
        _put_nvram(root, identity.nvram)
    consoles.protect_consoles(root, overrides.console_password)
    metadata_.put_in(root, metadata)
    return serialise(root)


def apply_hardware(template: str, platform: Platform, overrides: Overrides) -> etree._Element:
    """Return the parsed template, as the host can run it and as large as it is asked for; raises InvalidInput."""
    root = parse_element(template)
    apply_platform(root, platform)
    if overrides.memory_bytes is not None:
        _put_memory(root, overrides.memory_bytes)
    if overrides.vcpus is not None:
        _put_vcpus(root, overrides.vcpus)
    if overrides.network is not None:
        _put_network(root, overrides.network)
    return root


def _put_names(
    root: etree._Element, names: t.Mapping[str, str | None], description: str | None
) -> None:
    texts = {**names, "description": description}
    for tag in reversed(_TOP):
        text = texts[tag]
        if text is not None:
            element = etree.Element(tag)
            element.text = text
            root.insert(0, element)


def _put_system_uuid(root: etree._Element, uuid: str) -> None:
    """Have the SMBIOS that the template describes tell the clone's UUID; libvirt refuses any other there."""
    system = root.find("sysinfo[@type='smbios']/system")
    if system is not None:
        etree.SubElement(system, "entry", name="uuid").text = uuid


def _put_nvram(root: etree._Element, path: str) -> None:
    """Have the firmware find what it keeps, which is there before the first boot."""
    system, nvram = root.find("os"), root.find("os/nvram")
    if nvram is None and system is not None:
        nvram = etree.SubElement(system, "nvram")
    if nvram is not None:
        nvram.text = path


def _put_disk(disk: etree._Element, overlay: Overlay) -> None:
    driver = disk.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        disk.insert(0, driver)
    driver.set("type", overlay.format)
    if overlay.rbd is not None:
        storage_xml.put_image(disk, overlay.rbd, overlay.volume.name)
        return
    disk.set("type", "file")
    driver.addnext(etree.Element("source", file=overlay.path))


def _put_memory(root: etree._Element, size: int) -> None:
    if root.find("cpu/numa") is not None or root.find("maxMemory") is not None:
        raise InvalidInput(
            "memory",
            size,
            "cannot be set, since the template divides its memory into NUMA cells or slots",
            "Leave it out, or make an appliance from a template without them.",
        )
    limit = read_size_bytes(root.find("memtune/hard_limit"))
    if 0 < limit < size:
        raise InvalidInput(
            "memory",
            size,
            f"is more than the template lets the host give it (memtune/hard_limit: {limit} bytes), so that the kernel "
            "would end the clone",
            "Ask for less, or make an appliance from a template without that limit.",
        )
    for tag in ("memory", "currentMemory"):
        element = root.find(tag)
        if element is None and tag == "memory":
            element = etree.SubElement(root, tag)
        if element is not None:
            element.attrib.clear()
            element.set("unit", "KiB")
            element.text = str(-(-size // 1024))


def _put_vcpus(root: etree._Element, count: int) -> None:
    vcpu = root.find("vcpu")
    if vcpu is None:
        vcpu = etree.SubElement(root, "vcpu")
    if vcpu.text == str(count):
        return
    if root.find("maxMemory") is not None or root.find("devices/memory/target/node") is not None:
        raise InvalidInput(
            "vcpus",
            count,
            "cannot be set, since the template has slots for memory in NUMA cells of its vCPUs",
            "Leave it out, or make an appliance from a template without them.",
        )
    vcpu.text = str(count)
    vcpu.attrib.pop("current", None)
    drop_elements(root, "vcpus", "cpu/topology", "cpu/numa")
    for path in _TUNING_OF_VCPUS:
        for element in root.findall(path):
            _limit_vcpus(element, count)


def _limit_vcpus(element: etree._Element, count: int) -> None:
    """Have tuning name only vCPUs that are there; what then is about none goes. libvirt refuses any other."""
    numbers = [number for number in parse_cpus(element.get("vcpus", "")) if number < count]
    parent = element.getparent()
    if numbers:
        element.set("vcpus", format_cpus(numbers))
    elif parent is not None:
        parent.remove(element)


def _put_network(root: etree._Element, network: str) -> None:
    """Attach the first interface to a libvirt network; a template without one gets one."""
    devices, first = root.find("devices"), root.find("devices/interface")
    if first is None:
        if devices is None:
            devices = etree.SubElement(root, "devices")
        add_interface(devices, network)
        return
    attach_interface(first, network)
