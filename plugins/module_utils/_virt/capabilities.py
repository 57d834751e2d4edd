# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read what a host can run out of its capabilities, and choose how it runs a template. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

from .element_xml import parse_element

if t.TYPE_CHECKING:
    from .domain_xml import Definition

# pc-q35-10.0, pc-i440fx-rhel7.6.0, virt-9.2: families whose newest member the host calls by the alias.
_VERSIONED: t.Final = (
    (re.compile(r"pc-q35-.+"), "q35"),
    (re.compile(r"pc-(i440fx-)?.*\d.*"), "pc"),
    (re.compile(r"virt-.+"), "virt"),
)
# Of the security model "dac", which is that of plain users and groups: +UID:+GID.
_LABEL: t.Final = re.compile(r"\+\d+:\+(\d+)")


@dataclasses.dataclass(frozen=True)
class Platform:
    """What the host runs a template as. None leaves what the template says."""

    type: str
    machine: str | None = None
    keep_emulator: bool = False
    emulated_cpu: bool = False


@dataclasses.dataclass(frozen=True)
class GuestSupport:
    """What a host can run of one architecture."""

    types: frozenset[str]
    machines: frozenset[str]
    emulator: str | None


def read_qemu_group(capabilities: str) -> int | None:
    """Return the number of the group that guests run in by default; None where libvirt keeps files to one user."""
    for model in parse_element(capabilities).iterfind("host/secmodel"):
        labels = [_LABEL.fullmatch(label.text or "") for label in model.iterfind("baselabel")]
        groups = [int(label[1]) for label in labels if label is not None]
        if model.findtext("model") == "dac" and groups:
            return groups[0]
    return None


@dataclasses.dataclass(frozen=True)
class DomainSupport:
    """What a host gives to domains of one architecture.

    ``firmwares`` are the kinds that it chooses by itself (``bios``, ``efi``), ``cpu_modes`` those of its own processor.
    """

    firmwares: frozenset[str] = frozenset()
    cpu_modes: frozenset[str] = frozenset()


def read_domain_support(capabilities: str) -> DomainSupport:
    """Return what the XML of a host's domain capabilities says."""
    root = parse_element(capabilities)
    values = root.iterfind("os/enum[@name='firmware']/value")
    modes = root.iterfind("cpu/mode[@supported='yes']")
    return DomainSupport(
        frozenset(value.text for value in values if value.text),
        frozenset(mode.get("name", "") for mode in modes),
    )


def read_guests(capabilities: str) -> dict[str, GuestSupport]:
    """Return {architecture: Guest} of the fully virtualised guests that the capabilities XML lists."""
    guests = {}
    for element in parse_element(capabilities).iterfind("guest"):
        arch = element.find("arch")
        if arch is not None and element.findtext("os_type") == "hvm":
            elements = arch.findall(".//machine")
            names = [element.text for element in elements]
            names += [element.get("canonical") for element in elements]
            guests[arch.get("name", "")] = GuestSupport(
                types=frozenset(kind.get("type", "") for kind in arch.iterfind("domain")),
                machines=frozenset(name for name in names if name),
                emulator=arch.findtext("emulator"),
            )
    return guests


def choose_platform(
    template: Definition, emulator: str | None, guests: t.Mapping[str, GuestSupport]
) -> tuple[Platform, list[str]]:
    """Return how the host runs the template, and in sentences where that is not as the template says.

    ``emulator`` is what the template names. Raises Unsupported when the host cannot run it at all.
    """
    arch = template.arch or "x86_64"
    guest = guests.get(arch)
    if guest is None:
        available = ", ".join(sorted(guests)) or "none"
        raise Unsupported(
            f"this host runs no guests of the architecture {arch} (it runs: {available}).",
            arch=arch,
        )
    notes: list[str] = []
    kind = _choose_type(template.type, guest, notes)
    machine = _choose_machine(template.machine, guest, notes)
    keep = emulator is not None and (emulator == guest.emulator or not _is_usual(emulator))
    platform = Platform(
        kind, machine, keep_emulator=keep, emulated_cpu=template.type == "kvm" and kind != "kvm"
    )
    return platform, notes


def _choose_type(domain_type: str, guest: GuestSupport, notes: list[str]) -> str:
    if domain_type in guest.types:
        return domain_type
    for other in ("qemu", "test"):  # "test" is libvirt's own driver without guests
        if domain_type == "kvm" and other in guest.types:
            notes.append(
                f"This host has no KVM: the clones run under {other}, which is much slower."
            )
            return other
    raise Unsupported(
        f"this host runs no domains of the type {domain_type} (it runs: {', '.join(sorted(guest.types)) or 'none'}).",
        type=domain_type,
    )


def _choose_machine(machine: str | None, guest: GuestSupport, notes: list[str]) -> str | None:
    if machine is None or not guest.machines or machine in guest.machines:
        return None
    for pattern, alias in _VERSIONED:
        if pattern.fullmatch(machine) and alias in guest.machines:
            notes.append(
                f"This host does not know the machine type {machine}: the clones are {alias}."
            )
            return alias
    raise Unsupported(
        f"this host does not know the machine type {machine}. Make an appliance from a template with another one.",
        machine=machine,
    )


def _is_usual(emulator: str) -> bool:
    """Return whether this is where a distribution puts QEMU, and so where another one may not have it."""
    return (
        re.fullmatch(r"/usr/(bin/(qemu-system-\w+|qemu-kvm|kvm)|libexec/qemu-kvm)", emulator)
        is not None
    )
