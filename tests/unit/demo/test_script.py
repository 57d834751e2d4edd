# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script, played with the planner of the collection in place of hosts: it leads to what the demo promises."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import read_options
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Action,
    Member,
    Observation,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.options import (
    RULE,
    read_rule,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.upkeep import (
    ROLLOUT,
    read_upkeep,
)

from crowd.load import Tally
from demo import script, story

HOSTS = ("k1", "k2")
INTERVAL = script.choose_interval(0)


def make_member(name: str, host: str, version: str, now: float) -> Member:
    return Member(
        name,
        host,
        version=version,
        healthy=True,
        health_kind="passed",
        activity=0.5,
        created=now,
        since=now,
    )


class Play:
    """The fleet as the plans make it, and what is told of it.

    ``seen`` is the share of the traffic that is measured, ``before`` the demand while the scene was set.
    """

    def __init__(self, seen: float, before: tuple[float | None, ...]) -> None:
        self.seen = seen
        self.members = {"web-1": make_member("web-1", "k1", f"web:{script.OLD}", 0)}
        self.chapters: list[story.Chapter] = []
        self.tallies: dict[int, Tally] = {}
        self._measured: list[float | None] = [*before]
        self._memory = Observation("web", 0, Series(1, 0), Size()).memory

    def run(self) -> None:
        """Let an interval pass, and plan at its end."""
        number = len(self.chapters)
        offered = script.list_rates()[number]
        self.tallies[number] = Tally(versions={m.version or "": 1 for m in self.members.values()})
        self._measured.append(offered * self.seen)
        version = script.choose_version(number)
        fleet = script.describe_fleet(version, INTERVAL, 17_000.0, {})
        rule = read_rule(read_options("rule", RULE, fleet["rule"]))
        observed = self._observe()
        upkeep = read_upkeep(
            fleet["appliance"],
            read_options("health", verdict.SPEC, fleet["health"]),
            read_options("rollout", ROLLOUT, fleet["rollout"]),
        )
        plan = decide(observed, rule, make_forecaster("auto", rule.risk), upkeep=upkeep)
        self._memory = plan.memory
        for action in plan.actions:
            self._act(action, observed.now)
        forecast = plan.requirement.forecast
        self.chapters.append(
            story.Chapter(
                number=number,
                seconds=observed.now,
                offered=offered,
                measured=observed.series.current,
                forecast=None if forecast is None else forecast.steps[forecast.peak].upper,
                alert=plan.alert.raised,
                needed=plan.requirement.machines,
                goal=fleet["appliance"],
                phase=plan.phase,
                actions=[dataclasses.asdict(action) for action in plan.actions],
                after={
                    host: [m.name for m in self.members.values() if m.host == host]
                    for host in HOSTS
                },
                versions={m.name: m.version or "" for m in self.members.values()},
                reasons=list(plan.reasons),
            )
        )

    def _observe(self) -> Observation:
        room = Size(vcpus=40, memory_bytes=2**34, disk_bytes=2**40)
        return Observation(
            fleet=script.FLEET,
            now=float(len(self._measured) * INTERVAL),
            series=Series(INTERVAL, 0, tuple(self._measured)),
            size=Size(vcpus=1, memory_bytes=96 << 20, disk_bytes=1 << 30),
            members=tuple(self.members.values()),
            rooms=tuple(
                HostRoom(host, room, sum(m.host == host for m in self.members.values()))
                for host in HOSTS
            ),
            memory=self._memory,
        )

    def _act(self, action: Action, now: float) -> None:
        if action.action == "remove":
            del self.members[action.name]
            return
        assert action.action == "create"
        version = action.appliance or ""
        self.members[action.name] = make_member(action.name, action.host, version, now)


@pytest.mark.parametrize("before", [(), (0.3,), (0.0, 0.5), (0.4, None), (None, 0.0, None)])
@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(1.0, id="all traffic is measured"),
        pytest.param(1.08, id="checks of the balancer, too"),
        pytest.param(0.85, id="not that of machines that have gone"),
    ],
)
def test_the_script_leads_to_what_the_demo_promises(
    seen: float, before: tuple[float | None, ...]
) -> None:
    play = Play(seen, before)
    while len(play.chapters) < len(script.CROWD):
        play.run()
    assert story.verdict(play.chapters, play.tallies) == []
    assert story.is_over(play.chapters)
    assert [chapter.machines for chapter in play.chapters] == [1, 1, 2, 3, 4, 5, 3, 3, 3, 1]
    assert [len(set(chapter.versions.values())) for chapter in play.chapters[4:7]] == [2, 2, 1]


def test_the_new_version_is_asked_for_when_the_crowd_is_there_and_not_before() -> None:
    rates: t.Sequence[float] = script.list_rates()
    told = [script.choose_version(number) for number in range(len(rates))]
    first = told.index(script.NEW)
    assert rates[first] == max(rates)
    assert set(told[:first]) == {script.OLD}
    assert set(told[first:]) == {script.NEW}


def test_the_interval_leaves_time_to_make_a_machine_where_that_takes_longer() -> None:
    assert script.choose_interval(INTERVAL - 5.0) == INTERVAL
    assert script.choose_interval(61.2) == 62
