# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets of different importance on hosts that are full, run after run."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import TrendRule
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    MAKING,
    RUNNING,
    Action,
    Claim,
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.joint import (
    Peak,
    compute_risks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
    Ledger,
    Standpoint,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.loans import (
    Loan,
    choose_victims,
    list_loans,
)

MINUTE: t.Final = 60
RULE: t.Final = Rule(
    capacity=10, max=12, interval=MINUTE, headroom=0, cooldown=MINUTE, scale_in_limit=4
)
HOSTS: t.Final = ("a", "b")


@dataclasses.dataclass
class Fleet:
    """A fleet of machines of one size, and what is asked of it from outside."""

    name: str
    priority: int
    best_effort: bool
    size: Size
    rule: Rule = RULE
    members: dict[str, Member] = dataclasses.field(default_factory=dict)
    demand: list[float] = dataclasses.field(default_factory=list)

    @property
    def standpoint(self) -> Standpoint:
        return Standpoint(self.name, "default", self.priority, self.best_effort)

    @property
    def serving(self) -> list[Member]:
        return [member for member in self.members.values() if member.state in RUNNING]

    @property
    def parked(self) -> list[Member]:
        return [member for member in self.members.values() if member.state not in RUNNING]


class World:
    """Fleets on hosts that have ``capacity`` each. Every run is checked against what was promised."""

    def __init__(self, capacity: Size, *fleets: Fleet) -> None:
        self.capacity, self.fleets, self.now = capacity, fleets, 0
        self.plans: dict[str, Plan] = {}

    def __repr__(self) -> str:
        return f"World({self.capacity}, {self.fleets})"

    def fill(self, fleet: Fleet, count: int, **more: t.Any) -> None:
        """Give the fleet so many machines that run, on one host after the other, as far as they fit."""
        for number in range(1, count + 1):
            host = HOSTS[number % len(HOSTS)]
            if self.free(host).count_fits(fleet.size):
                name = f"{fleet.name}-{number}"
                fleet.members[name] = Member(
                    name, host, uuid=name, size=fleet.size, created=0.0, activity=0.1, **more
                )

    def free(self, host: str) -> Size:
        """What may still be promised there; below zero where more is."""
        free = self.capacity
        for member in itertools.chain(*(fleet.members.values() for fleet in self.fleets)):
            if member.host == host:
                free = free - t.cast("Size", member.size)
        return free

    def observe(self, fleet: Fleet) -> Observation:
        rooms = tuple(
            HostRoom(
                host,
                self.free(host),
                sum(member.host == host for member in fleet.members.values()),
                sum(
                    (
                        t.cast("Size", member.size)
                        for other in self.fleets
                        for member in other.serving
                        if member.host == host
                    ),
                    Size(),
                ),
            )
            for host in HOSTS
        )
        return Observation(
            fleet.name,
            self.now,
            Series(MINUTE, self.now - (len(fleet.demand) - 1) * MINUTE, tuple(fleet.demand)),
            fleet.size,
            tuple(fleet.members.values()),
            rooms,
            measured_elsewhere=True,
            best_effort=fleet.best_effort,
        )

    def run(self, **demand: float) -> None:
        """Let a minute pass, in which fleets are asked for so much, and carry out what is planned then."""
        self.now += MINUTE
        for fleet in self.fleets:
            fleet.demand.append(demand.get(fleet.name, fleet.demand[-1] if fleet.demand else 10))
        ledger = Ledger(loans=self._list_loans())
        for fleet in sorted(self.fleets, key=lambda fleet: -fleet.priority):
            observed = self.observe(fleet)
            observed = dataclasses.replace(
                observed, rooms=ledger.subtract(observed.rooms, fleet.standpoint)
            )
            claims = ledger.yields.get(fleet.name, {})
            plan = decide(observed, fleet.rule, TrendRule(), claims=claims)
            ledger = ledger.add(observed, plan, fleet.standpoint)
            self.plans[fleet.name] = plan
        for fleet in self.fleets:
            self._judge(fleet, ledger.list_claims_of(fleet.name))
        for fleet in self.fleets:
            self._apply(fleet, self.plans[fleet.name])
        self._judge_hosts()

    def _list_loans(self) -> tuple[Loan, ...]:
        lent = [
            list_loans(self.observe(fleet), fleet.rule, fleet.priority, may_park=True)
            for fleet in self.fleets
            if fleet.best_effort
        ]
        return tuple(itertools.chain(*lent))

    def _judge(self, fleet: Fleet, claims: t.Sequence[Claim]) -> None:
        yielding = [action for action in self.plans[fleet.name].actions if action.parked_for]
        for action in yielding:
            claimant = self.get(t.cast("str", action.parked_for))
            member = fleet.members[action.name]
            assert fleet.best_effort
            assert claimant.priority > fleet.priority
            assert not member.protected
            assert not member.labelled
        if yielding:
            assert len(fleet.serving) - len(yielding) >= fleet.rule.min
        lent = {member.name for member in fleet.members.values() if member.is_lent}
        for action in self.plans[fleet.name].actions:
            assert action.name not in lent or action.action == "wake"
        for claim in claims:
            assert any(
                action.name == claim.name and action.parked_for == fleet.name
                for action in self.plans[claim.fleet].actions
            )
        for host in {claim.host for claim in claims}:
            assert _comes_to(self.plans[fleet.name], host), "nobody is parked in vain"

    def _judge_hosts(self) -> None:
        """Nothing runs beyond what there is, and what other fleets keep parked finds its room."""
        for host in HOSTS:
            held = [
                t.cast("Size", member.size)
                for fleet in self.fleets
                for member in fleet.members.values()
                if member.host == host and (member.state in RUNNING or not fleet.best_effort)
            ]
            total = sum(held, Size())
            assert total.vcpus <= self.capacity.vcpus
            assert total.memory_bytes <= self.capacity.memory_bytes

    def get(self, name: str) -> Fleet:
        return next(fleet for fleet in self.fleets if fleet.name == name)

    def _apply(self, fleet: Fleet, plan: Plan) -> None:
        for action in plan.actions:
            self._act(fleet, action)

    def _act(self, fleet: Fleet, action: Action) -> None:
        if action.action in MAKING:
            state = "running" if action.action == "create" else "saved"
            fleet.members[action.name] = Member(
                action.name,
                action.host,
                state,
                uuid=action.name,
                size=fleet.size,
                created=self.now,
                activity=0.0,
            )
        elif action.action == "remove":
            del fleet.members[action.name]
        else:
            state = "saved" if action.action == "park" else "running"
            fleet.members[action.name] = dataclasses.replace(
                fleet.members[action.name], state=state, parked_for=action.parked_for
            )


def _comes_to(plan: Plan, host: str) -> bool:
    return any(
        action.host == host and action.action in ("create", "wake") for action in plan.actions
    )


def two_fleets(**lesser: t.Any) -> tuple[World, Fleet, Fleet]:
    """An important fleet with a machine, and one that fills the rest of two hosts with room for four each."""
    web = Fleet("web", 10, best_effort=False, size=Size(1, 4))
    ci = Fleet("ci", 0, size=Size(1, 4), **{"best_effort": True, **lesser})
    world = World(Size(4, 16), web, ci)
    world.fill(web, 1)
    world.fill(ci, 8)
    return world, web, ci


def test_the_important_fleet_has_its_room_before_the_peak_and_the_other_one_goes_on_after_it() -> (
    None
):
    world, web, ci = two_fleets()
    before = {member.name: member.uuid for member in ci.serving}
    world.run(web=10, ci=70)
    assert len(web.serving) == 1
    assert len(ci.serving) == 7
    world.run(web=20)
    # the third minute needs 40: the machines are there in the second one
    world.run(web=30)
    assert len(web.serving) == 4
    assert len(ci.parked) == 3
    assert all(member.parked_for == "web" for member in ci.parked)
    for _unused in range(5):
        world.run(web=10)
    assert len(web.serving) == 1
    assert {member.name: member.uuid for member in ci.serving} == before


def test_each_step_is_told_to_both() -> None:
    world, _web, ci = two_fleets()
    world.run(web=30, ci=70)
    parked = ci.parked[0].name
    assert any(
        f"{parked} on " in reason and "since the more important fleet web needs its room" in reason
        for reason in world.plans["ci"].reasons
    )
    world.run(web=30)
    assert any("stay parked until there is room again" in r for r in world.plans["ci"].reasons)
    world.run(web=10)
    world.run(web=10)
    world.run(web=10)
    assert not ci.parked


def test_a_fleet_that_is_not_best_effort_keeps_its_machines() -> None:
    world, web, ci = two_fleets(best_effort=False)
    world.run(web=60, ci=70)
    assert len(web.serving) == 1
    assert len(ci.serving) == 7
    assert any("has no room" in reason for reason in world.plans["web"].reasons)


def test_what_is_protected_or_the_least_that_always_runs_is_not_parked() -> None:
    world, web, ci = two_fleets(rule=dataclasses.replace(RULE, min=2))
    for name in list(ci.members)[:3]:
        ci.members[name] = dataclasses.replace(ci.members[name], protected=True)
    world.run(web=100, ci=70)
    assert len(ci.serving) == 3
    assert len(web.serving) == 5


def test_as_many_as_always_run_are_not_parked() -> None:
    world, _web, ci = two_fleets(rule=dataclasses.replace(RULE, min=5))
    world.run(web=100, ci=70)
    assert len(ci.serving) == 5


def test_its_demand_falling_while_it_is_parked_costs_no_machine() -> None:
    """A fleet that measures itself is asked for less while fewer of its machines run."""
    world, _web, ci = two_fleets()
    world.run(web=40, ci=70)
    for _unused in range(6):
        world.run(web=40, ci=10)
    assert len(ci.members) == 7
    world.run(web=10)
    world.run(web=10)
    world.run(web=10)
    assert not ci.parked


SIZES: t.Final = st.builds(Size, st.integers(1, 2), st.integers(1, 6))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two to four fleets of any importance, on hosts that are more or less full."""
    fleets = [
        Fleet(
            f"f{number}",
            draw(st.integers(0, 3)),
            draw(st.booleans()),
            draw(SIZES),
            dataclasses.replace(
                RULE,
                min=draw(st.integers(0, 2)),
                parked=draw(st.integers(0, 2)),
                n_plus_one=draw(st.booleans()),
            ),
        )
        for number in range(draw(st.integers(2, 4)))
    ]
    world = World(draw(st.builds(Size, st.integers(3, 10), st.integers(8, 30))), *fleets)
    for fleet in fleets:
        world.fill(fleet, draw(st.integers(0, 5)))
        for name in draw(st.sets(st.sampled_from(sorted(fleet.members) or ["-"]), max_size=2)):
            if name in fleet.members:
                change: dict[str, t.Any] = {draw(st.sampled_from(["protected", "labelled"])): True}
                fleet.members[name] = dataclasses.replace(fleet.members[name], **change)
    return world


@settings(max_examples=80, deadline=None)
@given(worlds(), st.lists(st.lists(st.floats(0, 80), min_size=4, max_size=4), max_size=6))
def test_no_run_breaks_a_promise_whatever_fleets_are_asked_for(
    world: World, demands: list[list[float]]
) -> None:
    for demand in demands:
        names = [fleet.name for fleet in world.fleets]
        world.run(**dict(zip(names, demand, strict=False)))


LOANS: t.Final = st.lists(
    st.builds(
        Loan,
        st.sampled_from(["x", "y"]),
        st.integers(0, 2),
        st.uuids().map(str),
        st.just("a"),
        SIZES,
        is_up=st.just(True),
        is_claimable=st.just(True),
        rank=st.integers(0, 5),
    ),
    max_size=8,
)


@given(LOANS, SIZES)
def test_no_more_is_parked_than_is_needed(loans: list[Loan], missing: Size) -> None:
    victims = choose_victims(loans, missing)
    freed = [sum((loan.size for loan in victims), Size())]
    total = sum((loan.size for loan in loans), Size())
    if not victims:
        assert total.vcpus < missing.vcpus or total.memory_bytes < missing.memory_bytes
        return
    assert freed[0].vcpus >= missing.vcpus
    assert freed[0].memory_bytes >= missing.memory_bytes
    for victim in victims:
        left = freed[0] - victim.size
        assert left.vcpus < missing.vcpus or left.memory_bytes < missing.memory_bytes


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 20)), min_size=2, max_size=6),
    st.floats(0, 900),
)
def test_peaks_that_come_together_are_the_greater_risk_where_there_is_usually_room(
    parts: list[tuple[float, float]], limit: float
) -> None:
    peaks = [Peak("f", expected, deviation, 0) for expected, deviation in parts]
    independent, together = compute_risks(peaks, limit)
    assert 0 <= independent <= 1
    assert 0 <= together <= 1
    if limit >= sum(expected for expected, _unused in parts):
        assert independent <= together + 1e-12
    more = compute_risks(peaks, limit + 10)
    assert more[0] <= independent + 1e-12
    assert more[1] <= together + 1e-12


def test_two_more_important_fleets_never_claim_the_same_machine() -> None:
    rule = dataclasses.replace(RULE, min=0)
    fleets = [
        Fleet(name, priority, best_effort=name == "f1", size=Size(1, 1), rule=rule)
        for name, priority in (("f0", 1), ("f1", 0), ("f2", 2))
    ]
    world = World(Size(3, 8), *fleets)
    world.fill(fleets[1], 4)
    world.run(f0=1, f1=0, f2=21)
    assert len({member.name for member in fleets[1].parked}) == 2
