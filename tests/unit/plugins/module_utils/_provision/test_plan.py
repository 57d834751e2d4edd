# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import TrendRule
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import (
    check_unchanged,
    decide,
    digest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.schedule import Event

HOUR = 3600
CLONE = Size(1, 10, 100)
RULE = Rule(
    capacity=10, max=8, min=1, interval=HOUR, headroom=0, cooldown=2 * HOUR, scale_in_limit=8
)


def host(name: str, clones: int = 20, members: int = 0) -> HostRoom:
    """A host with room for so many clones."""
    return HostRoom(name, Size(clones, clones * 10, clones * 100), members)


def fleet(*machines: str | Member) -> tuple[Member, ...]:
    return tuple(
        one if isinstance(one, Member) else Member(one, "a", uuid=f"uuid of {one}")
        for one in machines
    )


def running(count: int) -> tuple[Member, ...]:
    return fleet(*(f"web-{number}" for number in range(1, count + 1)))


def observed(
    values: t.Sequence[float | None], members: tuple[Member, ...], **more: t.Any
) -> Observation:
    """A fleet "web" with that demand, on the hosts a and b unless told otherwise."""
    more.setdefault("rooms", (host("a", members=len(members)), host("b")))
    now = more.pop("now", max(0, len(values) - 1) * HOUR + 5)
    return Observation("web", now, Series(HOUR, 0, tuple(values)), CLONE, members, **more)


def plan(
    values: t.Sequence[float | None], members: tuple[Member, ...], rule: Rule = RULE, **more: t.Any
) -> Plan:
    return decide(observed(values, members, **more), rule, TrendRule())


def names(made: Plan, verb: str) -> list[str]:
    return [action.name for action in made.actions if action.action == verb]


def said(made: Plan) -> str:
    return "\n".join(made.reasons)


def after(state: Observation, made: Plan) -> Observation:
    """What is observed when the plan has been carried out."""
    gone = {action.name for action in made.actions if action.action == "remove"}
    new_state = {"wake": "running", "park": "saved"}
    states = {
        action.name: new_state[action.action]
        for action in made.actions
        if action.action in new_state
    }
    created = [action for action in made.actions if action.action in ("create", "prepare")]
    members = [
        dataclasses.replace(member, state=states.get(member.name, member.state))
        for member in state.members
        if member.name not in gone
    ]
    members += [
        Member(
            action.name,
            action.host,
            "running" if action.action == "create" else "saved",
            created=state.now,
        )
        for action in created
    ]
    freed = [member for member in state.members if member.name in gone]
    rooms = tuple(_room_after(room, created, freed) for room in state.rooms)
    return dataclasses.replace(state, members=tuple(members), rooms=rooms)


def _room_after(room: HostRoom, created: t.Sequence[t.Any], freed: t.Sequence[Member]) -> HostRoom:
    delta = sum(one.host == room.name for one in freed) - sum(
        one.host == room.name for one in created
    )
    free = Size(
        room.free.vcpus + delta * CLONE.vcpus,
        room.free.memory_bytes + delta * CLONE.memory_bytes,
        room.free.disk_bytes + delta * CLONE.disk_bytes,
    )
    return dataclasses.replace(room, free=free, members=room.members - delta)


def test_the_seed_example_alerts_at_the_first_doubling_and_is_ready_for_hour_three() -> None:
    calm = plan((5, 5), running(1))
    assert (calm.alert.raised, calm.actions) == (False, ())
    first = plan((5, 5, 10), running(1))
    assert (first.alert.raised, first.target) == (True, 1)
    second = plan((5, 5, 10, 20), running(1))
    assert second.target == 4
    assert second.target * RULE.capacity >= 40
    assert "Demand rose 5 → 10 → 20; each gap is 2 times the one before." in second.reasons
    assert "In 1 h 40 is expected." in second.reasons
    assert second.group_by_host("create") == {"b": ["web-2", "web-4"], "a": ["web-3"]}


def test_sentences_name_the_unit_of_the_demand() -> None:
    made = plan((5, 5, 10, 20), running(1), rule=dataclasses.replace(RULE, unit="requests/h"))
    assert made.alert.reason == "Demand doubled from one interval to the next (10 → 20 requests/h)."
    assert "Demand rose 5 → 10 → 20 requests/h; each gap is 2 times the one before." in made.reasons
    assert "In 1 h 40 requests/h is expected." in made.reasons
    assert "That takes 4 machines of 10 requests/h each; 1 runs." in made.reasons


def test_a_spike_alerts_once_takes_one_step_and_is_cleaned_up_after_the_cooldown() -> None:
    state = observed((5,) * 10, running(1))
    sizes, alerts = [], []
    for values in itertools.accumulate([(50.0,), *[(5.0,)] * 4], initial=(5.0,) * 10):
        made = decide(
            dataclasses.replace(state, series=Series(HOUR, 0, values), now=len(values) * HOUR),
            RULE,
            TrendRule(),
        )
        state = after(state, made)
        sizes.append(made.target)
        alerts.append(made.alert.raised)
    assert sizes == [1, 5, 5, 5, 1, 1]
    assert alerts == [False, True, False, False, False, False]


def test_growth_stops_at_the_maximum() -> None:
    assert plan((500,), running(1)).target == 8


def test_growth_is_limited_for_the_interval_and_not_only_for_the_run() -> None:
    rule = dataclasses.replace(RULE, scale_out_limit=3)
    state = observed((500,), running(1))
    made = decide(state, rule, TrendRule())
    assert made.target == 4
    assert (
        "4 more machines are needed but not made: one interval may add 3 (rule.scale_out_limit)."
        in made.reasons
    )
    assert decide(after(state, made), rule, TrendRule()).actions == ()


def test_growth_stops_at_the_hosts_resources_and_says_so() -> None:
    made = plan((80,), running(1), rooms=(host("a", 1, members=1), host("b", 2)))
    assert names(made, "create") == ["web-2", "web-3", "web-4"]
    assert "4 more machines are needed but not made" in said(made)
    assert "a has no room" in said(made)


def test_what_exists_is_woken_before_anything_is_made_the_quickest_first() -> None:
    members = fleet(
        "web-1",
        Member("web-2", "a", "crashed"),
        Member("web-3", "a", "saved"),
        Member("web-4", "b", "paused"),
    )
    assert names(plan((30,), members), "wake") == ["web-4", "web-3"]
    made = plan((50,), members)
    assert [(action.action, action.name) for action in made.actions] == [
        ("wake", "web-4"),
        ("wake", "web-3"),
        ("wake", "web-2"),
        ("create", "web-5"),
    ]


def test_what_an_outage_took_down_is_brought_back_although_demand_went_with_it() -> None:
    members = fleet(*(Member(f"web-{number}", "a", "crashed") for number in range(1, 5)))
    made = plan((35, 35, 35, 0), members)
    assert names(made, "wake") == ["web-1", "web-2", "web-3", "web-4"]
    assert names(made, "create") == []


def test_a_machine_that_is_going_down_counts_towards_the_maximum() -> None:
    made = plan((80,), (*running(6), Member("web-7", "a", "shutdown")))
    assert names(made, "create") == ["web-8"]
    assert "1 more machine is needed but not made" in said(made)


def test_new_names_fill_the_holes() -> None:
    assert names(plan((50,), fleet("web-1", "web-3", "web-x", "web-04", "webby-2")), "create") == []
    assert names(plan((70,), fleet("web-1", "web-3", "web-x", "web-04", "webby-2")), "create") == [
        "web-2",
        "web-4",
    ]


def test_new_names_stay_clear_of_what_an_unreachable_host_may_have() -> None:
    made = plan((30,), fleet("web-1", "web-12"), unknown={"c": "it did not answer"})
    assert names(made, "create") == ["web-13"]
    assert "c is not counted: it did not answer." in made.reasons


def test_the_most_idle_go_and_the_youngest_of_equals() -> None:
    members = fleet(
        Member("web-1", "a", activity=0.5, created=1),
        Member("web-2", "a", activity=0.1, created=2),
        Member("web-3", "a", activity=0.1, created=3),
        Member("web-4", "a", activity=0.9, created=4),
    )
    assert names(plan((15,) * 9, members), "remove") == ["web-3", "web-2"]


def test_a_protected_machine_stays() -> None:
    members = tuple(dataclasses.replace(member, protected=True) for member in running(3))
    made = plan((5,) * 9, members)
    assert made.actions == ()
    assert "3 machines cannot go: protected." in made.reasons


def test_one_run_takes_no_more_than_the_limit() -> None:
    made = plan((5,) * 9, running(6), dataclasses.replace(RULE, scale_in_limit=2))
    assert (len(made.actions), made.target) == (2, 4)
    assert (
        "3 more machines can go in later runs: one run takes 2 (rule.scale_in_limit)."
        in made.reasons
    )


def test_the_cooldown_keeps_what_was_needed_within_it() -> None:
    made = plan((5, 5, 5, 5, 5, 38, 5, 5), running(4))
    assert made.actions == ()
    assert "4 machines stay: within the last 2 h (rule.cooldown) 4 were needed." in made.reasons
    assert len(names(plan((5, 5, 5, 5, 5, 38, 5, 5, 5), running(4)), "remove")) == 3


@pytest.mark.parametrize(
    ("values", "unknown", "words"),
    [
        ((5, 5, 5, None), {}, "the demand of 1 of the last 3 intervals is not known"),
        ((5, None, None, 5), {}, "the demand of 2 of the last 3 intervals is not known"),
        ((5, 5), {}, "the history covers 1 h of the 2 h of cooldown"),
        ((5, 5, 5, 5), {"c": "it did not answer"}, "c did not tell about its machines"),
    ],
)
def test_what_is_not_known_never_shrinks(
    values: tuple[float | None, ...], unknown: dict[str, str], words: str
) -> None:
    made = plan(values, running(4), unknown=unknown)
    assert made.actions == ()
    assert f"Nothing is removed: {words}." in made.reasons


def test_one_lost_sample_holds_no_growth_up_and_is_not_taken_for_a_small_one() -> None:
    assert plan((5, 5, 5, None, 35), running(1)).target == 4
    assert plan((5, 5, 5, None, 5), running(4)).target == 4
    assert plan((5, 5, 5, None, 5, 5, 5), running(4)).target == 1


def test_a_machine_of_unknown_activity_stays_and_the_busiest_of_the_others_as_well() -> None:
    members = fleet(
        Member("web-1", "a", activity=0.5),
        Member("web-2", "a"),
        Member("web-3", "a", activity=0.1),
        Member("web-4", "a"),
    )
    made = plan((15,) * 9, members)
    assert names(made, "remove") == ["web-3"]
    assert "web-2 and web-4 stay: how busy is not known." in made.reasons
    assert names(plan((15,) * 9, members[:2]), "remove") == []
    assert names(plan((5,) * 9, members[1:3]), "remove") == []


def test_why_demand_is_not_known_is_told() -> None:
    reasons = {2 * HOUR: "store eu-2 did not answer", 3 * HOUR: "store eu-2 did not answer"}
    series = Series(HOUR, 0, (5, 5, None, None), reasons)
    state = dataclasses.replace(observed((5, 5, None, None), running(4)), series=series)
    made = decide(state, RULE, TrendRule())
    words = "2 of the last 3 intervals is not known (store eu-2 did not answer)"
    assert f"Nothing is removed: the demand of {words}." in made.reasons


def test_without_any_demand_the_fleet_keeps_its_size_and_its_minimum() -> None:
    assert plan((), running(4)).target == 4
    assert plan((None,), (), dataclasses.replace(RULE, min=2)).target == 2
    assert (
        "No demand is known yet: the fleet keeps its 4 machines, at least 1 (rule.min)."
        in plan((), running(4)).reasons
    )


def test_what_is_scheduled_is_there_whatever_the_forecast_says() -> None:
    sale = Event("the sale", start=5 * HOUR, end=7 * HOUR, machines=6)
    rule = dataclasses.replace(RULE, schedule=(sale,))
    assert plan((5,) * 4, running(1), rule).target == 1
    made = plan((5,) * 5, running(1), rule)
    assert made.target == 6
    assert "6 machines at least for what is scheduled: the sale." in made.reasons
    assert plan((), (), rule, now=5 * HOUR).target == 6
    assert plan((5,) * 9, running(6), rule).actions == ()  # the cooldown begins when it is over
    assert plan((5,) * 10, running(6), rule).target == 1


def test_a_fleet_that_only_grows_says_so() -> None:
    rule = dataclasses.replace(RULE, mode="scale_out_only")
    assert plan((5,) * 9, running(4), rule).actions == ()
    assert (
        "Nothing is removed: the fleet only grows (rule.mode)."
        in plan((5,) * 9, running(4), rule).reasons
    )
    assert plan((40,) * 9, running(1), rule).target == 4


@pytest.mark.parametrize(("choice", "target"), [("forecast", 4), ("hold", 2), ("max", 8)])
def test_missing_data_is_met_as_the_rule_says(choice: t.Any, target: int) -> None:
    rule = dataclasses.replace(RULE, on_missing_data=choice)
    assert plan((35, 35, None), running(2), rule).target == target
    assert plan((35, 35, 35), running(2), rule).target == 4


def test_a_surplus_within_the_hysteresis_stays() -> None:
    rule = dataclasses.replace(RULE, hysteresis=0.25)
    made = plan((55,) * 9, running(8), rule)
    assert made.actions == ()
    assert (
        "2 machines too many, which is within 25 % of the fleet (rule.hysteresis)." in made.reasons
    )
    assert plan((45,) * 9, running(8), rule).target == 5


@pytest.mark.parametrize("moment", ["created", "since"])
def test_more_may_be_too_many_just_after_the_fleet_grew(moment: str) -> None:
    rule = dataclasses.replace(RULE, hysteresis=0.2)
    *members, youngest = running(8)

    def plan_after(slots: int, demand: float) -> Plan:
        grown: dict[str, t.Any] = {moment: (8 - slots) * HOUR + 5.0}
        new = dataclasses.replace(youngest, **grown)
        return plan((demand,) * 9, (*members, new), rule)

    assert plan_after(7, 45).target == 5
    assert plan_after(6, 45).target == 8
    assert plan_after(6, 25).target == 3
    assert (
        "3 machines too many: the fleet grew within the last 6 intervals, and then 50 % of it may be, and always one "
        "(rule.hysteresis)."
    ) in plan_after(0, 45).reasons


def test_machines_that_the_rule_protects_stay() -> None:
    made = plan((5,) * 9, running(3), dataclasses.replace(RULE, protected=("web-[23]",)))
    assert names(made, "remove") == ["web-1"]


def test_a_fleet_is_packed_when_the_rule_says_so() -> None:
    rooms = (host("a", 2), host("b", 3))
    assert plan((40,), (), dataclasses.replace(RULE, spread="pack"), rooms=rooms).group_by_host(
        "create"
    ) == {
        "a": ["web-1", "web-2"],
        "b": ["web-3", "web-4"],
    }


def test_no_host_holds_more_than_the_rule_allows() -> None:
    made = plan((60,), running(1), dataclasses.replace(RULE, max_per_host=2))
    assert {
        where: len(made_there) for where, made_there in made.group_by_host("create").items()
    } == {
        "a": 1,
        "b": 2,
    }
    assert "hosts with room have 2 of the fleet's machines already (rule.max_per_host)" in said(
        made
    )


def test_a_plan_for_other_machines_is_refused() -> None:
    reviewed = plan((5,), running(2))
    check_unchanged(reviewed.digest, plan((50,), running(2)))
    with pytest.raises(Conflict, match="Make a new plan"):
        check_unchanged(reviewed.digest, plan((5,), running(3)))


def test_what_is_over_is_parked_first_and_removed_when_enough_are() -> None:
    rule = dataclasses.replace(RULE, parked=2)
    made = plan((5,) * 9, running(4), rule)
    assert [(action.action, action.name) for action in made.actions] == [
        ("park", "web-4"),
        ("park", "web-3"),
        ("remove", "web-2"),
    ]


def test_machines_are_made_ahead_to_be_parked() -> None:
    rule = dataclasses.replace(RULE, parked=2)
    made = plan((5,) * 3, running(1), rule)
    assert made.group_by_host("prepare") == {"b": ["web-2"], "a": ["web-3"]}
    assert made.target == 1
    assert "2 machines are made to be parked: web-2 on b and web-3 on a." in made.reasons
    assert (
        plan(
            (5,) * 3,
            fleet("web-1", Member("web-2", "a", "saved"), Member("web-3", "b", "paused")),
            rule,
        ).actions
        == ()
    )


def test_what_was_woken_is_made_again_as_far_as_the_maximum_goes() -> None:
    rule = dataclasses.replace(RULE, parked=2, max=5)
    members = fleet("web-1", Member("web-2", "a", "saved"), Member("web-3", "b", "saved"))
    assert [(one.action, one.name) for one in plan((28,), members, rule).actions] == [
        ("wake", "web-2"),
        ("wake", "web-3"),
        ("prepare", "web-4"),
        ("prepare", "web-5"),
    ]
    assert [(one.action, one.name) for one in plan((48,), members, rule).actions] == [
        ("wake", "web-2"),
        ("wake", "web-3"),
        ("create", "web-4"),
        ("create", "web-5"),
    ]


def test_machines_that_are_needed_come_before_those_to_be_parked() -> None:
    rule = dataclasses.replace(RULE, parked=2, scale_out_limit=3)
    made = plan((28,), running(1), rule)
    assert (names(made, "create"), names(made, "prepare")) == (["web-2", "web-3"], ["web-4"])
    assert (
        "1 machine is to be parked but not made: one interval may add 3 (rule.scale_out_limit)."
        in made.reasons
    )


def test_nothing_is_made_ahead_while_machines_are_over_or_a_host_is_silent() -> None:
    rule = dataclasses.replace(RULE, parked=2)
    assert names(plan((5, 5, 5, 5, 38, 5), running(4), rule), "prepare") == []
    assert (
        names(plan((5,) * 3, running(1), rule, unknown={"c": "it did not answer"}), "prepare") == []
    )


SWINGING = (
    20.0,
    26.0,
    21.0,
    31.0,
    24.0,
    22.0,
    35.0,
    23.0,
    28.0,
    21.0,
    25.0,
    33.0,
    22.0,
    26.0,
    24.0,
)


def test_the_number_parked_follows_the_upper_value_of_a_smaller_risk() -> None:
    rule = dataclasses.replace(
        RULE, capacity=4, max=30, parked=1, parked_max=4, risk=0.5, cooldown=0
    )
    state = observed(SWINGING, running(6))

    def parked(risk: float, rule: Rule = rule) -> int:
        return len(names(decide(state, rule, TrendRule(0.5), TrendRule(risk)), "prepare"))

    assert [parked(risk) for risk in (0.5, 0.3, 0.01)] == [1, 2, 3]
    assert parked(0.01, dataclasses.replace(rule, parked_max=2)) == 2
    assert parked(0.01, dataclasses.replace(rule, parked_max=1)) == 1
    assert "at a risk of 1 %" in said(decide(state, rule, TrendRule(0.5), TrendRule(0.01)))


def test_spare_machines_go_the_least_ready_first() -> None:
    members = fleet("web-1", Member("web-2", "a", "saved"), Member("web-3", "a", "shutoff"))
    assert names(plan((5,) * 9, members), "remove") == ["web-3", "web-2"]
    assert names(plan((5,) * 9, members, dataclasses.replace(RULE, parked=1)), "remove") == [
        "web-3"
    ]


def test_the_digest_follows_the_machines_and_not_their_order() -> None:
    first, second = running(2)
    assert digest([first, second]) == digest([second, first])
    assert digest([first]) != digest([first, second])
    assert digest([first]) != digest([dataclasses.replace(first, state="paused")])
    assert digest([first]) != digest([first], unknown={"c": "gone"})


STATES = [
    "running",
    "running",
    "running",
    "paused",
    "saved",
    "shutoff",
    "crashed",
    "shutdown",
    "nostate",
]
MEMBERS = st.lists(
    st.builds(
        Member,
        name=st.integers(1, 30).map("web-{}".format),
        host=st.sampled_from("ab"),
        state=st.sampled_from(STATES),
        protected=st.booleans(),
        created=st.one_of(st.none(), st.floats(0, 1e6)),
        activity=st.one_of(st.none(), st.floats(0, 8)),
    ),
    max_size=10,
    unique_by=lambda member: member.name,
).map(tuple)
DEMANDS = st.lists(st.one_of(st.none(), st.floats(0, 200)), max_size=12)
ROOMS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(
    lambda clones: (host("a", clones[0]), host("b", clones[1]))
)
RULES = st.builds(
    lambda lower, more, **others: Rule(
        capacity=10, min=lower, max=max(1, lower + more), interval=HOUR, **others
    ),
    st.integers(0, 5),
    st.integers(0, 10),
    horizon=st.sampled_from([None, 2 * HOUR, 5 * HOUR]),
    cooldown=st.sampled_from([0, HOUR, 3 * HOUR]),
    scale_in_limit=st.integers(0, 20),
    scale_out_limit=st.one_of(st.none(), st.integers(1, 5)),
    parked=st.integers(0, 3),
    parked_max=st.sampled_from([None, 3, 6]),
    n_plus_one=st.booleans(),
    hysteresis=st.sampled_from([0.0, 0.3]),
    on_missing_data=st.sampled_from(["forecast", "hold", "max"]),
    spread=st.sampled_from(["even", "pack"]),
    max_per_host=st.one_of(st.none(), st.integers(1, 6)),
    protected=st.sampled_from([(), ("web-1*",)]),
    mode=st.sampled_from(["act", "scale_out_only"]),
    schedule=st.lists(
        st.builds(
            Event,
            st.just("sale"),
            st.just(2 * HOUR),
            st.just(4 * HOUR),
            machines=st.integers(0, 20),
        ),
        max_size=1,
    ).map(tuple),
)
UNKNOWN = st.sampled_from([{}, {"c": "it did not answer"}])


@given(DEMANDS, MEMBERS, ROOMS, RULES, UNKNOWN)
def test_what_always_holds(
    values: list[float | None],
    members: tuple[Member, ...],
    rooms: tuple[HostRoom, ...],
    rule: Rule,
    unknown: dict[str, str],
) -> None:
    state = observed(values, members, rooms=rooms, unknown=unknown)
    made = decide(state, rule, TrendRule(), TrendRule(0.01))
    done = after(state, made)
    before, now = len(state.running), len(done.running)

    assert made == decide(state, rule, TrendRule(), TrendRule(0.01))
    assert (made.running, made.target) == (before, now)
    assert len({member.name for member in done.members}) == len(done.members)

    removed = names(made, "remove")
    stay = {member.name for member in members if member.protected or rule.protects(member.name)}
    assert not stay & {*removed, *names(made, "park")}
    assert len(removed) + len(names(made, "park")) <= rule.scale_in_limit
    if unknown or not values or values[-1] is None or rule.mode == "scale_out_only":
        assert removed == names(made, "park") == []

    assert now <= max(rule.max, before)
    assert len(done.members) <= max(rule.max + rule.most_parked, len(members))
    if names(made, "prepare"):
        assert not unknown
        assert now + len(done.spare) <= max(rule.max, before)
        assert len(done.spare) <= rule.most_parked
    assert now >= min(rule.min, before)
    if now < rule.min:  # only for want of room, or held back by a limit that the rule sets
        assert "not made" in said(made)

    for room in rooms:
        created = sum(
            action.host == room.name
            for action in made.actions
            if action.action in ("create", "prepare")
        )
        assert created <= room.free.count_fits(CLONE)


@given(DEMANDS, MEMBERS, ROOMS, RULES, UNKNOWN)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    values: list[float | None],
    members: tuple[Member, ...],
    rooms: tuple[HostRoom, ...],
    rule: Rule,
    unknown: dict[str, str],
) -> None:
    unhurried = dataclasses.replace(
        rule, scale_in_limit=1000, scale_out_limit=None, n_plus_one=False
    )
    state = observed(values, members, rooms=rooms, unknown=unknown)
    made = decide(state, unhurried, TrendRule(), TrendRule(0.01))
    left = decide(after(state, made), unhurried, TrendRule(), TrendRule(0.01)).actions
    # Only what removals set free may be taken by clones that there was no room for.
    making = ("create", "prepare")
    assert [
        action for action in left if action.action not in making or not names(made, "remove")
    ] == []


def test_the_zeros_of_a_fleet_that_is_off_are_missing_data() -> None:
    members = fleet(*(Member(f"web-{number}", "a", "shutoff") for number in range(1, 5)))
    after = plan((40, 40, 40, 40, None, None, None, None, None, 0), members)
    assert len(names(after, "wake")) == 4
    assert "its demand is not known" in said(after)
    assert names(plan((40,) * 4 + (0,) * 8, members), "remove") == []


def test_a_fleet_that_was_parked_at_no_demand_stays_parked() -> None:
    members = fleet(*(Member(f"web-{number}", "a", "saved") for number in range(1, 5)))
    assert len(names(plan((40,) * 4 + (0,) * 8, members), "wake")) <= 1


def test_a_machine_that_libvirt_stopped_is_broken_and_neither_woken_nor_removed() -> None:
    members = fleet(
        Member("web-1", "a", "paused", state_reason="ioerror"),
        Member("web-2", "a", "paused", state_reason="migration"),
        Member("web-3", "a", "paused", state_reason="user"),
    )
    made = plan((20,), members)
    assert [(action.action, action.name) for action in made.actions] == [
        ("wake", "web-3"),
        ("create", "web-4"),
    ]
    assert [member.is_broken for member in members] == [True, False, False]


def test_a_machine_of_which_nothing_is_known_goes_after_those_that_are_idle() -> None:
    members = fleet(
        Member("web-1", "a", activity=0.9, created=1.0),
        Member("web-2", "a", activity=0.05, created=2.0),
        Member("web-3", "a", created=3.0),
    )
    assert names(plan((20,) * 20, members), "remove") == ["web-2"]


@pytest.mark.parametrize("state", ["saved", "shutoff", None])
def test_a_fleet_that_measures_itself_comes_back_from_none(state: str | None) -> None:
    """Of no machine a demand of 0 is measured, whatever the users ask for."""
    rule = dataclasses.replace(RULE, min=0)
    members = fleet(Member("web-1", "a", state)) if state else ()
    own = plan((0,) * 10, members, rule)
    assert [action.action for action in own.actions] == ["wake" if state else "create"]
    elsewhere = plan((0,) * 10, members, rule, measured_elsewhere=True)
    assert names(elsewhere, "wake") == names(elsewhere, "create") == []
    assert "although rule.min is 0" not in said(elsewhere)


def test_the_last_machine_of_a_fleet_that_measures_itself_stays() -> None:
    rule = dataclasses.replace(RULE, min=0, cooldown=0)
    own = plan((0,) * 10, running(1), rule)
    assert own.actions == ()
    assert "although rule.min is 0" in said(own)
    gone = plan((0,) * 10, running(1), rule, measured_elsewhere=True)
    assert [action.action for action in gone.actions] in (["remove"], ["park"])
