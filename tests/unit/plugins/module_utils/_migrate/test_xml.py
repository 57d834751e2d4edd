# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    VolumeRef,
    find_in,
)

EXPORT = xml.Export("f00-vda", "10.0.0.1", 49216)
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


def moved(backing: xml.Export | None) -> str:
    placed = [xml.PlacedDisk("vda", "/fast/a.qcow2", "qcow2", backing)]
    return xml.destination_xml(GUEST, placed, {("default", "a.img"): ("fast", "a.qcow2")})


def test_a_streamed_disk_says_its_whole_chain() -> None:
    text = moved(EXPORT)
    assert xml.chain(text, "vda") == ("/fast/a.qcow2", "nbd://10.0.0.1:49216/f00-vda")
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
    assert xml.chain(text, "vda") == ("/fast/a.qcow2",)
    assert xml.policies(text)["vda"] == {"error_policy": "report"}


def test_other_disks_stay_and_the_metadata_follows() -> None:
    text = moved(EXPORT)
    assert xml.chain(text, "sda") == ("/images/seed.iso",)
    assert find_in(parse_element(text)).volumes == (VolumeRef("fast", "a.qcow2"),)


def test_policies_come_back_as_they_were() -> None:
    before = xml.policies(GUEST)
    after = xml.with_policies(moved(EXPORT), before)
    assert xml.policies(after) == before
    assert xml.with_policies(after, before) is after, "nothing to change, nothing to define"


def test_an_encrypted_export_says_so() -> None:
    tls = xml.Export("f00-vda", "10.0.0.1", 49216, tls=True)
    assert 'tls="yes"' in moved(tls)
    assert "tlsHostname" not in moved(tls)
    assert 'tlsHostname="k1"' in moved(dataclasses.replace(tls, tls_name="k1"))
    assert 'tls="yes"' in xml.backup_xml([tls], ["/images/scratch"])


def test_a_helper_holds_its_disks_and_never_runs_a_guest() -> None:
    platform = xml.platform_of(GUEST)
    assert platform == xml.Platform("kvm", "x86_64", "q35", "/usr/bin/qemu")
    disks = [
        xml.HelperDisk("/images/o", base_path="/images/a.img", base_format="raw"),
        xml.HelperDisk(format="raw", served=EXPORT),
    ]
    text = xml.helper_xml("h", platform, disks, "because")
    assert xml.chain(text, "vda") == ("/images/o", "/images/a.img")
    assert xml.chain(text, "vdb") == (str(EXPORT),)
    raw = parse_element(text).find("devices/disk/backingStore/backingStore")
    assert raw is not None, "a raw base is never probed: its guest could have written any header"
