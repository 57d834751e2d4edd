# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a domain has that its clones cannot have too, and the way out of it. Pure.

What needs a sentence of its own has one here; whatever else the table of the schema calls exclusive to one machine, or
does not have at all, is refused by its path.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
    describe_address,
    find_writable_firmware,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element
    Finding = tuple[str, str]  # what it is, and what to do about it

_DETACH: t.Final = "Detach it from the domain, or give a template without it."
_COPIED: t.Final = frozenset({"file", "block", "volume"})
_PASSED_ON: t.Final = frozenset({"hostdev", "vdpa", "vhostuser"})
# What a drive holds is taken out of it, whatever it is; disks are looked at one by one.
_OF_DISKS: t.Final = ("devices/disk/encryption", "devices/disk/shareable", "devices/disk/source")
# What other functions here have found, with a sentence of its own.
_TOLD_ABOVE: t.Final = (
    "devices/filesystem",
    "devices/hostdev",
    "devices/input/source",
    "devices/interface/source/@path",
    "devices/interface/source/address",
    "devices/memory/source/path",
    "devices/shmem",
    "devices/tpm/backend/device",
)
# What the parts of a disk's source make of it: its content is not what lies in the file.
_DISGUISES: t.Final[t.Mapping[str, str]] = {
    "encryption": "Decrypt it first (qemu-img convert), or encrypt it inside the guest.",
    "slices": "Copy the slice into a volume of its own first.",
    "dataStore": "Copy it into an image that holds its own data first (qemu-img convert).",
}
# Channels that libvirt makes anew for each machine, or that have nothing of the host.
_CHANNELS: t.Final = frozenset({"unix", "pty", "spicevmc", "spiceport", "qemu-vdagent", "dbus"})
_USE_A_CHANNEL: t.Final = (
    "Use a channel of the type unix, of which libvirt makes one for each machine."
)
# Where Ignition and Combustion look for what a machine is to become.
_PROVISIONING: t.Final = (
    "opt/com.coreos/",
    "opt/org.flatcar-linux/",
    "opt/org.opensuse.combustion/",
)
_REMEDIES: t.Final[t.Mapping[str, str]] = {
    "commandline": "Say it by elements of libvirt's, or leave it out.",
    "os": "Have it boot from its disk.",
    "sysinfo": "Give each clone its own by user_data.",
    "devices/lease": "Add a lease to each clone afterwards (virsh attach-device).",
    "devices/audio": "Use an audio backend without a file.",
    "devices/interface": "Use a libvirt network; each clone gets its own address and forwarded ports there.",
    "devices/redirdev": "Use the type spicevmc.",
    "devices/rng": "Use the backend random or builtin.",
    "devices/smartcard": "Use the mode passthrough with the type spicevmc.",
    "devices/channel": _USE_A_CHANNEL,
}
# Options of QEMU that are about what the guest sees of its machine; anything else can name a file or a port.
_FLAGS: t.Final = frozenset({"-no-hpet", "-no-acpi", "-no-fd-bootchk", "-no-user-config"})
_HARDWARE_OPTIONS: t.Final = frozenset(
    {"-cpu", "-global", "-machine", "-M", "-rtc", "-icount", "-set", "-smp", "-overcommit"}
)


def refuse_unclonable(root: Element) -> None:
    """Raise Unsupported naming each device of the domain that cannot be cloned, and what to do instead."""
    findings = [
        *_find_firmware(root),
        *_find_disks(root),
        *_find_host_devices(root),
        *_find_interfaces(root),
        *_find_shared_things(root),
        *_find_other_devices(root),
        *_find_channels(root),
        *_find_arguments(root),
        *_find_provisioning(root),
    ]
    findings += _find_exclusive(root, told=_TOLD_ABOVE if findings else ())
    if findings:
        devices = [device for device, _remedy in findings]
        remedies = [_DETACH, *dict.fromkeys(remedy for _device, remedy in findings if remedy)]
        raise Unsupported(
            f"a clone cannot have {', '.join(devices)}: there is only one of it. {' '.join(remedies)}",
            devices=devices,
        )


def refuse_unknown(root: Element) -> None:
    """Raise Unsupported naming each element and attribute that the table of libvirt's schema does not have."""
    places = dict.fromkeys(domain_schema.find_places(root, None))
    unknown = ["/".join(path) for path in places]
    if unknown:
        raise Unsupported(
            f"the domain has {', '.join(unknown)}, which this release does not know: it cannot say whether each clone "
            "may have that too. Give a template without it, or, if clones may share it, write unknown_elements: keep.",
            unknown=unknown,
        )


def _find_firmware(root: Element) -> t.Iterator[Finding]:
    path = find_writable_firmware(root)
    if path is not None:
        yield (
            f"the firmware {path}, which it may write",
            "Use firmware='efi', or a loader with readonly='yes' and an NVRAM of its own.",
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
        elif kind not in _COPIED and disk.find("source[@protocol='rbd']") is None:
            yield f"the disk {target} on {kind}", "Copy it into a storage pool of files first."
        elif disk.find("source[@protocol='rbd']/snapshot") is not None:
            yield (
                f"the disk {target} with <snapshot>",
                "Clone the snapshot into an image of its own first (rbd clone).",
            )
        else:
            for name, remedy in _DISGUISES.items():
                if disk.find(name) is not None or disk.find(f"source/{name}") is not None:
                    yield f"the disk {target} with <{name}>", remedy


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
        elif kind == "vhostuser" and interface.find("backend[@type='passt']") is not None:
            continue  # libvirt starts a passt for each machine
        elif kind in _PASSED_ON:
            remedy = (
                "Use a libvirt network with <forward mode='hostdev'>, which gives each clone a "
                "function of its own."
            )
            yield (
                f"the network interface {describe_address(interface)} ({kind})",
                remedy if kind == "hostdev" else "",
            )
        elif kind in {"client", "server", "udp"}:
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
        if device.find("source/path") is not None:
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


def _find_channels(root: Element) -> t.Iterator[Finding]:
    for device in root.iterfind("devices/channel"):
        source, kind = device.find("source"), device.get("type", "")
        if kind not in _CHANNELS or (
            kind == "unix" and read_attribute(source, "mode") == "connect"
        ):
            name = read_attribute(device.find("target"), "name")
            yield f"the channel {name} ({kind})", _USE_A_CHANNEL


def _find_arguments(root: Element) -> t.Iterator[Finding]:
    """Yield the arguments for QEMU that could name something of the host."""
    values = [element.get("value", "") for element in root.iterfind("{*}commandline/{*}arg")]
    expected = iter(values)
    for option in expected:
        if option in _FLAGS:
            continue
        value = next(expected, "")
        is_foreign = option == "-set" and not value.startswith("device.")
        if option not in _HARDWARE_OPTIONS or "/" in value or value.startswith("-") or is_foreign:
            yield (
                f"the QEMU argument {' '.join((option, value)).strip()!r}",
                _REMEDIES["commandline"],
            )


def _find_provisioning(root: Element) -> t.Iterator[Finding]:
    """Yield what sets up one machine at its first boot, and says its name and keys."""
    for entry in root.iterfind("sysinfo/entry"):
        name = entry.get("name", "")
        if name.startswith(_PROVISIONING) and entry.get("file") is None:
            yield f"the firmware configuration {name}", _REMEDIES["sysinfo"]


def _find_exclusive(root: Element, *, told: tuple[str, ...]) -> t.Iterator[Finding]:
    for path in dict.fromkeys(domain_schema.find_places(root, "exclusive")):
        text = "/".join(path)
        if not text.startswith((*_OF_DISKS, *told)):
            start = "/".join(path[: 2 if path[0] == "devices" else 1])
            yield f"<{text}>", _REMEDIES.get(start, "")
