# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine of an appliance that comes without one, on each architecture."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from corpus.clones import make_clone

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.build import (
    Hardware,
    build,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
    DomainSupport,
    Platform,
    read_domain_support,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

# As libvirt 11.3 says them of QEMU 10, less all else; ARM under KVM, a PC under KVM, POWER without it.
ARM = """<domainCapabilities><domain>kvm</domain><machine>virt-10.0</machine><arch>aarch64</arch>
<os supported='yes'><enum name='firmware'><value>efi</value></enum><loader supported='yes'>
<value>/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd</value></loader></os>
<cpu><mode name='host-passthrough' supported='yes'/><mode name='maximum' supported='yes'/>
<mode name='host-model' supported='no'/><mode name='custom' supported='yes'/></cpu></domainCapabilities>"""
PC = """<domainCapabilities><os supported='yes'>
<enum name='firmware'><value>bios</value><value>efi</value></enum></os>
<cpu><mode name='host-passthrough' supported='yes'/><mode name='maximum' supported='yes'/>
<mode name='host-model' supported='yes'><model>Skylake-Client</model></mode></cpu></domainCapabilities>"""
# SeaBIOS has no descriptor there, so that libvirt does not list it; every PC has it all the same.
DEBIAN_PC = PC.replace("<value>bios</value>", "")
POWER = (
    """<domainCapabilities><os supported='yes'><enum name='firmware'/></os></domainCapabilities>"""
)


def choose(hardware: Hardware, support: str | None = None) -> tuple[str | None, str | None]:
    """Return the firmware and the mode of the processor of the template."""
    read = None if support is None else read_domain_support(support)
    root = parse_element(build(hardware, ["vda"], read))
    system, cpu = root.find("os"), root.find("cpu")
    assert system is not None
    assert cpu is not None
    return system.get("firmware"), cpu.get("mode")


@pytest.mark.parametrize(
    ("arch", "support", "firmware", "mode"),
    [
        ("x86_64", None, None, "host-model"),
        ("x86_64", PC, None, "host-model"),
        ("i686", None, None, "host-model"),
        ("aarch64", None, "efi", "host-passthrough"),
        ("aarch64", ARM, "efi", "host-passthrough"),
        ("aarch64", POWER, "efi", "host-passthrough"),
        ("armv7l", None, "efi", "host-passthrough"),
        ("riscv64", None, "efi", "host-passthrough"),
        ("riscv64", ARM, "efi", "host-passthrough"),
        ("riscv64", POWER, None, "host-passthrough"),
        ("x86_64", DEBIAN_PC, None, "host-model"),
        ("i686", DEBIAN_PC, None, "host-model"),
        ("ppc64le", None, None, "host-model"),
        ("ppc64le", POWER, None, "host-model"),
        ("s390x", None, None, "host-model"),
    ],
)
def test_defaults_are_those_of_the_architecture(
    arch: str, support: str | None, firmware: str | None, mode: str
) -> None:
    assert choose(Hardware(1 << 30, arch=arch), support) == (firmware, mode)


def test_what_the_task_says_is_so() -> None:
    assert choose(Hardware(1 << 30, firmware="efi"), PC)[0] == "efi"
    assert choose(Hardware(1 << 30, arch="aarch64", firmware="bios"), ARM)[0] is None


def test_what_a_host_says_is_read() -> None:
    assert read_domain_support(ARM) == DomainSupport(
        frozenset({"efi"}), frozenset({"host-passthrough", "maximum", "custom"})
    )


def test_images_that_nobody_signed_get_a_firmware_that_starts_them() -> None:
    asked = "os/firmware/feature[@name='secure-boot']"
    root = parse_element(build(Hardware(1 << 30, firmware="efi", secure_boot=False), ["vda"]))
    feature = root.find(asked)
    assert feature is not None
    assert feature.get("enabled") == "no"
    for hardware in (Hardware(1 << 30, secure_boot=False), Hardware(1 << 30, firmware="efi")):
        assert parse_element(build(hardware, ["vda"])).find(asked) is None


def test_arm_has_the_tables_that_uefi_hands_on() -> None:
    root = parse_element(build(Hardware(1 << 30, arch="aarch64"), ["vda"]))
    assert [element.tag for element in root.iterfind("features/*")] == ["acpi"]


GOLDEN = Path(__file__).parent / "golden"
HOSTS = sorted(GOLDEN.glob("*.capabilities.xml"))


@pytest.mark.parametrize("host", HOSTS, ids=lambda path: path.name.split(".")[0])
def test_golden_machine_of_a_host(host: Path) -> None:
    """HEADROOM_GOLDEN=write writes the files anew; read what changed (git diff) before committing them."""
    root, support = parse_element(host.read_text()), read_domain_support(host.read_text())
    arch, is_fast = root.findtext("arch") or "", root.findtext("domain") == "kvm"
    if not is_fast:  # as node.read_domain_support() has it: the template is for KVM all the same
        support = dataclasses.replace(support, cpu_modes=frozenset())
    made = build(Hardware(1 << 30, vcpus=2, arch=arch), ["vda"], support)
    if not is_fast:
        clone = parse_element(make_clone(made, platform=Platform("qemu", emulated_cpu=True)))
        assert clone.find("cpu[@mode='maximum']") is not None
    expected = host.with_name(host.name.replace(".capabilities.", ".template."))
    if os.environ.get("HEADROOM_GOLDEN") == "write":
        expected.write_text(made)
    assert made == expected.read_text()


def test_an_arm_machine_starts_under_what_its_host_has() -> None:
    """No BIOS, no model of a processor: neither exists there, and KVM gives its own processor only."""
    assert len(HOSTS) >= 6
    for path in GOLDEN.glob("aarch64-*.template.xml"):
        root = parse_element(path.read_text())
        assert root.find("os[@firmware='efi']") is not None
        assert root.find("cpu[@mode='host-model']") is None
        assert root.find("os/type[@machine='virt']") is not None
        assert root.find("features/apic") is None
