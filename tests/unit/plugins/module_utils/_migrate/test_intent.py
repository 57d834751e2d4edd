# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
    find_attached_disks,
    find_changed_disks,
    find_resized_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

POOL = Pool("default", "dir", "/p", 1 << 40)
BASE, TOP, OURS, THEIRS = "/p/base", "/p/a.qcow2", "/p/a.overlay", "/p/a.nightly"
DISK = SourceDisk(
    "vda", path=TOP, format="qcow2", pool="default", chain=(BASE,), layers=(TOP, BASE)
)


def changed(
    *actual: str, ours: bool = True, disk: SourceDisk = DISK, running: bool = True
) -> list[str]:
    guest = Guest("a", "u", running, 0, (disk,))
    request = Request("qemu+ssh://b/system", mode="streaming" if running else "offline")
    return find_changed_disks(
        plan.make_plan(guest, request, [POOL]), {"vda": actual}, {"vda": OURS} if ours else None
    )


def test_what_was_planned_with_is_unchanged() -> None:
    assert changed(TOP, BASE, ours=False) == []
    assert changed(OURS, TOP, BASE) == []


@pytest.mark.parametrize(
    "actual",
    [
        (THEIRS, OURS, TOP, BASE),  # a snapshot after ours
        (OURS, THEIRS, TOP, BASE),  # one before ours, after the plan
        (TOP, BASE),  # ours was merged by somebody
        (OURS, TOP),  # the base was merged into the disk
        (OURS, BASE),  # the disk was merged into its base
        (),
    ],
)
def test_a_layer_more_or_less_is_a_change(actual: tuple[str, ...]) -> None:
    """D3: what the guest writes into a layer that nobody planned with would stay behind."""
    assert changed(*actual) == ["vda"]


def test_before_the_freeze_a_layer_on_top_is_a_change() -> None:
    assert changed(THEIRS, TOP, BASE, ours=False) == ["vda"]


def test_a_volume_may_be_told_by_its_path_once_it_is_a_lower_layer() -> None:
    volume = dataclasses.replace(DISK, layers=("default/a.qcow2", BASE))
    assert changed("default/a.qcow2", BASE, ours=False, disk=volume) == []
    assert changed(OURS, TOP, BASE, disk=volume) == []
    assert changed(OURS, "/p/b.qcow2", BASE, disk=volume) == ["vda"]


def test_a_guest_that_is_off_shows_the_top_only() -> None:
    assert changed(TOP, ours=False, running=False) == []
    assert changed(THEIRS, ours=False, running=False) == ["vda"]


def test_a_disk_that_stays_where_it_is_is_not_looked_at() -> None:
    shared = dataclasses.replace(DISK, shared=True, exists_there=True)
    assert changed(THEIRS, ours=False, disk=shared) == []


def test_a_disk_that_was_attached_since_the_plan_is_noticed() -> None:
    guest = Guest("a", "u", True, 0, (DISK,))
    migration = plan.make_plan(guest, Request("qemu+ssh://b/system"), [POOL])
    assert find_attached_disks(migration, {"vda": (TOP, BASE)}) == []
    assert find_attached_disks(migration, {"vda": (TOP, BASE), "vdz": ("/p/z",)}) == ["vdz"]


@pytest.mark.parametrize(
    ("actual", "resized"),
    [(4096, []), (4095, []), (4607, []), (4608, ["vda"]), (8192, ["vda"]), (0, ["vda"])],
)
def test_a_disk_that_was_resized_since_the_plan_is_noticed(actual: int, resized: list[str]) -> None:
    """What is beyond the end of the volume that was made for it would be lost."""
    disk = dataclasses.replace(DISK, capacity_bytes=4096)
    migration = plan.make_plan(
        Guest("a", "u", True, 0, (disk,)), Request("qemu+ssh://b/system"), [POOL]
    )
    assert find_resized_disks(migration, {"vda": actual}) == resized
    assert find_resized_disks(migration, {}) == []
