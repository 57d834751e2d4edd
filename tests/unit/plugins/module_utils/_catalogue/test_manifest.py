# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import manifest
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    Manifest,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SIZES = st.integers(0, 2**62)
DISKS = st.builds(BaseDisk, TEXT, TEXT, st.sampled_from(["qcow2", "raw"]), SIZES, SIZES, TEXT)
MANIFESTS = st.builds(
    Manifest,
    name=TEXT,
    version=TEXT,
    created=TEXT,
    arch=TEXT,
    firmware=st.sampled_from(["bios", "efi"]),
    template=TEXT,
    disks=st.lists(DISKS, max_size=3).map(tuple),
    min_ram_bytes=SIZES,
    min_disk_bytes=SIZES,
    os_id=st.none() | TEXT,
    parent=st.none() | TEXT,
    description=st.none() | TEXT,
)


def make(version: str, created: str = "2026-01-01T00:00:00Z") -> Manifest:
    template = build.build(build.Hardware(memory_bytes=64 << 20, vcpus=2), ["vda"])
    disk = BaseDisk("vda", "v", "qcow2", 1 << 30, 1 << 20, "00")
    return Manifest("web", version, created, "x86_64", "bios", template, (disk,))


@given(MANIFESTS)
def test_what_is_stored_is_read_back(one: Manifest) -> None:
    assert manifest.parse_manifest(manifest.serialise(one)) == one
    assert manifest.build_manifest(one.as_dict()) == one


@given(MANIFESTS, st.data())
def test_a_manifest_of_which_a_piece_is_missing_is_none(one: Manifest, data: st.DataObject) -> None:
    whole = manifest.serialise(one)
    written = data.draw(st.integers(0, len(whole) - 1))
    for content in (
        whole[:written],
        whole[:written].ljust(len(whole), b"\0"),
    ):  # broken off; in a file made beforehand
        with pytest.raises(manifest.InvalidManifest):
            manifest.parse_manifest(content)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"format": 1},
        {"format": 2, "name": "web"},
        {**make("1").as_dict(), "disks": [{}]},
        {**make("1").as_dict(), "disks": 5},
        {**make("1").as_dict(), "disks": ["vda"]},
        {**make("1").as_dict(), "name": 5},
        {**make("1").as_dict(), "name": None},
        {**make("1").as_dict(), "parent": []},
        {**make("1").as_dict(), "description": "\ud800"},
        {**make("1").as_dict(), "min_ram_bytes": "much"},
        {**make("1").as_dict(), "min_ram_bytes": float("inf")},
        {**make("1").as_dict(), "min_ram_bytes": None},
    ],
)
def test_what_is_no_manifest_is_refused(data: t.Any) -> None:
    with pytest.raises(manifest.InvalidManifest):
        manifest.build_manifest(data)


def test_nested_json_is_refused() -> None:
    with pytest.raises(manifest.InvalidManifest):
        manifest.parse_manifest(b"[" * 100_000)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=4), st.integers(0, 3))
def test_versions_of_numbers_are_in_the_order_of_the_numbers(
    numbers: list[int], zeros: int
) -> None:
    texts = ["0" * zeros + str(number) for number in numbers]
    assert sorted(texts, key=manifest.version_order) == sorted(texts, key=int)


def test_a_version_may_have_any_number_of_digits() -> None:
    assert manifest.version_order("9" * 5000) < manifest.version_order("1" + "0" * 5000)
    assert manifest.version_order("1.\u00b2") > manifest.version_order("1")


def test_what_a_newer_release_adds_is_left_aside() -> None:
    assert manifest.build_manifest({**make("1").as_dict(), "later": True}) == make("1")


def test_numbers_that_a_template_made_text_are_numbers_again() -> None:
    assert (
        manifest.build_manifest({**make("1").as_dict(), "min_ram_bytes": "64"}).min_ram_bytes == 64
    )


def test_the_newest_is_the_latest_made_and_then_the_highest_version() -> None:
    order = [
        make("1", "2026-02-01T00:00:00Z"),
        make("1.10"),
        make("1.9.1"),
        make("1.9"),
        make("1.9~rc1"),
        make("1.8"),
    ]
    assert manifest.sort_newest_first(order[::-1]) == order


def test_the_size_of_a_clone_is_that_of_the_template() -> None:
    assert manifest.machine_size(make("1")) == {
        "vcpus": 2,
        "memory_bytes": 64 << 20,
        "disk_bytes": 1 << 30,
    }
