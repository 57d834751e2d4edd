# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as oVirt, OpenStack Nova, KubeVirt, CloudStack and OpenNebula make them."""

from __future__ import annotations

import typing as t

from corpus.model import (
    AGENT,
    UUID,
    Situation,
    write_arguments,
    write_card,
    write_domain,
)

_IMAGE: t.Final = "11111111-aaaa-4bbb-8ccc-222222222222"
_OVIRT_DISK: t.Final = (
    "<disk type='{kind}' device='disk' snapshot='no'><driver name='qemu' type='qcow2' cache='none' "
    "error_policy='stop' "
    "io='native' iothread='1'/><source {source}><seclabel model='dac' relabel='no'/></source><backingStore/>"
    "<target dev='vda' bus='virtio'/><serial>"
    + _IMAGE
    + "</serial><boot order='1'/><alias name='ua-"
    + _IMAGE
    + "'/>"
    "<address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></disk>"
)
_OVIRT_TOP: t.Final = (
    "<metadata><ovirt-tune:qos xmlns:ovirt-tune='http://ovirt.org/vm/tune/1.0'/>"
    "<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'><ovirt-vm:clusterVersion>4.7</ovirt-vm:clusterVersion>"
    "<ovirt-vm:device mac_address='52:54:00:5e:ed:01'><ovirt-vm:network>ovirtmgmt</ovirt-vm:network>"
    "</ovirt-vm:device>"
    "<ovirt-vm:destroy_on_reboot type='bool'>False</ovirt-vm:destroy_on_reboot></ovirt-vm:vm></metadata>"
    "<iothreads>1</iothreads><sysinfo type='smbios'><system><entry name='manufacturer'>oVirt</entry>"
    "<entry name='product'>RHEL</entry><entry name='version'>8.7-2208.0.el8</entry>"
    "<entry name='serial'>4c4c4544-0051-3510-8056-host00420001</entry>"
    f"<entry name='uuid'>{UUID}</entry><entry name='sku'>8.7.0</entry><entry name='family'>oVirt</entry>"
    f"</system></sysinfo>"
)
_OVIRT_SYSTEM: t.Final = (
    "<type arch='x86_64' machine='q35'>hvm</type><smbios mode='sysinfo'/><bios useserial='yes'/>"
)
_OVIRT_DEVICES: t.Final = (
    write_card(
        1,
        "<source bridge='ovirtmgmt'/><target dev='vnet11'/><mtu size='1500'/><link state='up'/>"
        "<filterref filter='vdsm-no-mac-spoofing'/><coalesce><rx><frames max='7'/></rx></coalesce>"
        "<alias name='ua-3f2c'/>",
        "bridge",
    )
    + "<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channels/5f0d6d1a.ovirt-guest-agent.0'/>"
    "<target type='virtio' name='ovirt-guest-agent.0'/></channel>"
    + AGENT.replace("/var/lib/libvirt/qemu/channel/target", "/var/lib/libvirt/qemu/channels")
    + "<graphics type='spice' port='5900' tlsPort='5901' autoport='yes' listen='192.0.2.11' passwd='hunter2' "
    "passwdValidTo='1970-01-01T00:00:01' defaultMode='secure'><listen type='network' address='192.0.2.11' "
    "network='vdsm-ovirtmgmt'/><channel name='main' mode='secure'/></graphics>"
    "<memballoon model='virtio'><stats period='5'/></memballoon>"
)

_NOVA_TOP: t.Final = (
    "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>"
    "<nova:package version='29.0.1'/>"
    "<nova:name>shop-1</nova:name><nova:owner><nova:user uuid='9f'>alice</nova:user></nova:owner><nova:ports>"
    "<nova:port uuid='7a2f1b1e'><nova:ip type='fixed' address='10.0.0.42' ipVersion='4'/></nova:port></nova:ports>"
    "</nova:instance></metadata><sysinfo type='smbios'><system>"
    "<entry name='manufacturer'>OpenStack Foundation</entry>"
    f"<entry name='product'>OpenStack Nova</entry><entry name='serial'>{UUID}</entry>"
    f"<entry name='uuid'>{UUID}</entry>"
    "<entry name='family'>Virtual Machine</entry></system></sysinfo><cputune><shares>1024</shares></cputune>"
)
_NOVA_SYSTEM: t.Final = (
    "<type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/><smbios mode='sysinfo'/>"
)
_NOVA_FOLDER: t.Final = f"/var/lib/nova/instances/{UUID}"
_NOVA_CARD: t.Final = write_card(
    1,
    "<source bridge='br-int'/><virtualport type='openvswitch'><parameters "
    "interfaceid='7a2f1b1e-0000-4000-8000-000000000042'/></virtualport><target dev='tap7a2f1b1e-42'/>"
    "<mtu size='1442'/><driver name='vhost' queues='2' rx_queue_size='512'/>",
    "bridge",
)
_NOVA_DISK: t.Final = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/>"
    f"<source file='{_NOVA_FOLDER}/disk' index='1'/><backingStore type='file' index='3'><format type='raw'/>"
    "<source file='/var/lib/nova/instances/_base/356a192b7913b04c54574d18c28d46e6395428ab'/><backingStore/>"
    "</backingStore>"
    "<target dev='vda' bus='virtio'/><alias name='virtio-disk0'/></disk>"
)
_NOVA_DEVICES: t.Final = (
    _NOVA_DISK
    + _NOVA_CARD
    + f"<serial type='pty'><log file='{_NOVA_FOLDER}/console.log' append='off'/><target port='0'/></serial>"
    "<graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0'><listen type='address' address='0.0.0.0'/>"
    "</graphics>"
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
)


def _write_nova(devices: str = _NOVA_DEVICES, *, more: str = "", **parts: str) -> str:
    parts = {"system": _NOVA_SYSTEM, **parts}
    return write_domain(disk=False, devices=devices, top=_NOVA_TOP + more, **parts)


_NOVA_CONSOLE: t.Final = (("console", "folder"),)
_NOVA_GONE: t.Final = (
    UUID,
    "tap7a2f1b1e",
    "7a2f1b1e-0000",
    "console.log",
    "10.0.0.42",
    "_base",
    "shop-1",
)

_KUBEVIRT_FOLDER: t.Final = "/var/run/kubevirt-private/9b1e"
_KUBEVIRT_TOP: t.Final = (
    "<metadata><kubevirt xmlns='http://kubevirt.io'><uid>9b1e</uid></kubevirt></metadata><iothreads>1</iothreads>"
    f"<sysinfo type='smbios'><system><entry name='manufacturer'>KubeVirt</entry><entry name='uuid'>{UUID}</entry>"
    "<entry name='family'>KubeVirt</entry></system></sysinfo>"
)
_KUBEVIRT_DEVICES: t.Final = (
    "<disk type='block' device='disk' model='virtio-non-transitional'><driver name='qemu' type='raw' cache='none' "
    "error_policy='stop' io='native' discard='unmap'/><source dev='/dev/rootdisk' index='2'/><backingStore/>"
    "<target dev='vda' bus='virtio'/><alias name='ua-rootdisk'/></disk>"
    "<disk type='file' device='disk' model='virtio-non-transitional'><driver name='qemu' type='raw' cache='none'/>"
    "<source file='/var/run/kubevirt-ephemeral-disks/cloud-init-data/shop/web/noCloud.iso'/><backingStore/>"
    "<target dev='vdb' bus='virtio'/><alias name='ua-cloudinit'/></disk>"
    "<controller type='virtio-serial' index='0' model='virtio-non-transitional'/>"
    "<interface type='ethernet'><mac address='52:54:00:5e:ed:01'/><target dev='tap0' managed='no'/>"
    "<model type='virtio-non-transitional'/><mtu size='1480'/><alias name='ua-default'/><rom enabled='no'/>"
    "</interface>"
    f"<serial type='unix'><source mode='bind' path='{_KUBEVIRT_FOLDER}/virt-serial0'/>"
    f"<log file='{_KUBEVIRT_FOLDER}/virt-serial0-log' append='on'/><target port='0'/></serial>"
    + AGENT
    + f"<graphics type='vnc' socket='{_KUBEVIRT_FOLDER}/virt-vnc'>"
    f"<listen type='socket' socket='{_KUBEVIRT_FOLDER}/virt-vnc'/>"
    "</graphics><memballoon model='virtio-non-transitional'><stats period='10'/></memballoon>"
)
_KUBEVIRT_MOVED: t.Final = (
    ("console", "folder"),
    ("console", "folder"),
    ("graphics", "folder"),
    ("card", "card"),
)

SITUATIONS: t.Final = (
    Situation(
        "oVirt: a machine on a storage domain of blocks",
        write_domain(
            disk=False,
            live=" id='4'",
            top=_OVIRT_TOP,
            system=_OVIRT_SYSTEM,
            devices=_OVIRT_DISK.format(
                kind="block", source=f"dev='/rhev/data-center/mnt/blockSD/7c/images/8d/{_IMAGE}'"
            )
            + _OVIRT_DEVICES,
        ),
        kept=(
            "error_policy",
            "oVirt",
            "8.7-2208.0.el8",
            "ua-3f2c",
            "vdsm-no-mac-spoofing",
            'max="7"',
        ),
        gone=("/rhev", "host00420001", "ovirt-vm", "hunter2", "1970", "5901", "vnet11", "5f0d6d1a"),
        noted=(
            "<metadata/vm>",
            "<metadata/qos>",
            "<devices/disk/serial>",
        ),
        moved=(("graphics", "network"), ("network", "filter")),
        only_on_paper=True,
    ),
    Situation(
        "oVirt: a machine on NFS with a payload",
        write_domain(
            disk=False,
            top=_OVIRT_TOP,
            system=_OVIRT_SYSTEM,
            devices=_OVIRT_DISK.format(
                kind="file",
                source=f"file='/rhev/data-center/mnt/nfs.example.org:_data/7c/images/8d/{_IMAGE}'",
            )
            + "<disk type='file' device='cdrom'><driver name='qemu' type='raw' error_policy='report'/>"
            "<source file='/var/run/vdsm/payload/5f0d6d1a.img' startupPolicy='optional'/>"
            "<target dev='sdc' bus='sata'/>"
            "<readonly/></disk><disk type='file' device='floppy'><driver name='qemu' type='raw'/>"
            "<source file='/var/run/vdsm/payload/sysprep.vfd'/><target dev='fda' bus='fdc'/><readonly/></disk>",
        ),
        kept=('dev="sdc"', 'dev="fda"'),
        gone=("payload", "sysprep", "nfs.example.org"),
        noted=(
            "the medium of the cdrom sdc",
            "the medium of the floppy fda",
            "<metadata/vm>",
            "<metadata/qos>",
            "<devices/disk/serial>",
        ),
        moved=(("cdrom", "file"),),
        only_on_paper=True,
    ),
    Situation(
        "oVirt: high availability with a lease",
        write_domain(
            top=_OVIRT_TOP,
            devices="<lease><lockspace>7c</lockspace><key>5f0d6d1a</key>"
            "<target path='/dev/7c/xleases' offset='3145728'/>"
            "</lease>",
        ),
        refused=("<devices/lease>", "virsh attach-device"),
        moved=(("lease", "file"),),
    ),
    Situation(
        "oVirt: a disk of Ceph by Cinderlib",
        write_domain(
            disk=False,
            devices="<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            "<auth username='ovirt'>"
            "<secret type='ceph' uuid='0a81f5b2-8403-4b23-88d6-21ccd2f80d6f'/></auth><source protocol='rbd' "
            "name='ovirt/volume-1'><host name='mon.example.org' port='6789'/></source>"
            "<target dev='vda' bus='virtio'/></disk>",
        ),
        kept=('dev="vda"', 'cache="none"'),
        gone=("mon.example.org", "volume-1", "0a81f5b2-8403-4b23-88d6-21ccd2f80d6f", "<auth"),
        moved=(("secret", "secret"),),
        stays=("is of the type network", "needs a secret of its host"),
    ),
    Situation(
        "oVirt: a LUN as it is",
        write_domain(
            devices="<disk type='block' device='lun' sgio='filtered'><driver name='qemu' type='raw'/>"
            "<source dev='/dev/mapper/36001405'/><target dev='sdb' bus='scsi'/></disk>"
            "<controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1'/></controller>",
            top="<iothreads>1</iothreads>",
        ),
        refused=("the pass-through disk sdb",),
        moved=(("lun", "file"),),
    ),
    Situation(
        "oVirt: a machine of high performance",
        write_domain(
            top="<memoryBacking><hugepages><page size='1048576' unit='KiB'/></hugepages><locked/></memoryBacking>"
            "<numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='0' mode='strict' nodeset='1'/>"
            "</numatune>"
            "<cputune><vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='5'/><emulatorpin cpuset='0,1'/>"
            "</cputune>"
            "<cpu mode='host-passthrough' check='none' migratable='on'>"
            "<topology sockets='1' dies='1' cores='2' threads='1'/>"
            "<numa><cell id='0' cpus='0-1' memory='524288' unit='KiB'/></numa></cpu>",
            memory="<memory unit='KiB'>524288</memory>",
        ),
        kept=("1048576", "<locked/>", 'cores="2"'),
        gone=("vcpupin", "memnode", "emulatorpin"),
        noted=("<cputune/vcpupin>", "<cputune/emulatorpin>", "<numatune>"),
        moved=(("cpu_pins", "cpus"),),
        only_on_paper=True,
    ),
    Situation(
        "Nova: an instance on local storage",
        _write_nova(live=" id='12'"),
        kept=("OpenStack Nova", "br-int", 'size="1442"', 'queues="2"', 'type="openvswitch"'),
        gone=_NOVA_GONE,
        noted=(
            "<metadata/instance>",
            "<devices/serial/log>",
        ),
        moved=_NOVA_CONSOLE,
    ),
    Situation(
        "Nova: an instance on Ceph",
        _write_nova(
            "<disk type='network' device='disk'><driver name='qemu' type='raw' cache='writeback'/>"
            "<auth username='nova'>"
            "<secret type='ceph' uuid='457eb676-33da-42ec-9a8c-9293d545c337'/></auth><source protocol='rbd' "
            f"name='vms/{UUID}_disk' index='1'><host name='192.0.2.60' port='6789'/></source>"
            f"<target dev='vda' bus='virtio'/>"
            "</disk>"
        ),
        kept=('dev="vda"', 'cache="writeback"'),
        gone=(*_NOVA_GONE, "192.0.2.60", "457eb676-33da-42ec-9a8c-9293d545c337", "<auth"),
        noted=("<metadata/instance>",),
        moved=(("secret", "secret"),),
        stays=("is of the type network", "needs a secret of its host"),
    ),
    Situation(
        "Nova: a disk that is a snapshot in Ceph",
        _write_nova(
            "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' "
            "name='vms/base'><host name='192.0.2.60' port='6789'/><snapshot name='monday'/></source>"
            "<target dev='vda' bus='virtio'/></disk>"
        ),
        refused=("the disk vda with <snapshot>", "rbd clone"),
        stays=("is of the type network",),
    ),
    Situation(
        "Nova: a config drive",
        _write_nova(
            _NOVA_DEVICES
            + "<disk type='file' device='cdrom'><driver name='qemu' type='raw' cache='none'/>"
            f"<source file='{_NOVA_FOLDER}/disk.config'/><target dev='hda' bus='ide'/><readonly/></disk>"
        ),
        kept=('dev="hda"',),
        gone=(*_NOVA_GONE, "disk.config"),
        noted=(
            "the medium of the cdrom hda",
            "<metadata/instance>",
            "<devices/serial/log>",
        ),
        moved=(("cdrom", "file"), *_NOVA_CONSOLE),
    ),
    Situation(
        "Nova: a card of DPDK",
        _write_nova(
            _NOVA_DISK
            + write_card(
                1,
                "<source type='unix' path='/var/lib/vhost_sockets/vhu7a2f1b1e-42' mode='server'/>"
                "<target dev='vhu7a2f1b1e-42'/><driver queues='4'/>",
                "vhostuser",
            )
        ),
        refused=("(vhostuser)", "Detach it"),
        moved=(("card", "none"),),
    ),
    Situation(
        "Nova: a virtual function with a VLAN",
        _write_nova(
            _NOVA_DISK
            + write_card(
                1,
                "<source><address type='pci' domain='0x0000' bus='0x81' slot='0x02' function='0x4'/></source>"
                "<vlan><tag id='90'/></vlan><driver name='vfio'/>",
                "hostdev",
            ).replace("<interface", "<interface managed='yes'")
        ),
        refused=("0000:81:02:4 (hostdev)", "forward mode='hostdev'"),
    ),
    Situation(
        "Nova: pinned processors, nodes and huge pages",
        _write_nova(
            more="<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='0'/></hugepages></memoryBacking>"
            "<numatune><memory mode='strict' nodeset='1'/><memnode cellid='0' mode='strict' nodeset='1'/></numatune>"
            "<cpu mode='host-model'><numa><cell id='0' cpus='0-1' memory='524288' unit='KiB' "
            "memAccess='shared'/></numa></cpu>"
        ).replace(
            "<shares>1024</shares>",
            "<shares>1024</shares><vcpupin vcpu='0' cpuset='20'/><emulatorpin cpuset='21'/>"
            "<vcpusched vcpus='0' scheduler='fifo' priority='1'/>",
        ),
        kept=("memAccess", "vcpusched", "1024"),
        gone=(*_NOVA_GONE, "emulatorpin", "memnode"),
        noted=(
            "<metadata/instance>",
            "<cputune/vcpupin>",
            "<cputune/emulatorpin>",
            "<numatune>",
            "<devices/serial/log>",
        ),
        moved=(("cpu_pins", "cpus"), *_NOVA_CONSOLE),
    ),
    Situation(
        "Nova: serial consoles by TCP",
        _write_nova(
            _NOVA_DISK
            + "<serial type='tcp'><source mode='bind' host='192.0.2.70' service='10000'/><protocol type='raw'/>"
            f"<log file='{_NOVA_FOLDER}/console.log' append='off'/><target port='0'/></serial>"
        ),
        gone=("10000", "192.0.2.70", "console.log"),
        noted=("<metadata/instance>", "<devices/serial/log>", "<devices/serial type='tcp'>"),
        moved=(("console", "none"), ("console", "folder")),
    ),
    Situation(
        "Nova: a volume of Cinder that is attached once",
        _write_nova(
            _NOVA_DISK
            + "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/>"
            "<source dev='/dev/disk/by-path/ip-192.0.2.80:3260-iscsi-iqn.2010-10.org.openstack:volume-1-lun-1'/>"
            "<target dev='vdb' bus='virtio'/><serial>c0ffee00-0000-4000-8000-000000000001</serial></disk>"
        ),
        kept=('dev="vdb"', 'io="native"'),
        gone=("by-path", "c0ffee00", "_base"),
        noted=(
            "<metadata/instance>",
            "<devices/disk/serial>",
        ),
    ),
    Situation(
        "Nova: a volume of Cinder that several write",
        _write_nova(
            _NOVA_DISK
            + "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/>"
            "<source dev='/dev/dm-7'/><target dev='vdb' bus='virtio'/><shareable/>"
            "<serial>c0ffee00-0000-4000-8000-000000000002</serial></disk>"
        ),
        refused=("the shared disk vdb",),
    ),
    Situation(
        "Nova: secure boot and a TPM with a secret",
        _write_nova(
            _NOVA_DISK + "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>"
            "<encryption secret='0a81f5b2-8403-4b23-88d6-21ccd2f80d6f'/></backend></tpm>",
            system="<type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' secure='yes' type='pflash'>"
            "/usr/share/OVMF/OVMF_CODE.secboot.fd</loader><nvram template='/usr/share/OVMF/OVMF_VARS.secboot.fd'>"
            "/var/lib/libvirt/qemu/nvram/instance-0000002a_VARS.fd</nvram><smbios mode='sysinfo'/>",
            more="<features><acpi/><smm state='on'/></features>",
        ),
        kept=("OVMF_CODE.secboot", "OVMF_VARS.secboot", "tpm-crb"),
        gone=("instance-0000002a", "0a81f5b2"),
        noted=(
            "<metadata/instance>",
            "<devices/tpm/backend/encryption>",
        ),
        moved=(
            ("firmware", "file"),
            ("nvram", "folder"),
            ("firmware", "file"),
            ("secret", "secret"),
        ),
        only_on_paper=True,
    ),
    Situation(
        "Nova: memory that the host cannot read",
        _write_nova(
            _NOVA_DEVICES.replace("<driver name='vhost'", "<driver iommu='on' name='vhost'"),
            more="<launchSecurity type='sev'><policy>0x0033</policy><cbitpos>47</cbitpos>"
            "<reducedPhysBits>1</reducedPhysBits>"
            "</launchSecurity>",
        ),
        kept=("0x0033", 'iommu="on"'),
        moved=(("launch", "none"), *_NOVA_CONSOLE),
        noted=(
            "<metadata/instance>",
            "<devices/serial/log>",
        ),
        only_on_paper=True,
    ),
    Situation(
        "Nova: a slice of a graphics card",
        _write_nova(
            _NOVA_DISK
            + "<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci' display='off'><source>"
            "<address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"
        ),
        refused=("the host device c2177883",),
    ),
    Situation(
        "KubeVirt: a machine behind masquerade",
        write_domain(disk=False, live=" id='1'", top=_KUBEVIRT_TOP, devices=_KUBEVIRT_DEVICES),
        kept=("virtio-non-transitional", "ua-rootdisk", 'size="1480"', 'listen type="socket"'),
        gone=("kubevirt-private", "noCloud.iso", "/dev/rootdisk", "tap0", "9b1e", "managed="),
        noted=("<metadata/kubevirt>", "<devices/serial/log>", "<devices/serial type='unix'>"),
        moved=_KUBEVIRT_MOVED,
    ),
    Situation(
        "KubeVirt: arguments of a sidecar",
        write_domain(
            disk=False,
            top=_KUBEVIRT_TOP,
            devices=_KUBEVIRT_DEVICES,
            arguments=write_arguments(
                "-chardev",
                "socket,id=ch0,path=/var/run/vhost.sock",
                "-device",
                "vhost-user-gpu-pci",
            ),
        ),
        refused=("-chardev socket", "-device vhost-user-gpu-pci"),
        moved=(("qemu", "none"), *_KUBEVIRT_MOVED),
    ),
    Situation(
        "KubeVirt: a config map by virtiofs",
        write_domain(
            disk=False,
            top=_KUBEVIRT_TOP
            + "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
            devices=_KUBEVIRT_DEVICES
            + "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
            "<source socket='/var/run/kubevirt/virtiofs-containers/config.sock'/><target dir='config'/></filesystem>",
        ),
        refused=("the shared folder config",),
        moved=(*_KUBEVIRT_MOVED, ("share", "none")),
    ),
    Situation(
        "KubeVirt: metrics of the host for the guest",
        write_domain(
            devices="<channel type='unix'><source mode='bind' path='/var/run/kubevirt/downwardmetrics-channel'/>"
            "<target type='virtio' name='org.github.vhostmd.1'/></channel>"
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            "<source file='/var/run/kubevirt-private/downwardapi-disks/vhostmd0'/>"
            "<target dev='vdb' bus='virtio'/><readonly/>"
            "</disk>"
        ),
        kept=("org.github.vhostmd.1", "<readonly/>"),
        gone=("downwardmetrics-channel", "downwardapi"),
        moved=(("cdrom", "file"), ("console", "folder")),
    ),
    Situation(
        "KubeVirt: a card by vDPA",
        write_domain(devices=write_card(1, "<source dev='/dev/vhost-vdpa-0'/>", "vdpa")),
        refused=("(vdpa)",),
        moved=(("card", "none"),),
    ),
    Situation(
        "CloudStack: an instance with limits",
        write_domain(
            disk=False,
            top="<description>Windows Server 2019 (64-bit)</description><sysinfo type='smbios'><system>"
            "<entry name='manufacturer'>Apache Software Foundation</entry>"
            "<entry name='product'>CloudStack KVM Hypervisor</entry>"
            f"<entry name='serial'>{UUID}</entry><entry name='uuid'>{UUID}</entry></system></sysinfo>"
            "<cputune><shares>250</shares><period>10000</period><quota>5000</quota></cputune>",
            system="<type arch='x86_64' machine='pc'>hvm</type><boot dev='cdrom'/><boot dev='hd'/>"
            "<smbios mode='sysinfo'/>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
            "<source file='/mnt/0f1e/4d5c'/><target dev='vda' bus='virtio'/><iotune>"
            "<total_iops_sec>500</total_iops_sec></iotune>"
            "<serial>4d5c4d5c4d5c4d5c4d5c</serial></disk><disk type='file' device='cdrom'>"
            "<target dev='hdc' bus='ide'/><readonly/>"
            "</disk><interface type='bridge'><mac address='02:00:4c:5e:00:01'/><source bridge='brvx-7742'/>"
            "<bandwidth>"
            "<inbound average='25600' peak='25600'/><outbound average='25600' peak='25600'/></bandwidth>"
            "<target dev='vnet4'/>"
            "<model type='virtio'/><link state='up'/></interface><channel type='unix'>"
            "<source mode='bind' path='/var/lib/libvirt/qemu/i-2-34-VM.org.qemu.guest_agent.0'/>"
            "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
            "<watchdog model='i6300esb' action='none'/>"
            "<graphics type='vnc' port='5905' autoport='yes' listen='192.0.2.90' passwd='hunter2'>"
            "<listen type='address' address='192.0.2.90'/></graphics>",
        ),
        kept=(
            "CloudStack",
            "<quota>5000",
            "total_iops_sec",
            "brvx-7742",
            'average="25600"',
            'action="none"',
        ),
        gone=("02:00:4c", "i-2-34-VM", "hunter2", "4d5c4d5c", "/mnt/0f1e", "5905"),
        noted=("<devices/disk/serial>",),
        moved=(("graphics", "none"),),
    ),
    Situation(
        "OpenNebula: a context and a system datastore",
        write_domain(
            disk=False,
            top="<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'>"
            "<one:vm_id>42</one:vm_id></one:vm>"
            "</metadata><cputune><shares>1024</shares></cputune>",
            devices="<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='writeback'/>"
            "<source file='/var/lib/one//datastores/0/42/disk.0'/><target dev='vda'/></disk>"
            "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
            "<source file='/var/lib/one//datastores/0/42/disk.1'/><target dev='sda' bus='sata'/><readonly/></disk>"
            "<interface type='bridge'><mac address='02:00:c0:a8:00:2a'/><source bridge='onebr0'/>"
            "<virtualport type='openvswitch'/><target dev='one-42-0'/><model type='virtio'/>"
            "<filterref filter='clean-traffic'><parameter name='IP' value='192.168.0.42'/></filterref></interface>"
            "<graphics type='vnc' listen='0.0.0.0' port='5942'/>",
        ),
        kept=("onebr0", "clean-traffic", "writeback"),
        gone=("datastores", "02:00:c0", "one-42-0", "192.168.0.42", "5942", "opennebula"),
        noted=(
            "the medium of the cdrom sda",
            "<metadata/vm>",
            "<devices/interface/filterref/parameter name='IP'>",
        ),
        moved=(("graphics", "port"), ("cdrom", "file"), ("network", "filter")),
    ),
)
