# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml

from tools import pool_kinds

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# What virStoragePoolTypeFromString() of libvirt 8.0 to 12.8 knows.
LIBVIRT_TYPES: t.Final = (
    "dir fs netfs logical disk iscsi iscsi-direct scsi mpath rbd sheepdog gluster zfs vstorage"
)


def test_the_table_has_each_type_of_libvirt() -> None:
    assert set(kinds.KINDS) == set(LIBVIRT_TYPES.split())


def test_no_row_refuses_what_is_no_operation() -> None:
    for kind in kinds.KINDS.values():
        assert set(kind.refusals) <= set(kinds.OPERATIONS)


@pytest.mark.parametrize("operation", kinds.OPERATIONS)
@pytest.mark.parametrize("pool_type", kinds.KINDS)
def test_a_refusal_names_the_pool_its_type_and_the_way_out(
    pool_type: str, operation: kinds.Operation
) -> None:
    refusal = kinds.find_refusal("images", pool_type, operation)
    assert (refusal is None) == (pool_type in kinds.list_types(operation))
    if refusal is not None:
        assert refusal.detail.startswith(f"the pool 'images' is of the type '{pool_type}', ")
        assert refusal.remedy.endswith(".")
        with pytest.raises(Unsupported, match=r"^pool: the pool 'images' is of the type"):
            kinds.require("pool", "images", pool_type, operation)


@pytest.mark.parametrize("operation", kinds.OPERATIONS)
def test_a_type_that_nobody_knows_is_refused_by_name(operation: kinds.Operation) -> None:
    refusal = kinds.find_refusal("images", "holographic", operation)
    assert refusal is not None
    assert "'holographic', which this release does not know" in refusal.detail


@pytest.mark.parametrize("operation", kinds.OPERATIONS)
def test_there_is_a_way_for_every_operation(operation: kinds.Operation) -> None:
    assert "dir" in kinds.list_types(operation)


def test_an_operation_that_is_none_is_no_key() -> None:
    assert kinds.name_operation("clone", "warm") == "clone warm"
    with pytest.raises(ValueError, match=r"'clone quick' is no operation"):
        kinds.name_operation("clone", "quick")


@pytest.mark.parametrize(
    ("pool_type", "allocation", "refused"),
    [
        ("dir", 0, None),
        ("rbd", 0, None),
        ("logical", 0, "whose volumes take all of their capacity"),
        ("logical", 4095, "whose volumes take all of their capacity"),
        ("logical", 4096, None),
        ("disk", 0, "whose volumes take all of their capacity"),
        ("mpath", 4096, "in which no volume 'a' can be made"),
        ("gluster", 4096, "in which no volume 'a' can be made"),
        ("holographic", 4096, "in which no volume 'a' can be made"),
    ],
)
def test_no_volume_is_made_that_libvirt_would_make_otherwise(
    pool_type: str, allocation: int, refused: str | None
) -> None:
    if refused is None:
        kinds.check_volume("images", pool_type, "a", "raw", allocation, 4096)
        return
    with pytest.raises(Unsupported, match=refused):
        kinds.check_volume("images", pool_type, "a", "raw", allocation, 4096)


def test_a_volume_group_never_gets_a_small_snapshot_by_accident(node: Connection) -> None:
    pool = node.handle.storagePoolCreateXML(
        "<pool type='logical'><name>vg</name><source><name>vg</name></source>"
        "<target><path>/dev/vg</path></target></pool>"
    )
    text = storage_xml.build_volume_xml(storage_xml.NewVolume("disk", 4096, "raw"))
    with pytest.raises(Unsupported, match="'disk' would take 0 of 4096 bytes"):
        storage.create(pool, "disk", text)
    assert not storage.list_volumes(pool)


def test_a_volume_of_ceph_has_the_path_that_libvirt_gives_it() -> None:
    pool = storage_xml.parse_pool(
        "<pool type='rbd'><name>ceph</name><source><host name='mon'/><name>vms</name></source></pool>"
    )
    assert pool.path_of("web-1") == "vms/web-1"
    assert pool.sharing == "source"


def test_a_format_that_a_pool_does_not_take_is_refused() -> None:
    with pytest.raises(Unsupported, match="whose volumes are raw, and 'a' would be qcow2"):
        kinds.check_volume("ceph", "rbd", "a", "qcow2", 0, 4096)


def test_the_guide_shows_the_table_of_the_code() -> None:
    assert pool_kinds.SECTION.read() == pool_kinds.build_section()
