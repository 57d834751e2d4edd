# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Domains as people make them: what of each a template keeps, makes anew, or refuses by name."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import template
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import SEED_ALIAS

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def domain(top: str = "", devices: str = "", system: str = "") -> str:
    return (
        f"<domain type='kvm' xmlns:qemu='{QEMU}'><name>original</name><memory unit='MiB'>512</memory>"
        f"{top}<os>{system or '<type>hvm</type>'}</os><devices><disk type='file' device='disk'>"
        "<driver name='qemu' type='qcow2'/><source file='/pool/original.qcow2'/><target dev='vda' bus='virtio'/>"
        f"</disk>{devices}</devices></domain>"
    )


def arguments(*values: str) -> str:
    args = "".join(f"<qemu:arg value='{value}'/>" for value in values)
    return f"<qemu:commandline>{args}</qemu:commandline>"


REFUSED = {
    "a kernel of the host": domain(system="<type>hvm</type><kernel>/srv/vmlinuz</kernel>"),
    "a command line of one machine": domain(
        system="<type>hvm</type><cmdline>systemd.machine_id=0123</cmdline>"
    ),
    "an ACPI table": domain(
        system="<type>hvm</type><acpi><table type='slic'>/srv/slic.bin</table></acpi>"
    ),
    "a firmware that the machine writes into": domain(
        system="<type>hvm</type><loader readonly='no' type='pflash'>/srv/OVMF.fd</loader>"
    ),
    "a firmware without variables elsewhere": domain(
        system="<type>hvm</type><loader type='pflash'>/srv/OVMF.fd</loader>"
    ),
    "a file in the firmware configuration": domain(
        "<sysinfo type='fwcfg'><entry name='opt/com.coreos/config' file='/srv/a.ign'/></sysinfo>"
    ),
    "a file by an argument": domain(
        arguments("-fw_cfg", "name=opt/com.coreos/config,file=/srv/a.ign")
    ),
    "a drive by an argument": domain(arguments("-drive", "file=/srv/extra.img,if=virtio")),
    "a port by an argument": domain(arguments("-netdev", "user,id=n,hostfwd=tcp::2222-:22")),
    "a debugger's port": domain(arguments("-s")),
    "a path in a harmless argument": domain(arguments("-machine", "pc,dumpdtb=/srv/dtb")),
    "a port set from behind": domain(arguments("-set", "chardev.charserial0.port=4555")),
    "an option instead of a value": domain(arguments("-cpu", "-snapshot")),
    "an environment variable": domain(
        "<qemu:commandline><qemu:env name='LD_PRELOAD' value='/srv/a.so'/></qemu:commandline>"
    ),
    "a lease": domain(
        devices="<lease><lockspace>a</lockspace><key>b</key><target path='/srv/lease'/></lease>"
    ),
    "a forwarded port": domain(
        devices="<interface type='user'><backend type='passt'/><portForward proto='tcp'>"
        "<range start='2222' to='22'/></portForward></interface>"
    ),
    "a socket for USB": domain(
        devices="<redirdev bus='usb' type='tcp'><source mode='connect' host='192.0.2.1' service='4000'/></redirdev>"
    ),
    "a socket for a smartcard": domain(
        devices="<smartcard mode='passthrough' type='tcp'><source mode='bind' host='127.0.0.1' service='2001'/>"
        "<protocol type='raw'/></smartcard>"
    ),
    "certificates of the host": domain(
        devices="<smartcard mode='host-certificates'><certificate>a</certificate><database>/srv/nss</database>"
        "</smartcard>"
    ),
    "a socket for entropy": domain(
        devices="<rng model='virtio'><backend model='egd' type='tcp'><source mode='connect' host='192.0.2.1' "
        "service='1234'/></backend></rng>"
    ),
    "a file for sound": domain(devices="<audio id='1' type='file' path='/srv/a.wav'/>"),
    "a channel to another machine": domain(
        devices="<channel type='tcp'><source mode='connect' host='192.0.2.7' service='6000'/>"
        "<target type='virtio' name='org.example.0'/></channel>"
    ),
    "a channel to somebody's socket": domain(
        devices="<channel type='unix'><source mode='connect' path='/run/a.sock'/>"
        "<target type='virtio' name='org.example.0'/></channel>"
    ),
    "a forwarding channel": domain(
        devices="<channel type='unix'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>"
    ),
    "memory in a file": domain(
        devices="<memory model='nvdimm'><source><path>/srv/nvdimm</path></source></memory>"
    ),
    "an element of a later release": domain(devices="<teapot/>"),
    "an attribute of a later release": domain(
        devices="<rng model='virtio' colour='red'><backend model='random'/></rng>"
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_clones_would_share_is_refused(situation: str) -> None:
    with pytest.raises(Unsupported):
        template.make_template(REFUSED[situation])


@pytest.mark.parametrize("tag", ["encryption", "slices", "dataStore"])
def test_a_disk_that_is_not_what_lies_in_its_file_is_refused_by_name(tag: str) -> None:
    inside = "/pool/original.qcow2'/>"
    text = domain().replace(inside, f"/pool/original.qcow2'><{tag}/></source>")
    with pytest.raises(Unsupported, match=f"the disk vda with <{tag}>"):
        template.make_template(text)


def test_an_emptied_drive_may_have_held_anything() -> None:
    drive = (
        "<disk type='file' device='cdrom'><source file='/srv/a.iso'><encryption format='luks'/></source>"
        "<target dev='sda' bus='sata'/><readonly/></disk>"
    )
    assert "/srv/a.iso" not in template.make_template(domain(devices=drive))


# {situation: (domain, texts that the template has, texts that it has not)}
MADE = {
    "a card that libvirt starts a passt for": (
        domain(
            devices="<interface type='vhostuser'><backend type='passt' logFile='/l/a'/><source dev='eth0'/></interface>"
        ),
        ("passt", "eth0"),
        ("/l/a",),
    ),
    "a firmware with variables elsewhere": (
        domain(
            system="<type>hvm</type><loader type='pflash'>/srv/CODE.fd</loader><nvram>/srv/a</nvram>"
        ),
        ('<loader type="pflash" readonly="yes">/srv/CODE.fd',),
        ("/srv/a<",),
    ),
    "a card's own address": (
        domain(
            devices="<interface type='user'><ip family='ipv4' address='192.0.2.44' prefix='24'/></interface>"
        ),
        (),
        ("192.0.2.44",),
    ),
    "a log of the network backend": (
        domain(
            devices="<interface type='user'><backend type='passt' logFile='/var/log/a.log'/></interface>"
        ),
        ('type="passt"',),
        ("a.log",),
    ),
    "what DHCP calls one machine": (
        domain(
            devices="<interface type='user'><backend type='passt' hostname='original' fqdn='original.example.org'/>"
            "</interface><interface type='user'><backend fqdn='original.example.org' logFile='/l/a.log'/></interface>"
        ),
        ('<backend type="passt"/>',),
        ("hostname", "fqdn", "a.log", "<backend/>"),
    ),
    "a store of firmware variables": (
        domain(system="<type>hvm</type><varstore path='/v/original.json'/>").replace(
            "<os>", "<os firmware='efi'>"
        ),
        ('firmware="efi"',),
        ("original.json", "varstore"),
    ),
    "a template of firmware variables": (
        domain(
            system="<type>hvm</type><loader type='rom'>/f/QEMU_VARS.fd</loader>"
            "<varstore template='/f/vars.json' path='/v/original.json'/>"
        ),
        ("/f/QEMU_VARS.fd", "/f/vars.json"),
        ("original.json",),
    ),
    "another identity of the hardware": (
        domain("<hwuuid>7a2f1b1e-0000-4000-8000-000000000000</hwuuid>"),
        (),
        ("7a2f1b1e",),
    ),
    "an Open vSwitch profile": (
        domain(
            devices="<interface type='bridge'><source bridge='ovs'/><virtualport type='openvswitch'>"
            "<parameters interfaceid='7a2f1b1e-0000-4000-8000-000000000000' profileid='dmz'/></virtualport>"
            "</interface>"
        ),
        ('profileid="dmz"',),
        ("7a2f1b1e",),
    ),
    "addresses in a filter": (
        domain(
            devices="<interface type='bridge'><source bridge='br0'/><filterref filter='clean-traffic'>"
            "<parameter name='IP' value='192.0.2.31'/><parameter name='IPV6' value='2001:db8::31'/>"
            "<parameter name='MY_MAC' value='52:54:00:01:02:03'/>"
            "<parameter name='DHCPSERVER' value='192.0.2.1'/>"
            "<parameter name='CTRL_IP_LEARNING' value='dhcp'/></filterref></interface>"
        ),
        ("192.0.2.1", "CTRL_IP_LEARNING"),
        ("192.0.2.31", "2001:db8::31", "52:54:00:01:02:03"),
    ),
    "somebody's tap": (
        domain(devices="<interface type='ethernet'><target dev='tap7' managed='no'/></interface>"),
        (),
        ("tap7",),
    ),
    "serial numbers and asset tags": (
        domain(
            "<sysinfo type='smbios'><system><entry name='serial'>SY-1</entry>"
            "<entry name='manufacturer'>Acme</entry></system><baseBoard><entry name='serial'>BB-1</entry>"
            "<entry name='asset'>RACK7</entry></baseBoard><chassis><entry name='serial'>CH-1</entry>"
            "<entry name='asset'>INV-1</entry></chassis><oemStrings>"
            "<entry>io.systemd.credential:system.hostname=original</entry><entry>Acme tools</entry>"
            "</oemStrings></sysinfo>"
        ),
        ("Acme", "Acme tools"),
        ("SY-1", "BB-1", "RACK7", "CH-1", "INV-1", "system.hostname"),
    ),
    "the crash store": (
        domain(
            devices="<pstore backend='acpi-erst'><path>/var/a_PSTORE.raw</path><size unit='KiB'>64</size></pstore>"
        ),
        ("acpi-erst",),
        ("a_PSTORE",),
    ),
    "vCPUs that are off": (domain("<vcpu current='2'>16</vcpu>"), ('current="2"',), ()),
    "single vCPUs": (
        domain(
            "<vcpu current='1'>2</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/></vcpus>"
        ),
        ("hotpluggable",),
        (),
    ),
    "clipboard and mouse": (
        domain(
            devices="<channel type='qemu-vdagent'><source><clipboard copypaste='yes'/><mouse mode='client'/>"
            "</source><target type='virtio' name='com.redhat.spice.0'/></channel>"
        ),
        ("copypaste", "mouse"),
        (),
    ),
    "a spice port": (
        domain(
            devices="<channel type='spiceport'><source channel='org.spice-space.webdav.0'/>"
            "<target type='virtio' name='org.spice-space.webdav.0'/></channel>"
        ),
        ('source channel="org.spice-space.webdav.0"',),
        (),
    ),
    "the agent's socket": (
        domain(
            devices="<channel type='unix'><source mode='bind' path='/var/lib/libvirt/a.agent'/>"
            "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"
        ),
        ("org.qemu.guest_agent.0",),
        ("a.agent", "connected"),
    ),
    "memory on huge pages": (
        domain(
            devices="<memory model='dimm'><source><pagesize unit='KiB'>2048</pagesize><nodemask>0</nodemask>"
            "</source><target><size unit='KiB'>262144</size><node>0</node></target></memory>"
        ),
        ("dimm", "pagesize"),
        (),
    ),
    "a disk that its guest only reads": (
        domain(
            devices="<disk type='file' device='disk'><source file='/pool/b.raw'/>"
            "<target dev='vdb' bus='virtio'/><readonly/></disk>"
        ),
        ("<readonly/>",),
        (),
    ),
    "a disk that forgets": (
        domain(
            devices="<disk type='file' device='disk'><source file='/pool/b.qcow2'/>"
            "<target dev='vdb' bus='virtio'/><transient/></disk>"
        ),
        ("<transient/>",),
        (),
    ),
    "an encrypted launch": (
        domain(
            "<launchSecurity type='sev'><policy>0x1</policy><dhCert>AQAB</dhCert><session>AQID</session>"
            "</launchSecurity>"
        ),
        ("policy",),
        ("AQAB", "AQID"),
    ),
    "firmware without variables": (
        domain(system="<type>hvm</type><loader stateless='yes'/>").replace(
            "<os>", "<os firmware='efi'>"
        ),
        ('stateless="yes"',),
        (),
    ),
    "a machine that nothing confines": (
        domain("<seclabel type='none' model='selinux'/>"),
        ('type="none"',),
        (),
    ),
    "a label of its own": (
        domain("<seclabel type='static' model='selinux'><label>s0:c1,c2</label></seclabel>"),
        (),
        ("s0:c1",),
    ),
    "a socket for the screen": (
        domain(
            devices="<graphics type='vnc' socket='/run/a.sock'><listen type='socket' socket='/run/a.sock'/></graphics>"
        ),
        ('<listen type="socket"/>',),
        ("autoport", "a.sock"),
    ),
    "aliases that people gave": (
        domain(
            devices="<interface type='network'><source network='default'/><teaming type='persistent'/>"
            "<alias name='ua-bond'/></interface><interface type='network'><source network='default'/>"
            "<alias name='net1'/></interface>"
        ),
        ("ua-bond",),
        ("net1",),
    ),
    "an argument about the hardware": (
        domain(
            arguments(
                "-global",
                "driver=cfi.pflash01,property=secure,value=on",
                "-no-hpet",
                "-set",
                "device.video0.edid=off",
            )
        ),
        ("cfi.pflash01", "device.video0"),
        (),
    ),
}


@pytest.mark.parametrize("situation", MADE)
def test_what_is_the_owners_stays_and_what_is_one_machines_goes(situation: str) -> None:
    text, present, absent = MADE[situation]
    made = template.make_template(text)
    assert [word for word in present if word not in made] == []
    assert [word for word in absent if word in made] == []
    assert template.make_template(made) == made


def test_a_block_of_serials_only_goes_as_a_whole() -> None:
    """Libvirt's schema wants an entry in each."""
    board = "<baseBoard><entry name='serial'>BB-1</entry></baseBoard>"
    maker = "<system><entry name='manufacturer'>Acme</entry><entry name='serial'>S</entry></system>"
    made = template.make_template(domain(f"<sysinfo type='smbios'>{maker}{board}</sysinfo>"))
    assert "baseBoard" not in made
    assert "Acme" in made


def test_the_unknown_is_kept_on_request() -> None:
    assert "<teapot/>" in template.make_template(
        REFUSED["an element of a later release"], keep_unknown=True
    )


def test_what_lay_in_a_drive_is_told_and_a_seed_is_not() -> None:
    """A clone's drives are empty: its owner may have counted on the drivers in one."""
    medium = "<source file='/i/drivers.iso'/>"
    seed = f"<source file='/i/seed.iso'/><alias name='{SEED_ALIAS}'/>"
    drives = [("cdrom", "sda", medium), ("cdrom", "sdb", ""), ("floppy", "fda", medium)]
    drives.append(("cdrom", "sdc", seed))
    devices = "".join(
        f"<disk type='file' device='{kind}'>{content}<target dev='{target}'/></disk>"
        for kind, target, content in drives
    )
    told = ("the medium of the cdrom sda", "the medium of the floppy fda")
    assert template.list_omissions(domain(devices=devices)) == told
    assert template.list_omissions(domain("<vcpu cpuset='0-3'>2</vcpu>")) == ("<vcpu/@cpuset>",)


def test_what_the_firmware_told_one_machine_is_told_by_name_alone() -> None:
    credential = "<entry>io.systemd.credential:passwd.root=secret</entry>"
    text = domain(
        "<sysinfo type='smbios'><system><entry name='serial'>ds=nocloud;s=http://192.0.2.1/one/</entry></system>"
        f"<oemStrings>{credential}<entry>kept</entry></oemStrings></sysinfo><sysinfo type='fwcfg'>"
        "<entry name='opt/io.systemd.credentials/ssh'>secret</entry></sysinfo>"
        "<resource><fibrechannel appid='one'/></resource>"
    )
    assert template.list_omissions(text) == (
        "<resource/fibrechannel>",
        "<sysinfo/system/entry name='serial'> ds=nocloud",
        "<sysinfo/oemStrings/entry> io.systemd.credential:passwd.root",
        "<sysinfo/entry name='opt/io.systemd.credentials/ssh'>",
    )
    made = template.make_template(text)
    assert [word for word in ("192.0.2.1", "secret", "appid") if word in made] == []


def test_what_could_be_missed_is_told() -> None:
    text = domain(
        "<cputune><vcpupin vcpu='0' cpuset='1'/><shares>9</shares></cputune>"
        "<numatune><memory mode='strict' nodeset='0'/></numatune>"
        "<seclabel type='static'><label>a</label></seclabel>",
        "<serial type='pty'><log file='/var/log/a.log'/></serial><console type='tcp'/><console type='pty'/>",
    )
    assert template.list_omissions(text) == (
        "<cputune/vcpupin>",
        "<numatune>",
        "<devices/serial/log>",
        "<devices/console type='tcp'>",
        "<seclabel type='static'>",
    )
    assert template.list_omissions(domain()) == ()
