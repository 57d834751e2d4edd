# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S1 and F2: a disk is copied by its declared format, on libvirt's test driver with streams in memory."""

from __future__ import annotations

import ast
import pathlib
import struct
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils import _layers
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import disk_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_UTILS = pathlib.Path(_layers.__path__[0]).parent


@pytest.fixture
def pool(node: Connection, contents: dict[str, bytes]) -> storage.Pool:
    del contents  # volumes can be read
    return storage.look_up_pool(node, "default")


def put(pool: storage.Pool, image_format: str, backing_path: str | None = None) -> storage.Volume:
    new = storage_xml.NewVolume(
        "disk", 1 << 20, image_format, backing_path=backing_path, backing_format="raw"
    )
    return storage.create(pool, "disk", storage_xml.build_volume_xml(new))


def list_names(pool: storage.Pool) -> list[str]:
    return sorted(volume.name() for volume in storage.list_volumes(pool))


def test_raw_stays_raw_byte_for_byte(
    node: Connection, pool: storage.Pool, contents: dict[str, bytes]
) -> None:
    source = put(pool, "raw")
    contents["/images/disk"] = b"\1" * 70000 + bytes(200_000) + b"\2" * 512
    new = storage_xml.NewVolume("copy", 1 << 20, "raw")
    disk_copy.copy_disk(node, source, "raw", pool, new)
    assert contents["/images/copy"] == contents["/images/disk"]


def test_what_is_zero_becomes_a_hole(
    node: Connection,
    pool: storage.Pool,
    contents: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = put(pool, "raw")
    contents["/images/disk"] = b"\1" * 65536 + bytes(3 * 65536)
    holes: list[int] = []
    stream = type(_open_stream(node, source))
    monkeypatch.setattr(stream, "sendHole", lambda _self, length, _flags: holes.append(length))
    disk_copy.copy_disk(node, source, "raw", pool, storage_xml.NewVolume("copy", 1 << 20, "raw"))
    assert holes == [65536] * 3


def _open_stream(node: Connection, volume: storage.Volume) -> t.Any:
    streams: list[t.Any] = []
    storage.download(node, volume, streams.append)
    return streams[0]


@pytest.mark.parametrize(
    ("declared_format", "seen_format"),
    [("raw", "qcow2"), ("raw", "vmdk"), ("raw", "vdi"), ("raw", "vpc"), ("qcow2", "raw")],
)
def test_another_format_than_declared_is_refused(
    node: Connection, pool: storage.Pool, declared_format: str, seen_format: str
) -> None:
    source = put(pool, seen_format)
    for new_format in ("raw", "qcow2"):
        new = storage_xml.NewVolume("copy", 1 << 20, new_format)
        with pytest.raises(
            Conflict, match=f"is declared to be {declared_format}, but libvirt sees {seen_format}"
        ):
            disk_copy.copy_disk(node, source, declared_format, pool, new)
    assert list_names(pool) == ["disk"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"QFI\xfb\0\0\0\3", "qcow2"),  # as it is between two looks of libvirt
        (b"vhdxfile", "VHDX"),  # as libvirt does not know it
        (b"LUKS\xba\xbe\0\2", "LUKS"),
        (b"# a word\nversion=1\nRW 1 FLAT", "VMDK"),
        (b'json:{"driver":"raw"}', "a description in JSON"),
    ],
)
def test_what_libvirt_does_not_see_is_seen_in_the_first_bytes(
    node: Connection, pool: storage.Pool, contents: dict[str, bytes], head: bytes, name: str
) -> None:
    source = put(pool, "raw")
    contents["/images/disk"] = head.ljust(1 << 20, b"\0")
    for new_format in ("raw", "qcow2"):
        new = storage_xml.NewVolume("copy", 1 << 20, new_format)
        with pytest.raises(Conflict, match=f"declared to be raw, but begins like .* format {name}"):
            disk_copy.copy_disk(node, source, "raw", pool, new)
    assert list_names(pool) == ["disk"]


def test_data_in_another_file_is_refused_where_the_image_is_to_stand_alone(
    pool: storage.Pool, contents: dict[str, bytes]
) -> None:
    source = put(pool, "qcow2")
    head = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 16, 1 << 20, 0, 1, 0x30000, 0x10000, 1, 0, 0
    )
    contents["/images/disk"] = head + struct.pack(">QQQIIQ", 1 << 2, 0, 0, 4, 104, 0)
    with pytest.raises(Conflict, match="stand alone, but keeps its data in another file"):
        disk_copy.require_declared(source, "qcow2", standalone=True)
    assert disk_copy.require_declared(source, "qcow2").name == "disk"


def test_what_libvirt_saw_before_the_pool_became_busy_is_no_proof(
    pool: storage.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(pool, "raw")
    monkeypatch.setattr(storage, "try_to_refresh", lambda _pool: False)
    with pytest.raises(Conflict, match=r"cannot look again while.*Run the task again"):
        disk_copy.require_declared(source, "qcow2")
    assert disk_copy.require_declared(source, "raw").name == "disk"


@pytest.mark.parametrize(("declared_format", "standalone"), [("raw", False), ("qcow2", True)])
def test_a_file_below_that_nobody_declared_is_refused(
    node: Connection, pool: storage.Pool, declared_format: str, standalone: bool
) -> None:
    source = put(pool, declared_format, "/etc/shadow")
    new = storage_xml.NewVolume("copy", 1 << 20)
    with pytest.raises(Conflict, match="but libvirt sees it stand on /etc/shadow"):
        disk_copy.copy_disk(node, source, declared_format, pool, new, standalone=standalone)
    assert list_names(pool) == ["disk"]


def test_an_overlay_is_copied_flat(node: Connection, pool: storage.Pool) -> None:
    source = put(pool, "qcow2", "/images/base")
    copied = disk_copy.copy_disk(node, source, "qcow2", pool, storage_xml.NewVolume("c", 1 << 20))
    assert storage.read_volume(copied).format == "qcow2"


def test_a_copy_that_breaks_off_leaves_nothing(
    node: Connection, pool: storage.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: t.Any, **_options: t.Any) -> None:
        raise HeadroomError("the stream broke off")

    source = put(pool, "raw")
    monkeypatch.setattr(content, "copy", fail)
    with pytest.raises(HeadroomError, match="broke off"):
        disk_copy.copy_disk(
            node, source, "raw", pool, storage_xml.NewVolume("copy", 1 << 20, "raw")
        )
    assert list_names(pool) == ["disk"]


def test_libvirt_converts_in_one_function_only() -> None:
    """createXMLFrom copies by the format that libvirt has probed, so each call is one to be led astray."""
    users = {
        (str(path.relative_to(_UTILS)), function.name, node.attr)
        for path in _UTILS.parent.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in {"create_from", "createXMLFrom"}
    }
    assert users == {
        (
            "_layers/disk_copy.py",
            "clone_image",
            "create_from",
        ),  # of images in Ceph, which have no format
        ("_layers/disk_copy.py", "copy_disk", "create_from"),
        ("_virt/storage.py", "create_from", "createXMLFrom"),
    }


def test_only_images_of_the_same_pool_in_ceph_are_cloned(
    pool: storage.Pool,
) -> None:
    """Of a source elsewhere libvirt would clone the image that has its name."""
    source = put(pool, "raw")
    with pytest.raises(ValueError, match="no image in the pool"):
        disk_copy.clone_image(pool, source, storage_xml.NewVolume("copy", 1 << 20, "raw"))
    assert list_names(pool) == ["disk"]
