# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import random
import time

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.cluster import Cluster
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    AffinityRule,
    HostView,
    PlacementPolicy,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.rebalance import (
    measure_imbalance,
    plan_rebalance,
)

from .estates import POLICIES, carried_out, estates, guest, host

PLAIN = PlacementPolicy(n_plus_one="ignore")
APART = AffinityRule("anti_affinity", "hard", fleets=("*",), each=True)


def broken_rules(hosts: list[HostView], policy: PlacementPolicy) -> int:
    cluster = Cluster(hosts, policy)
    affinities = cluster.affinities
    return sum(
        affinities.count_violations(uuid, place, place, hard=True)
        for uuid, place in cluster.where.items()
    )


def test_even_hosts_are_left_alone() -> None:
    plan = plan_rebalance([host("a", guest("x", 4)), host("b", guest("y", 4))], PLAIN)
    assert plan.moves == ()
    assert plan.notes == (
        "The fullest and the emptiest host are 0 % of a host apart, and no move brings them closer.",
    )


def test_empty_hosts_are_left_alone() -> None:
    assert plan_rebalance([host("a"), host("b")], PLAIN).moves == ()
    assert plan_rebalance([], PLAIN).moves == ()


def test_the_fullest_host_gives_to_the_emptiest_with_the_fewest_moves() -> None:
    hosts = [
        host("a", *(guest(f"x{number}", 2) for number in range(6))),
        host("b", guest("y", 4)),
        host("c"),
    ]
    plan = plan_rebalance(hosts, PLAIN)
    assert [(move.guest, move.destination) for move in plan.moves] == [
        ("x0", "c"),
        ("x1", "c"),
        ("x2", "b"),
    ]
    assert plan.moves[0].reason == "a goes from 75 % to 62 %, c from 0 % to 12 %"
    assert plan.notes == (
        "The fullest and the emptiest host are 75 % of a host apart, and 12 % after the plan.",
    )


def test_less_than_the_minimum_gain_is_not_worth_it() -> None:
    hosts = [host("a", guest("x", 2), guest("y", 2)), host("b", guest("z", 2))]
    assert plan_rebalance(hosts, PLAIN).moves == ()
    hosts = [host("a", guest("x", 1), guest("y", 1)), host("b")]
    assert len(plan_rebalance(hosts, PLAIN).moves) == 1
    told = plan_rebalance(hosts, dataclasses.replace(PLAIN, minimum_gain=0.2))
    assert told.moves == ()
    assert told.notes[-1] == (
        "The fullest and the emptiest host are 12 % of a host apart; 0 % is possible, which gains less than 20 % "
        "(minimum_gain)."
    )


def test_broken_rules_are_mended_whatever_they_gain() -> None:
    hosts = [host("a", guest("x", fleet="web"), guest("y", fleet="web")), host("b", guest("z", 8))]
    policy = PlacementPolicy(rules=(APART,), minimum_gain=1.0)
    plan = plan_rebalance(hosts, policy)
    assert [(move.guest, move.destination) for move in plan.moves] == [("x", "b")]
    assert plan.moves[0].reason == "on a it breaks hard rules, on b it does not"


def test_a_host_that_promised_too_much_is_relieved() -> None:
    hosts = [host("a", guest("x", 10), guest("y", 7)), host("b", guest("z", 9))]
    plan = plan_rebalance(hosts, dataclasses.replace(PLAIN, minimum_gain=1.0))
    assert [(move.guest, move.destination) for move in plan.moves] == [("y", "b")]
    assert plan.moves[0].reason == "a has promised more than it may, and b has room"


def test_no_more_moves_than_are_allowed() -> None:
    hosts = [host("a", *(guest(f"x{number}", 2) for number in range(6))), host("b")]
    assert len(plan_rebalance(hosts, dataclasses.replace(PLAIN, most_moves=1)).moves) == 1


def test_hosts_in_maintenance_and_dead_ones_are_left_alone() -> None:
    hosts = [host("a", guest("x", 4), guest("y", 4)), host("b", maintenance="firmware")]
    plan = plan_rebalance(hosts, PLAIN, silent=["c"])
    assert plan.moves == ()
    assert plan.notes[:2] == (
        "c is left alone: it did not answer.",
        "b is left alone: it is in maintenance.",
    )


def test_a_thousand_guests_are_planned_in_seconds() -> None:
    hosts = [
        host(
            f"h{number:02}",
            *(guest(f"g{number:02}-{i}", 1 + i % 4) for i in range(20 + 6 * number)),
            memory=999,
            vcpus=999,
        )
        for number in range(16)
    ]
    assert sum(len(one.guests) for one in hosts) == 1040
    began = time.process_time()
    plan = plan_rebalance(hosts, dataclasses.replace(PLAIN, minimum_gain=0.01))
    assert time.process_time() - began < 20
    assert plan.moves
    assert measure_imbalance(Cluster(carried_out(hosts, plan.moves), PLAIN)) < 0.02


@given(estates(), POLICIES)
def test_a_second_run_changes_nothing(hosts: list[HostView], policy: PlacementPolicy) -> None:
    assert (
        plan_rebalance(carried_out(hosts, plan_rebalance(hosts, policy).moves), policy).moves == ()
    )


@given(estates(), POLICIES)
def test_a_plan_is_kept_to_while_it_is_carried_out(
    hosts: list[HostView], policy: PlacementPolicy
) -> None:
    plan = plan_rebalance(hosts, policy)
    if plan.is_possible and plan.moves:
        again = plan_rebalance(carried_out(hosts, plan.moves[:1]), policy, pending=plan.moves)
        assert [(move.guest, move.destination, move.reason) for move in again.moves] == [
            (move.guest, move.destination, move.reason) for move in plan.moves[1:]
        ]


@given(estates(), POLICIES)
def test_it_breaks_no_rule_and_fills_no_host_too_much(
    hosts: list[HostView], policy: PlacementPolicy
) -> None:
    plan = plan_rebalance(hosts, policy)
    after = carried_out(hosts, plan.moves)
    assert broken_rules(after, policy) <= broken_rules(hosts, policy)
    for destination in {move.destination for move in plan.moves}:
        cluster = Cluster(after, policy)
        one = cluster.hosts[destination]
        assert one.maintenance is None
        assert cluster.free(one).memory_bytes >= 0
        assert cluster.free(one).vcpus >= 0
        assert all(pool.free_bytes >= 0 for pool in one.pools)


@given(estates(), st.sampled_from([0.05, 0.2]))
def test_what_breaks_no_rule_is_moved_for_the_gain_alone(
    hosts: list[HostView], minimum: float
) -> None:
    policy = dataclasses.replace(PLAIN, minimum_gain=minimum)
    before = Cluster(hosts, policy)
    over = any(
        before.free(one).memory_bytes < 0 or before.free(one).vcpus < 0
        for one in before.open_hosts()
    )
    plan = plan_rebalance(hosts, policy)
    if plan.moves and not over:
        assert (
            measure_imbalance(before)
            - measure_imbalance(Cluster(carried_out(hosts, plan.moves), policy))
            > minimum - 1e-6
        )


@given(estates(), POLICIES, st.randoms())
def test_the_same_hosts_give_the_same_plan_in_any_order(
    hosts: list[HostView], policy: PlacementPolicy, chance: random.Random
) -> None:
    shuffled = list(hosts)
    chance.shuffle(shuffled)
    assert plan_rebalance(shuffled, policy).moves == plan_rebalance(hosts, policy).moves
