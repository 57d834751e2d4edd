# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as Vagrant, Terraform, kcli and imports from elsewhere make them, and those of other processors."""

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

_BOX: t.Final = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    "<source file='/var/lib/libvirt/images/lab_web.img'/>"
    "<target dev='vda' bus='virtio'/><alias name='ua-box-volume-0'/></disk>"
)
_VAGRANT: t.Final = (
    write_card(1, "<source network='vagrant-libvirt'/>").replace(
        "</interface>", "<alias name='ua-net-0'/></interface>"
    )
    + write_card(2, "<source network='lab0'/>")
    + "<serial type='pty'><target port='0'/></serial><console type='pty'><target port='0'/></console>"
    "<input type='mouse' bus='ps2'/><graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' keymap='en-us'>"
    "<listen type='address' address='127.0.0.1'/></graphics><video>"
    "<model type='cirrus' vram='16384' heads='1'/></video>"
    "<memballoon model='virtio'/>"
)
_VAGRANT_TOP: t.Final = (
    "<description>Source: /home/alice/lab/Vagrantfile</description><features><acpi/><apic/>"
    "<pae/></features>"
)
_ISO: t.Final = (
    "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
    "<source file='/var/lib/libvirt/images/commoninit-orig.iso'/><target dev='sdd' bus='sata'/>"
    "<serial>cloudinit</serial><readonly/></disk>"
)

SITUATIONS: t.Final = (
    Situation(
        "Vagrant: a box with two networks",
        write_domain(disk=False, top=_VAGRANT_TOP, devices=_BOX + _VAGRANT),
        kept=("ua-box-volume-0", "ua-net-0", "vagrant-libvirt", "lab0", "cirrus"),
        gone=("Vagrantfile", "lab_web.img", MAC.format(2)),
    ),
    Situation(
        "Vagrant: variables of firmware that every machine would write",
        write_domain(
            disk=False,
            top=_VAGRANT_TOP,
            devices=_BOX,
            system="<type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>"
            "/usr/share/OVMF/OVMF_CODE.fd</loader><nvram>/usr/share/OVMF/OVMF_VARS.fd</nvram><bootmenu enable='no'/>",
        ),
        kept=("OVMF_CODE.fd", 'enable="no"'),
        gone=("OVMF_VARS",),
        moved=(("firmware", "file"), ("nvram", "folder")),
    ),
    Situation(
        "Vagrant: synced folders",
        write_domain(
            disk=False,
            top=_VAGRANT_TOP + "<memoryBacking><access mode='shared'/></memoryBacking>",
            devices=_BOX
            + "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
            "<source dir='/home/alice/lab'/>"
            "<target dir='3f2c'/></filesystem>",
        ),
        refused=("the shared folder 3f2c",),
        moved=(("share", "none"), ("share", "folder")),
    ),
    Situation(
        "Vagrant: a cable between two boxes",
        write_domain(
            disk=False,
            devices=_BOX
            + write_card(
                1,
                "<source address='127.1.2.1' port='10001'><local address='127.1.1.1' port='10001'/></source>",
                "udp",
            ),
        ),
        refused=("on port 10001 (udp)", "libvirt network"),
    ),
    Situation(
        "Vagrant: a filter of USB devices",
        write_domain(
            disk=False,
            devices=_BOX + "<redirdev bus='usb' type='spicevmc'/><redirfilter>"
            "<usbdev class='0x0b' vendor='0x08e6' product='0x3437' "
            "version='2.00' allow='yes'/><usbdev allow='no'/></redirfilter><graphics type='spice' autoport='yes'/>",
        ),
        kept=('product="0x3437"', 'allow="no"'),
    ),
    Situation(
        "Terraform: cloud-init on a CD-ROM",
        write_domain(
            devices=_ISO
            + AGENT
            + write_card(1, "<source network='k8s'/>")
            + "<console type='pty'><target type='serial' port='0'/></console>"
            "<console type='pty'><target type='virtio' port='1'/></console>"
            "<graphics type='spice' autoport='yes'/><rng model='virtio'>"
            "<backend model='random'>/dev/urandom</backend></rng>"
        ),
        kept=("k8s", 'type="virtio" port="1"', 'dev="sdd"'),
        gone=("commoninit", MAC.format(1)),
        moved=(("cdrom", "file"),),
        noted=("the medium of the cdrom sdd",),
    ),
    Situation(
        "Terraform: Ignition by an argument",
        write_domain(
            arguments=write_arguments(
                "-fw_cfg", "name=opt/com.coreos/config,file=/var/lib/libvirt/images/orig.ign"
            )
        ),
        refused=("-fw_cfg name=opt/com.coreos/config",),
        moved=(("qemu", "none"),),
    ),
    Situation(
        "Terraform: Ignition by a file of the host",
        write_domain(
            top="<sysinfo type='fwcfg'><entry name='opt/org.flatcar-linux/config' file='/tmp/ignition.json'/>"
            "</sysinfo>"
        ),
        refused=("<sysinfo/entry/@file>", "user_data"),
        moved=(("firmware", "file"),),
    ),
    Situation(
        "Terraform: Ignition in the definition",
        write_domain(
            top='<sysinfo type=\'fwcfg\'><entry name=\'opt/com.coreos/config\'>{"ignition":{"version":"3.4.0"}}</entry>'
            "</sysinfo>"
        ),
        refused=("opt/com.coreos/config", "user_data"),
    ),
    Situation(
        "Terraform: credentials of systemd by the firmware",
        write_domain(
            top="<sysinfo type='fwcfg'><entry name='opt/io.systemd.credentials/system.hostname'>orig-7</entry>"
            "<entry name='opt/org.example/colour'>blue</entry></sysinfo>"
        ),
        kept=("blue",),
        gone=("system.hostname",),
        noted=("<sysinfo/entry name='opt/io.systemd.credentials/system.hostname'>",),
    ),
    Situation(
        "Terraform: Ignition on a disk that is known by its serial number",
        write_domain(
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/orig.ign'/>"
            "<target dev='vdb' bus='virtio'/><serial>ignition</serial><readonly/></disk>"
        ),
        kept=("<readonly/>",),
        gone=("orig.ign",),
        noted=("<devices/disk/serial>",),
        moved=(("cdrom", "file"),),
    ),
    Situation(
        "Terraform: raw said of what is qcow2",
        write_domain(
            disk=False,
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            "<source file='/var/lib/libvirt/images/fast/system.qcow2'/><target dev='vda' bus='virtio'/></disk>",
        ),
        kept=('type="qcow2"',),
        gone=("system.qcow2",),
    ),
    Situation(
        "Terraform: emulated and far from here",
        write_domain(
            kind="qemu",
            top="<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>",
            devices=write_card(1, "<source bridge='virbr0'/>", "bridge"),
        ),
        kept=("qemu64", "virbr0"),
    ),
    Situation(
        "kcli: a node of a plan",
        write_domain(
            top="<metadata><kvirt:info xmlns:kvirt='kvirt'><kvirt:plan>ocp</kvirt:plan>"
            "<kvirt:image>rhcos</kvirt:image>"
            "<kvirt:creationdate>01-12-2026 10:00</kvirt:creationdate></kvirt:info></metadata>"
            "<features><acpi/><apic/></features><cpu mode='host-model'><model fallback='allow'/>"
            "<feature policy='optional' name='vmx'/></cpu>",
            devices=write_card(1, "<source bridge='baremetal'/>", "bridge")
            + _ISO
            + AGENT
            + "<serial type='pty'><target port='0'/></serial><console type='pty'>"
            "<target type='serial' port='0'/></console>"
            "<graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0'>"
            "<listen type='address' address='0.0.0.0'/></graphics>",
        ),
        kept=("baremetal", "vmx", 'address="0.0.0.0"'),
        gone=("kvirt", "commoninit"),
        moved=(("cdrom", "file"),),
        noted=(
            "the medium of the cdrom sdd",
            "<metadata/info>",
        ),
    ),
    Situation(
        "kcli: a machine for real-time networks",
        write_domain(
            top="<memoryBacking><hugepages/></memoryBacking><cputune><vcpupin vcpu='0' cpuset='8'/></cputune>"
            "<cpu mode='host-passthrough'><cache mode='passthrough'/></cpu>",
            devices="<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source>"
            "<address domain='0x0000' bus='0x3b' slot='0x0a' function='0x1'/></source></hostdev>",
        ),
        refused=("the host device 0000:3b:0a:1",),
        moved=(("cpu_pins", "cpus"),),
    ),
    Situation(
        "Proxmox: a machine that was imported",
        write_domain(
            disk=False,
            top="<genid>0f1e2d3c-1111-4222-8333-444455556666</genid><sysinfo type='smbios'><system>"
            f"<entry name='uuid'>{UUID}</entry></system></sysinfo><iothreads>1</iothreads>",
            system="<type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/><smbios mode='sysinfo'/>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' io='io_uring' "
            "detect_zeroes='on'/><source file='/var/lib/vz/images/107/vm-107-disk-0.qcow2'/>"
            "<target dev='sda' bus='scsi'/>"
            "</disk><controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1' queues='2'/>"
            "</controller>"
            "<interface type='bridge'><mac address='bc:24:11:5e:ed:01'/><source bridge='vmbr0'/><vlan>"
            "<tag id='20'/></vlan>"
            "<target dev='tap107i0'/><model type='virtio'/><driver queues='2'/></interface>"
            "<serial type='unix'><source mode='bind' path='/var/run/qemu-server/107.serial0'/>"
            "<target port='0'/></serial>",
            arguments=write_arguments("-cpu", "host,+kvm_pv_eoi"),
        ),
        kept=("io_uring", "vmbr0", 'id="20"', "kvm_pv_eoi", "<genid/>"),
        gone=("0f1e2d3c", "bc:24:11", "tap107i0", "vm-107", "107.serial0"),
        noted=("<devices/serial type='unix'>",),
        moved=(("qemu", "none"), ("console", "folder")),
        only_on_paper=True,
    ),
    Situation(
        "Proxmox: a volume of ZFS",
        write_domain(
            disk=False,
            devices="<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            "<source dev='/dev/zvol/rpool/data/vm-108-disk-0'/><target dev='sda' bus='scsi'/></disk>"
            "<controller type='scsi' index='0' model='lsilogic'/>",
        ),
        kept=("lsilogic",),
        gone=("zvol",),
    ),
    Situation(
        "virt-v2v: a machine of VMware",
        write_domain(
            disk=False,
            top="<metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
            "<libosinfo:os id='http://microsoft.com/win/2k19'/></libosinfo:libosinfo></metadata>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            "<source file='/var/lib/libvirt/images/win-sda'/><target dev='sda' bus='sata'/></disk>"
            "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            "<source file='/var/lib/libvirt/images/win-sdb'/><target dev='sdb' bus='sata'/></disk>"
            "<interface type='network'><mac address='00:50:56:5e:ed:01'/><source network='default'/>"
            "<model type='e1000e'/>"
            "</interface><video><model type='qxl' ram='65536' heads='1'/></video><panic model='isa'>"
            "<address type='isa' "
            "iobase='0x505'/></panic>",
        ),
        kept=("e1000e", "win/2k19", "qxl", 'iobase="0x505"', 'dev="sdb"'),
        gone=("00:50:56", "win-sda", "win-sdb"),
    ),
    Situation(
        "Unraid: a machine that pretends to be a Mac",
        write_domain(
            top="<metadata><vmtemplate xmlns='unraid' name='macOS'/></metadata>",
            arguments=write_arguments("-device", "isa-applesmc,osk=secret", "-smbios", "type=2"),
        ),
        refused=("-device isa-applesmc", "-smbios type=2"),
        moved=(("qemu", "none"),),
    ),
    Situation(
        "virt-install: cards without a network",
        write_domain(
            devices=write_card(1, "<source address='230.0.0.1' port='5558'/>", "mcast")
            + write_card(3, "<target dev='tap-orig'/><script path='/etc/qemu-ifup'/>", "ethernet")
        ),
        kept=("230.0.0.1", "/etc/qemu-ifup"),
        gone=("tap-orig", MAC.format(3)),
        moved=(("card", "file"),),
    ),
    Situation(
        "virsh edit: one end of a cable between two machines, whose other end takes no second",
        write_domain(devices=write_card(2, "<source address='192.0.2.30' port='5558'/>", "client")),
        refused=("the network interface on port 5558 (client)",),
    ),
    Situation(
        "virsh edit: a bond of a virtual function and its stand-in",
        write_domain(
            devices=write_card(
                1,
                "<source network='default'/><teaming type='persistent'/><alias name='ua-backup0'/>",
            )
            + write_card(
                2,
                "<source network='sriov-pool'/><teaming type='transient' persistent='ua-backup0'/>",
            )
        ),
        kept=("ua-backup0", 'type="transient"'),
    ),
    Situation(
        "virsh edit: an export of another machine",
        write_domain(
            disk=False,
            devices="<disk type='network' device='disk'><driver name='qemu' type='raw'/>"
            "<source protocol='nbd' name='root' "
            "tls='yes'><host name='192.0.2.40' port='10809'/></source><target dev='vda' bus='virtio'/></disk>",
        ),
        refused=("the disk vda on network",),
        stays=("is of the type network",),
    ),
    Situation(
        "virsh edit: a flash module of the host",
        write_domain(
            disk=False,
            devices="<disk type='nvme' device='disk'><driver name='qemu' type='raw'/>"
            "<source type='pci' managed='yes' "
            "namespace='1'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>"
            "<target dev='vda' bus='virtio'/></disk>",
        ),
        refused=("the disk vda on nvme",),
        moved=(("disk", "none"),),
        stays=("is of the type nvme",),
    ),
    Situation(
        "virsh edit: a slice of an image",
        write_domain(
            disk=False,
            devices="<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            "<source file='/srv/whole.img'><slices>"
            "<slice type='storage' offset='1048576' size='1073741824'/></slices></source>"
            "<target dev='vda' bus='virtio'/></disk>",
        ),
        refused=("the disk vda with <slices>", "Copy the slice"),
        stays=("is a slice",),
    ),
    Situation(
        "virsh edit: the state of a TPM in a place of its own",
        write_domain(
            devices="<tpm model='tpm-tis'><backend type='emulator' version='2.0'>"
            "<source type='dir' path='/srv/tpm/orig-7/'/>"
            "</backend></tpm>"
        ),
        kept=("tpm-tis",),
        gone=("/srv/tpm",),
        moved=(("tpm", "folder"),),
        only_on_paper=True,
    ),
    Situation(
        "virsh edit: a TPM of the host",
        write_domain(
            devices="<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"
        ),
        refused=("the TPM of the type passthrough", "emulated TPM"),
        moved=(("tpm", "none"),),
    ),
    Situation(
        "virsh edit: a vsock with a number of its own",
        write_domain(devices="<vsock model='virtio'><cid auto='no' address='42'/></vsock>"),
        kept=('auto="yes"',),
        gone=('"42"',),
    ),
    Situation(
        "virt-install: aarch64 with UEFI",
        write_domain(
            firmware=" firmware='efi'",
            system="<type arch='aarch64' machine='virt'>hvm</type><loader readonly='yes' type='pflash'>"
            "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd</loader><nvram template='/usr/share/AAVMF/AAVMF_VARS.fd'>"
            f"/var/lib/libvirt/qemu/nvram/{ORIGINAL}_VARS.fd</nvram>",
            top="<features><acpi/><gic version='3'/></features><cpu mode='host-passthrough'/>",
            devices=write_card(),
        ),
        kept=("aarch64", 'firmware="efi"', 'version="3"'),
        gone=("AAVMF", "_VARS"),
        moved=(("firmware", "file"), ("nvram", "folder"), ("firmware", "file")),
        only_on_paper=True,
    ),
    Situation(
        "virt-install: a mainframe",
        write_domain(
            disk=False,
            system="<type arch='s390x' machine='s390-ccw-virtio'>hvm</type>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            "<source file='/srv/orig.qcow2'/>"
            "<target dev='vda' bus='virtio'/><boot order='1' loadparm='2'/>"
            "<address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0000'/></disk>"
            "<console type='pty'><target type='sclp' port='0'/></console><panic model='s390'/>",
        ),
        kept=('loadparm="2"', 'devno="0x0000"', "sclp"),
        gone=("orig.qcow2",),
        only_on_paper=True,
    ),
    Situation(
        "virt-install: a machine of POWER",
        write_domain(
            disk=False,
            system="<type arch='ppc64le' machine='pseries'>hvm</type>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            "<source file='/srv/orig.qcow2'/>"
            "<target dev='sda' bus='scsi'/><address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
            "<controller type='scsi' index='0' model='ibmvscsi'><address type='spapr-vio' reg='0x2000'/></controller>"
            "<serial type='pty'><target type='spapr-vio-serial' port='0'/></serial>"
            "<nvram><address type='spapr-vio' reg='0x3000'/></nvram>",
        ),
        kept=("ibmvscsi", 'reg="0x3000"', "spapr-vio-serial"),
        gone=("orig.qcow2",),
        only_on_paper=True,
    ),
    Situation(
        "virt-install: RISC-V",
        write_domain(
            system="<type arch='riscv64' machine='virt'>hvm</type>"
            "<kernel>/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf</kernel>"
        ),
        refused=("<os/kernel>",),
        moved=(("firmware", "file"),),
    ),
)
