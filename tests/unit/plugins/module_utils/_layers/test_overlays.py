# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._layers import overlays
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)


def test_disks_that_are_not_named_are_left_alone() -> None:
    root = parse_element(overlays.snapshot_xml({"vda": "/images/o.qcow2"}, ["hdc"]))
    disks = {disk.get("name"): disk for disk in root.iterfind("disks/disk")}
    assert disks["hdc"].get("snapshot") == "no"
    assert disks["vda"].get("snapshot") == "external"
    assert disks["vda"].find("source").get("file") == "/images/o.qcow2"  # type: ignore[union-attr]


def test_only_a_mirror_of_this_disk_counts() -> None:
    text = """<domain><devices><disk><mirror type='file' ready='{}'/><target dev='vda'/></disk>
    <disk><mirror type='file' ready='yes'/><target dev='vdb'/></disk><disk><target dev='vdc'/></disk>
    </devices></domain>"""
    assert [overlays.is_ready(text.format("no"), target) for target in ("vda", "vdb", "vdc")] == [
        False,
        True,
        False,
    ]
    assert overlays.is_ready(text.format("yes"), "vda")


def test_a_snapshot_names_every_disk() -> None:
    root = parse_element(overlays.snapshot_xml({"vda": "/images/o"}, ["sda"]))
    assert [(disk.get("name"), disk.get("snapshot")) for disk in root.iterfind("disks/disk")] == [
        ("vda", "external"),
        ("sda", "no"),
    ]


def test_a_mirror_counts_when_it_is_ready() -> None:
    text = "<domain><devices><disk><target dev='vda'/><mirror{}/></disk></devices></domain>"
    assert overlays.is_ready(text.format(" ready='yes'"), "vda")
    assert not overlays.is_ready(text.format(""), "vda")


BEFORE = {"vda": ("/a", "/base"), "vdb": ("pool/b",), "sda": ("/seed.iso",)}
PLACES = {"vda": "/over-a", "vdb": "/over-b"}
PATHS = {"vda": "/a", "vdb": "/pool/b"}


@pytest.mark.parametrize(
    ("change", "places", "changed"),
    [
        ({}, {}, []),
        ({"vda": ("/nightly", "/a", "/base")}, {}, ["vda"]),
        ({"vdz": ("/plug",)}, {}, ["vdz"]),
        ({"vdb": ()}, {}, ["vdb"]),
        ({"vda": ("/over-a", "/a", "/base"), "vdb": ("/over-b", "/pool/b")}, PLACES, []),
        ({"vda": ("/over-a", "/a", "/base"), "vdb": ("/over-b", "pool/b")}, PLACES, []),
        (
            {"vda": ("/over-a", "/nightly", "/a", "/base"), "vdb": ("/over-b", "/pool/b")},
            PLACES,
            ["vda"],
        ),
        ({"vda": ("/a", "/base"), "vdb": ("/over-b", "/pool/b")}, PLACES, ["vda"]),
        ({"vda": ("/over-a", "/a"), "vdb": ("/over-b", "/other")}, PLACES, ["vda", "vdb"]),
    ],
)
def test_a_chain_is_what_it_was_under_our_overlay_and_nothing_else(
    change: dict[str, tuple[str, ...]], places: dict[str, str], changed: list[str]
) -> None:
    assert overlays.find_changed_chains(BEFORE, {**BEFORE, **change}, places, PATHS) == changed
