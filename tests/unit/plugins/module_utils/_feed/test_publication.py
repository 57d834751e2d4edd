# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    publication,
    simplestreams,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.publication import Offer

TEMPLATE = build.build(build.Hardware(64 << 20), ["vda", "vdb"])


def offered(version: str = "1", name: str = "web", sha256: str = "a" * 64) -> Offer:
    disks = tuple(
        BaseDisk(target, f"v.{target}", "qcow2", 1 << 30, 4096, sha256) for target in ("vda", "vdb")
    )
    made = Manifest(
        name, version, "2026-01-01T00:00:00Z", "x86_64", "bios", TEMPLATE, disks, min_ram_bytes=5
    )
    return Offer(made)


def test_what_is_published_is_what_is_read() -> None:
    one = offered()
    products = publication.add(publication.build_empty(), [one])
    (entry,) = simplestreams.read_products(
        simplestreams.parse(publication.serialise(products), "products:1.0")
    )
    assert (entry.name, entry.version, entry.arch, entry.problem) == ("web", "1", "x86_64", None)
    assert [(disk.target, disk.path) for disk in entry.disks] == [
        ("vda", "appliances/web/1/x86_64/web-1-vda.qcow2"),
        ("vdb", "appliances/web/1/x86_64/web-1-vdb.qcow2"),
    ]
    assert entry.virtual_size_bytes == 1 << 30
    assert entry.min_ram_bytes == 5
    assert entry.manifest is not None
    assert entry.manifest.size_bytes == len(one.manifest_text)
    facts = publication.IndexFacts("2b0c", updated=0.0, expires=60.0)
    index = publication.build_index(products, facts, "streams/v1/x.sjson", b"text")
    (file,) = simplestreams.list_product_files(index)
    assert file == simplestreams.ProductsFile(
        "streams/v1/x.sjson", hashlib.sha256(b"text").hexdigest(), 4, 0.0
    )
    assert simplestreams.read_updated(index) == 0.0
    assert simplestreams.read_expiry(index) == 60.0
    assert simplestreams.read_identity(index) == ("2b0c", (publication.CONTENT_ID,))


def test_publishing_again_changes_nothing() -> None:
    once = publication.add(publication.build_empty(), [offered(), offered("2")])
    assert publication.add(once, [offered("2")]) == once


def test_where_a_host_keeps_it_does_not_matter() -> None:
    one = offered().manifest
    moved = dataclasses.replace(
        one,
        origin="https://x/",
        disks=tuple(dataclasses.replace(disk, volume="other") for disk in one.disks),
    )
    assert Offer(moved).manifest_text == Offer(one).manifest_text


def test_a_version_never_changes() -> None:
    once = publication.add(publication.build_empty(), [offered()])
    with pytest.raises(Conflict, match="web:1 with another content"):
        publication.add(once, [offered(sha256="b" * 64)])


def test_the_highest_versions_stay() -> None:
    products = publication.add(
        publication.build_empty(),
        [offered(version) for version in ("1.9", "1.10", "1.10~rc1", "1.2")],
    )
    kept = publication.prune(products, 2)
    assert sorted(publication.summarise(kept)) == ["web:1.10 (amd64)", "web:1.10~rc1 (amd64)"]
    assert publication.prune(products, None) == products


def test_what_is_withdrawn_goes_with_its_files() -> None:
    products = publication.add(
        publication.build_empty(), [offered("1"), offered("2"), offered("1", "db")]
    )
    assert sorted(publication.summarise(publication.withdraw(products, "web", "1"))) == [
        "db:1 (amd64)",
        "web:2 (amd64)",
    ]
    gone = publication.withdraw(products, "web", None)
    assert sorted(publication.summarise(gone)) == ["db:1 (amd64)"]
    assert {path.split("/")[1] for path in publication.list_files(gone)} == {"db"}
    assert publication.withdraw(gone, "web", None) == gone
