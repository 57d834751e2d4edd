# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a domain has that its clones cannot have too, and the way out of it. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.host_devices import (
    describe_address,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element
    Finding = tuple[str, str]  # what it is, and what to do about it

_DETACH: t.Final = "Detach it from the domain, or give a template without it."
_FILES: t.Final = frozenset({"file", "block", "volume"})
_PASSED_ON: t.Final = frozenset({"hostdev", "vdpa", "vhostuser"})


def refuse_unclonable(root: Element) -> None:
    """Raise Unsupported naming each device of the domain that cannot be cloned, and what to do instead."""
    findings = [
        *_find_disks(root),
        *_find_host_devices(root),
        *_find_interfaces(root),
        *_find_shared_things(root),
        *_find_other_devices(root),
    ]
    if findings:
        devices = [device for device, _remedy in findings]
        remedies = [_DETACH, *dict.fromkeys(remedy for _device, remedy in findings if remedy)]
        raise Unsupported(
            f"a clone cannot have {', '.join(devices)}: there is only one of it. {' '.join(remedies)}",
            devices=devices,
        )


def _find_disks(root: Element) -> t.Iterator[Finding]:
    for disk in root.iterfind("devices/disk"):
        target, kind = (
            read_attribute(disk.find("target"), "dev") or "without target",
            disk.get("type", "file"),
        )
        if disk.get("device") == "lun":
            yield (
                f"the pass-through disk {target}",
                "Attach the device as an ordinary disk (device='disk').",
            )
        elif disk.get("device", "disk") != "disk":
            continue
        elif disk.find("shareable") is not None:
            yield (
                f"the shared disk {target}",
                "Attach it to each clone afterwards (virsh attach-disk).",
            )
        elif kind not in _FILES:
            yield f"the disk {target} on {kind}", "Copy it into a storage pool of files first."


def _find_host_devices(root: Element) -> t.Iterator[Finding]:
    for device in root.iterfind("devices/hostdev"):
        yield (
            f"the host device {describe_address(device)}",
            "Attach one to each clone afterwards (virsh attach-device).",
        )


def _find_interfaces(root: Element) -> t.Iterator[Finding]:
    for interface in root.iterfind("devices/interface"):
        kind, source = interface.get("type", ""), interface.find("source")
        if kind == "direct" and read_attribute(source, "mode") == "passthrough":
            device = read_attribute(source, "dev")
            yield (
                f"the network interface {device} (direct, passthrough)",
                "Use the mode bridge, or a libvirt network.",
            )
        elif kind in _PASSED_ON:
            remedy = (
                "Use a libvirt network with <forward mode='hostdev'>, which gives each clone a "
                "function of its own."
            )
            yield (
                f"the network interface {describe_address(interface)} ({kind})",
                remedy if kind == "hostdev" else "",
            )
        elif kind in {"server", "udp"}:
            yield (
                f"the network interface on port {read_attribute(source, 'port')} ({kind})",
                "Use a libvirt network.",
            )


def _find_shared_things(root: Element) -> t.Iterator[Finding]:
    for folder in root.iterfind("devices/filesystem"):
        yield (
            f"the shared folder {read_attribute(folder.find('target'), 'dir')}",
            "Share it over the network (NFS), or put its content on a disk.",
        )
    for device in root.iterfind("devices/shmem"):
        yield f"the shared memory {device.get('name')}", ""


def _find_other_devices(root: Element) -> t.Iterator[Finding]:
    for backend in root.iterfind("devices/tpm/backend"):
        if backend.get("type") != "emulator":
            yield (
                f"the TPM of the type {backend.get('type')}",
                "Use an emulated TPM: each clone gets an empty one.",
            )
    for device in root.iterfind("devices/memory[source]"):
        yield f"the memory device {device.get('model')}", ""
    for device in root.iterfind("devices/input"):
        if device.get("type") in {"passthrough", "evdev"}:
            source = device.find("source")
            yield (
                f"the input device {read_attribute(source, 'evdev') or read_attribute(source, 'dev')}",
                "",
            )
    for device in root.iterfind("devices/smartcard"):
        if device.get("mode") == "host":
            yield "the smartcard reader of the host", ""
