# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chains followed through volumes, whatever somebody has made of them."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._image.header import Backing
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import Files
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
    DiskLayers,
    Layer,
    read_domain_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import HostStorage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool, Volume

if t.TYPE_CHECKING:
    from pathlib import Path

NAMES = "abcdef"


def build_storage(backings: t.Mapping[str, str | None], *, is_local: bool = False) -> HostStorage:
    """Volumes of one pool, each with the path of what it stands on."""
    volumes = {
        VolumeRef("p", name): Volume(
            name, f"/p/{name}", "qcow2", backing_path=below, backing_format="qcow2"
        )
        for name, below in backings.items()
    }
    return HostStorage({"p": Pool("p", "dir", "/p", 0)}, volumes, Files(is_local=is_local))


# Of each volume: nothing, another one (or itself: a cycle), what is no volume, or another spelling of one.
BACKINGS = st.dictionaries(
    st.sampled_from(NAMES),
    st.none()
    | st.builds(
        "{}{}".format, st.sampled_from(["/p/", "/p//", "/p/./", "/lost/"]), st.sampled_from(NAMES)
    ),
)


@given(BACKINGS, st.sampled_from(NAMES))
def test_every_chain_ends_and_names_no_file_twice(
    backings: dict[str, str | None], top: str
) -> None:
    storage = build_storage(backings)
    disk = DiskLayers("vda", (Layer("file", f"/p/{top}", "qcow2"),))
    layers = storage.layers_of(disk)
    keys = [storage.identify(layer)[0] for layer in layers]
    assert layers[0] == disk.layers[0]
    assert len(set(keys)) == len(keys)
    for above, below in itertools.pairwise(layers):
        ref = storage.find_volume(above)
        assert ref is not None
        assert storage.volumes[ref].backing_path == below.path
    last = storage.find_volume(layers[-1])
    below_last = None if last is None else storage.volumes[last].backing_path
    assert below_last is None or storage.files.identify(below_last)[0] in keys


@given(BACKINGS)
def test_a_volume_has_the_layers_of_a_disk_on_it(backings: dict[str, str | None]) -> None:
    storage = build_storage(backings)
    for ref, volume in storage.volumes.items():
        on_it = storage.layers_of(DiskLayers("vda", (Layer("file", volume.path, "qcow2"),)))
        assert storage.files_of_volume(ref)[1:] == on_it[1:]


def test_what_the_xml_tells_to_its_end_is_believed() -> None:
    storage = build_storage({"a": "/p/b", "b": None})
    assert len(storage.layers_of(DiskLayers("vda", (Layer("file", "/p/a", "qcow2"),), True))) == 1


def test_below_a_raw_disk_there_is_nothing() -> None:
    storage = build_storage({"a": "/p/b", "b": None})
    assert len(storage.layers_of(DiskLayers("vda", (Layer("file", "/p/a", "raw"),)))) == 1


def test_a_volume_of_a_pool_that_is_off_lies_where_it_would() -> None:
    storage = HostStorage({"off": Pool("off", "dir", "/off", 0)}, {}, Files(is_local=False))
    layer = Layer("volume", pool="off", volume="v")
    assert set(storage.identify(layer)) == {"/off/v", VolumeRef("off", "v")}
    assert set(storage.identify(Layer("volume", pool="gone", volume="v"))) == {
        VolumeRef("gone", "v")
    }


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_two_names_of_one_file_are_one_file_where_the_module_runs(
    tmp_path: Path, link: str
) -> None:
    image, other = tmp_path / "image", tmp_path / "other"
    image.write_bytes(b"x")
    if link == "symlink_to":
        other.symlink_to(image)
    else:
        other.hardlink_to(image)
    local = Files(is_local=True)
    assert not set(local.identify(str(image))).isdisjoint(local.identify(str(other)))
    distant = Files(is_local=False)
    assert set(distant.identify(str(image))).isdisjoint(distant.identify(str(other)))


def test_an_image_in_no_pool_is_followed_where_the_module_runs(tmp_path: Path) -> None:
    header = bytearray(200)
    header[:8] = b"QFI\xfb\x00\x00\x00\x03"
    header[8:20] = (112).to_bytes(8, "big") + (6).to_bytes(4, "big")
    header[100:104] = (104).to_bytes(4, "big")
    header[112:118] = b"base.q"
    (tmp_path / "top").write_bytes(header)
    path = str(tmp_path / "top")
    assert Files(is_local=True).read_backing(path) == Backing(str(tmp_path / "base.q"), None)
    assert Files(is_local=False).read_backing(path) is None
    storage = build_storage({}, is_local=True)
    layers = storage.layers_of(DiskLayers("vda", (Layer("file", path, "qcow2"),)))
    assert [layer.path for layer in layers] == [path, str(tmp_path / "base.q")]
    assert len(storage.layers_of(DiskLayers("vda", (Layer("file", path, "raw"),)))) == 1


def test_an_image_needs_the_file_in_which_it_keeps_its_data(tmp_path: Path) -> None:
    head = bytearray(200)
    head[:8] = b"QFI\xfb\x00\x00\x00\x03"
    head[72:80] = (1 << 2).to_bytes(8, "big")
    head[100:104] = (104).to_bytes(4, "big")
    head[104:112] = (0x44415441).to_bytes(4, "big") + (6).to_bytes(4, "big")
    head[112:118] = b"d.data"
    (tmp_path / "top").write_bytes(head)
    storage = build_storage({}, is_local=True)
    for declared, paths in (("qcow2", ["top", "d.data"]), ("raw", ["top"])):
        disk = DiskLayers("vda", (Layer("file", str(tmp_path / "top"), declared),))
        assert [layer.path for layer in storage.files_of(disk)] == [
            str(tmp_path / p) for p in paths
        ]


@pytest.mark.parametrize(
    ("mapper", "device"),
    [
        ("vg-web", "vg/web"),
        ("vg--1-web--2", "vg-1/web-2"),
        ("vg-web--a-b", None),
        ("control", None),
    ],
)
def test_two_names_of_a_logical_volume_are_one_wherever_the_host_is(
    mapper: str, device: str | None
) -> None:
    distant = Files(is_local=False)
    names = set(distant.identify(f"/dev/mapper/{mapper}")) - {f"/dev/mapper/{mapper}"}
    assert names == (set() if device is None else {f"/dev/{device}"})


def test_an_image_in_ceph_is_the_volume_that_its_pool_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is none of a file: one that is called so in the working directory has nothing to do with it."""
    (tmp_path / "vms").mkdir()
    (tmp_path / "vms/web-1").write_text("")
    monkeypatch.chdir(tmp_path)
    ref = VolumeRef("ceph", "web-1")
    pool = Pool("ceph", "rbd", None, 0, source_name="vms")
    volumes = {ref: Volume("web-1", "vms/web-1", "raw")}
    storage = HostStorage({"ceph": pool}, volumes, Files(is_local=True))
    disk = read_domain_disks(
        parse_element(
            "<domain><devices><disk type='network'><driver type='raw'/>"
            "<source protocol='rbd' name='vms/web-1'><host name='mon' port='6789'/></source>"
            "<target dev='vda'/></disk></devices></domain>"
        )
    )[0]
    assert storage.find_volume(disk.layers[0]) == ref
    assert not {*storage.identify(disk.layers[0])}.isdisjoint(storage.identify_volume(ref))
    file = Layer("file", path=str(tmp_path / "vms/web-1"))
    assert {*storage.identify(file)}.isdisjoint(storage.identify_volume(ref))
    assert storage.find_ref(str(tmp_path / "vms/web-1")) is None
