# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

POOL = """<pool type='{type}'><name>images</name>
<capacity unit='bytes'>100</capacity><allocation unit='bytes'>60</allocation><available unit='bytes'>40</available>
<target><path>/srv/images</path></target></pool>"""


def test_a_pool_says_where_it_is_and_what_is_free() -> None:
    pool = storage_xml.parse_pool(POOL.format(type="dir"))
    assert pool == storage_xml.Pool("images", "dir", "/srv/images", 40, 100)
    assert pool.path_of("a.qcow2") == "/srv/images/a.qcow2"


@pytest.mark.parametrize(
    ("kind", "files"), [("dir", True), ("netfs", True), ("logical", False), ("rbd", False)]
)
def test_only_some_pools_hold_files(kind: str, *, files: bool) -> None:
    assert kinds.holds_files(kind) is files


def test_a_volume_is_read_with_its_backing_and_time() -> None:
    volume = storage_xml.parse_volume(
        "<volume><name>a.qcow2</name><capacity unit='bytes'>1048576</capacity>"
        "<allocation unit='bytes'>200704</allocation>"
        "<physical unit='bytes'>196616</physical><target><path>/p/a.qcow2</path><format type='qcow2'/>"
        "<timestamps><mtime>1732320000.5</mtime></timestamps></target>"
        "<backingStore><path>/p/base</path><format type='raw'/></backingStore></volume>"
    )
    assert volume == storage_xml.Volume(
        "a.qcow2", "/p/a.qcow2", "qcow2", 1048576, 200704, 196616, "/p/base", "raw", 1732320000.5
    )


@pytest.mark.parametrize(
    ("declared_format", "capacity"), [("raw", 4096), ("qcow2", 512), (None, 512)]
)
def test_a_raw_disk_is_as_long_as_its_file_whatever_its_guest_wrote(
    declared_format: str | None, capacity: int
) -> None:
    probed = storage_xml.Volume("a", format="qcow2", capacity_bytes=512, size_bytes=4096)
    assert probed.capacity_as(declared_format) == capacity
    assert storage_xml.Volume("a", capacity_bytes=512).capacity_as("raw") == 512


@given(
    name=st.text("abc<&>'\" ", min_size=1),
    capacity=st.integers(0, 2**62),
    backing=st.none() | st.text("/ab<&'", min_size=1),
    image_format=st.sampled_from(["qcow2", "raw"]),
)
def test_what_is_written_is_read_back(
    name: str, capacity: int, backing: str | None, image_format: str
) -> None:
    new = storage_xml.NewVolume(
        name, capacity, image_format, backing_path=backing, backing_format="raw"
    )
    read = storage_xml.parse_volume(storage_xml.build_volume_xml(new))
    assert (read.name, read.capacity_bytes, read.format, read.backing_path) == (
        name,
        capacity,
        image_format,
        backing,
    )


def test_an_overlay_says_the_format_of_its_base() -> None:
    text = storage_xml.build_volume_xml(
        storage_xml.NewVolume("a", 1, backing_path="/b", backing_format="raw")
    )
    assert parse_element(text).xpath("string(backingStore/format/@type)") == "raw"


def test_a_volume_may_belong_to_a_group() -> None:
    new = storage_xml.NewVolume("a", 1, "raw", mode="0440", group=994)
    permissions = parse_element(storage_xml.build_volume_xml(new)).find("target/permissions")
    assert permissions is not None
    assert [(child.tag, child.text) for child in permissions] == [
        ("group", "994"),
        ("mode", "0440"),
    ]


RBD = """<pool type='rbd'><name>ceph</name><source><name>vms</name><host name='mon1' port='6789'/><host name='mon2'/>
<auth type='ceph' username='me'><secret uuid='11111111-2222-3333-4444-555555555555'/></auth></source></pool>"""


def test_a_disk_stands_on_an_image_as_its_pool_says() -> None:
    pool = storage_xml.parse_pool(RBD)
    assert pool.rbd is not None
    assert pool.path_of("web-1") == pool.rbd.path_of("web-1") == "vms/web-1"
    disk = parse_element("<disk type='file'><driver type='raw'/><target dev='vda'/></disk>")
    storage_xml.put_image(disk, pool.rbd, "web-1")
    assert disk.get("type") == "network"
    assert [child.tag for child in disk] == ["driver", "auth", "source", "target"]
    assert disk.xpath("string(auth/@username)") == "me"
    assert [dict(secret.attrib) for secret in disk.iterfind("auth/secret")] == [
        {"type": "ceph", "uuid": "11111111-2222-3333-4444-555555555555"}
    ]
    assert [dict(host.attrib) for host in disk.iterfind("source/host")] == [
        {"name": "mon1", "port": "6789"},
        {"name": "mon2"},
    ]


def test_a_cluster_without_users_needs_no_secret() -> None:
    source = storage_xml.parse_pool("<pool type='rbd'><source><name>vms</name></source></pool>").rbd
    disk = parse_element("<disk/>")
    assert source is not None
    storage_xml.put_image(disk, source, "a")
    assert [child.tag for child in disk] == ["source"]
