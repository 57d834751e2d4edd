# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a host that no pool has: libvirt's test driver has empty folders wherever one looks."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    folders,
    node_xml,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


def test_a_file_is_looked_for_in_its_folder(connection: Connection) -> None:
    assert folders.does_file_exist(connection, "/srv/isos/a.iso") is False
    assert folders.does_folder_exist(connection, "/srv/isos") is True


@pytest.mark.parametrize("path", ["/dev/sr0", "/dev/dri/renderD128", "/proc/1/mem", "/sys/a"])
def test_no_device_is_opened_to_see_whether_it_is_there(connection: Connection, path: str) -> None:
    """A pool over /dev opens whatever is there: a watchdog would start, and bring the host down a minute later."""
    assert folders.does_file_exist(connection, path) is None


def test_a_volume_group_is_a_folder_of_devices_that_a_pool_has(connection: Connection) -> None:
    pool = connection.handle.storagePoolCreateXML(
        "<pool type='logical'><name>vg0</name><source><name>vg0</name></source><target><path>/dev/vg0</path></target>"
        "</pool>",
        0,
    )
    pool.createXML("<volume><name>data</name><capacity>4096</capacity></volume>", 0)
    try:
        assert folders.does_file_exist(connection, "/dev/vg0/data") is True
        assert folders.does_file_exist(connection, "/dev/vg0/other") is False
        assert folders.does_folder_exist(connection, "/dev/vg0") is True
    finally:
        pool.destroy()


def test_a_file_that_its_pool_has_not_seen_yet_is_a_volume(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one is that somebody has made by hand, and attached to a guest."""
    new = storage_xml.build_volume_xml(storage_xml.NewVolume("plug.qcow2", 4096))

    def look_again(pool: storage.Pool) -> bool:
        storage.create(pool, "plug.qcow2", new)
        return True

    monkeypatch.setattr(storage, "try_to_refresh", look_again)
    folder = storage.read_pool(storage.look_up_pool(connection, "default-pool")).path
    with folders.open_folders(connection, [f"{folder}/plug.qcow2"]):
        assert storage.find_volume_by_path(connection, f"{folder}/plug.qcow2") is not None


@pytest.mark.parametrize("folder", ["/dev", "/dev/dri", "/sys"])
def test_no_folder_of_devices_is_opened(connection: Connection, folder: str) -> None:
    assert folders.does_folder_exist(connection, folder) is None
    with folders.open_folder(connection, folder) as pool:
        assert pool is None


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            "<device><name>block_sdb</name><devnode type='dev'>/dev/sdb</devnode>"
            "<devnode type='link'>/dev/disk/by-id/wwn-0x5</devnode>"
            "<capability type='storage'><block>/dev/sdb</block></capability></device>",
            {"/dev/sdb", "/dev/disk/by-id/wwn-0x5"},
        ),
        (
            "<device><name>scsi_generic_sg0</name><capability type='scsi_generic'><char>/dev/sg0</char></capability>"
            "</device>",
            {"/dev/sg0"},
        ),
        ("<device><name>computer</name></device>", set()),
    ],
)
def test_a_device_tells_where_it_is(text: str, paths: set[str]) -> None:
    assert node_xml.read_device_nodes(text) == paths
