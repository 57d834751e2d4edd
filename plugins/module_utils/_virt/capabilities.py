# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a host can run, out of its capabilities. Pure: text in, dataclasses out."""

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


@dataclasses.dataclass(frozen=True)
class Platform:
    """What the host runs a template as. None leaves what the template says."""

    type: str
    machine: str | None = None
    keep_emulator: bool = False
    emulated_cpu: bool = False


@dataclasses.dataclass(frozen=True)
class Guest:
    """What a host can run of one architecture."""

    types: frozenset[str]
    machines: frozenset[str]
    emulator: str | None


def read_guests(capabilities: str) -> dict[str, Guest]:
    """Return {architecture: Guest} of the fully virtualised guests that the capabilities XML lists."""
    guests = {}
    for element in parse_element(capabilities).iterfind("guest"):
        arch = element.find("arch")
        if arch is not None and element.findtext("os_type") == "hvm":
            machines = arch.findall(".//machine")
            guests[arch.get("name", "")] = Guest(
                types=frozenset(kind.get("type", "") for kind in arch.iterfind("domain")),
                machines=frozenset(
                    name for one in machines for name in (one.text, one.get("canonical")) if name
                ),
                emulator=arch.findtext("emulator"),
            )
    return guests


def choose_platform(
    template: Definition, emulator: str | None, guests: t.Mapping[str, Guest]
) -> tuple[Platform, list[str]]:
    """Return how the host runs the template, and in sentences where that is not as the template says.

    ``emulator`` is what the template names. Raises Unsupported when the host cannot run it at all.
    """
    arch = template.arch or "x86_64"
    guest = guests.get(arch)
    if guest is None:
        there = ", ".join(sorted(guests)) or "none"
        raise Unsupported(
            f"this host runs no guests of the architecture {arch} (it runs: {there}).", arch=arch
        )
    notes: list[str] = []
    kind = _choose_type(template.type, guest, notes)
    machine = _choose_machine(template.machine, guest, notes)
    keep = emulator is not None and (emulator == guest.emulator or not _is_usual(emulator))
    platform = Platform(
        kind, machine, keep_emulator=keep, emulated_cpu=template.type == "kvm" and kind != "kvm"
    )
    return platform, notes


def _choose_type(wanted: str, guest: Guest, notes: list[str]) -> str:
    if wanted in guest.types:
        return wanted
    for other in ("qemu", "test"):  # "test" is libvirt's own driver without guests
        if wanted == "kvm" and other in guest.types:
            notes.append(
                f"This host has no KVM: the clones run under {other}, which is much slower."
            )
            return other
    raise Unsupported(
        f"this host runs no domains of the type {wanted} (it runs: {', '.join(sorted(guest.types)) or 'none'}).",
        type=wanted,
    )


def _choose_machine(wanted: str | None, guest: Guest, notes: list[str]) -> str | None:
    if wanted is None or not guest.machines or wanted in guest.machines:
        return None
    for pattern, alias in _VERSIONED:
        if pattern.fullmatch(wanted) and alias in guest.machines:
            notes.append(
                f"This host does not know the machine type {wanted}: the clones are {alias}."
            )
            return alias
    raise Unsupported(
        f"this host does not know the machine type {wanted}. Make an appliance from a template with another one.",
        machine=wanted,
    )


def _is_usual(emulator: str) -> bool:
    """Return whether this is where a distribution puts QEMU, and so where another one may not have it."""
    return (
        re.fullmatch(r"/usr/(bin/(qemu-system-\w+|qemu-kvm|kvm)|libexec/qemu-kvm)", emulator)
        is not None
    )
