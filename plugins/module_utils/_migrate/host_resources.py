# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a guest's definition names of its host, element by element, and what of a disk cannot come along. Pure.

``read_resources`` reads a parsed ``<domain>`` (its definition, without what libvirt adds while it runs): each of them
is proven at the destination by the preflight, or is a failed finding. ``find_obstacles`` reads one ``<disk>``: what it
returns keeps that disk from being copied, since the copy would not be the same.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

Proof = t.Literal["file", "folder", "volume", "emulator", "none"]

# What a disk says that a copy keeps, or that is about its source only and is made anew for the copy.
_DISK_CHILD_NAMES: t.Final = """
    address alias backingStore blockio boot driver geometry iotune mirror product readonly
    serial shareable source target throttlefilters vendor wwn
"""
_DISK_CHILDREN: t.Final = frozenset(_DISK_CHILD_NAMES.split())
_SOURCE_ATTRIBUTES: t.Final = frozenset(
    ("file", "dev", "dir", "pool", "volume", "mode", "startupPolicy", "index")
)
_SOURCE_CHILDREN: t.Final = frozenset(("seclabel", "privateData"))
_SOURCE_TYPES: t.Final = frozenset(("file", "block", "volume"))
# Why these keep a disk from being copied; any other element that is not known is named as it is.
_WHY: t.Final[t.Mapping[str, str]] = {
    "encryption": "is encrypted, and its copy would be read without its key",
    "transient": "is transient, and its changes lie in a file beside it",
    "auth": "needs a secret of its host",
    "reservations": "has persistent reservations of its host",
    "slices": "is a slice of its source",
    "dataStore": "keeps its data in a file of its own",
}

# libvirt gives sockets and logs below these a place of their own on each host.
_OWN_FOLDERS: t.Final = (
    "/var/lib/libvirt/",
    "/run/libvirt/",
    "/var/run/libvirt/",
    "/var/log/libvirt/",
)
_RANDOM: t.Final = frozenset(("/dev/urandom", "/dev/random", "/dev/hwrng"))


@dataclasses.dataclass(frozen=True)
class HostResource:
    """Something of the host that a definition names: ``check`` is the preflight's name for it.

    ``path`` is proven at the destination by ``proof``; what has none is refused, of a guest that runs only where
    ``while_running`` says so.
    """

    check: str
    what: str
    path: str
    proof: Proof
    remedy: str
    while_running: bool = False


def find_obstacles(disk: etree._Element) -> tuple[str, ...]:
    """Return why a disk cannot be copied to another host, as ends of sentences; empty if it can."""
    obstacles = (
        [] if disk.get("type", "file") in _SOURCE_TYPES else [f"is of the type {disk.get('type')}"]
    )
    obstacles += _describe_unknown(disk, _DISK_CHILDREN, "")
    source = disk.find("source")
    if source is not None:
        unknown = sorted(set(map(str, source.attrib)) - _SOURCE_ATTRIBUTES)
        obstacles += [f"has a source with {name}=, which is not understood" for name in unknown]
        obstacles += _describe_unknown(source, _SOURCE_CHILDREN, " in its source")
    return tuple(dict.fromkeys(obstacles))


def _describe_unknown(element: etree._Element, allowed: t.Collection[str], where: str) -> list[str]:
    tags = [str(child.tag) for child in element.iterchildren("*") if child.tag not in allowed]
    return [_WHY.get(tag, f"has <{tag}>{where}, which is not understood") for tag in tags]


def read_resources(root: etree._Element) -> tuple[HostResource, ...]:
    """Return what a parsed domain names of its host besides the disks that it writes, its cards and its CPU."""
    devices = root.find("devices")
    resources = [*_read_system(root)]
    if devices is not None:
        resources += [
            *_read_media(devices),
            *_read_streams(devices),
            *_read_graphics(devices),
            *_read_shares(devices),
            *_read_others(devices),
        ]
    return tuple(dict.fromkeys(resources))


def _read_system(root: etree._Element) -> t.Iterator[HostResource]:
    emulator = root.findtext("devices/emulator")
    if emulator:
        remedy = (
            "Install that emulator there, or choose another one in the definition (virsh edit)."
        )
        yield HostResource("emulator", "the guest's emulator", emulator, "emulator", remedy)
    for name in ("loader", "kernel", "initrd", "dtb", "shim"):
        path = (root.findtext(f"os/{name}") or "").strip()
        if path:
            yield _make_file("firmware", f"the guest's {name}", path)
    settings = (root.findtext("os/nvram") or "").strip()
    if settings:
        yield _make_folder("nvram", f"the settings of the guest's firmware in {settings}", settings)
    template = read_attribute(root.find("os/nvram"), "template")
    if template:
        yield _make_file("firmware", "the template of the guest's NVRAM", template)
    for table in root.iterfind("os/acpi/table"):
        yield _make_file("firmware", "the guest's ACPI table", (table.text or "").strip())
    if root.find("{http://libvirt.org/schemas/domain/qemu/1.0}commandline") is not None:
        remedy = "Take <qemu:commandline> out (virsh edit), or move the guest by hand."
        yield HostResource("qemu", "arguments of QEMU that nobody understands", "", "none", remedy)


def _make_file(check: str, what: str, path: str) -> HostResource:
    return HostResource(check, what, path, "file", "Copy it there, to the same path.")


def _read_media(devices: etree._Element) -> t.Iterator[HostResource]:
    """Disks that the guest only reads, in drives and out of them, a seed for cloud-init among them."""
    for disk in devices.iterfind("disk"):
        is_read_only = disk.get("device", "disk") != "disk" or disk.find("readonly") is not None
        source = disk.find("source")
        path = read_attribute(source, "file") or read_attribute(source, "dev")
        pool, volume = read_attribute(source, "pool"), read_attribute(source, "volume")
        optional = read_attribute(source, "startupPolicy") in ("optional", "requisite")
        if is_read_only and pool and volume and not optional:
            target = read_attribute(disk.find("target"), "dev")
            remedy = f"Eject it (virsh change-media GUEST {target} --eject), or bring it there, to a pool of that name."
            what = f"what {target} holds"
            yield HostResource("cdrom", what, f"{pool}/{volume}", "volume", remedy)
        elif is_read_only and path and not optional:
            target = read_attribute(disk.find("target"), "dev")
            remedy = f"Eject it (virsh change-media GUEST {target} --eject), or copy it there, to the same path."
            yield HostResource("cdrom", f"what {target} holds", path, "file", remedy)


def _read_streams(devices: etree._Element) -> t.Iterator[HostResource]:
    """Serial lines, consoles and channels that end in a file, a device or an address of the host."""
    for device in devices.iterchildren("serial", "parallel", "console", "channel", "redirdev"):
        tag, kind, source = str(device.tag), device.get("type", ""), device.find("source")
        path, what = read_attribute(source, "path"), f"the {tag} to"
        if kind in ("file", "unix") and path and not path.startswith(_OWN_FOLDERS):
            yield _make_folder("console", f"the {tag} into {path}", path)
        elif kind in ("dev", "pipe") and path:
            yield _make_refused("console", f"{what} the {kind} {path}", path)
        elif kind in ("tcp", "udp") and read_attribute(source, "mode") == "bind":
            address = read_attribute(source, "host")
            if _is_own_address(address):
                yield _make_refused("console", f"{what} the host's own address {address}", address)
    for log in devices.iterfind("*/log"):
        path = log.get("file", "")
        if path and not path.startswith(_OWN_FOLDERS):
            yield _make_folder("console", f"a log into {path}", path)


def _make_folder(check: str, what: str, path: str) -> HostResource:
    remedy = f"Make the folder {posixpath.dirname(path)} there."
    return HostResource(check, what, posixpath.dirname(path), "folder", remedy)


def _make_refused(check: str, what: str, path: str, *, while_running: bool = False) -> HostResource:
    remedy = "Take it out of the definition (virsh edit), and start the guest anew."
    return HostResource(check, what, path, "none", remedy, while_running)


def _is_own_address(address: str) -> bool:
    """Return whether that is an address of one host, and not of any or of each."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return bool(address) and address != "localhost"
    return not (parsed.is_unspecified or parsed.is_loopback)


def _read_graphics(devices: etree._Element) -> t.Iterator[HostResource]:
    for screen in devices.iterfind("graphics"):
        addresses = [screen.get("listen", "")]
        addresses += [
            listen.get("address", "") for listen in screen.iterfind("listen[@type='address']")
        ]
        for address in dict.fromkeys(addresses):
            if _is_own_address(address):
                what = f"the {screen.get('type')} screen on the host's own address {address}"
                yield _make_refused("graphics", what, address)


def _read_shares(devices: etree._Element) -> t.Iterator[HostResource]:
    for share in devices.iterfind("filesystem"):
        source = share.find("source")
        path = read_attribute(source, "dir") or read_attribute(source, "file")
        yield _make_refused("share", f"the shared folder {path}", path, while_running=True)
        if path:
            remedy = "Make that folder there, with the same content."
            yield HostResource("share", f"the shared folder {path}", path, "folder", remedy)
    for memory in devices.iterfind("shmem"):
        yield _make_refused(
            "share", f"the shared memory {memory.get('name')}", "", while_running=True
        )


def _read_others(devices: etree._Element) -> t.Iterator[HostResource]:
    for module in devices.iterfind("memory/source/path/.."):
        path = module.findtext("path") or ""
        yield _make_refused("memory device", f"the memory module in {path}", path)
    for card in devices.iterfind("interface[@type='vhostuser']"):
        path = read_attribute(card.find("source"), "path")
        yield _make_refused("card", f"the card on the socket {path}", path)
    for device in devices.iterfind("input"):
        if device.get("type") in ("passthrough", "evdev"):
            source = device.find("source")
            path = read_attribute(source, "evdev") or read_attribute(source, "dev")
            yield _make_refused("input", f"the host's input device {path}", path)
    for backend in devices.iterfind("tpm/backend"):
        if backend.get("type") != "emulator":
            yield _make_refused("tpm", f"a TPM of the type {backend.get('type')}", "")
    for backend in devices.iterfind("rng/backend"):
        path = (backend.text or "").strip()
        if path and path not in _RANDOM:
            yield _make_refused("rng", f"the host's source of randomness {path}", path)
