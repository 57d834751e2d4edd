# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
    fill,
    measure_clone_room,
    spread,
)

CLONE = Size(vcpus=1, memory_bytes=10, disk_bytes=100)
SIZES = st.builds(Size, st.integers(0, 20), st.integers(0, 200), st.integers(0, 2000))
HOSTS = st.lists(
    st.builds(HostRoom, st.text("abcdef", min_size=1, max_size=2), SIZES, st.integers(0, 5), SIZES),
    max_size=5,
    unique_by=lambda host: host.name,
)


def host(name: str, clones: int, members: int = 0, running: int = 0) -> HostRoom:
    """A host with room for so many clones, and so many clones' worth of guests running on it."""
    return HostRoom(
        name, Size(clones, clones * 10, clones * 100), members, Size(running, running * 10, 0)
    )


def test_clones_are_spread_evenly() -> None:
    assert spread([host("b", 9), host("a", 9), host("c", 9)], CLONE, 6).hosts == (
        "a",
        "b",
        "c",
        "a",
        "b",
        "c",
    )


def test_the_host_with_the_fewest_of_the_fleet_comes_first() -> None:
    assert spread([host("a", 9, members=2), host("b", 9)], CLONE, 3).hosts == ("b", "b", "a")


def test_a_full_host_is_passed_over() -> None:
    assert spread([host("a", 1), host("b", 3)], CLONE, 4).hosts == ("b", "a", "b", "b")


def test_a_shortage_names_each_host_and_what_it_lacks() -> None:
    placement = spread([HostRoom("a", Size(4, 9, 999)), host("b", 1)], CLONE, 3)
    assert (placement.hosts, placement.missing) == (("b",), 2)
    assert placement.shortage == (
        "a has no room (9 bytes of memory free, 10 needed); b has no room (this plan takes the last room for 1)"
    )
    assert spread([], CLONE, 1).shortage == "no host that answers can take clones"


def test_a_host_in_maintenance_takes_nothing() -> None:
    closed = dataclasses.replace(host("a", 9), closed=True)
    assert spread([closed, host("b", 2)], CLONE, 2).hosts == ("b", "b")
    assert spread([closed], CLONE, 1).shortage == "a has no room (it is in maintenance)"
    # nor does it take the guests of a host that is lost
    assert spread([closed, host("b", 9)], CLONE, 1, n_plus_one=True).hosts == ()


def test_what_a_clone_does_not_need_is_no_limit() -> None:
    assert spread([host("a", 0)], Size(), 2).hosts == ("a", "a")


def test_with_n_plus_one_the_loss_of_any_host_fits_on_the_others() -> None:
    assert spread([host("a", 4), host("b", 4)], CLONE, 8, n_plus_one=True).hosts == (
        "a",
        "b",
        "a",
        "b",
    )
    assert spread([host("a", 9)], CLONE, 1, n_plus_one=True).hosts == ()
    assert "n_plus_one" in (spread([host("a", 9)], CLONE, 1, n_plus_one=True).shortage or "")
    assert spread([host("a", 4, running=4), host("b", 5)], CLONE, 2, n_plus_one=True).hosts == (
        "b",
    )


@given(HOSTS, SIZES, st.integers(0, 30), st.booleans())
def test_no_host_gets_more_than_fits_and_all_is_accounted_for(
    hosts: list[HostRoom], size: Size, count: int, n_plus_one: bool
) -> None:
    placement = spread(hosts, size, count, n_plus_one=n_plus_one)
    assert len(placement.hosts) + placement.missing == count
    assert (placement.shortage is None) == (placement.missing == 0)
    for name, placed in collections.Counter(placement.hosts).items():
        free = next(one.free for one in hosts if one.name == name)
        assert placed * size.vcpus <= free.vcpus
        assert placed * size.memory_bytes <= free.memory_bytes
        assert placed * size.disk_bytes <= free.disk_bytes


@given(HOSTS, st.integers(0, 30), st.randoms())
def test_the_order_of_the_hosts_does_not_matter(
    hosts: list[HostRoom], count: int, chance: random.Random
) -> None:
    shuffled = list(hosts)
    chance.shuffle(shuffled)
    assert spread(shuffled, CLONE, count).hosts == spread(hosts, CLONE, count).hosts


NAS = ("source", "netfs nas:/images")


def sharing(name: str, clones: int, in_pool: int, running: int = 0) -> HostRoom:
    """A host with CPU and memory for so many clones, and a pool for ``in_pool`` that others have too."""
    room = host(name, clones, running=running)
    free = dataclasses.replace(room.free, disk_bytes=in_pool * 100)
    return dataclasses.replace(room, free=free, storage=NAS)


def test_a_pool_that_hosts_share_counts_once() -> None:
    placement = spread([sharing("a", 9, 3), sharing("b", 9, 3)], CLONE, 5)
    assert placement.hosts == ("a", "b", "a")
    assert placement.shortage == (
        "a has no room (this plan takes the last room for 3); b has no room (this plan takes the last room for 3)"
    )
    # of a host of its own it takes nothing
    assert spread([sharing("a", 9, 1), host("b", 2)], CLONE, 4).hosts == ("a", "b", "b")


def test_of_a_shared_pool_the_least_that_a_host_tells_counts() -> None:
    assert len(spread([sharing("a", 9, 5), sharing("b", 9, 2)], CLONE, 9).hosts) == 2


def test_a_host_in_maintenance_still_tells_of_the_pool_that_it_shares() -> None:
    closed = dataclasses.replace(sharing("a", 9, 1), closed=True)
    assert spread([closed, sharing("b", 9, 4)], CLONE, 9).hosts == ("b",)


def test_the_guests_of_a_lost_host_find_their_disks_in_a_shared_pool() -> None:
    hosts = [sharing("a", 4, 1, running=2), sharing("b", 4, 1)]
    assert len(spread(hosts, CLONE, 9, n_plus_one=True).hosts) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9), st.sampled_from([None, "x", "y"])),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 30),
    st.booleans(),
)
def test_no_shared_pool_gets_more_than_fits_and_nothing_that_fits_is_left(
    described: list[tuple[int, int, str | None]], count: int, pack: bool
) -> None:
    hosts = []
    for number, (clones, in_pool, pool) in enumerate(described):
        free = Size(clones, clones * 10, in_pool * 100)
        hosts.append(HostRoom(f"h{number}", free, storage=None if pool is None else (pool,)))
    placed = spread(hosts, CLONE, count, pack=pack)
    for room in fill(hosts, placed.hosts, CLONE):
        assert min(room.free.vcpus, room.free.memory_bytes) >= 0
    groups: dict[str, list[HostRoom]] = {}
    for room in hosts:
        groups.setdefault(room.name if room.storage is None else room.storage[0], []).append(room)
    most = sum(
        min(
            sum(room.free.vcpus for room in rooms),
            min(room.free.disk_bytes for room in rooms) // 100,
        )
        for rooms in groups.values()
    )
    assert len(placed.hosts) == min(count, most)
    for rooms in groups.values():
        names = {room.name for room in rooms}
        taken = 100 * sum(name in names for name in placed.hosts)
        assert taken <= min(room.free.disk_bytes for room in rooms)


def test_what_one_host_takes_of_a_shared_pool_is_missing_for_the_others() -> None:
    rooms = fill([sharing("a", 4, 4), sharing("b", 4, 4), host("c", 4)], ["a", "a"], CLONE)
    assert [room.free.disk_bytes for room in rooms] == [200, 200, 400]
    assert [room.free.vcpus for room in rooms] == [2, 4, 4]
    assert [room.members for room in rooms] == [2, 0, 0]


@pytest.mark.parametrize(
    ("free_bytes", "pool_type", "room"),
    [(5, "dir", 5), (-5, "dir", 0), (5, None, 5), (0, "rbd", 0), (-5, "rbd", 0), (5, "logical", 5)],
)
def test_clones_find_what_is_left_beside_the_reserve(
    free_bytes: int, pool_type: str | None, room: int
) -> None:
    assert measure_clone_room(free_bytes, pool_type) == room


def test_a_clone_in_ceph_takes_nothing_at_first() -> None:
    assert measure_clone_room(1, "rbd") > 1000 * CLONE.disk_bytes
