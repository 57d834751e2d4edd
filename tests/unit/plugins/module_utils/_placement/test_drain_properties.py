# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds of every drain and restore, whatever the hosts."""

from __future__ import annotations

import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.cluster import Cluster
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.drain import (
    plan_drain,
    plan_restore,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    HostView,
    PlacementPolicy,
    PlacementPool,
)

from .estates import IMAGES, POLICIES, carried_out, estates


@given(estates(), POLICIES)
def test_a_plan_keeps_all_its_promises(hosts: list[HostView], policy: PlacementPolicy) -> None:
    plan = plan_drain(hosts, ["a"], policy)
    after = carried_out(hosts, plan.moves)
    here = {one.name: {other.uuid for other in one.guests} for one in after}
    if plan.is_possible:
        left = [one for one in next(one for one in after if one.name == "a").guests if one.running]
        assert left == []
    for move in plan.moves:
        assert move.uuid in here[move.destination]
        assert move.destination != "a"
    for one in after:
        before = next(other for other in hosts if other.name == one.name)
        if len(one.guests) > len(before.guests):
            assert one.maintenance is None
            cluster = Cluster(after, policy)
            assert cluster.free(one).vcpus >= 0
            assert cluster.free(one).memory_bytes >= 0
            assert all(pool.free_bytes >= 0 for pool in one.pools)
    for group in Cluster(after, policy).affinities.groups:
        if group.hard and group.apart:
            for move in plan.moves:
                assert (
                    move.uuid not in group.members
                    or len(group.members & here[move.destination]) == 1
                )


@given(estates(), POLICIES, st.randoms())
def test_the_same_hosts_give_the_same_plan_in_any_order(
    hosts: list[HostView], policy: PlacementPolicy, chance: random.Random
) -> None:
    shuffled = [
        dataclasses.replace(one, guests=tuple(chance.sample(one.guests, len(one.guests))))
        for one in hosts
    ]
    chance.shuffle(shuffled)
    assert plan_drain(shuffled, ["a"], policy).moves == plan_drain(hosts, ["a"], policy).moves


@given(estates(), POLICIES)
def test_a_plan_is_kept_to_while_it_is_carried_out(
    hosts: list[HostView], policy: PlacementPolicy
) -> None:
    plan = plan_drain(hosts, ["a"], policy)
    if plan.is_possible and plan.moves:
        again = plan_drain(carried_out(hosts, plan.moves[:1]), ["a"], policy, pending=plan.moves)
        assert [(move.guest, move.destination, move.reason) for move in again.moves] == [
            (move.guest, move.destination, move.reason) for move in plan.moves[1:]
        ]


@given(estates(), POLICIES)
def test_the_moves_are_the_fewest(hosts: list[HostView], policy: PlacementPolicy) -> None:
    """Whoever leaves moves once, and others only for somebody who would find no room without that."""
    plan = plan_drain(hosts, ["a"], policy)
    leavers = [move for move in plan.moves if move.source == "a"]
    assert len({move.uuid for move in plan.moves}) == len(plan.moves)
    evicted = len(plan.moves) - len(leavers)
    assert evicted <= len(leavers)


@given(estates(), POLICIES)
def test_restore_undoes_a_drain(hosts: list[HostView], policy: PlacementPolicy) -> None:
    plan = plan_drain(hosts, ["a"], policy)
    if not plan.is_possible or next(one for one in hosts if one.name == "a").maintenance:
        return
    after = [
        dataclasses.replace(one, maintenance="m", remembered=plan.remember["a"])
        if one.name == "a"
        else one
        for one in carried_out(hosts, plan.moves)
    ]
    roomy = [
        dataclasses.replace(one, pools=(PlacementPool("default", IMAGES, 10**15),)) for one in after
    ]
    back = plan_restore(roomy, "a", policy)
    if back.is_possible:  # where rules were broken before the drain they may forbid the way back
        home = {
            other.uuid
            for one in carried_out(roomy, back.moves)
            if one.name == "a"
            for other in one.guests
        }
        assert {one.uuid for one in plan.remember["a"]} <= home
