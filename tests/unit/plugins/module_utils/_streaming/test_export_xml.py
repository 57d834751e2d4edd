# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What streaming writes into XML."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import chain, export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    Export,
    Helper,
    Platform,
    Served,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

EXPORT = Export("f00-vda", "10.0.0.1", 10810)
HELPER = Helper(
    "headroom-export-f00",
    "Serves <web>",
    Platform("qemu", "x86_64"),
    (
        Served("f00-vda", "/pool/a.qcow2", "qcow2", "/pool/s.vda"),
        Served("f00-sdb", "/pool/b.raw", "raw", "/pool/s.sdb"),
    ),
    "10.0.0.1",
)
GUEST = """<domain type='kvm'><name>web-1</name>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu</emulator>
  <disk type='file' device='disk'><driver name='qemu' type='qcow2' error_policy='report'/>
    <source file='/pool/web-1.vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
</devices></domain>"""


def one(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path)
    assert found is not None
    return found


def streamed(export: Export, *, reconnect: bool = False) -> etree._Element:
    root = parse_element(GUEST)
    export_xml.put_backing(one(root, "devices/disk"), export, reconnect=reconnect)
    return root


def test_the_helper_serves_the_disks_read_only_and_owns_nothing() -> None:
    root = parse_element(export_xml.build_helper_xml(HELPER))
    assert root.findtext("name") == "headroom-export-f00"
    assert root.findtext("title") == "Serves <web>"
    disks = root.findall("devices/disk")
    assert [one(disk, "source").attrib["file"] for disk in disks] == [
        "/pool/a.qcow2",
        "/pool/b.raw",
    ]
    assert [one(disk, "driver").attrib["type"] for disk in disks] == ["qcow2", "raw"]
    assert all(disk.find("readonly") is not None for disk in disks)
    assert root.find("devices/interface") is None
    assert root.find("metadata/{urn:headroom:libvirt:1}machine") is None
    assert export_xml.is_helper(root)


def test_a_helper_is_like_the_guest_that_it_serves_the_overlays_of() -> None:
    platform = export_xml.read_platform(GUEST)
    assert platform == Platform("kvm", "x86_64", "q35", "/usr/bin/qemu")
    overlay = Served("f00-vda", "/pool/o", "qcow2", "/pool/s", "/pool/a.img", "raw")
    text = export_xml.build_helper_xml(
        dataclasses.replace(HELPER, platform=platform, disks=(overlay,))
    )
    assert chain.read_chains(text) == {"vda": ("/pool/o", "/pool/a.img")}
    root = parse_element(text)
    assert root.findtext("devices/emulator") == "/usr/bin/qemu"
    assert one(root, "os/type").attrib["machine"] == "q35"
    raw = root.find("devices/disk/backingStore/backingStore")
    assert raw is not None, "a raw base is never probed: its guest could have written any header"


def test_a_reader_opens_what_another_helper_serves() -> None:
    text = export_xml.build_reader_xml("r", "because", HELPER.platform, EXPORT)
    assert chain.read_chains(text) == {"vda": (str(EXPORT),)}
    assert parse_element(text).find("devices/disk/readonly") is not None


@pytest.mark.parametrize("address", ["10.0.0.1", "kvm1.example.org", "fd99::1"])
def test_an_export_is_known_again_whatever_its_address_is(address: str) -> None:
    """B13: of IPv6, too, or no guest is ever streamed between two such hosts."""
    export = dataclasses.replace(EXPORT, address=address)
    assert chain.read_chains(serialise(streamed(export)))["vda"][1] == str(export)


def test_each_disk_is_served_under_a_name_that_only_this_export_has() -> None:
    root = parse_element(export_xml.build_backup_xml(HELPER, 10810))
    assert dict(one(root, "server").attrib) == {
        "transport": "tcp",
        "name": "10.0.0.1",
        "port": "10810",
    }
    disks = root.findall("disks/disk")
    assert {disk.attrib["name"]: disk.attrib["exportname"] for disk in disks} == {
        "vda": "f00-vda",
        "vdb": "f00-sdb",
    }
    assert [one(disk, "scratch").attrib["file"] for disk in disks] == ["/pool/s.vda", "/pool/s.sdb"]


def test_a_helper_may_have_more_disks_than_there_are_letters() -> None:
    disks = tuple(Served(f"d{number}", "/a", "raw", "/s") for number in range(28))
    root = parse_element(export_xml.build_backup_xml(dataclasses.replace(HELPER, disks=disks), 1))
    names = [disk.attrib["name"] for disk in root.iterfind("disks/disk")]
    assert names[-3:] == ["vdz", "vdaa", "vdab"]


def test_an_encrypted_export_says_so_on_either_side() -> None:
    tls = dataclasses.replace(EXPORT, tls=True)
    assert one(streamed(tls), ".//backingStore/source").attrib["tls"] == "yes"
    assert "tlsHostname" not in serialise(streamed(tls))
    assert 'tlsHostname="k1"' in serialise(streamed(dataclasses.replace(tls, tls_name="k1")))
    assert "tls" not in serialise(streamed(EXPORT))
    encrypted = export_xml.build_backup_xml(dataclasses.replace(HELPER, tls=True), 1)
    assert one(parse_element(encrypted), "server").attrib["tls"] == "yes"


@pytest.mark.parametrize("reconnect", [False, True])
def test_a_disk_stands_on_its_export_and_stops_its_guest_where_that_is_gone(
    reconnect: bool,
) -> None:
    root = streamed(EXPORT, reconnect=reconnect)
    disk = one(root, "devices/disk")
    assert chain.read_chains(serialise(root))["vda"] == ("/pool/web-1.vda.qcow2", str(EXPORT))
    assert (
        one(disk, "driver").attrib["error_policy"],
        one(disk, "driver").attrib["rerror_policy"],
    ) == ("stop", "stop")
    assert (disk.find("backingStore/source/reconnect") is not None) is reconnect
    # the chain ends there: an open end would be probed
    assert len(one(disk, "backingStore/backingStore")) == 0


def test_a_disk_without_a_source_stands_on_nothing() -> None:
    with pytest.raises(ValueError, match="source"):
        export_xml.put_backing(one(parse_element(GUEST), "devices/disk[2]"), EXPORT)


def test_a_clone_that_is_local_stands_on_nothing() -> None:
    local = export_xml.remove_backings(serialise(streamed(EXPORT, reconnect=True)))
    assert chain.find_stacked(local) == []
    assert "backingStore" not in local


def test_policies_come_back_as_they_were() -> None:
    before = export_xml.read_policies(GUEST)
    assert before == {"vda": {"error_policy": "report"}}
    after = export_xml.put_policies(serialise(streamed(EXPORT)), before)
    assert export_xml.read_policies(after) == before
    assert export_xml.put_policies(after, before) is after, "nothing to change, nothing to define"
