# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as people make them with virt-manager, virt-install, GNOME Boxes, Cockpit and `virsh edit`."""

from __future__ import annotations

import typing as t

from corpus.model import (
    AGENT,
    MAC,
    ORIGINAL,
    UUID,
    Situation,
    write_arguments,
    write_card,
    write_domain,
)

_DESKTOP: t.Final = (
    "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
    "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/srv/isos/debian-13.iso'/>"
    "<target dev='sda' bus='sata'/><readonly/><address type='drive' controller='0' bus='0' target='0' "
    "unit='0'/></disk>"
    "<controller type='usb' index='0' model='qemu-xhci' ports='15'/>"
    "<controller type='pci' index='0' model='pcie-root'/>"
    "<controller type='pci' index='1' model='pcie-root-port'><model name='pcie-root-port'/>"
    "<target chassis='1' port='0x10'/></controller>"
    "<controller type='virtio-serial' index='0'/><controller type='sata' index='0'/>"
    + write_card(1, "<source network='default'/><target dev='vnet3'/>")
    + "<serial type='pty'><source path='/dev/pts/4'/><target type='isa-serial' port='0'><model name='isa-serial'/>"
    "</target><alias name='serial0'/></serial>"
    "<console type='pty' tty='/dev/pts/4'><source path='/dev/pts/4'/><target type='serial' port='0'/></console>"
    + AGENT
    + "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0' state='disconnected'/></channel>"
    "<input type='tablet' bus='usb'/><input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/>"
    "<graphics type='spice' port='5901' autoport='yes' listen='127.0.0.1'>"
    "<listen type='address' address='127.0.0.1'/>"
    "<image compression='off'/></graphics><sound model='ich9'/><audio id='1' type='spice'/>"
    "<video><model type='virtio' heads='1' primary='yes'/></video>"
    "<redirdev bus='usb' type='spicevmc'/><redirdev bus='usb' type='spicevmc'/>"
    "<watchdog model='itco' action='reset'/><memballoon model='virtio'/>"
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
)
_OSINFO: t.Final = (
    "<metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
    "<libosinfo:os id='http://debian.org/debian/13'/></libosinfo:libosinfo>"
    "<boxes:gnome-boxes xmlns:boxes='https://wiki.gnome.org/Apps/Boxes'><os-state>installed</os-state>"
    "</boxes:gnome-boxes></metadata>"
)
_OF_DESKTOP: t.Final = (("emulator", "emulator"), ("cdrom", "file"))

SITUATIONS: t.Final = (
    Situation(
        "virt-manager: a running Linux desktop",
        write_domain(devices=_DESKTOP, top=_OSINFO, live=" id='3'"),
        kept=("com.redhat.spice.0", "debian.org/debian/13", "ich9", "qemu-xhci", "/dev/urandom"),
        gone=(
            UUID,
            MAC.format(1),
            "vnet3",
            "/dev/pts",
            "5901",
            "debian-13.iso",
            "gnome-boxes",
        ),
        moved=_OF_DESKTOP,
        noted=(
            "the medium of the cdrom sda",
            "<metadata/gnome-boxes>",
        ),
    ),
    Situation(
        "virt-manager: Windows 11 with secure boot and a TPM",
        write_domain(
            firmware=" firmware='efi'",
            system="<type arch='x86_64' machine='q35'>hvm</type><firmware>"
            "<feature enabled='yes' name='enrolled-keys'/>"
            "<feature enabled='yes' name='secure-boot'/></firmware><loader readonly='yes' secure='yes' type='pflash'>"
            "/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader><nvram template='/usr/share/OVMF/OVMF_VARS_4M.ms.fd'>"
            f"/var/lib/libvirt/qemu/nvram/{ORIGINAL}_VARS.fd</nvram>",
            top="<features><acpi/><apic/><hyperv mode='custom'><relaxed state='on'/><vapic state='on'/>"
            "<spinlocks state='on' retries='8191'/></hyperv><vmport state='off'/><smm state='on'/></features>"
            "<cpu mode='host-passthrough' check='none' migratable='on'/>",
            devices=write_card()
            + "<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>",
        ),
        kept=('firmware="efi"', "secure-boot", "tpm-crb", "hyperv", 'secure="yes"'),
        gone=("_VARS.fd", "OVMF_CODE"),
        moved=(("firmware", "file"), ("nvram", "folder"), ("firmware", "file")),
    ),
    Situation(
        "virt-manager: firmware in qcow2, named by hand",
        write_domain(
            system="<type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash' format='qcow2'>"
            "/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2</loader>"
            "<nvram template='/usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2' "
            f"templateFormat='qcow2' format='qcow2'>/var/lib/libvirt/qemu/nvram/{ORIGINAL}_VARS.qcow2</nvram>"
        ),
        kept=(
            "OVMF_CODE_4M.qcow2",
            'templateFormat="qcow2"',
            ' format="qcow2"',
            "OVMF_VARS_4M.qcow2",
        ),
        gone=(f"{ORIGINAL}_VARS",),
        moved=(("firmware", "file"), ("nvram", "folder"), ("firmware", "file")),
        only_on_paper=True,
    ),
    Situation(
        "virt-manager: shared folders by WebDAV",
        write_domain(
            devices="<channel type='spiceport'><source channel='org.spice-space.webdav.0'/>"
            "<target type='virtio' name='org.spice-space.webdav.0'/></channel>"
            "<graphics type='spice' autoport='yes'/>"
        ),
        kept=('source channel="org.spice-space.webdav.0"', 'type="spiceport"'),
    ),
    Situation(
        "virt-manager: clipboard over VNC",
        write_domain(
            devices="<channel type='qemu-vdagent'><source><clipboard copypaste='yes'/><mouse mode='client'/></source>"
            "<target type='virtio' name='com.redhat.spice.0'/></channel>"
            "<graphics type='vnc' port='-1' autoport='yes'/>"
        ),
        kept=("copypaste", 'mode="client"'),
    ),
    Situation(
        "virt-manager: a screen that renders on the host",
        write_domain(
            devices="<graphics type='spice'><listen type='none'/><gl enable='yes' rendernode='/dev/dri/renderD128'/>"
            "</graphics><video><model type='virtio' heads='1'><acceleration accel3d='yes'/></model></video>"
        ),
        kept=("renderD128", 'accel3d="yes"', 'type="none"'),
        moved=(("graphics", "file"),),
        only_on_paper=True,
    ),
    Situation(
        "virt-manager: a USB stick of the host",
        write_domain(
            devices="<hostdev mode='subsystem' type='usb' managed='yes'><source startupPolicy='optional'>"
            "<vendor id='0x0951'/><product id='0x1666'/></source></hostdev>"
        ),
        refused=("the host device 0x0951:0x1666", "virsh attach-device"),
    ),
    Situation(
        "virsh edit: a graphics card of the host",
        write_domain(
            top="<features><acpi/><kvm><hidden state='on'/></kvm></features>",
            devices="<hostdev mode='subsystem' type='pci' managed='yes'><source>"
            "<address domain='0x0000' bus='0x0b' slot='0x00' function='0x0'/></source>"
            "<rom file='/srv/vbios/rtx.rom'/>"
            "</hostdev><shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='M'>32</size></shmem>",
        ),
        refused=("the host device 0000:0b:00:0", "the shared memory looking-glass", "Detach it"),
        moved=(("share", "none"), ("firmware", "file")),
    ),
    Situation(
        "virt-manager: a folder by 9p",
        write_domain(
            devices="<filesystem type='mount' accessmode='mapped'><source dir='/srv/projects'/>"
            "<target dir='projects'/></filesystem>"
        ),
        refused=("the shared folder projects", "NFS"),
        moved=(("share", "none"), ("share", "folder")),
    ),
    Situation(
        "virt-manager: a folder by virtiofs",
        write_domain(
            top="<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
            devices="<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs' queue='1024'/>"
            "<binary path='/usr/libexec/virtiofsd'/><source dir='/srv/projects'/><target dir='projects'/>"
            "</filesystem>",
        ),
        refused=("the shared folder projects", "NFS"),
        moved=(("share", "none"), ("share", "folder")),
    ),
    Situation(
        "virt-manager: macvtap on the host's card",
        write_domain(
            devices=write_card(
                1, "<source dev='enp1s0' mode='bridge'/><target dev='macvtap0'/>", "direct"
            )
        ),
        kept=('dev="enp1s0"', 'mode="bridge"'),
        gone=("macvtap0",),
    ),
    Situation(
        "virt-manager: macvtap that takes the card",
        write_domain(devices=write_card(1, "<source dev='enp1s0' mode='passthrough'/>", "direct")),
        refused=("the network interface enp1s0 (direct, passthrough)", "mode bridge"),
    ),
    Situation(
        "virt-install: an old machine with IDE, a floppy and a printer",
        write_domain(
            disk=False,
            system="<type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/>"
            "<bootmenu enable='yes' timeout='3000'/>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw' cache='writethrough'/>"
            f"<source file='/var/lib/libvirt/images/{ORIGINAL}.img'/><target dev='hda' bus='ide'/></disk>"
            "<disk type='file' device='floppy'><driver name='qemu' type='raw'/>"
            "<source file='/srv/floppies/drivers.img'/>"
            "<target dev='fda' bus='fdc'/></disk><parallel type='file'><source path='/srv/print/queue.prn'/>"
            "<target port='0'/></parallel>" + write_card(1).replace("virtio", "rtl8139"),
        ),
        kept=('bus="ide"', 'dev="fda"', "rtl8139", 'timeout="3000"', "writethrough"),
        gone=("drivers.img", "queue.prn"),
        noted=(
            "the medium of the floppy fda",
            "<devices/parallel type='file'>",
        ),
        moved=(("cdrom", "file"), ("console", "folder")),
    ),
    Situation(
        "virt-install: consoles in files and on sockets",
        write_domain(
            devices="<serial type='file'><source path='/var/log/consoles/orig-7.log' append='on'>"
            "<seclabel model='dac' relabel='no'/></source><target port='0'/></serial>"
            "<serial type='unix'><source mode='connect' path='/run/conserver/orig-7.sock'/><target port='1'/>"
            "</serial>"
            "<serial type='tcp'><source mode='bind' host='192.0.2.7' service='4555'/><protocol type='telnet'/>"
            "<target port='2'/></serial><serial type='udp'><source mode='bind' host='0.0.0.0' service='4556'/>"
            "<source mode='connect' host='192.0.2.9' service='514'/><target port='3'/></serial>"
        ),
        kept=('type="pty"',),
        gone=("orig-7.log", "conserver", "4555", "4556", "telnet", "192.0.2"),
        noted=(
            "<devices/serial type='file'>",
            "<devices/serial type='unix'>",
            "<devices/serial type='tcp'>",
            "<devices/serial type='udp'>",
        ),
        moved=(
            ("console", "folder"),
            ("console", "none"),
            ("console", "none"),
            ("console", "port"),
        ),
    ),
    Situation(
        "virt-install: a console on a device of the host",
        write_domain(
            devices="<serial type='dev'><source path='/dev/ttyUSB0'/><target port='0'/></serial>"
            "<parallel type='dev'><source path='/dev/parport0'/><target port='0'/></parallel>"
        ),
        gone=("ttyUSB0", "parport0"),
        noted=("<devices/serial type='dev'>", "<devices/parallel type='dev'>"),
        moved=(("console", "none"), ("console", "none")),
    ),
    Situation(
        "virt-install: a screen on a port of its own, with a password",
        write_domain(
            devices="<graphics type='vnc' port='5917' autoport='no' listen='0.0.0.0' passwd='hunter2' "
            "passwdValidTo='2026-12-24T15:51:00' sharePolicy='force-shared' keymap='de'>"
            "<listen type='address' address='0.0.0.0'/></graphics>"
        ),
        kept=('keymap="de"', "force-shared", '127.0.0.1"'),
        gone=("5917", "hunter2", "2026-12-24", 'address="0.0.0.0"'),
        moved=(("graphics", "port"),),
    ),
    Situation(
        "virt-install: a screen on the host's own address",
        write_domain(
            devices="<graphics type='spice' port='-1' tlsPort='5906' autoport='no' listen='192.0.2.5' "
            "defaultMode='secure'><listen type='address' address='192.0.2.5'/><channel name='main' mode='secure'/>"
            "<clipboard copypaste='no'/><filetransfer enable='no'/></graphics>"
        ),
        kept=('copypaste="no"', 'name="main"', "defaultMode"),
        gone=("5906",),
        moved=(
            ("graphics", "port"),
            ("graphics", "none"),
        ),
    ),
    Situation(
        "virt-install: a kernel of the host",
        write_domain(
            system="<type arch='x86_64' machine='q35'>hvm</type><kernel>/srv/boot/vmlinuz</kernel>"
            "<initrd>/srv/boot/initrd</initrd><cmdline>root=/dev/vda ip=192.0.2.21 systemd.machine_id=0123</cmdline>"
        ),
        refused=("<os/cmdline>", "<os/kernel>", "boot from its disk"),
        moved=(("firmware", "file"), ("firmware", "file")),
    ),
    Situation(
        "virt-manager: a function of a pool of virtual functions",
        write_domain(
            devices=write_card(1, "<source network='sriov-pool'/><vlan><tag id='42'/></vlan>")
        ),
        kept=("sriov-pool", 'id="42"'),
    ),
    Situation(
        "virsh edit: a watchdog, a panic device and a crash store",
        write_domain(
            devices="<watchdog model='i6300esb' action='poweroff'/><panic model='hyperv'/>"
            "<pstore backend='acpi-erst'>"
            f"<path>/var/lib/libvirt/qemu/nvram/{ORIGINAL}_PSTORE.raw</path><size unit='KiB'>1024</size></pstore>"
        ),
        kept=("i6300esb", "hyperv", "acpi-erst", "1024"),
        gone=("_PSTORE",),
    ),
    Situation(
        "virsh edit: keyboard and mouse of the host",
        write_domain(
            devices="<input type='evdev'><source dev='/dev/input/by-id/usb-kbd' grab='all' "
            "grabToggle='ctrl-ctrl'/></input>"
        ),
        refused=("the input device /dev/input/by-id/usb-kbd", "Detach it"),
        moved=(("input", "none"),),
    ),
    Situation(
        "virt-manager: a guest that runs on an overlay",
        write_domain(
            disk=False,
            live=" id='9'",
            devices="<disk type='file' device='disk' snapshot='external'><driver name='qemu' type='qcow2'/>"
            f"<source file='/var/lib/libvirt/images/{ORIGINAL}.snap2' index='3'/><backingStore type='file' index='2'>"
            f"<format type='qcow2'/><source file='/var/lib/libvirt/images/{ORIGINAL}.snap1'/><backingStore/>"
            f"</backingStore>"
            "<target dev='vda' bus='virtio'/><alias name='virtio-disk0'/></disk>",
        ),
        kept=('snapshot="external"',),
        gone=("snap1", "snap2", "virtio-disk0"),
    ),
    Situation(
        "virt-manager: disks on a volume group and in a pool",
        write_domain(
            disk=False,
            devices="<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/>"
            f"<source dev='/dev/vg0/{ORIGINAL}'/><target dev='vda' bus='virtio'/></disk>"
            "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>"
            "<source pool='fast' volume='data.qcow2'/>"
            "<target dev='vdb' bus='virtio'/></disk>",
        ),
        kept=('io="native"', 'dev="vdb"'),
        gone=("/dev/vg0", "data.qcow2"),
    ),
    Situation(
        "virt-manager: a disk by iSCSI with a password",
        write_domain(
            disk=False,
            devices="<disk type='network' device='disk'><driver name='qemu' type='raw'/><auth username='orig'>"
            "<secret type='iscsi' usage='libvirtiscsi'/></auth><source protocol='iscsi' "
            "name='iqn.2026-01.org.example:store/1'><host name='store.example.org' port='3260'/></source>"
            "<target dev='vda' bus='virtio'/></disk>",
        ),
        refused=("the disk vda on network", "storage pool of files"),
        moved=(("secret", "secret"),),
        stays=("is of the type network", "needs a secret of its host"),
    ),
    Situation(
        "virsh edit: an encrypted disk",
        write_domain(
            disk=False,
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            f"<source file='/var/lib/libvirt/images/{ORIGINAL}.luks'><encryption format='luks'>"
            "<secret type='passphrase' uuid='0a81f5b2-8403-4b23-88d6-21ccd2f80d6f'/></encryption></source>"
            "<target dev='vda' bus='virtio'/></disk>",
        ),
        refused=("the disk vda with <encryption>", "Decrypt it first"),
        moved=(("secret", "secret"),),
        stays=("is encrypted",),
    ),
    Situation(
        "virsh edit: a disk that two machines write",
        write_domain(
            devices="<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            "<source dev='/dev/mapper/quorum'/><target dev='sdb' bus='scsi'/><shareable/></disk>"
            "<controller type='scsi' index='0' model='virtio-scsi'/>"
        ),
        refused=("the shared disk sdb", "virsh attach-disk"),
    ),
    Situation(
        "virsh edit: a disk over persistent reservations",
        write_domain(
            disk=False,
            devices="<disk type='block' device='lun' sgio='unfiltered' rawio='yes'><driver name='qemu' type='raw'/>"
            "<source dev='/dev/mapper/mpatha'><reservations managed='yes'/></source>"
            "<target dev='sda' bus='scsi'/></disk>",
        ),
        refused=("the pass-through disk sda", "device='disk'"),
        moved=(("lun", "file"),),
        stays=("persistent reservations",),
    ),
    Situation(
        "virt-manager: a smartcard by the viewer",
        write_domain(
            devices="<smartcard mode='passthrough' type='spicevmc'/><graphics type='spice' autoport='yes'/>"
        ),
        kept=('mode="passthrough"', "spicevmc"),
    ),
    Situation(
        "virsh edit: a smartcard by a port of the host",
        write_domain(
            devices="<smartcard mode='passthrough' type='tcp'><source mode='bind' host='127.0.0.1' service='2001'/>"
            "<protocol type='raw'/></smartcard>"
        ),
        refused=("<devices/smartcard/source>", "spicevmc"),
        moved=(("console", "port"),),
    ),
    Situation(
        "virsh edit: a smartcard of certificates",
        write_domain(
            devices="<smartcard mode='host-certificates'><certificate>one</certificate><certificate>two</certificate>"
            "<certificate>three</certificate><database>/etc/pki/nssdb/</database></smartcard>"
        ),
        refused=("<devices/smartcard/certificate>", "<devices/smartcard/database>"),
        moved=(("smartcard", "folder"),),
    ),
    Situation(
        "virsh edit: USB over the network",
        write_domain(
            devices="<redirdev bus='usb' type='tcp'><source mode='connect' host='192.0.2.30' service='4000'/>"
            "<protocol type='raw'/></redirdev><redirfilter><usbdev class='0x08' allow='no'/></redirfilter>"
        ),
        refused=("<devices/redirdev/source>", "spicevmc"),
    ),
    Situation(
        "virsh edit: entropy from a daemon",
        write_domain(
            devices="<rng model='virtio'><rate period='2000' bytes='1234'/><backend model='egd' type='udp'>"
            "<source mode='bind' service='1234'/><source mode='connect' host='192.0.2.30' service='1234'/>"
            "</backend></rng>"
        ),
        refused=("<devices/rng/backend/source>", "random or builtin"),
        moved=(("console", "port"),),
    ),
    Situation(
        "virsh edit: sound into a file",
        write_domain(
            devices="<sound model='ich9'/><audio id='1' type='file' path='/srv/orig-7.wav'/>"
        ),
        refused=("<devices/audio/@path>", "without a file"),
        moved=(("sound", "folder"),),
    ),
    Situation(
        "virsh edit: sound of the host's server",
        write_domain(
            devices="<sound model='ich9'/><audio id='1' type='pulseaudio' serverName='/run/user/1000/pulse/native'>"
            "<input name='orig-7-in' latency='10000'/><output name='orig-7-out'/></audio>"
        ),
        kept=("pulseaudio", "10000"),
        gone=("orig-7-in", "orig-7-out"),
        moved=(("sound", "none"),),
        only_on_paper=True,
    ),
    Situation(
        "virsh edit: passt with ports of the host",
        write_domain(
            devices=write_card(
                1,
                "<backend type='passt' logFile='/var/log/orig-7-passt.log'/><source dev='eth0'/>"
                "<ip family='ipv4' address='192.0.2.44' prefix='24'/><portForward proto='tcp' address='192.0.2.5'>"
                "<range start='2222' to='22'/></portForward>",
                "user",
            )
        ),
        refused=("<devices/interface/portForward>", "libvirt network"),
        moved=(("card", "folder"), ("card", "none")),
    ),
    Situation(
        "virsh edit: passt without any",
        write_domain(
            top="<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
            devices=write_card(
                1,
                "<backend type='passt' logFile='/var/log/orig-7-passt.log' hostname='orig-7' "
                "fqdn='orig-7.example.org'/>"
                "<ip family='ipv4' address='192.0.2.44' prefix='24'/>",
                "user",
            ),
        ),
        kept=('type="passt"',),
        gone=("orig-7-passt", "hostname", "fqdn", "192.0.2.44"),
        noted=("<devices/interface/ip>",),
        moved=(("card", "folder"),),
        only_on_paper=True,
    ),
    Situation(
        "virsh edit: a filter that knows the guest's addresses",
        write_domain(
            devices=write_card(
                1,
                "<source bridge='br0'/><filterref filter='clean-traffic-gateway'>"
                "<parameter name='IP' value='192.0.2.31'/><parameter name='IPV6' value='2001:db8::31'/>"
                "<parameter name='GATEWAY_MAC' value='52:54:00:99:99:99'/>"
                "<parameter name='CTRL_IP_LEARNING' value='none'/>"
                "</filterref>",
                "bridge",
            )
        ),
        kept=("clean-traffic-gateway", "CTRL_IP_LEARNING", "52:54:00:99:99:99"),
        gone=("192.0.2.31", "2001:db8::31"),
        noted=(
            "<devices/interface/filterref/parameter name='IP'>",
            "<devices/interface/filterref/parameter name='IPV6'>",
        ),
        moved=(("network", "filter"),),
    ),
    Situation(
        "virsh edit: serial numbers of a real board",
        write_domain(
            top="<sysinfo type='smbios'><bios><entry name='vendor'>Lenovo</entry></bios><system>"
            "<entry name='manufacturer'>Lenovo</entry><entry name='serial'>PF0042</entry>"
            f"<entry name='uuid'>{UUID}</entry></system><baseBoard><entry name='serial'>BB-0042</entry>"
            "<entry name='asset'>RACK7-U12</entry></baseBoard><chassis><entry name='serial'>CH-0042</entry>"
            "<entry name='asset'>INV-990042</entry></chassis><oemStrings><entry>app:orig</entry>"
            "<entry>io.systemd.credential:system.hostname=orig-7</entry></oemStrings></sysinfo>",
            system="<type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/><smbios mode='sysinfo'/>",
        ),
        kept=("Lenovo", "app:orig", 'mode="sysinfo"'),
        gone=("PF0042", "BB-0042", "RACK7-U12", "CH-0042", "INV-990042", "system.hostname", UUID),
        noted=("<sysinfo/oemStrings/entry> io.systemd.credential:system.hostname",),
    ),
    Situation(
        "virsh edit: a debugger and a second drive by arguments",
        write_domain(
            arguments=write_arguments(
                "-drive", "file=/srv/extra.img,if=virtio", "-qmp", "unix:/run/orig-7.qmp,server"
            )
        ),
        refused=(
            "-drive file=/srv/extra.img",
            "-qmp unix:/run/orig-7.qmp",
            "Say it by elements of libvirt",
        ),
        moved=(("qemu", "none"),),
    ),
    Situation(
        "virsh edit: arguments about the hardware",
        write_domain(
            arguments=write_arguments("-global", "ICH9-LPC.disable_s3=1", "-cpu", "max,-x2apic")
        ),
        kept=("ICH9-LPC.disable_s3=1", "max,-x2apic"),
        moved=(("qemu", "none"),),
    ),
    Situation(
        "virsh edit: vCPUs that are off, with tuning for single ones",
        write_domain(
            vcpu="<vcpu placement='static' cpuset='0-7' current='2'>4</vcpu><vcpus>"
            "<vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>"
            "<vcpu id='1' enabled='yes' hotpluggable='no' order='2'/>"
            "<vcpu id='2' enabled='no' hotpluggable='yes'/><vcpu id='3' enabled='no' hotpluggable='yes'/></vcpus>",
            top="<iothreads>1</iothreads><cputune><shares>2048</shares><vcpupin vcpu='0' cpuset='2'/>"
            "<emulatorpin cpuset='0-1'/><iothreadpin iothread='1' cpuset='3'/></cputune>",
        ),
        kept=('current="2"', "hotpluggable", "2048", "<iothreads>1"),
        gone=("cpuset", "emulatorpin"),
        noted=(
            "<vcpu/@cpuset>",
            "<cputune/vcpupin>",
            "<cputune/emulatorpin>",
            "<cputune/iothreadpin>",
        ),
        moved=(("cpu_pins", "cpus"),),
    ),
    Situation(
        "virsh edit: DIMMs on huge pages",
        write_domain(
            memory="<maxMemory slots='4' unit='MiB'>2048</maxMemory><memory unit='MiB'>1024</memory>",
            top="<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='0'/></hugepages></memoryBacking>"
            "<numatune><memory mode='strict' nodeset='0'/></numatune>"
            "<cpu mode='host-model'><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>",
            devices="<memory model='dimm'><source><pagesize unit='KiB'>2048</pagesize><nodemask>0</nodemask></source>"
            "<target><size unit='MiB'>512</size><node>0</node></target></memory>",
        ),
        kept=("dimm", "pagesize", "hugepages"),
        gone=("numatune",),
        noted=("<numatune>",),
    ),
    Situation(
        "virsh edit: persistent memory in a file",
        write_domain(
            memory="<maxMemory slots='4' unit='MiB'>2048</maxMemory><memory unit='MiB'>1024</memory>",
            top="<cpu mode='host-model'><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>",
            devices="<memory model='nvdimm'><uuid>9066901e-c90a-46ad-8b55-c18868cf92ae</uuid><source>"
            "<path>/srv/pmem/orig-7</path></source><target><size unit='MiB'>512</size><node>0</node><label>"
            "<size unit='KiB'>128</size></label></target></memory>",
        ),
        refused=("the memory device nvdimm", "Detach it"),
        moved=(("memory device", "none"),),
    ),
    Situation(
        "virsh edit: memory that is plugged in by need",
        write_domain(
            memory="<maxMemory slots='4' unit='MiB'>2048</maxMemory><memory unit='MiB'>1024</memory>",
            top="<cpu mode='host-model'><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>",
            devices="<memory model='virtio-mem'><target><size unit='MiB'>512</size><node>0</node>"
            "<block unit='MiB'>2</block><requested unit='MiB'>128</requested><current unit='MiB'>64</current>"
            "<address base='0x140000000'/></target></memory>",
        ),
        kept=("virtio-mem", "requested"),
        gone=("<current", "0x140000000"),
    ),
    Situation(
        "virsh edit: a disk that forgets, and a limit for several",
        write_domain(
            disk=False,
            top="<throttlegroups><throttlegroup><group_name>slow</group_name><total_iops_sec>100</total_iops_sec>"
            "</throttlegroup></throttlegroups>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            f"<source file='/var/lib/libvirt/images/{ORIGINAL}.qcow2'/><target dev='vda' bus='virtio'/>"
            "<throttlefilters><throttlefilter group='slow'/></throttlefilters><transient shareBacking='yes'/></disk>",
        ),
        kept=("throttlefilter", "<transient", "slow"),
        stays=("is transient",),
        only_on_paper=True,
    ),
    Situation(
        "virsh edit: a disk that is found by its serial number",
        write_domain(
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/data.raw'/>"
            "<target dev='sdb' bus='scsi'/><serial>DATA-0042</serial><wwn>5000c50015ea71aa</wwn><vendor>ACME</vendor>"
            "<product>Disk</product></disk><controller type='scsi' index='0' model='virtio-scsi'/>"
        ),
        kept=("ACME", "Disk"),
        gone=("DATA-0042", "5000c50015ea71aa", "/srv/data.raw"),
        noted=("<devices/disk/serial>", "<devices/disk/wwn>"),
    ),
    Situation(
        "virsh edit: a lease of sanlock",
        write_domain(
            devices="<lease><lockspace>cluster</lockspace><key>orig-7</key><target path='/srv/leases/cluster' "
            "offset='1048576'/></lease>"
        ),
        refused=("<devices/lease>", "virsh attach-device"),
        moved=(("lease", "file"),),
    ),
    Situation(
        "virsh edit: nothing confines it",
        write_domain(top="").replace(
            "</domain>",
            "<seclabel type='none' model='apparmor'/><seclabel type='static' model='dac' relabel='yes'>"
            "<label>+1000:+1000</label></seclabel></domain>",
        ),
        kept=('type="none"',),
        gone=("1000",),
        noted=("<seclabel type='static'>",),
        only_on_paper=True,
    ),
    Situation(
        "virsh edit: memory that the host cannot read",
        write_domain(
            firmware=" firmware='efi'",
            system="<type arch='x86_64' machine='q35'>hvm</type><loader stateless='yes'/>",
            top="<launchSecurity type='sev'><cbitpos>47</cbitpos><reducedPhysBits>1</reducedPhysBits>"
            "<policy>0x0003</policy>"
            "<dhCert>AQABdhcert</dhCert><session>AQIDsession</session></launchSecurity>",
        ),
        kept=("0x0003", 'stateless="yes"'),
        gone=("AQABdhcert", "AQIDsession"),
        noted=("<launchSecurity/dhCert>", "<launchSecurity/session>"),
        moved=(("launch", "none"),),
        only_on_paper=True,
    ),
    Situation(
        "GNOME Boxes: a machine of one user",
        write_domain(
            top=_OSINFO,
            devices=write_card(1, "", "user")
            + "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
            "<channel type='spiceport'><source channel='org.spice-space.webdav.0'/>"
            "<target type='virtio' name='org.spice-space.webdav.0'/></channel>"
            "<smartcard mode='passthrough' type='spicevmc'/><redirdev bus='usb' type='spicevmc'/>"
            "<graphics type='spice'><listen type='none'/><image compression='off'/><gl enable='no'/></graphics>",
        ),
        kept=("webdav", 'type="user"', "spicevmc", 'type="none"'),
        gone=("gnome-boxes",),
        noted=("<metadata/gnome-boxes>",),
    ),
    Situation(
        "Cockpit: two screens and its own notes",
        write_domain(
            top="<title>Front desk</title><description>the one by the door</description><metadata>"
            "<cockpit_machines:data xmlns:cockpit_machines='https://github.com/cockpit-project/cockpit/tree/main/pkg/machines'>"
            "<cockpit_machines:has_install_phase>false</cockpit_machines:has_install_phase>"
            "</cockpit_machines:data></metadata>",
            devices="<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'>"
            "<listen type='address' address='127.0.0.1'/></graphics><graphics type='spice' autoport='yes'/>"
            + write_card(1, "<source bridge='bridge0'/>", "bridge"),
        ),
        kept=("bridge0", 'type="vnc"', 'type="spice"'),
        gone=("Front desk", "by the door", "cockpit"),
        noted=("<metadata/data>",),
    ),
    Situation(
        "somebody's next libvirt: an element that nobody here knows",
        write_domain(devices="<teapot model='virtio'><source path='/srv/tea'/></teapot>"),
        refused=("devices/teapot", "unknown_elements: keep"),
    ),
)
