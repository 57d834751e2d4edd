# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks, pools and volumes as real hosts have them."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class NetworkSituation:
    """A network, and what is right: how it leads out, over which bridge, and what becomes of reservations in it.

    `reserve` has addresses, each with words of the refusal, or `None` where it can be reserved.
    """

    name: str
    text: str
    forward: str | None
    bridge: str | None
    reserve: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class PoolSituation:
    """A pool, and what is right: by what another host tells that it has the same, and whether clones can lie "
    "in it."""

    name: str
    text: str
    source: str | None = None
    refused: str | None = None


@dataclasses.dataclass(frozen=True)
class VolumeSituation:
    """A volume as libvirt describes it, and what is right of it: format, size as a guest sees it, what it "
    "stands on."""

    name: str
    text: str
    format: str | None
    capacity_bytes: int
    backing: tuple[str, str | None] | None = None


NETWORKS: t.Final = (
    NetworkSituation(
        "libvirt: the default one",
        "<network connections='3'><name>default</name><forward mode='nat'><nat><port start='1024' end='65535'/></nat>"
        "</forward><bridge name='virbr0' stp='on' delay='0'/><mac address='52:54:00:0a:0b:0c'/>"
        "<ip address='192.168.122.1' netmask='255.255.255.0'><dhcp>"
        "<range start='192.168.122.2' end='192.168.122.254'/>"
        "</dhcp></ip></network>",
        "nat",
        "virbr0",
        {
            "192.168.122.50": None,
            "192.168.122.1": "the host's own address",
            "192.168.122.255": "broadcast address",
            "192.168.123.5": "is not in the network",
        },
    ),
    NetworkSituation(
        "virt-manager: isolated, without addresses",
        "<network><name>island</name><bridge name='virbr7' stp='on' delay='0'/></network>",
        None,
        "virbr7",
        {"192.0.2.5": "has no addresses of its own"},
    ),
    NetworkSituation(
        "libvirt: a bridge of the host by a name of its own",
        "<network><name>host-bridge</name><forward mode='bridge'/><bridge name='br0'/></network>",
        "bridge",
        "br0",
        {"192.0.2.5": "has no addresses of its own"},
    ),
    NetworkSituation(
        "oVirt: what VDSM makes of a bridge",
        "<network><name>vdsm-ovirtmgmt</name><forward mode='bridge'/><bridge name='ovirtmgmt'/></network>",
        "bridge",
        "ovirtmgmt",
    ),
    NetworkSituation(
        "Open vSwitch with groups of ports",
        "<network><name>ovs</name><forward mode='bridge'/><bridge name='ovsbr0'/><virtualport type='openvswitch'/>"
        "<portgroup name='office' default='yes'><vlan><tag id='10'/></vlan></portgroup>"
        "<portgroup name='trunk'><vlan trunk='yes'><tag id='10' nativeMode='untagged'/><tag id='20'/></vlan>"
        "</portgroup>"
        "</network>",
        "bridge",
        "ovsbr0",
    ),
    NetworkSituation(
        "macvtap on several cards",
        "<network><name>macvtap</name><forward mode='private' dev='eth1'><interface dev='eth1'/>"
        "<interface dev='eth2'/>"
        "</forward></network>",
        "private",
        None,
        {"192.0.2.5": "has no addresses of its own"},
    ),
    NetworkSituation(
        "virtual functions of a card",
        "<network><name>sriov</name><forward mode='hostdev' managed='yes'><driver name='vfio'/>"
        "<pf dev='enp3s0f0'/></forward>"
        "</network>",
        "hostdev",
        None,
    ),
    NetworkSituation(
        "a site's own firewall",
        "<network><name>open</name><forward mode='open'/><bridge name='virbr9' zone='trusted'/><mtu size='9000'/>"
        "<ip address='10.9.0.1' prefix='16'><dhcp><range start='10.9.1.0' end='10.9.1.255'><lease expiry='0'/>"
        "</range></dhcp>"
        "</ip></network>",
        "open",
        "virbr9",
        {"10.9.1.7": None, "10.9.255.255": "broadcast address"},
    ),
    NetworkSituation(
        "routed, both families, with a reservation in each",
        "<network><name>dual</name><forward mode='route' dev='eth0'/><bridge name='virbr10'/>"
        "<domain name='lab' localOnly='yes'/>"
        "<ip address='192.0.2.1' prefix='24'><dhcp><range start='192.0.2.100' end='192.0.2.200'/>"
        "<host mac='52:54:00:00:00:0b' name='db' ip='192.0.2.11'/></dhcp></ip>"
        "<ip family='ipv6' address='2001:db8:5::1' prefix='64'><dhcp>"
        "<range start='2001:db8:5::100' end='2001:db8:5::1ff'/>"
        "<host id='00:03:00:01:52:54:00:00:00:0b' name='db' ip='2001:db8:5::11'/></dhcp></ip></network>",
        "route",
        "virbr10",
        {
            "192.0.2.50": None,
            "192.0.2.11": "already has",
            "2001:db8:5::9": "by DUID and not by MAC address",
        },
    ),
    NetworkSituation(
        "two IPv4 networks of which one gives addresses out",
        "<network><name>two</name><forward mode='nat'/><bridge name='virbr11'/><ip address='10.1.0.1' prefix='24'/>"
        "<ip address='10.2.0.1' prefix='24'><dhcp><range start='10.2.0.10' end='10.2.0.99'/></dhcp></ip>"
        "<route address='10.3.0.0' prefix='24' gateway='10.2.0.254'/></network>",
        "nat",
        "virbr11",
        {"10.1.0.9": "DHCP of 'two' serves 10.2.0.0/24 only", "10.2.0.9": None},
    ),
    NetworkSituation(
        "Vagrant: its management network",
        "<network ipv6='yes'><name>vagrant-libvirt</name><forward mode='nat'/>"
        "<bridge name='virbr12' stp='on' delay='0'/>"
        "<ip address='192.168.121.1' netmask='255.255.255.0'><dhcp>"
        "<range start='192.168.121.1' end='192.168.121.254'/></dhcp>"
        "</ip></network>",
        "nat",
        "virbr12",
        {"192.168.121.77": None},
    ),
    NetworkSituation(
        "Terraform: names and options of dnsmasq",
        "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>k8s</name>"
        "<forward mode='nat'/>"
        "<bridge name='virbr13'/><domain name='k8s.local' localOnly='yes'/><dns enable='yes'><host ip='10.17.3.2'>"
        "<hostname>api</hostname></host><srv service='etcd' protocol='tcp' domain='k8s.local' target='etcd-0' "
        "port='2380'/>"
        "</dns><ip family='ipv4' address='10.17.3.1' prefix='24'><dhcp>"
        "<range start='10.17.3.2' end='10.17.3.254'/></dhcp></ip>"
        "<dnsmasq:options><dnsmasq:option value='address=/apps.k8s.local/10.17.3.9'/></dnsmasq:options></network>",
        "nat",
        "virbr13",
        {"10.17.3.40": None},
    ),
    NetworkSituation(
        "kcli: many reservations, some without a name",
        "<network><name>baremetal</name><forward mode='nat'/><bridge name='baremetal'/>"
        "<ip address='192.168.140.1' prefix='24'>"
        "<dhcp><range start='192.168.140.2' end='192.168.140.254'/>"
        "<host mac='aa:aa:aa:aa:aa:01' ip='192.168.140.11'/>"
        "<host mac='aa:aa:aa:aa:aa:02' name='ctlplane-1' ip='192.168.140.12'><lease expiry='24' unit='hours'/></host>"
        "<bootp file='pxelinux.0' server='192.168.140.1'/></dhcp></ip></network>",
        "nat",
        "baremetal",
        {"192.168.140.12": "already has", "192.168.140.13": None},
    ),
    NetworkSituation(
        "addresses of classes, without a mask",
        "<network><name>old</name><bridge name='virbr14'/><ip address='10.5.5.1'><dhcp>"
        "<range start='10.5.5.10' end='10.5.5.20'/>"
        "</dhcp></ip></network>",
        None,
        "virbr14",
        {"10.200.0.1": None},
    ),
)

POOLS: t.Final = (
    PoolSituation(
        "libvirt: the default one",
        "<pool type='dir'><name>default</name><target><path>/var/lib/libvirt/images</path><permissions>"
        "<mode>0711</mode>"
        "<owner>0</owner><group>0</group></permissions></target></pool>",
    ),
    PoolSituation(
        "a file system of its own",
        "<pool type='fs'><name>fs</name><source><device path='/dev/vg0/images'/><format type='xfs'/></source>"
        "<target><path>/srv/fs</path></target></pool>",
    ),
    PoolSituation(
        "NFS",
        "<pool type='netfs'><name>nfs</name><source><host name='nfs.example.org'/><dir path='/export/images'/>"
        "<format type='nfs'/><protocol ver='4'/></source><target><path>/srv/nfs</path></target></pool>",
        "netfs nfs.example.org /export/images",
    ),
    PoolSituation(
        "Gluster by FUSE",
        "<pool type='netfs'><name>glusterfs</name><source><host name='g1.example.org'/><dir path='/vol'/>"
        "<format type='glusterfs'/></source><target><path>/srv/gluster</path></target></pool>",
        "netfs g1.example.org /vol",
    ),
    PoolSituation(
        "CIFS",
        "<pool type='netfs'><name>cifs</name><source><host name='nas.example.org'/><dir path='images'/>"
        "<format type='cifs'/></source><target><path>/srv/cifs</path></target></pool>",
        "netfs nas.example.org images",
    ),
    PoolSituation(
        "a volume group",
        "<pool type='logical'><name>vg0</name><source><device path='/dev/sda3'/><name>vg0</name>"
        "<format type='lvm2'/></source>"
        "<target><path>/dev/vg0</path></target></pool>",
        None,
        "'logical', whose volumes are not files",
    ),
    PoolSituation(
        "partitions of a disk",
        "<pool type='disk'><name>sdb</name><source><device path='/dev/sdb'/><format type='gpt'/></source>"
        "<target><path>/dev</path></target></pool>",
        None,
        "'disk', whose volumes are not files",
    ),
    PoolSituation(
        "Ceph with a user",
        "<pool type='rbd'><name>ceph</name><source><host name='mon1.example.org' port='6789'/>"
        "<host name='mon2.example.org'/>"
        "<name>libvirt</name><auth type='ceph' username='libvirt'>"
        "<secret uuid='0a81f5b2-8403-4b23-88d6-21ccd2f80d6f'/></auth>"
        "</source></pool>",
        "rbd mon1.example.org:6789 mon2.example.org libvirt",
        None,
    ),
    PoolSituation(
        "iSCSI by the kernel",
        "<pool type='iscsi'><name>iscsi</name><source><host name='store.example.org'/>"
        "<device path='iqn.2026-01.org.example:store'/></source><target><path>/dev/disk/by-path</path></target>"
        "</pool>",
        "iscsi store.example.org iqn.2026-01.org.example:store",
        "'iscsi', whose volumes are not files",
    ),
    PoolSituation(
        "iSCSI by QEMU",
        "<pool type='iscsi-direct'><name>direct</name><source><host name='store.example.org'/>"
        "<device path='iqn.2026-01.org.example:store'/><initiator><iqn name='iqn.2026-01.org.example:host'/>"
        "</initiator>"
        "</source></pool>",
        "iscsi-direct store.example.org iqn.2026-01.org.example:store",
        "'iscsi-direct', whose volumes are not files",
    ),
    PoolSituation(
        "ZFS",
        "<pool type='zfs'><name>tank</name><source><name>tank/vms</name></source></pool>",
        None,
        "'zfs', whose volumes are not files",
    ),
    PoolSituation(
        "Gluster by its own library",
        "<pool type='gluster'><name>gluster</name><source><host name='g1.example.org'/><dir path='/'/>"
        "<name>vol</name></source>"
        "</pool>",
        "gluster g1.example.org / vol",
        "'gluster', whose volumes are not files",
    ),
    PoolSituation(
        "Fibre Channel by a virtual port",
        "<pool type='scsi'><name>fc</name><source><adapter type='fc_host' wwnn='20000000c9831b4b' "
        "wwpn='10000000c9831b4b'/>"
        "</source><target><path>/dev/disk/by-path</path></target></pool>",
        None,
        "'scsi', whose volumes are not files",
    ),
    PoolSituation(
        "multipath devices",
        "<pool type='mpath'><name>mpath</name><target><path>/dev/mapper</path></target></pool>",
        None,
        "'mpath', whose volumes are not files",
    ),
)

_GIB: t.Final = 1 << 30
VOLUMES: t.Final = (
    VolumeSituation(
        "libvirt: an image that stands on another",
        "<volume type='file'><name>web.qcow2</name><key>/p/web.qcow2</key>"
        "<capacity unit='bytes'>10737418240</capacity>"
        "<allocation unit='bytes'>200704</allocation><physical unit='bytes'>196616</physical><target>"
        "<path>/p/web.qcow2</path>"
        "<format type='qcow2'/><permissions><mode>0600</mode></permissions><timestamps>"
        "<mtime>1790000000.5</mtime></timestamps>"
        "<compat>1.1</compat><features/></target><backingStore><path>/p/base.qcow2</path><format type='qcow2'/>"
        "</backingStore>"
        "</volume>",
        "qcow2",
        10 * _GIB,
        ("/p/base.qcow2", "qcow2"),
    ),
    VolumeSituation(
        "a raw file",
        "<volume type='file'><name>a.img</name><capacity unit='bytes'>1073741824</capacity><allocation unit='bytes'>0"
        "</allocation><target><path>/p/a.img</path><format type='raw'/></target></volume>",
        "raw",
        _GIB,
    ),
    VolumeSituation(
        "a base of which nobody said the format",
        "<volume type='file'><name>b.qcow2</name><capacity unit='bytes'>1073741824</capacity><target>"
        "<path>/p/b.qcow2</path>"
        "<format type='qcow2'/></target><backingStore><path>/p/old.img</path></backingStore></volume>",
        "qcow2",
        _GIB,
        ("/p/old.img", None),
    ),
    VolumeSituation(
        "Nova: a copy on the cache of images",
        "<volume type='file'><name>disk</name><capacity unit='bytes'>21474836480</capacity><target>"
        "<path>/var/lib/nova/instances/5f0d/disk</path><format type='qcow2'/><lazy_refcounts/></target><backingStore>"
        "<path>/var/lib/nova/instances/_base/356a</path><format type='raw'/></backingStore></volume>",
        "qcow2",
        20 * _GIB,
        ("/var/lib/nova/instances/_base/356a", "raw"),
    ),
    VolumeSituation(
        "an encrypted one",
        "<volume type='file'><name>vault</name><capacity unit='bytes'>1073741824</capacity><target>"
        "<path>/p/vault</path>"
        "<format type='raw'/><encryption format='luks'><secret type='passphrase' "
        "uuid='0a81f5b2-8403-4b23-88d6-21ccd2f80d6f'/>"
        "</encryption></target></volume>",
        "raw",
        _GIB,
    ),
    VolumeSituation(
        "a logical volume, with its extents",
        "<volume type='block'><name>data</name><source><device path='/dev/sda3'>"
        "<extent start='0' end='1073741824'/></device>"
        "</source><capacity unit='bytes'>1073741824</capacity><allocation unit='bytes'>1073741824</allocation>"
        "<target><path>/dev/vg0/data</path></target></volume>",
        None,
        _GIB,
    ),
    VolumeSituation(
        "a snapshot of a logical volume",
        "<volume type='block'><name>snap</name><capacity unit='bytes'>1073741824</capacity><target>"
        "<path>/dev/vg0/snap</path>"
        "</target><backingStore><path>/dev/vg0/data</path></backingStore></volume>",
        None,
        _GIB,
        ("/dev/vg0/data", None),
    ),
    VolumeSituation(
        "an image of Ceph",
        "<volume type='network'><name>vm-1</name><key>libvirt/vm-1</key><capacity unit='bytes'>4294967296</capacity>"
        "<target><path>libvirt/vm-1</path><format type='raw'/></target></volume>",
        "raw",
        4 * _GIB,
    ),
    VolumeSituation(
        "a disk of VMware",
        "<volume type='file'><name>esx.vmdk</name><capacity unit='GiB'>8</capacity><target><path>/p/esx.vmdk</path>"
        "<format type='vmdk'/></target></volume>",
        "vmdk",
        8 * _GIB,
    ),
    VolumeSituation(
        "an installer",
        "<volume type='file'><name>debian.iso</name><capacity unit='bytes'>733968384</capacity><target>"
        "<path>/p/debian.iso</path><format type='iso'/></target></volume>",
        "iso",
        733968384,
    ),
    VolumeSituation(
        "a folder among the images",
        "<volume type='dir'><name>old</name><capacity unit='bytes'>4096</capacity><target><path>/p/old</path>"
        "<format type='dir'/></target></volume>",
        "dir",
        4096,
    ),
)
