# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member counts when it was put into service and shows that it serves; else it is replaced, the new one first."""

from __future__ import annotations

import dataclasses
import typing as t

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
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
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.upkeep import (
    Share,
    Upkeep,
)

MINUTE = 60
RULE = Rule(capacity=10, max=12, interval=MINUTE, headroom=0, cooldown=MINUTE)
WELL: t.Final[dict[str, t.Any]] = {"healthy": True, "health_kind": "passed", "has_passed": True}


def member(number: int, **more: t.Any) -> Member:
    return dataclasses.replace(
        Member(f"web-{number}", "a", created=0.0, version="web:1.0", activity=1.0 * number, **WELL),
        **more,
    )


def sick(number: int, kind: str = "refused", **more: t.Any) -> Member:
    reason = {"refused": "nothing listens on port 80", "hung": "it hangs"}.get(kind, kind)
    more = {"has_passed": True, **more}
    return member(number, healthy=False, health_kind=kind, health_reason=reason, **more)


def plan(members: t.Iterable[Member], need: int, rule: Rule = RULE, **more: t.Any) -> Plan:
    most = more.pop("max_unhealthy", Share(percent=50))
    observed = Observation(
        "web",
        605.0,
        Series(MINUTE, 0, (need * 10.0,) * 11),
        Size(1, 10, 100),
        tuple(members),
        rooms=(HostRoom("a", Size(90, 900, 9000)),),
        measured_elsewhere=True,
        **more,
    )
    return decide(observed, rule, TrendRule(0.5), upkeep=Upkeep(max_unhealthy=most))


def acts(made: Plan) -> list[tuple[str, str]]:
    return [(action.action, action.name) for action in made.actions]


def test_an_unhealthy_member_is_replaced_and_goes_once_the_new_one_serves() -> None:
    members = [member(1), member(2), sick(3)]
    first = plan(members, 3)
    assert acts(first) == [("create", "web-4")]
    assert (first.running, first.target) == (2, 3)
    assert "web-3 on a is unhealthy: nothing listens on port 80." in first.reasons
    coming = member(4, healthy=None, health_kind="refused", awaited=True)
    assert acts(plan([*members, coming], 3)) == []
    last = plan([*members, member(4)], 3)
    assert [(a.action, a.name, a.reason) for a in last.actions] == [
        ("remove", "web-3", "it is unhealthy: nothing listens on port 80")
    ]


def test_what_is_paused_by_its_storage_or_has_panicked_is_replaced_too() -> None:
    broken = sick(3, "io error", state="paused", state_reason="ioerror")
    crashed = sick(4, "crashed", state="crashed")
    members = [member(1), member(2), broken, crashed]
    assert acts(plan(members, 4)) == [("create", "web-5"), ("create", "web-6")]
    assert acts(plan([*members, member(5), member(6)], 4)) == [
        ("remove", "web-3"),
        ("remove", "web-4"),
    ]


def test_more_than_may_be_unhealthy_at_once_are_left_alone_and_told() -> None:
    made = plan([member(1), *(sick(number, "silent") for number in (2, 3, 4))], 4)
    assert acts(made) == []
    assert made.alert.raised
    assert "3 members are unhealthy at once (web-2, web-3 and web-4), and 2 may be" in (
        made.alert.reason or ""
    )
    assert acts(plan([member(1), sick(2), sick(3), sick(4)], 4, max_unhealthy=Share(3))) != []


def test_what_is_never_replaced_does_not_keep_the_others_from_it() -> None:
    kept = [sick(number, "hung", protected=True) for number in (1, 2, 3)]
    assert acts(plan([*kept, member(4), sick(5)], 2)) == [("create", "web-6")]


def test_a_storage_that_fails_for_all_brings_no_machines_either() -> None:
    broken = [sick(n, "io error", state="paused", state_reason="ioerror") for n in (1, 2, 3)]
    made = plan([*broken, member(4)], 4)
    assert acts(made) == []
    assert "it is paused" not in (made.alert.reason or "")
    assert made.alert.raised


def test_a_check_that_nobody_has_ever_passed_is_doubted() -> None:
    members = [sick(number, has_passed=False) for number in (1, 2)]
    made = plan(members, 2, max_unhealthy=Share(percent=100))
    assert acts(made) == []
    assert "the check is doubted" in (made.alert.reason or "")
    assert plan(members, 2).running == 2


def test_the_only_member_is_replaced_when_it_had_passed_before() -> None:
    assert acts(plan([sick(1)], 1)) == [("create", "web-2")]
    assert acts(plan([sick(1, has_passed=False)], 1)) == []
    assert acts(plan([sick(1, "hung", has_passed=False)], 1)) == [("create", "web-2")]


def test_what_was_not_put_into_service_is_put_there_and_not_made_again() -> None:
    made = plan([member(1), member(2, in_service=False)], 2)
    assert acts(made) == [("serve", "web-2")]
    assert (made.running, made.target) == (1, 2)
    assert "1 machine is put into service: web-2 on a." in made.reasons
    assert made.list_appliances() == {"web-2": "web:1.0"}


def test_what_does_not_serve_yet_lets_nothing_go() -> None:
    assert acts(plan([member(1), member(2, in_service=False)], 1)) == [("serve", "web-2")]


def test_nothing_unhealthy_goes_while_a_host_or_the_demand_is_not_known() -> None:
    members = [member(1), member(2), sick(3)]
    assert acts(plan(members, 2)) == [("remove", "web-3")]
    assert acts(plan(members, 2, unknown={"b": "it did not answer"})) == []
    assert acts(plan(members, 2, dataclasses.replace(RULE, mode="scale_out_only"))) == []
    assert acts(plan(members, 2, dataclasses.replace(RULE, scale_in_limit=0))) == []


def test_a_labelled_guest_counts_and_nothing_is_done_to_it() -> None:
    pet = Member("pet", "a", labelled=True, activity=0.0)
    assert acts(plan([pet, member(1), member(2)], 2)) == [("remove", "web-1")]
    assert acts(plan([dataclasses.replace(pet, state="shutoff"), member(1)], 2)) == [
        ("create", "web-2")
    ]
    unwell = dataclasses.replace(pet, healthy=False, health_kind="hung", health_reason="it hangs")
    assert acts(plan([unwell, member(1), member(2)], 2)) == []
    assert acts(plan([dataclasses.replace(pet, in_service=False), member(1)], 1)) == []


MEMBERS = st.builds(
    Member,
    name=st.from_regex(r"web-[1-9]", fullmatch=True),
    host=st.sampled_from(["a", "b"]),
    state=st.sampled_from(["running", "paused", "saved", "shutoff", "crashed", "shutdown"]),
    protected=st.booleans(),
    labelled=st.booleans(),
    double=st.booleans(),
    activity=st.none() | st.floats(0, 4),
    created=st.none() | st.floats(0, 700),
    since=st.none() | st.floats(0, 700),
    version=st.sampled_from(["web:1.0", "web:2.0", None]),
    in_service=st.booleans(),
    healthy=st.none() | st.booleans(),
    health_kind=st.sampled_from([None, "passed", "silent", "hung"]),
    awaited=st.booleans(),
    has_passed=st.booleans(),
)


@given(
    st.lists(MEMBERS, max_size=9, unique_by=lambda one: one.name),
    st.integers(0, 8),
    st.sampled_from([None, "web:1.0", "web:2.0"]),
    st.integers(0, 3),
)
def test_no_plan_touches_what_an_operator_put_there_or_keeps(
    members: list[Member], need: int, appliance: str | None, parked: int
) -> None:
    """A tagged pet, a labelled guest, a protected one: never a victim, whatever else is the case."""
    rule = dataclasses.replace(RULE, parked=parked, scale_in_limit=9)
    observed = Observation(
        "web",
        605.0,
        Series(MINUTE, 0, (need * 10.0,) * 11),
        Size(1, 10, 100),
        tuple(members),
        rooms=(HostRoom("a", Size(90, 900, 9000)), HostRoom("b", Size(90, 900, 9000))),
        measured_elsewhere=True,
    )
    made = decide(observed, rule, TrendRule(0.5), upkeep=Upkeep(appliance=appliance))
    by_name = {one.name: one for one in members}
    names = [action.name for action in made.actions]
    assert len(names) == len(set(names))
    for action in made.actions:
        if action.action in ("create", "prepare"):
            assert action.name not in by_name
            continue
        touched = by_name[action.name]
        assert not touched.labelled
        if action.action in ("park", "remove"):
            assert not touched.protected
            assert not touched.double
    gone = {action.name for action in made.actions if action.action in ("park", "remove")}
    serving = {one.name for one in observed.running}
    assert len(serving - gone) >= min(len(serving), made.requirement.machines or 0)
