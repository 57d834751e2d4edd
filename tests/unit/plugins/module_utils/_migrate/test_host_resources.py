# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.host_resources import (
    HostResource,
    find_obstacles,
    read_resources,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

PLAIN = (
    "<driver name='qemu' type='qcow2' cache='none'/><source file='/p/a.qcow2' startupPolicy='optional' index='1'>"
    "<seclabel model='dac' relabel='no'/></source><backingStore/><target dev='vda' bus='virtio'/><serial>s</serial>"
    "<boot order='1'/><iotune/><alias name='a'/><address type='pci'/>"
)


def obstacles(inner: str, kind: str = "file") -> tuple[str, ...]:
    return find_obstacles(parse_element(f"<disk type='{kind}' device='disk'>{inner}</disk>"))


@pytest.mark.parametrize("kind", ["file", "block", "volume"])
def test_a_plain_disk_can_be_copied(kind: str) -> None:
    assert obstacles(PLAIN, kind) == ()


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ("<source file='/p/a'><encryption format='luks'/></source>", "is encrypted"),
        ("<source file='/p/a'/><encryption format='luks'/>", "is encrypted"),
        ("<source file='/p/a'/><transient/>", "is transient"),
        ("<source dev='/dev/a'><reservations managed='yes'/></source>", "persistent reservations"),
        ("<source file='/p/a'><slices/></source>", "is a slice"),
        ("<source file='/p/a'><dataStore type='file'/></source>", "a file of its own"),
        ("<source file='/p/a'><novelty/></source>", "has <novelty> in its source"),
        ("<source file='/p/a'/><novelty/>", "has <novelty>, which is not understood"),
        ("<source file='/p/a' fdgroup='x'/>", "fdgroup="),
    ],
)
def test_what_a_copy_would_lose_keeps_a_disk_from_being_copied(inner: str, why: str) -> None:
    (reason,) = obstacles(inner)
    assert why in reason


@pytest.mark.parametrize("kind", ["network", "nvme", "dir", "vhostuser", "vhostvdpa"])
def test_a_source_that_is_no_file_cannot_be_copied(kind: str) -> None:
    assert obstacles("<target dev='vda'/>", kind) == (f"is of the type {kind}",)


@given(st.from_regex(r"[a-z][a-zA-Z]{0,10}", fullmatch=True))
def test_no_element_is_passed_over(tag: str) -> None:
    known = {str(child.tag) for child in parse_element(f"<disk>{PLAIN}</disk>")}
    known |= {"shareable", "readonly", "mirror", "blockio", "geometry", "vendor", "product", "wwn"}
    known |= {"throttlefilters"}
    assert (obstacles(f"<source file='/p/a'/><{tag}/>") == ()) == (tag in known)


def resources(devices: str = "", system: str = "") -> tuple[HostResource, ...]:
    text = f"<domain type='kvm'><os>{system}</os><devices>{devices}</devices></domain>"
    return read_resources(parse_element(text))


@pytest.mark.parametrize(
    "devices",
    [
        "",
        "<serial type='pty'><target port='0'/></serial>",
        "<channel type='unix'><source mode='bind' path='/run/libvirt/qemu/a.agent'/></channel>",
        "<serial type='tcp'><source mode='connect' host='10.0.0.1' service='1'/></serial>",
        "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='1'/></serial>",
        "<graphics type='vnc' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>",
        "<graphics type='spice' listen='::'><listen type='address' address='::'/></graphics>",
        "<graphics type='vnc'><listen type='network' network='default' address='192.168.122.1'/></graphics>",
        "<disk device='cdrom'><target dev='sda'/></disk>",
        "<disk device='cdrom'><source file='/a.iso' startupPolicy='optional'/><target dev='sda'/></disk>",
        "<disk device='disk'><source file='/a.qcow2'/><target dev='vda'/></disk>",
        "<rng><backend model='random'>/dev/urandom</backend></rng>",
        "<input type='tablet' bus='usb'/>",
        "<tpm><backend type='emulator' version='2.0'/></tpm>",
    ],
)
def test_what_every_host_has_is_none(devices: str) -> None:
    assert resources(devices) == ()


@pytest.mark.parametrize(
    ("devices", "check", "path", "proof"),
    [
        ("<emulator>/opt/qemu</emulator>", "emulator", "/opt/qemu", "emulator"),
        (
            "<disk device='cdrom'><source file='/i/a.iso'/><target dev='sda'/></disk>",
            "cdrom",
            "/i/a.iso",
            "file",
        ),
        (
            "<disk device='disk'><source file='/i/a.seed.iso'/><target dev='vdb'/><readonly/></disk>",
            "cdrom",
            "/i/a.seed.iso",
            "file",
        ),
        (
            "<disk type='volume' device='cdrom'><source pool='isos' volume='a.iso'/><target dev='sda'/></disk>",
            "cdrom",
            "isos/a.iso",
            "volume",
        ),
        ("<serial type='file'><source path='/l/c.log'/></serial>", "console", "/l", "folder"),
        ("<console type='pty'><log file='/l/c.log'/></console>", "console", "/l", "folder"),
        (
            "<serial type='dev'><source path='/dev/ttyS0'/></serial>",
            "console",
            "/dev/ttyS0",
            "none",
        ),
        (
            "<channel type='unix'><source mode='bind' path='/s/a'/></channel>",
            "console",
            "/s",
            "folder",
        ),
        (
            "<serial type='tcp'><source mode='bind' host='10.0.0.1' service='1'/></serial>",
            "console",
            "10.0.0.1",
            "none",
        ),
        ("<graphics type='vnc' listen='10.0.0.1'/>", "graphics", "10.0.0.1", "none"),
        (
            "<graphics type='vnc' listen='kvm1.example.org'/>",
            "graphics",
            "kvm1.example.org",
            "none",
        ),
        (
            "<graphics type='vnc'><listen type='address' address='2001:db8::1'/></graphics>",
            "graphics",
            "2001:db8::1",
            "none",
        ),
        ("<shmem name='r'/>", "share", "", "none"),
        (
            "<memory model='nvdimm'><source><path>/m/a</path></source></memory>",
            "memory device",
            "/m/a",
            "none",
        ),
        (
            "<interface type='vhostuser'><source type='unix' path='/s/v'/></interface>",
            "card",
            "/s/v",
            "none",
        ),
        (
            "<input type='evdev'><source dev='/dev/input/e1'/></input>",
            "input",
            "/dev/input/e1",
            "none",
        ),
        ("<tpm><backend type='passthrough'/></tpm>", "tpm", "", "none"),
        ("<rng><backend model='random'>/dev/hw0</backend></rng>", "rng", "/dev/hw0", "none"),
    ],
)
def test_what_a_host_alone_has_is_proven_or_refused(
    devices: str, check: str, path: str, proof: str
) -> None:
    (resource,) = resources(devices)
    assert (resource.check, resource.path, resource.proof) == (check, path, proof)
    assert resource.remedy.endswith(".")


def test_a_shared_folder_is_refused_while_the_guest_runs_and_proven_when_it_is_off() -> None:
    running, off = resources("<filesystem><source dir='/srv/share'/><target dir='t'/></filesystem>")
    assert (running.proof, running.while_running) == ("none", True)
    assert (off.proof, off.path, off.while_running) == ("folder", "/srv/share", False)


def test_the_firmware_and_a_kernel_are_files() -> None:
    system = (
        "<loader type='pflash'>/f/OVMF.fd</loader><kernel>/b/vmlinuz</kernel><initrd>/b/initrd</initrd>"
        "<nvram template='/f/VARS.fd'>/n/a.fd</nvram><acpi><table type='slic'>/f/slic</table></acpi>"
    )
    paths = [resource.path for resource in resources(system=system)]
    assert paths == ["/f/OVMF.fd", "/b/vmlinuz", "/b/initrd", "/n", "/f/VARS.fd", "/f/slic"]


def test_arguments_of_qemu_are_refused() -> None:
    text = (
        "<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><devices/>"
        "<q:commandline><q:arg value='-drive'/></q:commandline></domain>"
    )
    (resource,) = read_resources(parse_element(text))
    assert resource.check == "qemu"
