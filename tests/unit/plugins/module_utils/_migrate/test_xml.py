# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.chain import read_chains
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Export
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    VolumeRef,
    find_in,
)

EXPORT = Export("f00-vda", "10.0.0.1", 49216)
SINCE = "2026-05-04T09:30:00Z"
GUEST = """<domain type='kvm'><name>a</name>
  <metadata><headroom:machine xmlns:headroom='urn:headroom:libvirt:1'>
  <headroom:volume pool='default'>a.img</headroom:volume></headroom:machine></metadata>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu</emulator>
  <disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' error_policy='report'/>
    <source file='/images/a.img'/><backingStore type='file'><source file='/images/old'/><backingStore/></backingStore>
    <target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><source file='/images/seed.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
  </devices></domain>"""


def moved(backing: Export | None) -> str:
    placed = [xml.PlacedDisk("vda", "/fast/a.qcow2", "qcow2", backing)]
    return xml.make_destination_xml(GUEST, placed, {("default", "a.img"): ("fast", "a.qcow2")})


def test_a_streamed_disk_says_its_whole_chain() -> None:
    text = moved(EXPORT)
    assert read_chains(text)["vda"] == ("/fast/a.qcow2", "nbd://10.0.0.1:49216/f00-vda")
    disk = parse_element(text).find("devices/disk")
    assert disk is not None
    assert dict(disk.find("driver").attrib) == {  # type: ignore[union-attr]
        "name": "qemu",
        "type": "qcow2",
        "cache": "none",
        "error_policy": "stop",
        "rerror_policy": "stop",
    }
    ends = disk.findall(".//backingStore")[-1]
    assert len(ends) == 0, "the chain is ended, so that nothing is probed"


def test_a_copied_disk_leaves_its_chain_to_its_header() -> None:
    text = moved(None)
    assert read_chains(text)["vda"] == ("/fast/a.qcow2",)
    assert export_xml.read_policies(text)["vda"] == {"error_policy": "report"}


def test_the_guest_says_what_it_reads_from_the_source_and_whose_it_is() -> None:
    """D6: before it can run there, and in what is defined there."""
    said = Dependency("move", "qemu+ssh://k1/system", "10.0.0.1", 49216, "f" * 16, SINCE, "5f0c")
    said = said._replace(disks=(RemoteDisk("vda", "/images/a.img", "raw"),))
    placed = [xml.PlacedDisk("vda", "/fast/a.qcow2", "qcow2", EXPORT)]
    text = xml.make_destination_xml(GUEST, placed, {("default", "a.img"): ("fast", "a")}, said)
    owned = find_in(parse_element(text))
    assert (owned.dependency, owned.volumes) == (said, (VolumeRef("fast", "a"),))
    again = xml.make_destination_xml(text, placed, {})
    assert find_in(parse_element(again)).dependency is None, "an older one does not come along"


def test_other_disks_stay_and_the_metadata_follows() -> None:
    text = moved(EXPORT)
    assert read_chains(text)["sda"] == ("/images/seed.iso",)
    assert find_in(parse_element(text)).volumes == (VolumeRef("fast", "a.qcow2"),)


def test_the_password_of_a_console_goes_along() -> None:
    screen = "<graphics type='vnc' listen='0.0.0.0' passwd='s3cret' passwdValidTo='2030-01-01T00:00:00'/>"
    text = xml.make_destination_xml(GUEST.replace("</devices>", f"{screen}</devices>"), [], {})
    device = parse_element(text).find("devices/graphics")
    assert device is not None
    assert dict(device.attrib) == dict(parse_element(screen).attrib)


def test_a_copy_is_flushed_although_its_disk_is_unsafe() -> None:
    """D12: with cache=unsafe nothing is ever synced, and the source's disk would go before its copy is durable."""
    unsafe = GUEST.replace("cache='none'", "cache='unsafe'")
    placed = [xml.PlacedDisk("vda", "/fast/a.qcow2", "qcow2", EXPORT)]
    for is_flushed, cache in ((True, "writeback"), (False, "unsafe")):
        text = xml.make_destination_xml(unsafe, placed, {}, is_flushed=is_flushed)
        driver = parse_element(text).find("devices/disk/driver")
        assert driver is not None
        assert driver.get("cache") == cache
    other = xml.make_destination_xml(GUEST, placed, {}, is_flushed=True)
    assert "cache='none'" in other.replace('"', "'")


def test_what_belongs_to_the_machine_alone_is_found_where_it_was_brought() -> None:
    """F3: a seed, and the settings of the firmware."""
    text = GUEST.replace("</os>", "<nvram template='/t'>/images/a.nvram.raw</nvram></os>")
    placed = [
        xml.PlacedDisk("sda", "/fast/seed.iso", "raw"),
        xml.PlacedDisk(xml.NVRAM, "/fast/a.nvram.raw", "raw"),
    ]
    root = parse_element(xml.make_destination_xml(text, placed, {}))
    nvram, cdrom = root.find("os/nvram"), root.find("devices/disk[@device='cdrom']")
    assert nvram is not None
    assert cdrom is not None
    assert (nvram.text, nvram.get("template")) == ("/fast/a.nvram.raw", "/t")
    assert cdrom.find("source").get("file") == "/fast/seed.iso"  # type: ignore[union-attr]
    assert cdrom.find("readonly") is not None


def test_settings_of_a_firmware_are_placed_as_their_xml_has_them() -> None:
    """F3: libvirt has them as a text, or in a source as disks have it."""
    placed = [xml.PlacedDisk(xml.NVRAM, "/new/a.fd", "raw")]
    for element in (
        "<nvram>/old/a.fd</nvram>",
        "<nvram type='file'><source file='/old/a.fd'/></nvram>",
    ):
        text = xml.make_destination_xml(f"<domain><os>{element}</os></domain>", placed, {})
        expected = parse_element(element.replace("/old/", "/new/"))
        variables = parse_element(text).find("os/nvram")
        assert variables is not None
        assert etree.tostring(variables, method="c14n") == etree.tostring(expected, method="c14n")
