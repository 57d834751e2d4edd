# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, foreign
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    InvalidManifest,
    Manifest,
)

PLAIN = build.build(
    build.Hardware(64 << 20, firmware="efi", os_id="http://debian.org/debian/13"), ["vda"]
)
DISK = BaseDisk("vda", "", "qcow2", 1 << 20, 9, "a" * 64)
MANIFEST = Manifest("web", "1", "2026-01-01T00:00:00Z", "x86_64", "efi", PLAIN, (DISK,))


def with_device(xml: str) -> str:
    return PLAIN.replace("<devices>", f"<devices>{xml}")


def test_the_templates_of_this_collection_pass_unchanged() -> None:
    assert foreign.check_manifest(MANIFEST) == MANIFEST
    loader = PLAIN.replace(
        "</os>", "<loader type='pflash' readonly='yes'>/usr/share/OVMF/OVMF_CODE.fd</loader></os>"
    )
    assert "OVMF_CODE" not in foreign.check_template(loader)  # libvirt chooses by firmware='efi'
    kept = loader.replace(' firmware="efi"', "")
    assert "/usr/share/OVMF/OVMF_CODE.fd" in foreign.check_template(kept)


def test_the_emulator_is_that_of_the_host() -> None:
    assert "emulator" not in foreign.check_template(with_device("<emulator>/tmp/evil</emulator>"))


@pytest.mark.parametrize(
    "template",
    [
        PLAIN.replace("</os>", "<kernel>/etc/shadow</kernel></os>"),
        PLAIN.replace("</os>", "<kernel>etc/shadow</kernel></os>"),
        PLAIN.replace("</os>", "<initrd>boot</initrd></os>"),
        PLAIN.replace("</os>", "<loader>/etc/shadow</loader></os>"),
        PLAIN.replace("</os>", "<loader>/usr/share/../../etc/shadow</loader></os>"),
        PLAIN.replace("</os>", "<nvram template='/etc/shadow'/></os>"),
        PLAIN.replace("<acpi/>", "<acpi><table type='slic'>shadow</table></acpi>"),
        PLAIN.replace(
            "</devices>",
            "</devices><sysinfo type='fwcfg'><entry name='x' file='shadow'/></sysinfo>",
        ),
        PLAIN.replace(
            "</devices>",
            "</devices><q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-x'/>"
            "</q:commandline>",
        ),
        with_device("<interface type='ethernet'><script path='x'/></interface>"),
        with_device(
            "<interface type='network'><source network='default'/><script path='x'/></interface>"
        ),
        with_device(
            "<interface type='network'><source network='default'/><rom file='shadow'/></interface>"
        ),
        with_device("<interface type='direct'><source dev='eth0'/></interface>"),
        with_device(
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>"
        ),
        with_device("<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem>"),
        with_device("<input type='evdev'><source dev='/dev/input/event1'/></input>"),
        with_device("<rng model='virtio'><backend model='egd' type='tcp'/></rng>"),
        with_device("<rng model='virtio'><backend model='random'>/dev/vda</backend></rng>"),
        with_device("<audio id='1' type='file' path='x'/>"),
        with_device(
            "<disk type='file' device='cdrom'><source file='/etc/shadow'/><target dev='sda'/></disk>"
        ),
        with_device("<channel type='file'><target type='virtio' name='x'/></channel>"),
        with_device("<redirdev bus='usb' type='tcp'/>"),
        with_device("<smartcard mode='host-certificates'/>"),
        with_device("<serial type='file'><source path='/etc/cron.d/x'/></serial>"),
        with_device(
            "<video><driver vgaconf='io'/><model type='vga'><acceleration rendernode='/dev/sda'/></model></video>"
        ),
    ],
)
def test_what_could_reach_into_the_host_is_refused(template: str) -> None:
    with pytest.raises(InvalidManifest, match="which a template from elsewhere may not"):
        foreign.check_template(template)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "a\x1b[31mb"},
        {"description": "x" * 5000},
        {"parent": 5},
        {"created": None},
        {"os_id": ["x"]},
        {"min_ram_bytes": -1},
        {"disks": ()},
        {"disks": (dataclasses.replace(DISK, format="vmdk"),)},
        {"disks": (dataclasses.replace(DISK, target="../vda"),)},
    ],
)
def test_what_is_no_manifest(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidManifest):
        foreign.check_manifest(dataclasses.replace(MANIFEST, **changes))  # type: ignore[arg-type]
