# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The template of an appliance that comes without one: a plain virtio machine. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import serialise

from .template import OS_NAMESPACE

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
        DomainSupport,
    )

AGENT_CHANNEL: t.Final = "org.qemu.guest_agent.0"
DEFAULT_MACHINES: t.Final[dict[str, str]] = {
    "x86_64": "q35",
    "i686": "q35",
    "aarch64": "virt",
    "riscv64": "virt",
}
# What libvirt takes on cards of other types only, or is about the bridge or host that a card was attached to.
_OF_ATTACHMENTS: t.Final = frozenset(
    (
        "source",
        "virtualport",
        "vlan",
        "script",
        "downscript",
        "target",
        "ip",
        "route",
        "portForward",
    )
)
_PC: t.Final = frozenset({"x86_64", "i686"})
# QEMU has no BIOS for their machines.
_BOOTED_BY_UEFI: t.Final = frozenset({"aarch64", "armv7l", "loongarch64", "riscv64"})
# For these alone libvirt knows models of processors.
_WITH_CPU_MODELS: t.Final = frozenset({*_PC, "ppc64", "ppc64le", "s390x"})


@dataclasses.dataclass(frozen=True)
class Hardware:
    """The machine that a clone shall be. ``machine`` and ``firmware`` None leave the choice to the architecture.

    ``secure_boot`` False has libvirt choose a firmware that starts what nobody signed.
    """

    memory_bytes: int
    vcpus: int = 1
    arch: str = "x86_64"
    machine: str | None = None
    firmware: str | None = None
    secure_boot: bool | None = None
    network: str | None = "default"
    os_id: str | None = None


def build(
    hardware: Hardware, targets: t.Sequence[str], support: DomainSupport | None = None
) -> str:
    """Return a template with a disk for each of ``targets`` (vda, …), a serial console and the agent's channel.

    ``support`` is what the host says of domains of this architecture, None where it does not say.
    """
    root = etree.Element("domain", type="kvm")
    if hardware.os_id is not None:
        container = etree.SubElement(
            etree.SubElement(root, "metadata"), f"{{{OS_NAMESPACE}}}libosinfo"
        )
        etree.SubElement(container, f"{{{OS_NAMESPACE}}}os", id=hardware.os_id)
    etree.SubElement(root, "memory", unit="KiB").text = str(-(-hardware.memory_bytes // 1024))
    etree.SubElement(root, "vcpu").text = str(hardware.vcpus)
    _add_system(root, hardware, _choose_firmware(hardware, support))
    etree.SubElement(root, "cpu", mode=_choose_cpu_mode(hardware, support))
    etree.SubElement(root, "clock", offset="utc")
    _add_devices(etree.SubElement(root, "devices"), hardware, targets)
    return serialise(root)


def _choose_firmware(hardware: Hardware, support: DomainSupport | None) -> str:
    if hardware.firmware is not None:
        return hardware.firmware
    # Of a PC's BIOS the capabilities say nothing where no file describes it, as on Debian: QEMU brings it along.
    if hardware.arch not in _BOOTED_BY_UEFI:
        return "bios"
    # The others start without any firmware of a file as well; ARM does not, and libvirt says what is missing.
    has_efi = support is None or "efi" in support.firmwares
    return "efi" if has_efi or hardware.arch == "aarch64" else "bios"


def _choose_cpu_mode(hardware: Hardware, support: DomainSupport | None) -> str:
    modes = frozenset() if support is None else support.cpu_modes
    by_table = "host-model" if hardware.arch in _WITH_CPU_MODELS else "host-passthrough"
    usable = [mode for mode in (by_table, "host-passthrough", "maximum") if mode in modes]
    return usable[0] if usable else by_table


def _add_system(root: etree._Element, hardware: Hardware, firmware: str) -> None:
    system = etree.SubElement(root, "os")
    if firmware == "efi":
        system.set("firmware", "efi")
    machine = hardware.machine or DEFAULT_MACHINES.get(hardware.arch)
    kind = etree.SubElement(system, "type", arch=hardware.arch)
    kind.text = "hvm"
    if machine:
        kind.set("machine", machine)
    if firmware == "efi" and hardware.secure_boot is False:
        chosen = etree.SubElement(system, "firmware")
        etree.SubElement(chosen, "feature", enabled="no", name="secure-boot")
    etree.SubElement(system, "boot", dev="hd")
    if hardware.arch in _PC:
        features = etree.SubElement(root, "features")
        etree.SubElement(features, "acpi")
        etree.SubElement(features, "apic")
    elif hardware.arch == "aarch64" and firmware == "efi":
        etree.SubElement(etree.SubElement(root, "features"), "acpi")


def _add_devices(devices: etree._Element, hardware: Hardware, targets: t.Sequence[str]) -> None:
    for target in targets:
        disk = etree.SubElement(devices, "disk", type="file", device="disk")
        etree.SubElement(disk, "driver", name="qemu", type="qcow2", discard="unmap")
        etree.SubElement(disk, "target", dev=target, bus="virtio")
    if hardware.network is not None:
        add_interface(devices, hardware.network)
    etree.SubElement(etree.SubElement(devices, "serial", type="pty"), "target", port="0")
    etree.SubElement(
        etree.SubElement(devices, "console", type="pty"), "target", type="serial", port="0"
    )
    etree.SubElement(
        etree.SubElement(devices, "channel", type="unix"),
        "target",
        type="virtio",
        name=AGENT_CHANNEL,
    )
    source = etree.SubElement(devices, "rng", model="virtio")
    etree.SubElement(source, "backend", model="random").text = "/dev/urandom"


def add_interface(devices: etree._Element, network: str) -> etree._Element:
    """Add a virtio interface on ``network`` and return it."""
    interface = etree.SubElement(devices, "interface", type="network")
    etree.SubElement(interface, "source", network=network)
    etree.SubElement(interface, "model", type="virtio")
    return interface


def attach_interface(card: etree._Element, network: str) -> etree._Element:
    """Attach a card to ``network``, without what it had of its former attachment; return the element that says so."""
    card.set("type", "network")
    for name in ("managed", "trustGuestRxFilters"):
        card.attrib.pop(name, None)
    for child in [child for child in card if child.tag in _OF_ATTACHMENTS]:
        card.remove(child)
    backend = card.find("backend")
    if backend is not None and "type" in backend.attrib:
        del backend.attrib["type"]
        if not backend.attrib:
            card.remove(backend)
    source = etree.Element("source", network=network)
    card.insert(0, source)
    return source
