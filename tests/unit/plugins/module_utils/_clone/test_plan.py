# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import model, modes, plan
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.modes import Mode
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
    Pool,
    RbdSource,
)

DISKS = (
    BaseDisk("vda", "base-a", "qcow2", 10, 1, "00"),
    BaseDisk("vdb", "base-b", "raw", 20, 1, "00"),
)
MANIFEST = Manifest(
    "web", "1", "2026-01-01T00:00:00Z", "x86_64", "bios", "<domain/>", DISKS, min_ram_bytes=100
)

FAST = Pool("fast", "dir", "/fast", 0)


def select(request: CloneRequest, domains: t.Mapping[str, str | None]) -> plan.CloneSelection:
    chosen = plan.find_candidates(request, domains)
    return plan.select(request, domains, {name: domains[name] for name in chosen})


@pytest.mark.parametrize(
    ("reference", "version", "said", "met"),
    [
        ("web", None, "web:1", True),
        ("web", None, "web:2", True),
        ("web", "1", "web:1", True),
        ("web", "1", "web:2", False),
        ("web", None, "webshop:1", False),
        ("web", None, None, False),
        ("web", None, "web", True),
    ],
)
def test_a_clone_counts_when_it_is_of_the_version_asked_for(
    reference: str, version: str | None, said: str | None, *, met: bool
) -> None:
    assert CloneRequest(reference, version).is_met_by(said) is met


def test_names_are_made_in_the_order_asked_for() -> None:
    found = select(CloneRequest("web", names=("b", "a", "c")), {"a": "web:1", "z": None})
    assert found == plan.CloneSelection(existing=("a",), missing=("b", "c"))


@pytest.mark.parametrize(
    ("said", "words"), [(None, "was not made from an appliance"), ("db:1", "is a clone of db:1")]
)
def test_a_name_that_another_machine_has_is_a_conflict_that_names_it(
    said: str | None, words: str
) -> None:
    with pytest.raises(Conflict) as caught:
        select(CloneRequest("web", "1", names=("a", "b")), {"b": said})
    assert f"a domain 'b' exists already, but it {words}, not of web:1" in caught.value.message
    assert caught.value.details == {"name": "b", "appliance": said}


DOMAINS = st.dictionaries(
    st.sampled_from([*(f"web-{number}" for number in range(8)), "web-01", "web-x", "web", "db-1"]),
    st.sampled_from([None, "web:1", "web:2", "db:1"]),
)


@given(st.integers(1, 9), st.sampled_from([None, "1", "2"]), DOMAINS)
def test_a_count_is_reached_with_the_lowest_free_numbers(
    count: int, version: str | None, domains: dict[str, str | None]
) -> None:
    request = CloneRequest("web", version, count=count, prefix="web")
    found = select(request, domains)
    assert all(request.is_met_by(domains[name]) for name in found.existing)
    assert not set(found.missing) & set(domains)
    assert len(found.missing) == max(0, count - len(found.existing))
    numbers = [int(name.removeprefix("web-")) for name in found.missing]
    below = range(1, numbers[-1] + 1) if numbers else ()
    assert [number for number in below if f"web-{number}" not in domains] == numbers
    again = select(request, {**domains, **dict.fromkeys(found.missing, f"web:{version or 1}")})
    assert again.missing == ()


@pytest.mark.parametrize(
    ("request_", "option"),
    [
        (CloneRequest("web", names=("a/b",)), "names"),
        (CloneRequest("web", names=("..",)), "names"),
        (CloneRequest("web", names=("headroom-appliance.sneaky",)), "names"),
        (CloneRequest("web", count=1, prefix="headroom-export"), "prefix"),
        (CloneRequest("web", names=("a\nb",)), "names"),
        (CloneRequest("web", names=("a", "a")), "names"),
        (CloneRequest("web"), "names"),
        (CloneRequest("web", count=0, prefix="web"), "count"),
        (CloneRequest("web", count=-3, prefix="web"), "count"),
        (CloneRequest("web", count=1), "prefix"),
        (CloneRequest("web", count=1, prefix="../web"), "prefix"),
        (CloneRequest("web", count=10, prefix="w" * 61), "prefix"),
        (CloneRequest("web", names=("a",), fleet="a b"), "fleet"),
        (CloneRequest("web", names=("a",), tenant="a\nb"), "tenant"),
    ],
)
def test_what_cannot_be_asked_for_names_the_option(request_: CloneRequest, option: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan.check_request(request_)
    assert caught.value.details["option"] == option
    assert caught.value.details["remedy"]


def new_clone(request: CloneRequest, mode: Mode) -> plan.NewClone:
    paths = {"vda": "/cat/a", "vdb": "/cat/b"}
    return plan.plan_clone("web-1", MANIFEST, paths, request, mode, FAST)


def test_a_clone_has_an_overlay_for_each_disk() -> None:
    clone = new_clone(CloneRequest("web", pool="fast"), "linked")
    assert clone.overlays == tuple(
        model.Overlay(
            target,
            VolumeRef("fast", name),
            f"/fast/{name}",
            "qcow2",
            size,
            base,
            image_format,
            size,
            1,
        )
        for target, name, size, base, image_format in (
            ("vda", "web-1.vda.qcow2", 10, "/cat/a", "qcow2"),
            ("vdb", "web-1.vdb.qcow2", 20, "/cat/b", "raw"),
        )
    )
    said = plan.make_metadata(
        clone, CloneRequest("web", fleet="web", tenant="shop", protected=True), MANIFEST, "now"
    )
    assert said.volumes == clone.volumes
    assert (said.fleet, said.tenant, said.appliance, said.parent, said.created, said.protected) == (
        "web",
        "shop",
        "web:1",
        "web:1",
        "now",
        True,
    )
    assert said.standing is None
    waiting = plan.make_metadata(clone, CloneRequest("web", in_service=False), MANIFEST, "now")
    assert waiting.standing == (False, "now")


def test_only_what_shares_blocks_keeps_the_format() -> None:
    names: dict[Mode, list[str]] = {
        mode: [disk.volume.name for disk in new_clone(CloneRequest("web"), mode).overlays]
        for mode in modes.MODES
    }
    assert names["full"] == names["linked"] == ["web-1.vda.qcow2", "web-1.vdb.qcow2"]
    assert names["reflink"] == ["web-1.vda.qcow2", "web-1.vdb.raw"]


@pytest.mark.parametrize(
    ("asked", "sizes"), [(None, [10, 20]), (10, [512, 20]), (1024, [1024, 20]), (1025, [1536, 20])]
)
def test_the_first_disk_may_be_larger(asked: int | None, sizes: list[int]) -> None:
    clone = new_clone(CloneRequest("web", disk_size_bytes=asked), "full")
    assert [disk.capacity_bytes for disk in clone.overlays] == sizes
    assert [disk.base_capacity_bytes for disk in clone.overlays] == [10, 20]


def test_a_disk_never_shrinks() -> None:
    with pytest.raises(
        InvalidInput, match="disk_size: 9 is less than the 10 bytes of the first disk of web:1"
    ):
        new_clone(CloneRequest("web", disk_size_bytes=9), "linked")


def test_too_little_memory_is_refused() -> None:
    plan.check_memory(MANIFEST, 100)
    with pytest.raises(InvalidInput, match="memory: 99 is less than web:1 needs"):
        plan.check_memory(MANIFEST, 99)


@pytest.mark.parametrize(
    ("mode", "needed"),
    [
        ("linked", 6 * plan.EMPTY_OVERLAY_BYTES),
        ("reflink", 6 * plan.EMPTY_OVERLAY_BYTES),
        ("full", 6),
    ],
)
def test_a_pool_without_room_is_refused_before_anything_is_made(mode: Mode, needed: int) -> None:
    clones = [new_clone(CloneRequest("web"), mode)] * 3
    plan.check_room(clones, "p", mode, needed)
    with pytest.raises(NoSpace) as caught:
        plan.check_room(clones, "p", mode, needed - 1)
    assert caught.value.details == {
        "pool": "p",
        "available_bytes": needed - 1,
        "needed_bytes": needed,
    }


def test_a_request_cannot_be_changed_under_way() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CloneRequest("web").count = 3  # type: ignore[misc]


def test_a_clone_in_ceph_is_a_raw_image_there() -> None:
    source = RbdSource("vms")
    pool = Pool("ceph", "rbd", None, 0, source_name="vms", rbd=source)
    paths = {"vda": "vms/base-a", "vdb": "vms/base-b"}
    request = CloneRequest("web", names=("web-1",), pool="ceph")
    disk = plan.plan_clone("web-1", MANIFEST, paths, request, "linked", pool).overlays[1]
    assert disk.volume == VolumeRef("ceph", "web-1.vdb.raw")
    assert (disk.path, disk.base_path) == ("vms/web-1.vdb.raw", "vms/base-b")
    assert (disk.format, disk.rbd) == ("raw", source)
