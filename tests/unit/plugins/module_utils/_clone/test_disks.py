# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S2: no disk of a clone is made of a golden image that is not what its manifest says."""

from __future__ import annotations

import threading
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import disks
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overlay
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )


def plan(base_path: str) -> Overlay:
    volume = VolumeRef("default", "web-1.vda.raw")
    return Overlay(
        "vda", volume, "/images/web-1.vda.raw", "raw", 4096, base_path, "raw", 4096, 4096
    )


@pytest.mark.parametrize("mode", ["full", "reflink"])
def test_a_base_that_begins_like_an_image_is_not_copied(
    shelf: Catalogue, contents: dict[str, bytes], mode: t.Literal["full", "reflink"]
) -> None:
    base_path = shelf.locate_disks(shelf.get("web", "1"))["vda"]
    contents[base_path] = b"QFI\xfb".ljust(4096, b"\0")
    before = sorted(volume.name() for volume in storage.list_volumes(shelf.pool))
    with pytest.raises(Conflict, match=f"{base_path} is declared to be raw, but begins like"):
        disks.MAKERS[mode](shelf.connection, shelf.pool, plan(base_path))
    assert sorted(volume.name() for volume in storage.list_volumes(shelf.pool)) == before


@pytest.mark.parametrize("mode", ["full", "reflink"])
def test_a_base_that_is_gone_is_told(shelf: Catalogue, mode: t.Literal["full", "reflink"]) -> None:
    with pytest.raises(NotFound, match="/images/gone is in no active pool"):
        disks.MAKERS[mode](shelf.connection, shelf.pool, plan("/images/gone"))


def test_the_first_clone_of_an_image_is_made_alone_and_others_side_by_side() -> None:
    firsts = disks.FirstClones()
    at_work: list[bool] = []
    both = threading.Barrier(2, timeout=60)

    def clone_one_more() -> None:
        with firsts.take_turn("ceph/base") as is_first:
            at_work.append(is_first)
            both.wait()

    threads = [threading.Thread(target=clone_one_more) for _unused in range(2)]
    with firsts.take_turn("ceph/base") as is_first:
        for thread in threads:
            thread.start()
        assert is_first
        assert at_work == []
    for thread in threads:
        thread.join(60)
    assert at_work == [False, False]
    assert not both.broken


def test_a_first_clone_that_fails_leaves_the_next_to_be_the_first() -> None:
    firsts = disks.FirstClones()
    with pytest.raises(NotFound), firsts.take_turn("ceph/base"):
        raise NotFound("no such image")
    with firsts.take_turn("ceph/base") as is_first:
        assert is_first
    with firsts.take_turn("ceph/other") as is_first:
        assert is_first
