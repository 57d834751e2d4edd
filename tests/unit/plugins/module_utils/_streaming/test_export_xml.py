# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What streaming writes into XML, and reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.export_xml import (
    Export,
    Record,
    Served,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

EXPORT = Export("0123456789abcdef" * 2, "10.0.0.1", 10810, "qemu+ssh://root@kvm1/system", "default")
DISKS = [
    Served("vda", "/pool/a.qcow2", "qcow2", "/pool/s.vda"),
    Served("vdb", "/pool/b.raw", "raw", "/pool/s.vdb"),
]
CLONE = """<domain type='kvm'><name>web-1</name><devices>
  <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/pool/web-1.vda.qcow2'/>
    <target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
</devices></domain>"""


def one(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path)
    assert found is not None
    return found


def test_the_helper_serves_the_disks_read_only_and_owns_nothing() -> None:
    root = parse_element(export_xml.helper_xml(EXPORT, DISKS, "x86_64", "qemu", "Serves <web>"))
    assert root.findtext("name") == EXPORT.helper == "headroom-export-0123456789ab"
    assert root.findtext("title") == "Serves <web>"
    disks = root.findall("devices/disk")
    assert [one(disk, "source").attrib["file"] for disk in disks] == [
        "/pool/a.qcow2",
        "/pool/b.raw",
    ]
    assert [one(disk, "driver").attrib["type"] for disk in disks] == ["qcow2", "raw"]
    assert all(disk.find("readonly") is not None for disk in disks)
    assert root.find("devices/interface") is None
    assert root.find("metadata") is None


def test_each_disk_is_served_under_a_name_that_only_this_export_has() -> None:
    root = parse_element(export_xml.backup_xml(EXPORT, DISKS))
    assert dict(one(root, "server").attrib) == {
        "transport": "tcp",
        "name": "10.0.0.1",
        "port": "10810",
    }
    assert {disk.attrib["exportname"] for disk in root.iterfind("disks/disk")} == {
        f"{EXPORT.token}-vda",
        f"{EXPORT.token}-vdb",
    }


@pytest.mark.parametrize("reconnect", [False, True])
def test_a_disk_stands_on_its_export_and_stops_its_guest_where_that_is_gone(
    reconnect: bool,
) -> None:
    root = parse_element(CLONE)
    disk = one(root, "devices/disk")
    export_xml.put_backing(disk, EXPORT, reconnect=reconnect)
    assert export_xml.backings(serialise(root)) == {"vda": (export_xml.url_of(EXPORT, "vda"),)}
    assert (
        one(disk, "driver").attrib["error_policy"],
        one(disk, "driver").attrib["rerror_policy"],
    ) == ("stop", "stop")
    assert (disk.find("backingStore/source/reconnect") is not None) is reconnect
    # the chain ends there: an open end would be probed
    assert len(one(disk, "backingStore/backingStore")) == 0


def test_a_clone_that_is_local_stands_on_nothing() -> None:
    root = parse_element(CLONE)
    export_xml.put_backing(one(root, "devices/disk"), EXPORT, reconnect=True)
    whole = export_xml.without_backing(serialise(root))
    assert export_xml.backings(whole) == {}
    assert "backingStore" not in whole


def test_other_chains_are_told_apart() -> None:
    text = CLONE.replace(
        "<target dev='vda'",
        "<backingStore type='file'><format type='qcow2'/><source file='/pool/base'/><backingStore/></backingStore>"
        "<target dev='vda'",
    )
    assert export_xml.backings(text) == {"vda": ("/pool/base",)}
    assert export_xml.backings(CLONE) == {}


RECORDS = st.builds(
    Record,
    st.builds(
        Export,
        token=st.text("0123456789abcdef", min_size=32, max_size=32),
        address=st.sampled_from(["10.0.0.1", "fd00::1"]),
        port=st.integers(1, 65535),
        source_uri=st.sampled_from(
            ["qemu:///system", "qemu+ssh://root@kvm1/system?keyfile=/a&no_verify=1"]
        ),
        source_pool=st.sampled_from(["default", 'a"<b']),
    ),
    appliance=st.just("web:1"),
    bytes_per_second=st.integers(0, 2**62),
)


@given(RECORDS)
def test_a_record_comes_back_from_the_metadata(record: Record) -> None:
    assert export_xml.read_record(export_xml.record_element(record)) == record
    root = parse_element(CLONE)
    export_xml.put_record(root, record)
    (stored,) = root.findall(f"metadata/{{{export_xml.RECORD_NAMESPACE}}}stream")
    assert export_xml.read_record(serialise(stored)) == record


@pytest.mark.parametrize("text", [None, "<stream/>", "<stream token='a' port='x'/>"])
def test_what_is_no_whole_record_is_none(text: str | None) -> None:
    assert export_xml.read_record(text) is None
