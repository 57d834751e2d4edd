# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, foreign
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

PLAIN = build.build(
    build.Hardware(64 << 20, firmware="efi", os_id="http://debian.org/debian/13"), ["vda"]
)
DISK = BaseDisk("vda", "", "qcow2", 1 << 20, 9, "a" * 64)
MANIFEST = Manifest("web", "1", "2026-01-01T00:00:00Z", "x86_64", "efi", PLAIN, (DISK,))


def with_device(xml: str) -> str:
    return PLAIN.replace("<devices>", f"<devices>{xml}")


GOLDEN = sorted((Path(__file__).parents[1] / "_clone" / "golden").glob("*.template.xml"))


def test_the_templates_of_this_collection_pass_unchanged() -> None:
    assert foreign.check_manifest(MANIFEST) == MANIFEST


@pytest.mark.parametrize(
    "name", ["a-clone-itself", "buses", "consoles", "i440fx", "tpm", "windows"]
)
def test_ordinary_machines_pass_unchanged(name: str) -> None:
    (path,) = [path for path in GOLDEN if path.name == f"{name}.template.xml"]
    assert foreign.check_template(path.read_text()) == path.read_text()


@pytest.mark.parametrize("name", ["OVMF/OVMF_CODE_4M.fd", "AAVMF/AAVMF_CODE.fd"])
def test_the_firmware_is_that_of_the_host(name: str) -> None:
    loader = PLAIN.replace(' firmware="efi"', "").replace(
        "</os>",
        f"<loader type='pflash' readonly='yes' secure='yes'>/usr/share/{name}</loader>"
        "<nvram template='/usr/share/OVMF/VARS.fd'/></os>",
    )
    system = parse_element(foreign.check_template(loader)).find("os")
    assert system is not None
    assert system.get("firmware") == "efi"
    assert [(child.tag, dict(child.attrib)) for child in system][2:] == [
        ("loader", {"secure": "yes"})
    ]


def test_the_emulator_is_that_of_the_host() -> None:
    assert "emulator" not in foreign.check_template(with_device("<emulator>/tmp/evil</emulator>"))


TRUNK = (
    "<interface type='bridge'><source bridge='br-mgmt'/><vlan trunk='yes'><tag id='1'/></vlan>"
    "<virtualport type='openvswitch'/><model type='virtio'/></interface>"
)


def test_the_task_says_what_the_cards_are_attached_to() -> None:
    with pytest.raises(InvalidManifest, match="Say with network"):
        foreign.check_template(with_device(TRUNK))
    text = foreign.check_template(with_device(TRUNK), "lan")
    cards = parse_element(text).findall("devices/interface")
    assert [card.get("type") for card in cards] == ["network", "network"]
    assert [card.find("source").attrib for card in cards] == [{"network": "lan"}] * 2  # type: ignore[union-attr]
    assert "br-mgmt" not in text
    assert "vlan" not in text
    with pytest.raises(InvalidManifest, match="<devices/interface/backend>"):
        foreign.check_template(with_device("<interface type='user'><backend/></interface>"), "lan")


def test_a_stored_manifest_names_no_disk_of_others() -> None:
    volume = "headroom-appliance.web@1.0123456789ab.vda.qcow2"
    own = dataclasses.replace(MANIFEST, disks=(dataclasses.replace(DISK, volume=volume),))
    assert foreign.check_stored(own) == own
    for other in ("tenant-a.vda.qcow2", volume.replace("web@1", "web@2"), ""):
        changed = dataclasses.replace(own, disks=(dataclasses.replace(DISK, volume=other),))
        with pytest.raises(InvalidManifest, match="no disk of this appliance"):
            foreign.check_stored(changed)


def test_every_problem_is_named_with_its_path() -> None:
    template = PLAIN.replace("<cpu ", "<on_crash>coredump-restart</on_crash><cpu ").replace(
        "<devices>", "<devices><watchdog model='i6300esb' action='dump'/>"
    )
    with pytest.raises(InvalidManifest) as caught:
        foreign.check_template(template)
    assert caught.value.details["problems"] == [
        "<on_crash> with 'coredump-restart'",
        "<devices/watchdog action='dump'>",
    ]


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
        with_device("<interface type='user'><model type='virtio'/></interface>"),
        with_device("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>"),
        with_device("<interface type='hostdev'><source/></interface>"),
        with_device("<interface type='network'><source network='mgmt'/></interface>"),
        with_device(
            "<interface type='network'><source network='default' portgroup='x'/></interface>"
        ),
        with_device("<interface type='network'><source network='default'/><vlan/></interface>"),
        with_device("<interface type='network' trustGuestRxFilters='yes'/>"),
        with_device(TRUNK),
        with_device("<graphics type='vnc' autoport='yes' listen='0.0.0.0'/>"),
        with_device("<graphics type='vnc'><listen type='address' address='::'/></graphics>"),
        with_device("<graphics type='vnc'><listen type='network' network='default'/></graphics>"),
        with_device("<graphics type='vnc' socket='/run/x'/>"),
        with_device("<graphics type='vnc' websocket='5700'/>"),
        with_device("<graphics type='vnc' passwd='known'/>"),
        with_device("<graphics type='vnc' powerControl='yes'/>"),
        with_device("<graphics type='spice'><gl enable='yes'/></graphics>"),
        with_device("<graphics type='egl-headless'/>"),
        with_device("<graphics type='sdl' display=':0'/>"),
        with_device("<graphics type='dbus' p2p='yes'/>"),
        with_device("<graphics type='rdp' autoport='yes'/>"),
        with_device("<video><driver name='vhostuser'/><model type='virtio'/></video>"),
        with_device("<serial type='tcp'><source mode='bind' host='0.0.0.0' service='1'/></serial>"),
        with_device("<console type='unix'><source mode='bind' path='x'/></console>"),
        with_device("<parallel type='dev'><source path='/dev/parport0'/></parallel>"),
        with_device("<serial type='pty'><log file='x'/></serial>"),
        with_device("<channel type='unix'><source mode='bind' path='x'/></channel>"),
        with_device("<channel type='unix'><target type='virtio' name='../x'/></channel>"),
        with_device("<tpm model='tpm-crb'><backend type='external'><source/></backend></tpm>"),
        with_device("<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"),
        with_device("<tpm model='tpm-crb'><backend type='emulator' debug='20'/></tpm>"),
        with_device("<audio id='1' type='pulseaudio' serverName='x'/>"),
        with_device("<shmem name='x'/>"),
        with_device("<pstore backend='acpi-erst'><path>/etc/x</path></pstore>"),
        with_device("<crypto model='virtio' type='qemu'/>"),
        with_device("<memory model='nvdimm'/>"),
        with_device("<watchdog model='itco' action='dump'/>"),
        with_device("<vsock model='virtio'><cid auto='no' address='3'/></vsock>"),
        with_device("<lease><lockspace>x</lockspace></lease>"),
        with_device("<disk type='network' device='cdrom'/>"),
        with_device("<disk type='file' device='disk' rawio='yes' sgio='unfiltered'/>"),
        with_device("<disk type='file' device='disk'><driver name='tap' type='aio'/></disk>"),
        with_device("<disk type='file'><auth username='x'/></disk>"),
        with_device("<controller type='pci'><new-in-libvirt-13/></controller>"),
        PLAIN.replace("<devices>", "<memoryBacking><locked/></memoryBacking><devices>"),
        PLAIN.replace("<devices>", "<memoryBacking><hugepages/></memoryBacking><devices>"),
        PLAIN.replace("<devices>", "<memtune><hard_limit>9</hard_limit></memtune><devices>"),
        PLAIN.replace("<devices>", "<cputune><shares>262144</shares></cputune><devices>"),
        PLAIN.replace("<devices>", "<cputune><vcpusched vcpus='0'/></cputune><devices>"),
        PLAIN.replace("<devices>", "<on_crash>coredump-destroy</on_crash><devices>"),
        PLAIN.replace("<devices>", "<launchSecurity type='sev'/><devices>"),
        PLAIN.replace("<devices>", "<seclabel type='none'/><devices>"),
        PLAIN.replace("<devices>", "<resource><partition>/x</partition></resource><devices>"),
        PLAIN.replace("<devices>", "<perf><event name='cmt' enabled='yes'/></perf><devices>"),
        PLAIN.replace("<devices>", "<!-- a comment --><devices>"),
        PLAIN.replace('<memory unit="KiB">', '<memory unit="KiB" dumpCore="on">'),
        PLAIN.replace('<memory unit="KiB">65536', '<memory unit="TiB">65536'),
        PLAIN.replace('<memory unit="KiB">65536', '<memory unit="KiB">-1'),
        PLAIN.replace("<vcpu>1<", "<vcpu>99999<"),
        PLAIN.replace("<vcpu>1<", "<vcpu cpuset='0-3'>1<"),
        PLAIN.replace(">hvm<", ">exe<"),
        PLAIN.replace("</os>", "<smbios mode='host'/></os>"),
        PLAIN.replace("</os>", "<cmdline>x</cmdline></os>"),
        PLAIN.replace("</os>", "<dtb>x</dtb></os>"),
        PLAIN.replace("</os>", "<shim>x</shim></os>"),
        PLAIN.replace("</os>", "<acpi><table type='slic'>x</table></acpi></os>"),
        PLAIN.replace("</os>", "<nvram>/etc/passwd</nvram></os>"),
        PLAIN.replace("</os>", "<nvram type='file'><source file='x'/></nvram></os>"),
        PLAIN.replace("</os>", "<loader type='rom'>/usr/share/misc/pci.ids</loader></os>"),
        PLAIN.replace("</os>", "<bootloader>x</bootloader></os>"),
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
