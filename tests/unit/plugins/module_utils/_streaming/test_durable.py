# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    durable,
    export_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    SYNC_PREFIX,
    Platform,
    is_helper_name,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)


def test_on_the_host_itself_file_and_folder_are_synced(
    node: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "a.raw", os.fsync
    path.write_bytes(b"content")
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    assert durable.make_durable(node, {str(path): "raw"}, "f00") == {}
    assert synced == [str(path), str(tmp_path)]


def test_a_file_that_cannot_be_synced_is_an_error(
    node: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(b"content")

    def sync(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(HeadroomError, match=r"a\.raw could not be written.*Input/output error"):
        durable.make_durable(node, {str(path): "raw"}, "f00")


def test_what_cannot_be_known_of_another_host_is_told(node: Connection) -> None:
    """libvirt's test driver knows no length of a file, and has none at all where there is no pool."""
    away = Connection(node.handle, "qemu+ssh://b/system")
    new = storage_xml.NewVolume("a.raw", 4096, format="raw")
    pool = storage.look_up_pool(node, "default")
    storage.create(pool, "a.raw", storage_xml.build_volume_xml(new))
    paths = {"/images/a.raw": "raw", "/elsewhere/b.raw": "raw"}
    unknown = durable.make_durable(away, paths, "f00")
    assert unknown["/elsewhere/b.raw"] == "it lies in no active pool"
    assert "is no multiple of 512" in unknown["/images/a.raw"]


def test_a_helper_opens_what_was_written_alone_and_never_runs() -> None:
    text = export_xml.build_writer_xml(
        f"{SYNC_PREFIX}f00", "t", Platform("qemu", "x86_64"), [("/p/a", "raw"), ("/p/b", "qcow2")]
    )
    root = parse_element(text)
    assert is_helper_name(root.findtext("name") or "")
    disks = [
        (disk.find("target").get("dev"), disk.find("source").get("file"))  # type: ignore[union-attr]
        for disk in root.iterfind("devices/disk")
    ]
    assert disks == [("vda", "/p/a"), ("vdb", "/p/b")]
    drivers = {(one.get("type"), one.get("cache")) for one in root.iterfind("devices/disk/driver")}
    assert drivers == {("raw", "writeback"), ("qcow2", "writeback")}
    ends = root.findall("devices/disk/backingStore")
    assert [len(end) for end in ends] == [0, 0]
