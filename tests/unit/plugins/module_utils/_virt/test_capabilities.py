# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import capabilities
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import Definition

QEMU = "/usr/bin/qemu-system-x86_64"
CAPABILITIES = f"""<capabilities><host/>
<guest><os_type>xen</os_type><arch name='ppc64'/></guest>
<guest><os_type>hvm</os_type><arch name='x86_64'><emulator>{QEMU}</emulator>
  <machine maxCpus='4096'>pc-q35-10.0</machine><machine canonical='pc-q35-10.0'>q35</machine>
  <machine canonical='pc-i440fx-10.0'>pc</machine>
  <domain type='qemu'/>{{kvm}}</arch></guest>
<guest><os_type>hvm</os_type><arch name='aarch64'><emulator>/usr/bin/qemu-system-aarch64</emulator>
  <machine canonical='virt-10.0'>virt</machine><domain type='qemu'/></arch></guest></capabilities>"""
WITH_KVM = capabilities.read_guests(
    CAPABILITIES.format(kvm="<domain type='kvm'><machine>pc-q35-9.9</machine></domain>")
)
WITHOUT_KVM = capabilities.read_guests(CAPABILITIES.format(kvm=""))


def template(kind: str = "kvm", arch: str = "x86_64", machine: str | None = "q35") -> Definition:
    return Definition(name="", type=kind, arch=arch, machine=machine)


def test_capabilities_are_read() -> None:
    assert set(WITH_KVM) == {"x86_64", "aarch64"}
    assert WITH_KVM["x86_64"] == capabilities.GuestSupport(
        frozenset({"qemu", "kvm"}),
        frozenset({"pc-q35-10.0", "q35", "pc", "pc-i440fx-10.0", "pc-q35-9.9"}),
        QEMU,
    )


@pytest.mark.parametrize("machine", ["q35", "pc-q35-10.0", "pc-q35-9.9", None])
def test_what_the_host_has_stays_as_it_is(machine: str | None) -> None:
    assert capabilities.choose_platform(template(machine=machine), None, WITH_KVM) == (
        Platform("kvm"),
        [],
    )


def test_without_kvm_a_template_is_emulated_and_that_is_said() -> None:
    platform, notes = capabilities.choose_platform(template(), None, WITHOUT_KVM)
    assert platform == Platform("qemu", emulated_cpu=True)
    assert notes == ["This host has no KVM: the clones run under qemu, which is much slower."]


def test_an_emulated_template_stays_emulated_on_a_host_with_kvm() -> None:
    assert capabilities.choose_platform(template("qemu"), None, WITH_KVM) == (Platform("qemu"), [])


@pytest.mark.parametrize(
    ("arch", "machine", "alias"),
    [
        ("x86_64", "pc-q35-11.0", "q35"),
        ("x86_64", "pc-q35-rhel9.4.0", "q35"),
        ("x86_64", "pc-i440fx-2.4", "pc"),
        ("x86_64", "pc-1.3", "pc"),
        ("aarch64", "virt-11.0", "virt"),
    ],
)
def test_an_unknown_version_becomes_the_newest_of_its_family(
    arch: str, machine: str, alias: str
) -> None:
    platform, notes = capabilities.choose_platform(
        template("qemu", arch, machine), None, WITHOUT_KVM
    )
    assert platform.machine == alias
    assert notes == [f"This host does not know the machine type {machine}: the clones are {alias}."]


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (template(arch="s390x"), "no guests of the architecture s390x"),
        (template("xen"), "no domains of the type xen"),
        (template(machine="microvm"), "does not know the machine type microvm"),
    ],
)
def test_what_cannot_run_here_is_refused(definition: Definition, problem: str) -> None:
    with pytest.raises(Unsupported, match=problem):
        capabilities.choose_platform(definition, None, WITH_KVM)


@pytest.mark.parametrize(
    ("emulator", "kept"),
    [
        (QEMU, True),
        ("/usr/libexec/qemu-kvm", False),
        ("/usr/bin/kvm", False),
        ("/opt/qemu/qemu-wrapped", True),
    ],
)
def test_a_distributions_path_of_qemu_gives_way_and_ones_own_stays(
    emulator: str, *, kept: bool
) -> None:
    platform, _notes = capabilities.choose_platform(template(), emulator, WITH_KVM)
    assert platform.keep_emulator is kept


@pytest.mark.parametrize(
    ("models", "group"),
    [
        (
            "<secmodel><model>apparmor</model></secmodel><secmodel><model>dac</model>"
            "<baselabel type='kvm'>+64055:+994</baselabel></secmodel>",
            994,
        ),
        ("<secmodel><model>dac</model><baselabel type='kvm'>+0:+0</baselabel></secmodel>", 0),
        (
            "<secmodel><model>selinux</model><baselabel type='kvm'>a:b:c:s0</baselabel></secmodel>",
            None,
        ),
        ("<secmodel><model>dac</model></secmodel>", None),
        ("", None),
    ],
)
def test_the_group_of_qemu_is_that_of_plain_users_and_groups(
    models: str, group: int | None
) -> None:
    text = f"<capabilities><host>{models}</host></capabilities>"
    assert capabilities.read_qemu_group(text) == group
