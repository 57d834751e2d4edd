# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which moves go at once."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.batches import (
    number_batches,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.cluster import Cluster
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.drain import (
    plan_drain,
    plan_restore,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.feasibility import (
    keeps_n_plus_one,
    list_fatal_losses,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    AffinityRule,
    HostView,
    Move,
    PlacementPolicy,
    RememberedGuest,
)

from .estates import carried_out, guest, host

PLAIN = PlacementPolicy(n_plus_one="ignore")


def batches(
    hosts: list[HostView],
    moves: t.Sequence[Move],
    policy: PlacementPolicy,
    leaving: tuple[str, ...] = ("a",),
) -> list[list[str]]:
    numbers = number_batches(Cluster(hosts, policy), moves, leaving)
    return [
        [move.guest for move, other in zip(moves, numbers, strict=True) if other == number]
        for number in range(1, max(numbers, default=0) + 1)
    ]


def drain_batches(hosts: list[HostView], policy: PlacementPolicy) -> list[list[str]]:
    plan = plan_drain(hosts, ["a"], policy)
    assert plan.is_possible
    return batches(hosts, plan.moves, policy)


def move(name: str, source: str, destination: str) -> Move:
    return Move(name, f"uuid-{name}", source, destination, "for a test")


def test_moves_go_at_once_up_to_the_limits_of_hosts_and_links() -> None:
    many = [guest(f"g{number}") for number in range(8)]
    hosts = [host("a", *many), host("b"), host("c")]
    assert [len(batch) for batch in drain_batches(hosts, PLAIN)] == [4, 4]
    three = dataclasses.replace(PLAIN, moves_per_host=3)
    assert [len(batch) for batch in drain_batches(hosts, three)] == [3, 3, 2]
    narrow = dataclasses.replace(PLAIN, moves_per_link=1)
    assert [len(batch) for batch in drain_batches(hosts, narrow)] == [2, 2, 2, 2]
    single = dataclasses.replace(PLAIN, moves_per_host=1)
    assert [len(batch) for batch in drain_batches(hosts, single)] == [1] * 8


def test_a_link_is_one_in_both_directions() -> None:
    hosts = [host("a", guest("x")), host("b", guest("y"))]
    moves = [move("x", "a", "b"), move("y", "b", "a")]
    assert batches(hosts, moves, PLAIN, ()) == [["x", "y"]]
    assert batches(hosts, moves, dataclasses.replace(PLAIN, moves_per_link=1), ()) == [["x"], ["y"]]


def test_one_that_waits_for_its_link_is_passed_over_by_those_of_other_links() -> None:
    hosts = [host("a", *(guest(name) for name in "uvwxyz")), host("b"), host("c")]
    moves = [move(name, "a", "b") for name in "uvw"] + [move(name, "a", "c") for name in "xyz"]
    assert batches(hosts, moves, PLAIN) == [["u", "v", "x", "y"], ["w", "z"]]
    hard = dataclasses.replace(PLAIN, n_plus_one="hard")
    assert batches(hosts, moves, hard) == [["u", "v"], ["w", "x", "y"], ["z"]]


def test_room_that_one_waits_for_is_not_given_to_a_later_one() -> None:
    """Did y overtake x, x would find no room until e has left, which comes after it."""
    hosts = [
        host("a", guest("w", 4), guest("x", 4)),
        host("b", guest("e", 4), memory=12),
        host("c"),
        host("d", guest("y", 4)),
    ]
    moves = [move("w", "a", "b"), move("x", "a", "b"), move("e", "b", "a"), move("y", "d", "b")]
    narrow = dataclasses.replace(PLAIN, moves_per_link=1)
    assert batches(hosts, moves, narrow, ()) == [["w"], ["x"], ["e"], ["y"]]


def test_a_guest_waits_for_the_one_that_makes_room_for_it() -> None:
    hosts = [host("a", guest("x", 10)), host("b", guest("y", 8)), host("c", guest("z", 7))]
    assert drain_batches(hosts, PLAIN) == [["z"], ["x"]]


def test_guests_that_change_places_need_room_for_both_meanwhile() -> None:
    moves = [move("x", "a", "b"), move("y", "b", "a")]
    for memory, expected in ((16, [["x", "y"]]), (13, [["x"], ["y"]])):
        hosts = [host("a", guest("x", 6), memory=memory), host("b", guest("y", 8), memory=memory)]
        if memory == 13:
            hosts[1] = host("b", guest("y", 7), memory=13)
            hosts[0] = host("a", guest("x", 6), guest("fill", 5), memory=13)
        assert batches(hosts, moves, PLAIN, ()) == expected


def test_members_that_must_be_apart_do_not_meet_on_their_way() -> None:
    apart = AffinityRule("anti_affinity", "hard", tags=("ha",))
    policy = dataclasses.replace(PLAIN, rules=(apart,))
    hosts = [host("a", guest("x", tags=("ha",))), host("b", guest("y", tags=("ha",))), host("c")]
    moves = [move("y", "b", "c"), move("x", "a", "b")]
    assert batches(hosts, moves, PLAIN, ()) == [["y", "x"]]
    assert batches(hosts, moves, policy, ()) == [["y"], ["x"]]


def test_guests_that_must_be_together_go_in_one_batch_where_the_limits_let_them() -> None:
    together = AffinityRule("affinity", "hard", tags=("pair",))
    policy = dataclasses.replace(PLAIN, rules=(together,))
    pair = [guest(name, tags=("pair",)) for name in ("x", "y")]
    known = tuple(RememberedGuest(one.uuid, one.name) for one in pair)
    hosts = [host("a", maintenance="m", remembered=known), host("b", *pair)]
    moves = plan_restore(hosts, "a", policy).moves
    assert batches(hosts, moves, policy, ()) == [["x", "y"]]
    narrow = dataclasses.replace(policy, moves_per_link=1)
    assert batches(hosts, moves, narrow, ()) == [["x"], ["y"]]


def test_a_guest_that_moves_twice_does_so_in_two_batches() -> None:
    hosts = [host("a", guest("x"), guest("y")), host("b"), host("c")]
    moves = [move("x", "a", "b"), move("x", "b", "c"), move("y", "a", "b")]
    assert number_batches(Cluster(hosts, PLAIN), moves) == [1, 2, 1]


def test_hard_n_plus_one_holds_while_a_guest_counts_on_both_hosts() -> None:
    """d's guests fit elsewhere with y on b and with y on c, but not while it counts on both."""
    hosts = [
        host("b", guest("y", 4), memory=8),
        host("c", memory=8),
        host("d", guest("w", 6), guest("v", 4), memory=10),
    ]
    cluster = Cluster(hosts, PlacementPolicy(n_plus_one="hard"))
    moved = Cluster(carried_out(hosts, [move("y", "b", "c")]), cluster.policy)
    for state in (cluster, moved):
        assert list_fatal_losses(state, state.open_hosts()) == []
    assert not keeps_n_plus_one(cluster, [cluster.guests["uuid-y"]], cluster.hosts["c"])
    assert cluster.where["uuid-y"] == "b"


def test_hard_n_plus_one_makes_batches_smaller() -> None:
    """While both move, only b and c have room for one each of d's three."""
    hosts = [
        host("b", guest("y", 4), memory=8),
        host("c", guest("z", 4), memory=8),
        host("d", *(guest(name, 4) for name in "uvw"), memory=12),
        host("e", memory=8),
    ]
    moves = [move("y", "b", "e"), move("z", "c", "e")]
    assert batches(hosts, moves, PLAIN, ()) == [["y", "z"]]
    hard = dataclasses.replace(PLAIN, n_plus_one="hard")
    assert batches(hosts, moves, hard, ()) == [["y"], ["z"]]


def test_a_thousand_moves_are_put_into_batches_in_proportion() -> None:
    many = [guest(f"g{number:04}") for number in range(1000)]
    hosts = [host(name, memory=4000, vcpus=4000) for name in ("b", "c")]
    hosts.append(host("a", *many, memory=4000, vcpus=4000))
    numbers = number_batches(Cluster(hosts, PLAIN), plan_drain(hosts, ["a"], PLAIN).moves, ["a"])
    assert max(numbers) == 250
