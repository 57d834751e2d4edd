# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import time

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.drain import (
    plan_drain,
    plan_restore,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    AffinityRule,
    InFlight,
    MovePlan,
    PlacementDisk,
    PlacementGuest,
    PlacementPolicy,
    PlacementPool,
    RememberedGuest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.rebalance import (
    plan_rebalance,
)

from .estates import GIB, IMAGES, guest, host

PLAIN = PlacementPolicy(n_plus_one="ignore")


def destinations(plan: MovePlan) -> dict[str, str]:
    return {move.guest: move.destination for move in plan.moves}


def why(plan: MovePlan) -> str:
    assert not plan.is_possible
    return " ".join([*map(str, plan.refused), *plan.problems])


def test_an_empty_host_needs_no_moves() -> None:
    plan = plan_drain([host("a"), host("b")], ["a"], PLAIN)
    assert plan.is_possible
    assert plan.moves == ()


def test_each_guest_goes_to_the_host_with_the_most_left_and_the_plan_says_so() -> None:
    plan = plan_drain(
        [host("a", guest("x", 2), guest("y", 4)), host("b", guest("z", 8)), host("c")], ["a"], PLAIN
    )
    assert destinations(plan) == {"y": "c", "x": "c"}
    assert (
        plan.moves[0].reason
        == "a is drained; c would be 25 % full with it, the least of all that can take it"
    )
    assert (plan.moves[0].memory_bytes, plan.moves[0].source) == (4 * GIB, "a")


def test_guests_that_are_off_stay_unless_they_are_wanted() -> None:
    hosts = [host("a", guest("x", running=False)), host("b")]
    assert plan_drain(hosts, ["a"], PLAIN).moves == ()
    assert destinations(
        plan_drain(hosts, ["a"], dataclasses.replace(PLAIN, include_stopped=True))
    ) == {"x": "b"}


def test_no_room_anywhere_is_refused_with_the_guest_and_what_each_host_lacks() -> None:
    plan = plan_drain(
        [host("a", guest("x", 9, 3)), host("b", guest("z", 8, 3)), host("c", vcpus=2)], ["a"], PLAIN
    )
    assert why(plan) == (
        "x cannot leave a: b has 8 GiB of memory free of 9 GiB needed; c has 2 vCPUs free of 3 needed."
    )
    assert plan.moves == ()


def test_guests_that_are_off_count_where_they_could_be_started() -> None:
    hosts = [host("a", guest("x", 9)), host("b", guest("z", 8, running=False))]
    assert not plan_drain(hosts, ["a"], PLAIN).is_possible
    assert plan_drain(hosts, ["a"], dataclasses.replace(PLAIN, count_stopped=False)).is_possible


def test_the_only_host_cannot_be_drained() -> None:
    assert "no other host that answers" in why(plan_drain([host("a", guest("x"))], ["a"], PLAIN))


def test_a_disk_that_is_copied_needs_space_and_the_reserve_stays() -> None:
    hosts = [host("a", guest("x", disk=60)), host("b", space=100)]
    assert plan_drain(hosts, ["a"], PLAIN).moves[0].disk_bytes == 60 * GIB
    refused = plan_drain(hosts, ["a"], dataclasses.replace(PLAIN, pool_reserve_bytes=50 * GIB))
    assert (
        why(refused) == "x cannot leave a: b has 50 GiB free in the pool default of 60 GiB needed."
    )


def test_disks_are_added_up() -> None:
    hosts = [host("a", guest("x", disk=60), guest("y", disk=60)), host("b", space=100)]
    assert (
        why(plan_drain(hosts, ["a"], PLAIN))
        == "y cannot leave a: b has 40 GiB free in the pool default of 60 GiB needed."
    )


def test_an_appliance_that_is_there_takes_no_space() -> None:
    linked = dataclasses.replace(
        guest("x"), disks=(PlacementDisk("vda", f"{IMAGES}/x", "default", GIB, "base", 60 * GIB),)
    )
    without, with_it = host("b", space=50), host("c", space=50, bases=frozenset({"base"}))
    plan = plan_drain([host("a", linked), without, with_it], ["a"], PLAIN)
    assert (plan.moves[0].destination, plan.moves[0].disk_bytes) == ("c", GIB)
    assert "b has 50 GiB free in the pool default of 61 GiB needed" in why(
        plan_drain([host("a", linked), without], ["a"], PLAIN)
    )


def test_shared_disks_take_no_space() -> None:
    shared = (PlacementPool("default", IMAGES, 0, "netfs nas:/images"),)
    hosts = [host("a", guest("x", disk=60), pools=shared), host("b", pools=shared)]
    assert plan_drain(hosts, ["a"], PLAIN).moves[0].disk_bytes == 0
    named = [host("a", guest("x", disk=60)), host("b", space=0)]
    assert not plan_drain(named, ["a"], PLAIN).is_possible
    assert plan_drain(
        named, ["a"], dataclasses.replace(PLAIN, shared_pools=frozenset({"default"}))
    ).is_possible


def test_what_goes_into_a_shared_pool_counts_once_over_its_hosts() -> None:
    shared = (PlacementPool("default", IMAGES, 100 * GIB, "netfs nas:/images"),)
    old = host("a", guest("x", disk=60), guest("y", disk=60))
    plan = plan_drain([old, host("b", pools=shared), host("c", pools=shared)], ["a"], PLAIN)
    assert "has 40 GiB free in the pool default of 60 GiB needed" in why(plan)
    assert plan_drain([old, host("b", space=100), host("c", pools=shared)], ["a"], PLAIN).moves
    declared = dataclasses.replace(PLAIN, shared_pools=frozenset({"default"}))
    # disks that are in it already take nothing more of it
    assert plan_drain([old, host("b"), host("c")], ["a"], declared).is_possible


def test_the_reserve_of_a_shared_pool_is_kept_once() -> None:
    shared = (PlacementPool("default", IMAGES, 130 * GIB, "netfs nas:/images"),)
    old = host("a", guest("x", disk=60), guest("y", disk=60))
    policy = dataclasses.replace(PLAIN, pool_reserve_bytes=10 * GIB)
    hosts = [old, host("b", pools=shared), host("c", pools=shared)]
    assert plan_drain(hosts, ["a"], policy).is_possible
    policy = dataclasses.replace(PLAIN, pool_reserve_bytes=11 * GIB)
    assert "of 60 GiB needed" in why(plan_drain(hosts, ["a"], policy))


@pytest.mark.parametrize(
    ("own", "other", "running", "reason"),
    [
        ("dir", "dir", True, None),
        ("dir", "logical", True, "the pool 'default' is of the type 'logical', whose volumes are"),
        ("logical", "dir", True, None),
        ("logical", "dir", False, "'logical', whose volumes do not tell when they were written"),
        ("vstorage", "dir", True, "'vstorage', with which this release was never run"),
        ("dir", "holographic", True, "'holographic', which this release does not know"),
        (None, None, True, None),
    ],
)
def test_what_a_migration_refuses_of_a_pool_is_not_planned(
    own: str | None, other: str | None, running: bool, reason: str | None
) -> None:
    pools = [PlacementPool("default", IMAGES, 100 * GIB, type=kind) for kind in (own, other)]
    old = host("a", guest("x", disk=1, running=running), pools=(pools[0],))
    policy = dataclasses.replace(PLAIN, include_stopped=True)
    plan = plan_drain([old, host("b", pools=(pools[1],))], ["a"], policy)
    if reason is None:
        assert plan.is_possible
    else:
        assert "b takes no vda: " in why(plan)
        assert reason in why(plan)


def test_a_host_without_the_pool_or_the_network_is_no_destination() -> None:
    one = guest("x", disk=1, networks=("blue",))
    plan = plan_drain(
        [host("a", one), host("b", pools=()), host("c", networks=frozenset({"blue"}))], ["a"], PLAIN
    )
    assert destinations(plan) == {"x": "c"}
    refused = why(plan_drain([host("a", one), host("b", pools=())], ["a"], PLAIN))
    assert (
        refused
        == f"x cannot leave a: b has no active network blue and has no running pool at {IMAGES} for vda."
    )


def test_a_host_without_the_bridge_is_no_destination() -> None:
    """Told before anything moves, as the preflight of each move would; a host that tells no cards is tried."""
    one = guest("x", bridges=("br0",))
    without = host("b", cards=frozenset({"eth0"}))
    refused = why(plan_drain([host("a", one), without], ["a"], PLAIN))
    assert refused == "x cannot leave a: b has no bridge or network card br0."
    for other in (host("c", cards=frozenset({"br0", "eth0"})), host("c", cards=None)):
        assert destinations(plan_drain([host("a", one), without, other], ["a"], PLAIN)) == {
            "x": "c"
        }


def test_a_pool_below_its_reserve_keeps_no_guest_out_that_needs_nothing_of_it() -> None:
    """A small pool beside the one with the disks, such as one of ISO images."""
    pools = (PlacementPool("default", IMAGES, 90 * GIB), PlacementPool("iso", "/iso", GIB))
    hosts = [host("a", guest("x", disk=5)), host("b", pools=pools)]
    policy = dataclasses.replace(PLAIN, pool_reserve_bytes=10 * GIB)
    assert plan_drain(hosts, ["a"], policy).is_possible


def test_the_pool_that_is_named_is_the_one_that_counts() -> None:
    pools = (PlacementPool("default", IMAGES, 0), PlacementPool("fast", "/fast", 9 * GIB))
    hosts = [host("a", guest("x", disk=5)), host("b", pools=pools)]
    assert not plan_drain(hosts, ["a"], PLAIN).is_possible
    assert plan_drain(hosts, ["a"], dataclasses.replace(PLAIN, destination_pool="fast")).is_possible


def test_dead_hosts_and_those_in_maintenance_take_nothing() -> None:
    hosts = [host("a", guest("x")), host("b", maintenance="firmware"), host("c", guest("z", 8))]
    plan = plan_drain(hosts, ["a"], PLAIN, silent=["d"])
    assert destinations(plan) == {"x": "c"}
    assert plan.notes == (
        "d takes no guests: it did not answer.",
        "b takes no guests: it is in maintenance.",
    )
    assert (
        why(plan_drain(hosts, ["d"], PLAIN, silent=["d"]))
        == "d cannot be drained: it did not answer."
    )


def test_members_of_a_fleet_are_kept_apart_where_that_is_possible() -> None:
    apart = AffinityRule("anti_affinity", "soft", fleets=("*",), each=True)
    hosts = [
        host("a", guest("x", fleet="web")),
        host("b", guest("y", fleet="web")),
        host("c", guest("z", 8)),
    ]
    policy = dataclasses.replace(PLAIN, rules=(apart,))
    assert destinations(plan_drain(hosts, ["a"], policy)) == {"x": "c"}
    assert destinations(plan_drain(hosts, ["a", "c"], policy)) == {"x": "b", "z": "b"}
    hard = dataclasses.replace(policy, rules=(dataclasses.replace(apart, strength="hard"),))
    assert "b has, or gets, another of fleet web, which must be apart" in why(
        plan_drain(hosts, ["a", "c"], hard)
    )


def test_guests_that_must_be_together_go_together() -> None:
    together = AffinityRule("affinity", "hard", tags=("pair",))
    policy = dataclasses.replace(PLAIN, rules=(together,))
    pair = [guest(name, 6, tags=("pair",)) for name in ("x", "y")]
    plan = plan_drain(
        [host("a", *pair), host("b", guest("z", 9)), host("c", guest("w", 4))], ["a"], policy
    )
    assert destinations(plan) == {"x": "c", "y": "c"}
    split = [host("a", pair[0]), host("b", pair[1]), host("c")]
    assert destinations(plan_drain(split, ["a"], policy)) == {"x": "b"}


def test_n_plus_one_is_kept_or_told() -> None:
    hosts = [host("a", guest("x", 6)), host("b", guest("y", 6)), host("c", guest("z", 6))]
    told = plan_drain(hosts, ["a"], PlacementPolicy(n_plus_one="soft"))
    assert told.is_possible
    assert told.notes == tuple(
        f"After this, the guests of {name} would not fit elsewhere if it were lost."
        for name in ("b", "c")
    )
    assert "not every host could be lost" in why(
        plan_drain(hosts, ["a"], PlacementPolicy(n_plus_one="hard"))
    )
    roomy = [dataclasses.replace(one, memory_bytes=32 * GIB) for one in hosts]
    assert plan_drain(roomy, ["a"], PlacementPolicy(n_plus_one="hard")).is_possible


def test_a_guest_on_its_way_counts_on_both_hosts_and_is_left_alone() -> None:
    coming = guest("z", 9)
    hosts = [host("a", guest("x", 8)), host("b", coming), host("c", memory=9)]
    flights = [InFlight("z", "b", "c")]
    assert why(plan_drain(hosts, ["a"], PLAIN, flights)) == (
        "x cannot leave a: b has 7 GiB of memory free of 8 GiB needed; c has 0 B of memory free of 8 GiB needed."
    )
    assert plan_drain(hosts, ["b"], PLAIN, flights).notes == (
        "z is left alone: it is on its way from b to c.",
    )
    both = [host("a", guest("x", 8)), host("b", coming), host("c", coming, memory=10)]
    assert not plan_drain(both, ["a"], PLAIN).is_possible
    assert "on its way between b and c" in plan_drain(both, ["b"], PLAIN).notes[0]


def test_another_guest_is_moved_only_when_that_makes_the_room() -> None:
    hosts = [host("a", guest("x", 10)), host("b", guest("y", 8)), host("c", guest("z", 7))]
    plan = plan_drain(hosts, ["a"], PLAIN)
    assert [(move.guest, move.source, move.destination) for move in plan.moves] == [
        ("z", "c", "b"),
        ("x", "a", "c"),
    ]
    assert plan.moves[0].reason == "it makes room on c for x"


def test_a_plan_is_made_anew_when_it_no_longer_holds() -> None:
    hosts = [host("a", guest("x", 4), guest("y", 4)), host("b"), host("c")]
    plan = plan_drain(hosts, ["a"], PLAIN)
    assert destinations(plan) == {"x": "b", "y": "c"}
    taken = [hosts[0], host("b", guest("other", 14)), hosts[2]]
    assert destinations(plan_drain(taken, ["a"], PLAIN, pending=plan.moves)) == {"x": "c", "y": "c"}
    joined = [host("a", guest("x", 4), guest("y", 4), guest("late", 1)), *hosts[1:]]
    assert set(destinations(plan_drain(joined, ["a"], PLAIN, pending=plan.moves))) == {
        "x",
        "y",
        "late",
    }
    gone = [host("a", guest("y", 4)), *hosts[1:]]
    assert destinations(plan_drain(gone, ["a"], PLAIN, pending=plan.moves)) == {"y": "c"}


def test_a_host_remembers_its_own_guests_and_not_those_that_others_wait_for() -> None:
    lodger = guest("lodger")
    waiting = host(
        "b", maintenance="firmware", remembered=(RememberedGuest(lodger.uuid, "lodger"),)
    )
    plan = plan_drain([host("a", guest("own"), lodger), waiting, host("c")], ["a"], PLAIN)
    assert set(destinations(plan)) == {"own", "lodger"}
    assert plan.remember == {"a": (RememberedGuest("uuid-own", "own"),)}


def test_what_was_remembered_stays_so_when_the_drain_is_run_again() -> None:
    known = (RememberedGuest("uuid-gone", "gone"),)
    plan = plan_drain(
        [host("a", guest("x"), maintenance="m", remembered=known), host("b")], ["a"], PLAIN
    )
    assert plan.remember == {
        "a": (RememberedGuest("uuid-gone", "gone"), RememberedGuest("uuid-x", "x"))
    }


def test_restore_brings_back_what_was_there() -> None:
    known = tuple(RememberedGuest(f"uuid-{name}", name) for name in ("x", "y", "z"))
    home = host("a", guest("y"), maintenance="m", remembered=known)
    plan = plan_restore([home, host("b", guest("x"), guest("other"))], "a", PLAIN)
    assert destinations(plan) == {"x": "a"}
    assert plan.moves[0].reason.startswith("it was on a before that was drained; a would be")
    assert plan.notes == ("z is on no host any more, and is forgotten.",)
    assert "z was not found, and may be on a host that did not answer: c" in why(
        plan_restore([home, host("b", guest("x"))], "a", PLAIN, silent=["c"])
    )


def test_restore_is_refused_when_they_no_longer_fit() -> None:
    home = host(
        "a", guest("new", 12), maintenance="m", remembered=(RememberedGuest("uuid-x", "x"),)
    )
    refused = why(plan_restore([home, host("b", guest("x", 6))], "a", PLAIN))
    assert refused == "x cannot leave b: a has 4 GiB of memory free of 6 GiB needed."


def test_a_thousand_guests_are_planned_in_seconds() -> None:
    hosts = [
        host(
            f"h{number:02}",
            *(guest(f"g{number:02}-{i:02}", 1 + i % 4, disk=1) for i in range(50)),
            memory=200,
            vcpus=99,
        )
        for number in range(20)
    ]
    rules = (AffinityRule("anti_affinity", "soft", fleets=("*",), each=True),)
    began = time.process_time()
    plan = plan_drain(hosts, ["h00", "h01"], PlacementPolicy(rules=rules))
    full = plan_drain(
        [dataclasses.replace(one, memory_bytes=126 * GIB) for one in hosts],
        ["h00"],
        PlacementPolicy(rules=rules),
    )
    assert time.process_time() - began < 20
    assert (plan.is_possible, len(plan.moves)) == (True, 100)
    assert not full.is_possible


def test_a_guest_that_is_tagged_to_stay_is_moved_by_no_plan() -> None:
    pinned = dataclasses.replace(guest("x", 2), tags=("placement:stay",))
    hosts = [host("a", pinned, guest("y", 4)), host("b")]
    plan = plan_drain(hosts, ["a"], PLAIN)
    assert destinations(plan) == {"y": "b"}
    assert "x is left alone: its tag placement:stay keeps it where it is." in plan.notes
    assert plan_rebalance([host("a", pinned, pinned_twin()), host("b")], PLAIN).moves == ()


def pinned_twin() -> PlacementGuest:
    return dataclasses.replace(guest("z", 9), tags=("placement:stay", "gold"))
