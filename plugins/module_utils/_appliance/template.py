# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From the XML of one domain to the template of many. Pure.

What makes a domain this one machine on this one host goes; what its guest sees of its hardware (device addresses, bus
and slot) stays, so that a clone finds its network card and disks where the original did.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import SEED_ALIAS
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    read_attribute,
    serialise,
)

from . import classify, consoles

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element

# Metadata in this namespace says which operating system it is; all other metadata is about the one machine.
OS_NAMESPACE: t.Final = "http://libosinfo.org/xmlns/libvirt/domain/1.0"

_OF_THE_INSTANCE: t.Final = (
    "name",
    "uuid",
    "title",
    "description",
    "seclabel",
    "vcpus",
    "cputune/vcpupin",
    "cputune/emulatorpin",
    "cputune/iothreadpin",
    "numatune",
    f"devices/disk/alias[@name='{SEED_ALIAS}']/..",
    "devices/*/alias",
    "devices/*/seclabel",
    "devices/*/source/seclabel",
    "devices/interface/mac",
    "devices/interface/target",
    "devices/interface/virtualport/parameters[@interfaceid]",
    "devices/interface/filterref/parameter[@name='IP']",
    "devices/interface/filterref/parameter[@name='MAC']",
    "devices/tpm/backend/encryption",
    "devices/tpm/backend/source",
    "sysinfo/system/entry[@name='uuid']",
    "sysinfo/system/entry[@name='serial']",
)


def make_template(text: str) -> str:
    """Return the template that the XML of a domain makes; raises Unsupported naming each device that cannot be cloned.

    A template stays as it is.
    """
    root = parse_element(text)
    if root.tag != "domain":
        raise HeadroomError(
            f"template: the XML is a <{root.tag!s}>, not a <domain>. Give the XML of a domain."
        )
    classify.refuse_unclonable(root)
    root.attrib.pop("id", None)
    for path in _OF_THE_INSTANCE:
        for element in root.findall(path):
            _remove(element)
    for strip in (
        strip_metadata,
        _strip_firmware,
        _strip_disks,
        _strip_interfaces,
        _strip_consoles,
        _strip_rest,
    ):
        strip(root)
    return serialise(root)


def read_os_id(text: str) -> str | None:
    """Return the libosinfo id that a domain's XML or a template says, such as ``http://debian.org/debian/13``."""
    element = parse_element(text).find(f"metadata/{{{OS_NAMESPACE}}}libosinfo/{{{OS_NAMESPACE}}}os")
    return None if element is None else element.get("id")


def read_firmware(text: str) -> str:
    """Return ``efi`` or ``bios``: what a domain's XML or a template boots with."""
    system = parse_element(text).find("os")
    if system is None:
        return "bios"
    loader = system.find("loader")
    explicit = loader is not None and loader.get("type") == "pflash"
    return "efi" if explicit or system.get("firmware") == "efi" else "bios"


def list_disk_targets(text: str) -> list[str]:
    """Return the targets (vda, …) of the disks that each clone has for itself, in the order of the XML."""
    return [
        read_attribute(disk.find("target"), "dev") for disk in find_own_disks(parse_element(text))
    ]


def find_own_disks(root: Element) -> list[Element]:
    """Return the ``<disk>`` elements that are disks, not CD-ROM or floppy drives, nor a seed."""
    disks = (disk for disk in root.iterfind("devices/disk") if disk.get("device", "disk") == "disk")
    return [disk for disk in disks if disk.find(f"alias[@name='{SEED_ALIAS}']") is None]


def strip_metadata(root: Element) -> None:
    """Take all metadata out but what says which operating system it is."""
    for element in root.findall("metadata/*"):
        if not str(element.tag).startswith(f"{{{OS_NAMESPACE}}}"):
            _remove(element)


def _strip_firmware(root: Element) -> None:
    """Let libvirt make a new NVRAM, and choose the loader again where it had chosen it."""
    system = root.find("os")
    if system is None:
        return
    loader, nvram = system.find("loader"), system.find("nvram")
    chosen = system.get("firmware") is not None
    if loader is not None and chosen:
        secure = loader.get("secure")
        loader.attrib.clear()
        loader.text = None
        if secure is None:
            system.remove(loader)
        else:
            loader.set("secure", secure)
    if nvram is not None:
        nvram.text = None
        for child in list(nvram):
            nvram.remove(child)
        keep = () if chosen else ("template", "templateFormat")
        for name in set(nvram.attrib) - set(keep):
            del nvram.attrib[name]
        if not nvram.attrib:
            system.remove(nvram)


def _strip_disks(root: Element) -> None:
    for disk in root.iterfind("devices/disk"):
        for name in (
            "source",
            "backingStore",
            "mirror",
            "serial",
            "wwn",
            "transient",
            "encryption",
        ):
            for element in disk.findall(name):
                disk.remove(element)
        disk.set("type", "file")


def _strip_interfaces(root: Element) -> None:
    for source in root.iterfind("devices/interface/source"):
        for name in ("portid", *(("bridge",) if source.get("network") else ())):
            source.attrib.pop(name, None)


def _strip_consoles(root: Element) -> None:
    """Consoles become pseudo-terminals; channels and graphics get paths and ports of their own from libvirt."""
    devices = root.find("devices")
    for device in [] if devices is None else list(devices):
        if device.tag in {"serial", "console", "parallel"}:
            _drop_children(device, "source", "log", "protocol")
            device.set("type", "pty")
            device.attrib.pop("tty", None)
        elif device.tag == "channel":
            _drop_children(device, "source", "log")
            target = device.find("target")
            if target is not None:
                target.attrib.pop("state", None)
        elif device.tag == "graphics":
            consoles.strip_console(device)


def _strip_rest(root: Element) -> None:
    vcpu = root.find("vcpu")
    if vcpu is not None:
        vcpu.attrib.pop("cpuset", None)
        vcpu.attrib.pop("current", None)
    for element in root.iterfind("genid"):
        element.text = None  # libvirt makes a new one
    for cid in root.iterfind("devices/vsock/cid"):
        cid.attrib.clear()
        cid.set("auto", "yes")


def _drop_children(element: Element, *names: str) -> None:
    for name in names:
        for child in element.findall(name):
            element.remove(child)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
