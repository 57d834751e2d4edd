# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds at every moment of a plan that is carried out in batches, on three hosts and more."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import typing as t

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.batches import (
    number_batches,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.cluster import (
    Cluster,
    build_move,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.drain import plan_drain
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.feasibility import (
    explain_refusal,
    follow_pending,
    keeps_n_plus_one,
    list_fatal_losses,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    AffinityRule,
    HostView,
    InFlight,
    Move,
    PlacementGuest,
    PlacementPolicy,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.rebalance import (
    plan_rebalance,
)

from .estates import GIB, POLICIES, carried_out, estates, guest, host

Batch = list[Move]


@dataclasses.dataclass(frozen=True)
class Case:
    """Hosts, and a plan that holds for them if its moves go one after the other, in batches."""

    hosts: list[HostView]
    policy: PlacementPolicy
    leaving: tuple[str, ...]
    moves: tuple[Move, ...]

    @property
    def batches(self) -> list[Batch]:
        numbers = number_batches(Cluster(self.hosts, self.policy), self.moves, self.leaving)
        assert sorted(set(numbers)) == list(range(1, max(numbers, default=0) + 1))
        return [
            [move for move, number in zip(self.moves, numbers, strict=True) if number == batch]
            for batch in sorted(set(numbers))
        ]


@st.composite
def tight_estates(draw: st.DrawFn, most_spare: int) -> list[HostView]:
    """Three or four hosts with so little to spare that guests have to wait for each other."""
    names = ["a", "b", "c", "d"][: draw(st.integers(3, 4))]
    sizes = draw(st.lists(st.integers(1, 4), min_size=5, max_size=12))
    tags = st.sampled_from([(), ("ha",)])
    guests = [guest(f"g{place}", size, tags=draw(tags)) for place, size in enumerate(sizes)]
    places = [draw(st.sampled_from(names)) for _guest in guests]
    hosts = []
    for name in names:
        residents = [one for one, place in zip(guests, places, strict=True) if place == name]
        used = sum(one.memory_bytes for one in residents) // GIB
        spare = draw(st.integers(0, most_spare))
        hosts.append(host(name, *residents, memory=used + spare))
    return hosts


@st.composite
def cases(draw: st.DrawFn, policies: st.SearchStrategy[PlacementPolicy] = POLICIES) -> Case:
    """Plans of drains and rebalances, and such as no planner would make: any moves that can go one after the other."""
    policy, leaving = draw(policies), draw(st.sampled_from([("a",), ()]))
    if draw(st.integers(0, 3)) == 0:
        hosts = draw(ESTATES)
        plan = plan_drain(hosts, leaving, policy) if leaving else plan_rebalance(hosts, policy)
        return Case(hosts, policy, leaving, plan.moves)
    hosts = draw(tight_estates(12 if policy.n_plus_one == "hard" else 4))
    cluster, moves = Cluster(hosts, policy), []
    stations = set(cluster.where.items())
    places = [one.name for one in cluster.open_hosts(leaving)]
    wishes = st.tuples(st.sampled_from(sorted(cluster.guests)), st.sampled_from(places))
    for uuid, name in draw(st.lists(wishes, min_size=5, max_size=25)):
        traveller, destination = cluster.guests[uuid], cluster.hosts[name]
        if (
            (uuid, name) not in stations  # no planner sends a guest back
            and not explain_refusal(cluster, [traveller], destination, leaving)
            and keeps_n_plus_one(cluster, [traveller], destination, leaving)
        ):
            stations.add((uuid, name))
            moves.append(build_move(cluster, traveller, name, "for a test"))
            cluster.move(traveller, name)
    return Case(hosts, policy, leaving, tuple(moves))


ESTATES = estates(most_guests=12, fewest_hosts=3, most_memory=30)
HARD = POLICIES.map(lambda policy: dataclasses.replace(policy, n_plus_one="hard"))
ORDERLY = AffinityRule("anti_affinity", "hard", tags=("ha",))
APART = POLICIES.map(lambda policy: dataclasses.replace(policy, rules=(ORDERLY,)))


@given(cases())
def test_no_host_and_no_link_has_more_moves_than_its_limit(case: Case) -> None:
    for batch in case.batches:
        of_host = collections.Counter(
            itertools.chain.from_iterable((move.source, move.destination) for move in batch)
        )
        of_link = collections.Counter(frozenset((move.source, move.destination)) for move in batch)
        assert max(of_host.values()) <= case.policy.moves_per_host
        assert max(of_link.values()) <= case.policy.moves_per_link


@given(cases())
def test_the_rest_of_the_plan_holds_after_each_batch(case: Case) -> None:
    hosts, rest = case.hosts, list(case.moves)
    for batch in case.batches:
        hosts = carried_out(hosts, batch)
        rest = [move for move in rest if move not in batch]
        followed = follow_pending(Cluster(hosts, case.policy), rest, case.leaving)
        assert followed is not None
        assert [(move.guest, move.destination) for move in followed] == [
            (move.guest, move.destination) for move in rest
        ]
    assert rest == []


class Moment:
    """A moment of a batch: some of its moves are under way, some are over, the others have not begun or failed."""

    def __init__(
        self,
        hosts: t.Sequence[HostView],
        policy: PlacementPolicy,
        under_way: t.Collection[Move],
        over: t.Collection[Move],
    ) -> None:
        self.hosts = {one.name: one for one in carried_out(hosts, list(over))}
        self.count_stopped = policy.count_stopped
        self.guests: dict[str, list[PlacementGuest]] = {
            name: list(one.guests) for name, one in self.hosts.items()
        }
        self.arrived: dict[str, set[str]] = collections.defaultdict(set)
        for move in over:
            self.arrived[move.destination].add(move.uuid)
        self.arriving: dict[str, list[PlacementGuest]] = {name: [] for name in self.hosts}
        for move in under_way:
            guest = next(one for one in self.guests[move.source] if one.uuid == move.uuid)
            self.arriving[move.destination].append(guest)

    def free(self, name: str) -> tuple[int, int]:
        counted = [
            guest
            for guest in self.guests[name] + self.arriving[name]
            if guest.running or self.count_stopped
        ]
        host = self.hosts[name]
        return (
            host.vcpus - sum(guest.vcpus for guest in counted),
            host.memory_bytes - sum(guest.memory_bytes for guest in counted),
        )

    def survives_loss(self, lost: str, refuges: t.Sequence[str]) -> bool:
        """Whether there is any way to run the guests of ``lost`` elsewhere, all of which are tried."""
        reserved = {guest.uuid for name in refuges for guest in self.arriving[name]}
        stranded = [
            guest for guest in self.guests[lost] if guest.running and guest.uuid not in reserved
        ]
        return _can_pack(stranded, [self.free(name) for name in refuges])


def _can_pack(guests: t.Sequence[PlacementGuest], rooms: list[tuple[int, int]]) -> bool:
    if not guests:
        return True
    guest, *others = guests
    for index, (vcpus, memory) in enumerate(rooms):
        if guest.vcpus <= vcpus and guest.memory_bytes <= memory:
            taken = (vcpus - guest.vcpus, memory - guest.memory_bytes)
            if _can_pack(others, [*rooms[:index], taken, *rooms[index + 1 :]]):
                return True
    return False


def moments(
    hosts: list[HostView], policy: PlacementPolicy, batch: Batch
) -> t.Iterator[tuple[Moment, set[str]]]:
    """Every moment of a batch, with the hosts that guests go to or have gone to."""
    for states in itertools.product(("waiting", "under way", "over"), repeat=len(batch)):
        phases = list(zip(batch, states, strict=True))
        under_way = [move for move, state in phases if state == "under way"]
        over = [move for move, state in phases if state == "over"]
        yield (
            Moment(hosts, policy, under_way, over),
            {move.destination for move in under_way + over},
        )


@settings(deadline=None)
@given(cases())
def test_no_host_promises_too_much_at_any_moment(case: Case) -> None:
    hosts = case.hosts
    for batch in case.batches:
        for moment, destinations in moments(hosts, case.policy, batch):
            for name in destinations:
                assert min(moment.free(name)) >= 0
        hosts = carried_out(hosts, batch)


@settings(deadline=None)
@given(cases(APART))
def test_no_two_guests_that_must_be_apart_meet_at_any_moment(case: Case) -> None:
    hosts = case.hosts
    groups = Cluster(hosts, case.policy).affinities.groups
    apart = [group.members for group in groups if group.hard and group.apart]
    for batch in case.batches:
        for moment, destinations in moments(hosts, case.policy, batch):
            for name, members in itertools.product(destinations, apart):
                coming = {guest.uuid for guest in moment.arriving[name]} | moment.arrived[name]
                present = {guest.uuid for guest in moment.guests[name]} | coming
                assert not members & coming or len(members & present) == 1
        hosts = carried_out(hosts, batch)


@settings(deadline=None)
@given(cases(HARD))
def test_any_host_can_be_lost_at_any_moment(case: Case) -> None:
    """By a search of all packings: those that first fit finds are not taken at their word."""
    hosts = case.hosts
    for batch in case.batches:
        cluster = Cluster(hosts, case.policy)
        open_hosts = cluster.open_hosts(case.leaving)
        names = {host.name for host in open_hosts}
        survivable = names.difference(list_fatal_losses(cluster, open_hosts))
        for moment, _destinations in moments(hosts, case.policy, batch):
            for lost in survivable:
                assert moment.survives_loss(lost, sorted(names - {lost}))
        hosts = carried_out(hosts, batch)


@given(ESTATES, POLICIES, st.data())
def test_a_move_that_fails_takes_no_other_along(
    hosts: list[HostView], policy: PlacementPolicy, data: st.DataObject
) -> None:
    case = Case(hosts, policy, ("a",), plan_drain(hosts, ["a"], policy).moves)
    if not case.moves:
        return
    first = case.batches[0]
    failed = data.draw(st.sampled_from(first))
    after = carried_out(hosts, [move for move in first if move is not failed])
    flights = [InFlight(failed.uuid, failed.source, failed.destination, failed=True)]
    rest = [move for move in case.moves if move not in first]
    again = plan_drain(after, ["a"], policy, flights, pending=rest)
    assert failed.uuid not in {move.uuid for move in again.moves}
    if failed.source == "a":  # nobody waits for its room
        assert again.is_possible
