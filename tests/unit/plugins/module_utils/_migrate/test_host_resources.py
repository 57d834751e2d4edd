# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from corpus.places import PLACES, build_domain, find_kinds
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.host_resources import (
    HostResource,
    explain_bound,
    find_obstacles,
    find_unknown,
    read_attached,
    read_resources,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema
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
    known = domain_schema.classify_element(("devices", "disk", tag)) is not None
    lost = {"auth", "backenddomain", "encryption", "transient"}
    assert (obstacles(f"<source file='/p/a'/><{tag}/>") == ()) == (known and tag not in lost)


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
        "<graphics type='vnc' port='5900' autoport='yes'/>",
        "<graphics type='spice' port='-1' tlsPort='0'/>",
        "<graphics type='vnc' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>",
        "<graphics type='spice' listen='::'><listen type='address' address='::'/></graphics>",
        "<graphics type='vnc' socket='/run/libvirt/qemu/a.sock'><listen type='socket'/></graphics>",
        "<interface type='network'><source network='default'/><model type='virtio'/></interface>",
        "<interface type='bridge'><source bridge='br0'/><target dev='vnet7'/></interface>",
        "<interface type='direct'><source dev='eth0' mode='bridge'/></interface>",
        "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>",
        "<interface type='client'><source address='192.0.2.1' port='5558'/></interface>",
        "<interface type='ethernet'><target dev='tap0'/></interface>",
        "<interface type='user'><backend type='passt'/></interface>",
        "<pstore backend='acpi-erst'><path>/var/lib/libvirt/qemu/nvram/a_PSTORE.raw</path></pstore>",
        "<channel type='unix'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>",
        "<audio id='1' type='spice'/>",
        "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>",
        "<memory model='dimm'><source><pagesize>2048</pagesize><nodemask>0</nodemask></source></memory>",
        "<smartcard mode='passthrough' type='spicevmc'/>",
        "<disk device='cdrom'><target dev='sda'/></disk>",
        "<disk device='cdrom'><source file='/a.iso' startupPolicy='optional'/><target dev='sda'/></disk>",
        "<disk device='disk'><source file='/a.qcow2'/><target dev='vda'/></disk>",
        "<rng><backend model='random'>/dev/urandom</backend></rng>",
        "<disk type='network'><source protocol='rbd' name='p/a'><host name='ceph1' port='6789'/></source></disk>",
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
        (
            "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/></serial>",
            "console",
            "4555",
            "port",
        ),
        ("<graphics type='vnc' port='5917' autoport='no'/>", "graphics", "5917", "port"),
        ("<graphics type='spice' tlsPort='5918'/>", "graphics", "5918", "port"),
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
        ("<shmem name='r'><server path='/s/r'/></shmem>", "share", "", "none"),
        ("<filesystem><source socket='/s/fs'/></filesystem>", "share", "/s/fs", "none"),
        (
            "<disk type='network'><source protocol='nbd' name='x'><host transport='unix' socket='/s/n'/></source>"
            "</disk>",
            "disk",
            "/s/n",
            "none",
        ),
        (
            "<disk type='network'><source protocol='nbd' name='x'><host name='localhost' port='1'/></source></disk>",
            "disk",
            "",
            "none",
        ),
        ("<disk type='vhostuser'><source type='unix' path='/s/b'/></disk>", "disk", "", "none"),
        ("<disk type='nvme'><source type='pci' namespace='1'/></disk>", "disk", "", "none"),
        ("<disk type='dir'><source dir='/fat'/><readonly/></disk>", "disk", "/fat", "folder"),
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
        (
            "<tpm><backend type='external'><source type='unix' mode='connect' path='/s/t'/></backend></tpm>",
            "tpm",
            "/s/t",
            "none",
        ),
        (
            "<tpm><backend type='emulator'><source type='dir' path='/t/a/'/></backend></tpm>",
            "tpm",
            "/t/a",
            "folder",
        ),
        (
            "<tpm><backend type='emulator'><encryption secret='7a2f1b1e-0000-4000-8000-000000000000'/></backend></tpm>",
            "secret",
            "7a2f1b1e-0000-4000-8000-000000000000",
            "secret",
        ),
        (
            "<disk type='network'><auth username='a'><secret type='ceph' usage='client.a'/></auth></disk>",
            "secret",
            "ceph/client.a",
            "secret",
        ),
        (
            "<disk><source file='/a'><encryption format='luks'><secret type='passphrase' usage='/a'/></encryption>"
            "</source></disk>",
            "secret",
            "volume//a",
            "secret",
        ),
        (
            "<interface type='network'><source network='lan' portgroup='dmz'/></interface>",
            "network",
            "lan/dmz",
            "portgroup",
        ),
        (
            "<interface type='bridge'><source bridge='br0'/><filterref filter='clean-traffic'>"
            "<parameter name='IP' value='192.0.2.1'/></filterref></interface>",
            "network",
            "clean-traffic",
            "filter",
        ),
        (
            "<interface type='ethernet'><script path='/etc/ifup'/></interface>",
            "card",
            "/etc/ifup",
            "file",
        ),
        (
            "<interface type='ethernet'><target dev='tap7' managed='no'/></interface>",
            "card",
            "tap7",
            "card",
        ),
        (
            "<interface type='user'><backend type='passt' logFile='/l/p.log'/></interface>",
            "card",
            "/l",
            "folder",
        ),
        (
            "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>",
            "card",
            "/dev/vhost-vdpa-0",
            "none",
        ),
        (
            "<interface type='server'><source address='192.0.2.1' port='5558'/></interface>",
            "card",
            "192.0.2.1",
            "none",
        ),
        (
            "<interface type='udp'><source address='192.0.2.9' port='1'><local address='192.0.2.1' port='2'/></source>"
            "</interface>",
            "card",
            "192.0.2.1",
            "none",
        ),
        (
            "<interface type='network'><source network='n'/><rom file='/r/pxe.rom'/></interface>",
            "firmware",
            "/r/pxe.rom",
            "file",
        ),
        (
            "<graphics type='vnc'><listen type='network' network='lan'/></graphics>",
            "graphics",
            "lan",
            "network",
        ),
        (
            "<graphics type='vnc' socket='/s/vnc.sock'><listen type='socket' socket='/s/vnc.sock'/></graphics>",
            "graphics",
            "/s",
            "folder",
        ),
        ("<graphics type='sdl' display=':0.0'/>", "graphics", "", "none"),
        (
            "<graphics type='egl-headless'><gl rendernode='/dev/dri/renderD128'/></graphics>",
            "graphics",
            "/dev/dri/renderD128",
            "file",
        ),
        (
            "<redirdev bus='usb' type='tcp'><source mode='bind' host='192.0.2.1' service='4000'/></redirdev>",
            "console",
            "192.0.2.1",
            "none",
        ),
        (
            "<rng><backend model='egd' type='unix'><source mode='connect' path='/s/egd'/></backend></rng>",
            "console",
            "/s/egd",
            "none",
        ),
        ("<smartcard mode='host'/>", "smartcard", "", "none"),
        (
            "<smartcard mode='host-certificates'><certificate>a</certificate><database>/etc/nss</database></smartcard>",
            "smartcard",
            "/etc/nss",
            "folder",
        ),
        (
            "<lease><lockspace>s</lockspace><key>k</key><target path='/leases/a'/></lease>",
            "lease",
            "/leases/a",
            "file",
        ),
        (
            "<pstore backend='acpi-erst'><path>/srv/a.raw</path></pstore>",
            "pstore",
            "/srv",
            "folder",
        ),
        ("<audio id='1' type='file' path='/srv/a.wav'/>", "sound", "/srv", "folder"),
        (
            "<audio id='1' type='alsa'><input dev='hw:0'/></audio>",
            "sound",
            "",
            "none",
        ),
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


def test_a_firmware_that_the_guest_writes_into_stays_where_it_is() -> None:
    """Its variables are in it: that of the other host has others."""
    for loader in (
        "<loader type='pflash'>/f/a.fd</loader>",
        "<loader type='pflash' readonly='no'>/f/a.fd</loader>",
    ):
        firmware, written = resources(system=loader)
        assert (firmware.proof, written.proof, written.path) == ("file", "none", "/f/a.fd")
    (firmware,) = resources(system="<loader type='pflash' readonly='yes'>/f/a.fd</loader>")
    assert firmware.proof == "file"


@pytest.mark.parametrize(
    ("top", "check", "path", "proof"),
    [
        (
            "<sysinfo type='fwcfg'><entry name='opt/com.coreos/config' file='/i/a.ign'/></sysinfo>",
            "firmware",
            "/i/a.ign",
            "file",
        ),
        ("<vcpu cpuset='2-3,^3'>2</vcpu>", "cpu_pins", "2", "cpus"),
        (
            "<cputune><vcpupin vcpu='0' cpuset='4'/><emulatorpin cpuset='0-1'/></cputune>",
            "cpu_pins",
            "0-1,4",
            "cpus",
        ),
        (
            "<blkiotune><device><path>/dev/sdb</path><weight>200</weight></device></blkiotune>",
            "blkiotune",
            "/dev/sdb",
            "file",
        ),
        (
            "<launchSecurity type='sev-snp'><policy>1</policy></launchSecurity>",
            "launch",
            "",
            "none",
        ),
        ("<iommufd enabled='yes' fdgroup='g'/>", "host resource", "", "none"),
        ("<bootloader>/usr/bin/pygrub</bootloader>", "host resource", "", "none"),
    ],
)
def test_what_the_whole_machine_takes_of_its_host_is_proven_or_refused(
    top: str, check: str, path: str, proof: str
) -> None:
    (resource,) = read_resources(parse_element(f"<domain type='kvm'>{top}<devices/></domain>"))
    assert (resource.check, resource.path, resource.proof) == (check, path, proof)


# What the schema calls the host's, and a move finds nothing of: it is proven elsewhere, or comes along.
ELSEWHERE = (
    "devices/channel",
    "devices/disk",
    "devices/hostdev",
    "devices/interface/backenddomain",
    "devices/interface/filterref/parameter",
    "devices/interface/source",
    "devices/interface/portForward",
    "devices/memory/source/nodemask",
    "devices/redirdev",
    "devices/rng/backend",
    "devices/smartcard",
    "memoryBacking/hugepages",
    "os/cmdline",
    "resource/partition",
    # Alone these say nothing: they belong to a device of another kind, or to a path.
    "blkiotune/device",
    "devices/graphics/listen/@address",
    "devices/input/source",
    "devices/tpm/backend/device",
    "os/acpi",
)


def test_no_place_that_the_table_calls_the_hosts_is_passed_over() -> None:
    """Of every such place that libvirt's schemas have, alone in a domain, a move says something."""
    passed_over, counts = [], {"read": 0, "elsewhere": 0}
    for place in sorted(PLACES - {()}):
        text = "/".join(place)
        if not find_kinds(place) & {"shared", "exclusive"}:
            continue
        if text.startswith(ELSEWHERE):
            counts["elsewhere"] += 1
        elif read_resources(parse_element(build_domain(place))):
            counts["read"] += 1
        else:
            passed_over.append(text)
    assert passed_over == []
    assert min(counts.values()) > 20, counts


def test_what_the_table_does_not_have_is_named() -> None:
    root = parse_element(
        "<domain type='kvm'><teapot/><devices><disk lid='off'/></devices></domain>"
    )
    assert find_unknown(root) == ("teapot", "devices/disk/@lid")


@pytest.mark.parametrize(
    ("devices", "is_running", "reason"),
    [
        ("<disk><source file='/a'/></disk>", True, None),
        ("<shmem name='r'/>", True, "it has the shared memory r, which no other host has"),
        ("<shmem name='r'/>", False, None),
        (
            "<hostdev type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>",
            True,
            "it holds devices of its host: usb 0x1:0x2",
        ),
        (
            "<hostdev type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>",
            False,
            None,
        ),
        (
            "<serial type='dev'><source path='/dev/ttyS0'/></serial>",
            False,
            "it has the serial to the dev /dev/ttyS0, which no other host has",
        ),
    ],
)
def test_a_guest_that_no_other_host_can_take_is_told(
    devices: str, is_running: bool, reason: str | None
) -> None:
    root = parse_element(f"<domain type='kvm'><devices>{devices}</devices></domain>")
    assert explain_bound(root, is_running=is_running) == reason


def test_arguments_of_qemu_are_refused() -> None:
    text = (
        "<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><devices/>"
        "<q:commandline><q:arg value='-drive'/></q:commandline></domain>"
    )
    (resource,) = read_resources(parse_element(text))
    assert resource.check == "qemu"


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("<nvram>/n/a.fd</nvram>", [("nvram", "/n", "folder", False)]),
        ("<nvram type='file'><source file='/n/a.fd'/></nvram>", [("nvram", "/n", "folder", False)]),
        ("<nvram type='block'><source dev='/dev/vg/n'/></nvram>", [("nvram", "", "none", False)]),
        ("<nvram type='network'><source protocol='nbd'/></nvram>", [("nvram", "", "none", False)]),
    ],
)
def test_settings_of_a_firmware_are_seen_however_they_are_written(
    system: str, expected: list[tuple[str, str, str, bool]]
) -> None:
    """F3: libvirt writes them as a text, or in a source as disks have it."""
    assert [
        (one.check, one.path, one.proof, one.while_running) for one in resources(system=system)
    ] == expected


def test_shared_memory_with_a_server_binds_a_guest_that_is_off_too() -> None:
    plain, served = (
        resources(f"<shmem name='r'>{server}</shmem>")[0]
        for server in ("", "<server path='/s/r'/>")
    )
    assert (plain.while_running, served.while_running) == (True, False)


def test_what_was_attached_to_a_guest_that_runs_counts_as_well() -> None:
    """F3: a medium that was put in with --live alone is in no definition."""
    text = (
        "<domain><devices><disk device='cdrom'><source file='/i/a.iso'/><target dev='sda'/></disk>"
        "<filesystem><source dir='/s'/></filesystem><graphics type='vnc' listen='10.0.0.1'/></devices></domain>"
    )
    attached = read_attached(parse_element(text))
    assert [one.path for one in attached] == ["/i/a.iso", "/s", "/s"]
    assert read_attached(parse_element("<domain/>")) == ()
