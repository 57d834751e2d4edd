# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollouts, run after run, in a world of machines: a version is good or bad, and any run may die in the middle."""

from __future__ import annotations

import dataclasses
import random
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import (
    RolloutMemory,
    build_memory,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import read_options
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import TrendRule
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Action,
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.upkeep import (
    ROLLOUT,
    Rollout,
    Share,
    Upkeep,
    read_rollout,
    read_share,
    read_upkeep,
)

from tools.examples import read_examples

MINUTE = 60
OLD, NEW = "web:1.0", "web:2.0"
RULE = Rule(capacity=10, max=12, interval=MINUTE, headroom=0, cooldown=2 * MINUTE, scale_in_limit=2)
REMOVING = frozenset({"park", "remove"})


@dataclasses.dataclass
class World:
    """A fleet on two hosts. Machines of ``bad`` versions come up and never pass their health check."""

    upkeep: Upkeep
    members: dict[str, Member]
    demand: float = 40.0
    bad: frozenset[str] = frozenset()
    rule: Rule = RULE
    memory: RolloutMemory = dataclasses.field(default_factory=RolloutMemory)
    now: float = 100 * MINUTE
    boot_seconds: int = 30
    has_health: bool = True
    peak_new: int = 0
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)

    def observe(self) -> Observation:
        return Observation(
            "web",
            self.now + 5,
            Series(MINUTE, int(self.now) - 9 * MINUTE, (self.demand,) * 10),
            Size(1, 10, 100),
            tuple(map(self._look, self.members.values())),
            rooms=(HostRoom("a", Size(90, 900, 9000)), HostRoom("b", Size(90, 900, 9000))),
            memory=self.memory,
            measured_elsewhere=True,
            unknown=self.unknown,
        )

    def _look(self, member: Member) -> Member:
        """Return the member with what its health check says by now."""
        if not self.has_health or member.state != "running":
            return member
        age = self.now - (member.since or 0)
        if member.version not in self.bad and age >= self.boot_seconds:
            return dataclasses.replace(
                member, healthy=True, health_kind="passed", has_passed=True, awaited=False
            )
        is_young = age < 2 * MINUTE
        return dataclasses.replace(
            member,
            healthy=None if is_young else False,
            awaited=is_young,
            health_kind="failing",
            health_reason="/health answers 500",
        )

    def decide(self) -> Plan:
        return decide(
            self.observe(), self.rule, TrendRule(0.5), TrendRule(0.01), upkeep=self.upkeep
        )

    def run(self, chance: random.Random | None = None) -> Plan:
        """Plan, and carry it out; with ``chance`` a run may be killed at any moment, before or after it recorded."""
        plan = self.decide()
        check_promises(self.observe(), plan, self.upkeep)
        actions = plan.actions
        if chance is None or chance.random() < 0.7:
            self.memory = build_memory(plan.memory.as_dict())
            if chance is not None and chance.random() < 0.4:
                actions = actions[: chance.randrange(len(actions) + 1)]
            for action in actions:
                self._act(action)
        self.now += MINUTE
        self.peak_new = max(self.peak_new, sum(m.version == NEW for m in self.members.values()))
        return plan

    def _act(self, action: Action) -> None:
        if action.action in ("create", "prepare"):
            self.members[action.name] = Member(
                action.name,
                action.host,
                "running" if action.action == "create" else "saved",
                created=self.now,
                since=self.now,
                version=action.appliance,
                activity=0.1,
            )
        elif action.action == "remove":
            del self.members[action.name]
        else:
            state = "saved" if action.action == "park" else "running"
            self.members[action.name] = dataclasses.replace(
                self.members[action.name], state=state, in_service=True, since=self.now
            )

    def versions(self) -> dict[str | None, int]:
        counts: dict[str | None, int] = {}
        for member in self.members.values():
            if member.state == "running":
                counts[member.version] = counts.get(member.version, 0) + 1
        return counts


def check_promises(observed: Observation, plan: Plan, upkeep: Upkeep) -> None:
    """What holds in each run, whatever has happened before it."""
    serving = {member.name for member in observed.running}
    by_name = {member.name: member for member in observed.members}
    gone = {action.name for action in plan.actions if action.action in REMOVING}
    required = plan.requirement.machines or 0
    assert len(serving - gone) >= min(len(serving), required), plan.reasons
    for name in gone:
        member = by_name[name]
        assert not any((member.protected, member.labelled, member.double)), plan.reasons
    names = [action.name for action in plan.actions]
    assert len(names) == len(set(names)), plan.actions
    need = max(required, plan.requirement.keep or 0)
    surge = upkeep.rollout.find_surge(need)
    alive = [m for m in observed.members if m.healthy is not False and m.state == "running"]
    made = [action for action in plan.actions if action.action == "create"]
    # Those of a version that has just failed are no hope, and go once what is needed serves.
    present = sum(m.serves or m.version != plan.memory.failed for m in alive)
    if made:
        assert present + len(made) <= need + surge, plan.reasons


def start(count: int = 4, version: str = OLD, **more: t.Any) -> dict[str, Member]:
    return {
        f"web-{n}": Member(
            f"web-{n}", "a", created=0.0, since=0.0, version=version, activity=1.0 * n, **more
        )
        for n in range(1, count + 1)
    }


def go_to(version: str, **rollout: t.Any) -> Upkeep:
    return Upkeep(appliance=version, rollout=Rollout(**{"bake": 2 * MINUTE, **rollout}))


def roll(world: World, runs: int = 60, chance: random.Random | None = None) -> list[Plan]:
    return [world.run(chance) for _run in range(runs)]


def test_a_fleet_of_one_version_knows_no_rollout() -> None:
    world = World(go_to(OLD), start())
    plan = world.run()
    assert (plan.actions, plan.phase, plan.memory.stable) == ((), "none", OLD)


def test_members_roll_one_by_one_each_new_one_first() -> None:
    world = World(go_to(NEW), start())
    plans = roll(world, 40)
    assert world.versions() == {NEW: 4}
    assert world.memory == RolloutMemory(stable=NEW)
    assert plans[-1].actions == ()
    assert [action.action for plan in plans for action in plan.actions] == ["create", "remove"] * 4
    assert plans[0].phase == "canary"
    assert (
        "The fleet goes from web:1.0 to web:2.0: 0 of 4 that serve are of it; 1 canary first."
        in plans[0].reasons
    )


def test_the_canary_bakes_before_anything_else_happens() -> None:
    world = World(go_to(NEW, bake=10 * MINUTE, surge=Share(4)), start())
    for _run in range(10):
        world.run()
        assert world.versions() == {OLD: 4, NEW: 1}
    roll(world, 40)
    assert world.versions() == {NEW: 4}


def test_blue_green_brings_all_before_one_goes() -> None:
    world = World(go_to(NEW, canary=Share(0), surge=Share(percent=100)), start())
    world.run()
    assert world.versions() == {OLD: 4, NEW: 4}
    world.run()
    assert world.versions() == {OLD: 4, NEW: 4}
    roll(world, 5)
    assert world.versions() == {NEW: 4}


def test_no_more_are_made_of_the_new_version_than_are_needed() -> None:
    """Where fewer old ones may go in a run than there are, those that wait for theirs get no further replacement."""
    world = World(go_to(NEW, surge=Share(percent=100), bake=0), start())
    roll(world, 20)
    assert world.versions() == {NEW: 4}
    assert world.peak_new == 4


def test_the_guides_example_rolls_as_the_guide_says() -> None:
    pages = (e for e in read_examples() if e.page == "guide_provisioning" and "rollout:" in e.text)
    ((fleet,),) = (page.content["optimistic_provisioning_fleets"] for page in pages)
    options = read_options("rollout", ROLLOUT, fleet["rollout"])
    world = World(read_upkeep(fleet["appliance"], None, options), start(8), demand=80.0)
    plans = [world.run()]
    assert world.versions() == {OLD: 8, NEW: 1}
    while not any(action.action == "remove" for action in plans[-1].actions):
        plans.append(world.run())
    assert MINUTE * (len(plans) - 1) >= options["bake"]
    assert {plan.phase for plan in plans[:-1]} == {"canary"}
    sizes = []
    while world.versions().get(OLD):
        world.run()
        sizes.append(sum(world.versions().values()))
    assert 8 <= min(sizes) <= max(sizes) == 10
    assert world.versions() == {NEW: 8}


def test_a_version_that_fails_is_returned_from_by_itself_and_remembered() -> None:
    world = World(go_to(NEW), start(), bad=frozenset({NEW}))
    plans = roll(world, 12)
    assert world.versions() == {OLD: 4}
    assert world.peak_new == 1
    assert (world.memory.stable, world.memory.failed) == (OLD, NEW)
    alerts = [plan.alert.reason for plan in plans if plan.alert.raised]
    assert alerts == [
        "The rollout to web:2.0 has failed (web-5: /health answers 500): the fleet returns to web:1.0, and web:2.0 is "
        "not tried again. Name another version; to try this one again, name the old one for a run first."
    ]
    assert plans[-1].actions == ()
    assert "the fleet is back on web:1.0" in "\n".join(plans[-1].reasons)


def test_another_version_is_tried_after_one_that_failed_and_the_same_after_a_run_with_the_old() -> (
    None
):
    world = World(go_to(NEW), start(), bad=frozenset({NEW}))
    roll(world, 12)
    world.upkeep = go_to("web:2.1")
    roll(world, 40)
    assert world.versions() == {"web:2.1": 4}
    world.bad = frozenset()
    world.upkeep = go_to(NEW)
    roll(world, 40)
    assert world.versions() == {NEW: 4}


def test_a_version_that_fails_halfway_is_returned_from_with_no_fewer_in_service() -> None:
    world = World(go_to(NEW, canary=Share(0), surge=Share(2)), start())
    while world.versions().get(NEW, 0) < 3:
        world.run()
    world.bad = frozenset({NEW})
    roll(world, 30)
    assert world.versions() == {OLD: 4}
    assert world.memory.failed == NEW


def test_so_many_failures_as_are_allowed_stop_nothing() -> None:
    world = World(go_to(NEW, max_failures=1), start())
    world.run()
    sick = next(name for name, member in world.members.items() if member.version == NEW)
    world.members[sick] = dataclasses.replace(
        world.members[sick],
        state="paused",
        healthy=False,
        health_reason="x",
        health_kind="io error",
    )
    roll(world, 60)
    assert world.versions() == {NEW: 4}
    assert world.memory.failed is None
    assert sick not in world.members


def test_a_member_that_never_comes_into_service_has_failed() -> None:
    world = World(go_to(NEW), start(), has_health=False)
    world.run()
    new = next(name for name, member in world.members.items() if member.version == NEW)
    stuck = dataclasses.replace(world.members[new], in_service=False)
    actions = []
    for _run in range(4):
        if new in world.members:
            world.members[new] = stuck
        actions += [(a.action, a.name) for a in world.run().actions]
    assert ("serve", new) in actions
    assert world.memory.failed == NEW
    assert "has not come into service" in (world.memory.reason or "")
    assert world.versions() == {OLD: 4}


def test_a_paused_rollout_goes_no_further_and_growth_is_of_the_old_version() -> None:
    world = World(go_to(NEW, state="paused"), start())
    assert roll(world, 3)[-1].phase == "paused"
    world.demand = 70.0
    world.run()
    assert world.versions() == {OLD: 7}


def test_growth_is_of_the_old_version_until_the_canary_has_proven_itself() -> None:
    world = World(go_to(NEW, bake=5 * MINUTE), start())
    world.run()
    world.demand = 80.0
    world.run()
    assert world.versions() == {OLD: 7, NEW: 1}
    roll(world, 80)
    assert world.versions() == {NEW: 8}


def test_a_rollout_may_wait_for_the_trough() -> None:
    world = World(go_to(NEW, at="trough"), start())
    observed = world.observe()
    values = (*range(10, 50, 2), *range(50, 10, -2))

    def phase(values: t.Sequence[float]) -> str:
        series = Series(
            MINUTE, int(world.now) - (len(values) - 1) * MINUTE, tuple(map(float, values))
        )
        return decide(
            dataclasses.replace(observed, series=series), RULE, TrendRule(0.5), upkeep=world.upkeep
        ).phase

    assert phase(values[:25]) == "waiting"
    assert phase(values) == "canary"
    assert phase((40,) * 30) == "canary"


def test_an_old_member_wakes_at_any_time_and_rolls_later() -> None:
    world = World(go_to(NEW), start())
    roll(world, 40)
    world.members["web-99"] = Member("web-99", "b", "saved", created=0.0, since=0.0, version=OLD)
    world.demand = 50.0
    plan = world.run()
    assert [(a.action, a.name, a.appliance) for a in plan.actions] == [("wake", "web-99", OLD)]
    roll(world, 20)
    assert world.versions() == {NEW: 5}


def test_parked_members_are_renewed_when_the_fleet_has_rolled() -> None:
    rule = dataclasses.replace(RULE, parked=2)
    members = start()
    for name in ("web-5", "web-6"):
        members[name] = Member(name, "b", "saved", created=0.0, since=0.0, version=OLD)
    world = World(go_to(NEW), members, rule=rule)
    fewest = 2
    for _run in range(60):
        world.run()
        fewest = min(fewest, sum(m.state == "saved" for m in world.members.values()))
    assert world.versions() == {NEW: 4}
    assert {m.version for m in world.members.values()} == {NEW}
    assert (len(world.members), fewest) == (6, 2)


def test_what_an_operator_keeps_stays_and_the_rest_rolls() -> None:
    members = start()
    members["web-1"] = dataclasses.replace(members["web-1"], protected=True)
    members["pet"] = Member("pet", "a", labelled=True, created=0.0, since=0.0)
    world = World(go_to(NEW), members)
    roll(world, 60)
    assert world.versions() == {NEW: 2, OLD: 1, None: 1}
    assert world.decide().actions == ()


def test_nothing_rolls_while_a_host_is_not_known() -> None:
    world = World(go_to(NEW), start(), unknown={"c": "it did not answer"})
    plan = world.run()
    assert (plan.phase, plan.actions) == ("waiting", ())
    assert "The rollout waits: c did not tell about its machines." in plan.reasons


def test_a_check_that_nobody_ever_passed_fails_no_version() -> None:
    world = World(go_to(NEW), start(), bad=frozenset({OLD, NEW}))
    plans = roll(world, 15)
    assert world.versions().get(OLD) == 4
    assert world.memory.failed is None
    assert "the check is doubted" in (plans[-1].alert.reason or "")


ROLLOUTS = st.builds(
    Rollout,
    surge=st.sampled_from([Share(1), Share(3), Share(percent=100)]),
    canary=st.sampled_from([Share(0), Share(1), Share(percent=30)]),
    bake=st.sampled_from([0, MINUTE, 5 * MINUTE]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.randoms(use_true_random=False), ROLLOUTS, st.integers(1, 8), st.booleans(), st.integers(0, 2)
)
def test_killed_at_any_moment_it_converges(
    chance: random.Random, rollout: Rollout, count: int, is_bad: bool, parked: int
) -> None:
    world = World(
        Upkeep(appliance=NEW, rollout=rollout),
        start(count),
        demand=count * 10.0,
        bad=frozenset({NEW}) if is_bad else frozenset(),
        rule=dataclasses.replace(RULE, parked=parked),
    )
    for _run in range(25):
        if chance.random() < 0.2:
            world.demand = float(chance.randrange(1, 9) * 10)
        world.run(chance)
    plans = roll(world, 150)
    goal = OLD if is_bad else NEW
    assert set(world.versions()) == {goal}, plans[-1].reasons
    assert plans[-1].actions == (), plans[-1].reasons
    assert world.memory.stable == goal
    assert world.memory.failed == (NEW if is_bad else None)
    if is_bad and rollout.canary != Share(0):
        assert world.peak_new <= rollout.canary.of(RULE.max)


@pytest.mark.parametrize(
    ("text", "share"), [("2", Share(2)), ("25%", Share(percent=25)), ("100 %", Share(percent=100))]
)
def test_a_share_is_a_number_or_percent(text: str, share: Share) -> None:
    assert read_share("x", text) == share


@pytest.mark.parametrize("text", ["", "-1", "half", "1.5", "%", "1%%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"rollout\.canary"):
        read_share("rollout.canary", text)


def test_a_rollout_that_cannot_be_meant_is_refused() -> None:
    plain = {name: option.get("default") for name, option in ROLLOUT.items()}
    assert read_rollout(plain) == Rollout()
    for name, value in (("surge", "0"), ("surge", "0%"), ("bake", -1), ("max_failures", -1)):
        with pytest.raises(InvalidInput, match=f"rollout.{name}"):
            read_rollout({**plain, name: value})


@given(
    st.none()
    | st.text()
    | st.dictionaries(
        st.sampled_from(["format", "stable", "failed", "reason"]),
        st.none() | st.integers() | st.text(),
    )
)
def test_any_memory_can_be_read(data: t.Any) -> None:
    memory = build_memory(data)
    assert build_memory(memory.as_dict()) == memory
