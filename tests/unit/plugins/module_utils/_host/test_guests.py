# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._host import guests
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

URI = "qemu+ssh://kvm1/system"
BASE = "headroom-appliance.web@1.0.0123456789ab.vda.qcow2"
DISK = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/default-pool/{source}'/>
{below}<target dev='{target}' bus='virtio'/></disk>"""
BELOW = """<backingStore type='file'><format type='qcow2'/><source file='/default-pool/{name}'/><backingStore/>
</backingStore>"""
STREAMED = """<backingStore type='network'><format type='raw'/><source protocol='nbd' name='0123456789abcdef-vda'>
<host name='k1' port='49216'/></source><backingStore/></backingStore>"""
RECORD = """<h:dependency kind='move' source_uri='qemu+ssh://k1/system' address='10.0.0.1' port='49216'
token='0123456789abcdef' since='2026-05-04T09:30:00Z' operation='5f0c9a1e'><h:disk target='vda'/></h:dependency>"""


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


def make_volume(connection: Connection, name: str, allocation: int) -> None:
    pool = connection.handle.storagePoolLookupByName("default-pool")
    pool.createXML(
        f"<volume><name>{name}</name><capacity>1000000</capacity><allocation>{allocation}</allocation></volume>",
        0,
    )


def seen(
    connection: Connection,
    name: str,
    disks: str,
    record: str = "",
    *,
    start: bool = False,
    memory: str = "64",
    mark: str = "",
) -> dict[str, t.Any]:
    """What is told of a guest with these disks, with this in our metadata, and with a mark beside it."""
    domain = connection.handle.defineXMLFlags(
        f"""<domain type='test'><name>{name}</name><memory unit='MiB'>{memory}</memory><vcpu>2</vcpu>
        <metadata><h:machine xmlns:h='urn:headroom:libvirt:1'><h:fleet>web</h:fleet><h:tag>ha</h:tag>{record}
        </h:machine>{mark}</metadata>
        <os><type>hvm</type></os><devices>{disks}<interface type='network'><source network='default'/></interface>
        </devices></domain>""",
        0,
    )
    if start:
        domains.start(domain)
    try:
        return next(guest for guest in guests.read_guests(connection, URI) if guest["name"] == name)
    finally:
        if start:
            domains.power_off(domain)
        domain.undefineFlags(0)


def test_a_guest_is_told_with_what_it_takes(connection: Connection) -> None:
    make_volume(connection, "own.qcow2", 300)
    make_volume(connection, BASE, 700)
    disks = DISK.format(source="own.qcow2", target="vda", below=BELOW.format(name=BASE))
    cdrom = (
        "<disk type='file' device='cdrom'><source file='/default-pool/seed.iso'/><target "
        "dev='sda'/><readonly/></disk>"
    )
    guest = seen(connection, "web-1", disks + cdrom)
    assert guest["disks"] == [
        {
            "target": "vda",
            "path": "/default-pool/own.qcow2",
            "pool": "default-pool",
            "bytes": 300,
            "capacity_bytes": 1000000,
            "base": BASE,
            "base_bytes": 700,
        }
    ]
    assert guest["machine"] == {"uri": URI, "name": "web-1", "uuid": guest["uuid"]}
    kept = (
        "state",
        "running",
        "helper",
        "vcpus",
        "memory_bytes",
        "fleet",
        "tags",
        "networks",
        "busy",
    )
    assert {name: guest[name] for name in kept} == {
        "state": "shutoff",
        "running": False,
        "helper": False,
        "vcpus": 2,
        "memory_bytes": 64 * 1024**2,
        "fleet": "web",
        "tags": ["ha"],
        "networks": ["default"],
        "busy": None,
    }
    assert guests.list_appliance_volumes(connection) == [BASE]


def test_a_disk_that_is_in_no_pool(connection: Connection) -> None:
    (disk,) = seen(connection, "web-1", DISK.format(source="lost", target="vda", below=""))["disks"]
    assert (disk["path"], disk["pool"], disk["bytes"], disk["base"]) == (
        "/default-pool/lost",
        None,
        0,
        None,
    )


def test_a_guest_says_which_bridges_it_needs(connection: Connection) -> None:
    cards = (
        "<interface type='bridge'><source bridge='br0'/></interface>"
        "<interface type='direct'><source dev='eth1' mode='bridge'/></interface>"
    )
    guest = seen(connection, "web-1", cards)
    assert (guest["networks"], guest["bridges"]) == (["default"], ["br0", "eth1"])


def test_a_guest_that_no_other_host_can_take_says_so(connection: Connection) -> None:
    share = "<filesystem type='mount'><source dir='/srv/share'/><target dir='share'/></filesystem>"
    assert seen(connection, "web-1", share)["busy"] is None
    guest = seen(connection, "web-1", share, start=True)
    assert guest["busy"] == "it has the shared folder /srv/share, which no other host has"


def test_a_guest_whose_disks_are_still_arriving_is_busy(connection: Connection) -> None:
    guest = seen(connection, "web-1", DISK.format(source="own.qcow2", target="vda", below=STREAMED))
    assert guest["busy"] == (
        "a part of the disk vda is still on another host, of which its metadata say nothing"
    )
    assert guest["dependency"] is None


def test_a_guest_that_says_from_where_its_disks_arrive_can_be_moved_while_it_runs(
    connection: Connection,
) -> None:
    """D6: the record on the guest is what decides; what runs is moved once it is whole, what is off cannot be."""
    disk = DISK.format(source="own.qcow2", target="vda", below=STREAMED)
    off = seen(connection, "web-1", disk, RECORD)
    assert off["busy"] == (
        "a part of the disk vda is still on qemu+ssh://k1/system, since 2026-05-04T09:30:00Z"
    )
    running = seen(connection, "web-1", disk, RECORD, start=True)
    assert running["busy"] is None
    for guest in (off, running):
        assert guest["dependency"] == {
            "kind": "move",
            "source_uri": "qemu+ssh://k1/system",
            "export": "headroom-export-0123456789ab",
            "address": "10.0.0.1",
            "port": 49216,
            "since": "2026-05-04T09:30:00Z",
            "operation": "5f0c9a1e",
            "disks": ["vda"],
        }


def test_beside_a_record_of_another_export_a_network_layer_is_its_owners(
    connection: Connection,
) -> None:
    """B29: no name decides where the metadata do."""
    below = STREAMED.replace("0123456789abcdef", "a" * 16)
    guest = seen(connection, "web-1", DISK.format(source="o", target="vda", below=below), RECORD)
    assert guest["busy"] is None
    assert guest["dependency"]["disks"] == []


@pytest.mark.parametrize(
    "source",
    [
        "<source protocol='rbd' name='pool/web'><host name='c1' port='6789'/></source>",
        "<source protocol='nbd' name='0123456789abcdef-vda'><host name='k1' port='10809'/></source>",
        "<source protocol='iscsi' name='iqn.2026-01.org:web/1'><host name='k1' port='3260'/></source>",
    ],
)
def test_a_disk_on_the_network_is_its_owners_choice(connection: Connection, source: str) -> None:
    """B29: what a disk is itself was never served by a move."""
    disk = f"<disk type='network' device='disk'><driver name='qemu' type='raw'/>{source}<target dev='vda'/></disk>"
    guest = seen(connection, "web-1", disk)
    assert (guest["busy"], guest["dependency"]) == (None, None)


def test_a_network_layer_of_the_owners_choice_is_no_reason_to_stay(connection: Connection) -> None:
    """B29: what is known of exports decides, not the type of a layer."""
    below = STREAMED.replace("0123456789abcdef-vda", "golden")
    guest = seen(connection, "web-1", DISK.format(source="own.qcow2", target="vda", below=below))
    assert guest["busy"] is None


def test_a_volume_in_a_pool_that_is_off_is_told_by_its_place(node: Connection) -> None:
    """F6: no pool that is off keeps the host from being told."""
    disk = "<disk type='volume' device='disk'><source pool='fast' volume='v'/><target dev='vda'/></disk>"
    node.handle.defineXMLFlags(
        "<domain type='test'><name>a</name><memory>8192</memory><os><type>hvm</type></os>"
        f"<devices>{disk}</devices></domain>"
    )
    node.handle.storagePoolLookupByName("fast").destroy()
    (guest,) = guests.read_guests(node, node.uri)
    assert [(disk["path"], disk["pool"]) for disk in guest["disks"]] == [("/fast/v", None)]


@pytest.mark.parametrize(
    "name",
    [
        "headroom-export-0123",
        "headroom-tls-0123",
        "headroom-tls-0123-server",
        "headroom-warm-web-1",
    ],
)
def test_helpers_are_told_apart(connection: Connection, name: str) -> None:
    for kind in ("helper", "warm"):
        mark = f"<m:{kind} xmlns:m='urn:headroom:libvirt:1:{kind}'/>"
        assert seen(connection, name, "", mark=mark)["helper"] is True
        assert seen(connection, "web-1", "", mark=mark)["helper"] is False


@pytest.mark.parametrize("name", ["headroom-export-0123", "headroom-tls-0123", "headroom-warm-1"])
def test_a_guest_that_somebody_calls_like_a_helper_is_none(
    connection: Connection, name: str
) -> None:
    """S14: a name is anybody's to give, and must not hide a guest from placement."""
    guest = seen(connection, name, "")
    assert (guest["helper"], guest["memory_bytes"]) == (False, 64 * 1024**2)


def test_a_helper_of_an_earlier_release_has_no_mark_and_hardly_memory(
    connection: Connection,
) -> None:
    assert seen(connection, "headroom-export-0123", "", memory="8")["helper"] is True
    assert seen(connection, "web-1", "", memory="8")["helper"] is False
