# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Against libvirt's own test driver, which keeps pools and volumes but has no streams."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def test_a_missing_pool_is_named_with_those_that_exist(node: Connection) -> None:
    with pytest.raises(NotFound, match=r"no storage pool 'nope' \(it has: default, fast\)"):
        storage.look_up_pool(node, "nope")


def test_an_inactive_pool_says_how_to_start_it(node: Connection) -> None:
    node.handle.storagePoolLookupByName("default").destroy()
    with pytest.raises(Conflict, match="virsh pool-start default"):
        storage.look_up_pool(node, "default")


def test_volumes_come_and_go(node: Connection) -> None:
    pool = storage.look_up_pool(node, "default")
    base = storage.create(
        pool, "base", storage_xml.build_volume_xml(storage_xml.NewVolume("base", 4096))
    )
    overlay = storage_xml.NewVolume(
        "overlay", 4096, backing_path=storage.read_volume_path(base), backing_format="qcow2"
    )
    storage.create(pool, "overlay", storage_xml.build_volume_xml(overlay))
    assert sorted(volume.name() for volume in storage.list_volumes(pool)) == ["base", "overlay"]
    assert storage.read_volume(
        storage.look_up_volume(pool, "overlay")
    ).backing_path == storage.read_volume_path(base)
    found = storage.find_volume_by_path(node, storage.read_volume_path(base))
    assert found is not None
    assert storage.look_up_pool_of(found).name() == "default"
    storage.delete(found)
    assert storage.find_volume(pool, "base") is None
    assert storage.find_volume_by_path(node, "/images/base") is None


def test_a_driver_without_streams_says_so(node: Connection) -> None:
    pool = storage.look_up_pool(node, "default")
    volume = storage.create(
        pool, "base", storage_xml.build_volume_xml(storage_xml.NewVolume("base", 1))
    )
    with pytest.raises(Unsupported, match="upload into the volume 'base'"):
        content.send_bytes(node, volume, b"{}")
    with pytest.raises(Unsupported, match="download the volume 'base'"):
        content.read_bytes(node, volume, 100)
