# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the loss of a host takes, told by the module, is what the next plan without that host does."""

from __future__ import annotations

import json
import math
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import usage
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.row import pack_past
from ansible_collections.headroom.libvirt.plugins.modules import provisioning_plan_info

from tools import planned
from tools.planned import GIB

MINUTES: t.Final = 600
SLOTS: t.Final = 144
NOW: t.Final = planned.START + 3 * 86_400 - 60
RULE: t.Final = {"capacity": 10, "min": 1, "max": 20, "interval": MINUTES, "headroom": 0}
APPLIANCE: t.Final = {"id": "web:1", "vcpus": 1, "memory_bytes": GIB, "disk_bytes": GIB}


def facts(room: int, running: int) -> dict[str, t.Any]:
    """A host with room for so many more machines."""
    taken = {"vcpus": running, "memory_bytes": running * GIB}
    return {
        "free": {"vcpus": room, "memory_bytes": room * GIB, "pools": {"default": 80 * GIB}},
        "committed": {"running": taken, "defined": taken},
        "domains": {"running": running},
    }


def row(fleet: str, demand: t.Sequence[float], names: t.Sequence[str]) -> dict[str, t.Any]:
    """What a host has seen of a fleet, whose demand is handed in."""
    start = NOW - (len(demand) - 1) * MINUTES
    history = [
        {"timestamp": start + slot * MINUTES, "value": value, "whole": True, "reason": None}
        for slot, value in enumerate(demand)
    ]
    past = {"loads": [], "readiness": [], "roster": None, "history": history}
    members = [
        {"name": name, "uuid": name, "state": "running", "vcpus": 1, "memory_bytes": GIB}
        for name in names
    ]
    return {
        "fleet": fleet,
        "members": members,
        "sample": None,
        "appliance": APPLIANCE,
        "refuses": None,
        "problem": None,
        "past": pack_past(past),
    }


def host(name: str, *rows: dict[str, t.Any], room: int = 8, more: int = 0) -> dict[str, t.Any]:
    running = sum(len(one["members"]) for one in rows) + more
    observation = {"holder": None, "host": facts(room, running), "fleets": list(rows)}
    return {"name": name, "observation": observation}


def look(*hosts: dict[str, t.Any], **params: t.Any) -> dict[str, t.Any]:
    fleets = params.pop("fleets", [{"name": "web", "rule": RULE}])
    unsaid = dict.fromkeys(
        t.cast("t.Any", provisioning_plan_info.ARGUMENTS.options)["fleets"]["options"]
    )
    result = planned.call(
        fleet=None,
        hosts=list(hosts),
        fleets=[{**unsaid, **fleet} for fleet in fleets],
        outlook={"lost": params.pop("lost", None)},
        now=float(NOW),
        **params,
    )
    assert result["invocation"]["module_args"]["hosts"] == [{"name": one["name"]} for one in hosts]
    outlook: dict[str, t.Any] = result["outlook"]
    return outlook


def losses(result: dict[str, t.Any], when: str = "now") -> dict[str, dict[str, t.Any]]:
    return {loss["host"]: loss for loss in result["losses"] if loss["when"] == when}


def three(demand: t.Sequence[float], *, room: int = 8) -> list[dict[str, t.Any]]:
    """Five machines on three hosts."""
    places = {"kvm1": ["web-1", "web-4"], "kvm2": ["web-2", "web-5"], "kvm3": ["web-3"]}
    return [
        host(name, row("web", demand, names), room=room, more=name == "kvm1")
        for name, names in places.items()
    ]


def test_machines_that_are_lost_come_up_elsewhere() -> None:
    told = losses(look(*three([45.0] * 3)))
    assert [loss["lost"] for loss in told.values()] == [2, 2, 1]
    web = told["kvm1"]["fleets"][0]
    assert (web["serving"], web["lost"], web["needed"], web["short"]) == (5, 2, 5, 2)
    assert (web["replaced"], web["lasting"], web["until"]) == ({"kvm2": 1, "kvm3": 1}, 0, None)
    assert web["seconds"] == 2 * MINUTES
    assert told["kvm1"]["others"] == 1
    assert "1 other guest that runs there is started nowhere else" in told["kvm1"]["message"]
    assert web["message"] == (
        "web loses 2 of 5 machines and is short of 2; 2 come up on kvm2 and kvm3 within 20 min."
    )


def test_without_room_a_fleet_stays_short_until_less_is_asked_for() -> None:
    day = [45.0] * (SLOTS // 2) + [15.0] * (SLOTS // 2)
    demand = day * 14 + day[: SLOTS // 4]
    loss = losses(look(*three(demand, room=0)))["kvm1"]
    web = loss["fleets"][0]
    assert (loss["short"], loss["lasting"], web["replaced"]) == (2, 2, {})
    # a quarter of a day on, half of it will be over
    assert web["until"] == pytest.approx(NOW + SLOTS // 4 * MINUTES, abs=6 * MINUTES)
    assert "2 stay missing until" in web["message"]


def test_a_fleet_that_has_more_than_it_needs_is_not_short() -> None:
    loss = losses(look(*three([25.0] * 3, room=0)))["kvm1"]
    assert (loss["lost"], loss["short"], loss["lasting"]) == (2, 0, 0)
    assert loss["fleets"][0]["message"] == "web loses 2 of 5 machines and has enough of them left."


def test_the_peak_is_looked_at_with_what_the_fleet_has_by_then() -> None:
    day = [42.0 - 30.0 * math.cos(2 * math.pi * slot / SLOTS) for slot in range(SLOTS)]
    demand = day * 14 + day[: SLOTS // 8]
    result = look(*three(demand, room=2))
    now, peak = losses(result)["kvm2"], losses(result, "peak")["kvm2"]
    assert now["short"] == 0
    assert peak["timestamp"] == pytest.approx(NOW + 3 * SLOTS // 8 * MINUTES, abs=7200)
    web = peak["fleets"][0]
    # What the peak takes is there by then, on all hosts; without kvm2 there is room for seven.
    assert web["serving"] == web["needed"] >= 8
    assert sum(web["replaced"].values()) == 7 - (web["serving"] - web["lost"])
    assert web["lasting"] == web["needed"] - 7
    # which is over when the wave goes down again, hours after its top
    assert peak["timestamp"] < web["until"] <= peak["timestamp"] + SLOTS // 2 * MINUTES


def test_what_only_tells_takes_no_room_from_others() -> None:
    """Neither of the two would find room for its machine if the other one took it."""
    fleets = [
        {"name": "api", "rule": {**RULE, "mode": "shadow"}, "priority": 1},
        {"name": "web", "rule": RULE},
    ]
    demand = [10.0] * 3
    hosts = [
        host("kvm1", row("api", demand, ["api-1"]), row("web", demand, ["web-1"]), room=0),
        host("kvm2", row("api", demand, []), row("web", demand, []), room=1),
    ]
    told = {one["fleet"]: one for one in losses(look(*hosts, fleets=fleets))["kvm1"]["fleets"]}
    assert (told["api"]["replaced"], told["api"]["lasting"]) == ({}, 1)
    assert (told["web"]["replaced"], told["web"]["lasting"]) == ({"kvm2": 1}, 0)


def test_without_a_forecast_there_is_no_peak() -> None:
    assert {loss["when"] for loss in look(*three([45.0] * 3))["losses"]} == {"now"}


def test_only_hosts_that_are_named_are_lost() -> None:
    hosts = three([45.0] * 3)
    assert list(losses(look(*hosts, lost=["kvm2"]))) == ["kvm2"]
    with pytest.raises(InvalidInput, match=r"outlook\.lost: 'kvm9' .*kvm1, kvm2, kvm3"):
        look(*hosts, lost=["kvm9"])
    silent = {"name": "kvm4", "observation": None}
    assert set(losses(look(*hosts, silent))) == {"kvm1", "kvm2", "kvm3"}


def test_a_rule_that_only_tells_replaces_nothing() -> None:
    fleets = [{"name": "web", "rule": {**RULE, "mode": "shadow"}}]
    web = losses(look(*three([45.0] * 3), fleets=fleets))["kvm1"]["fleets"][0]
    assert (web["short"], web["replaced"], web["lasting"]) == (2, {}, 2)


def test_what_is_wrong_with_a_fleet_is_told_and_the_others_are_looked_at() -> None:
    fleets = [{"name": "web", "rule": {"capacity": -1, "max": 3}}, {"name": "api", "rule": RULE}]
    result = look(
        *(host(name, row("web", [1.0] * 3, []), row("api", [1.0] * 3, [])) for name in "ab"),
        fleets=fleets,
    )
    assert len(result["problems"]) == 1
    assert "web: " in result["problems"][0]
    assert [row["name"] for row in result["runways"]] == ["api"]


def test_when_the_maximum_of_a_fleet_is_reached() -> None:
    hosts = three([10.0 + 150.0 * slot / (28 * SLOTS) for slot in range(28 * SLOTS)])
    (web,) = look(*hosts)["runways"]
    assert (web["kind"], web["name"], web["limit"]) == ("fleet", "web", 200)
    assert web["median"] == pytest.approx(NOW + 28 * 86_400 * 40 / 150, rel=1e-4)
    assert "The fleet web is at its maximum by" in web["message"]


def test_a_pool_and_memory_are_told_of_where_they_are_recorded() -> None:
    filling = Series(3600, NOW - 28 * 86_400, tuple(float(hour) for hour in range(28 * 24)))
    steady = Series(3600, NOW - 86_400, (5.0,) * 24)
    text = usage.pack(
        [
            usage.UsageHistory("pool", "default", 720.0, filling),
            usage.UsageHistory("memory", "", 4.0, steady),
            usage.UsageHistory("pool", "new", 9.0, steady),
            usage.UsageHistory("pool", "empty", 0.0, steady),
        ]
    )
    seen = host("kvm1")
    seen["observation"]["usage"] = text
    rows = look(seen, fleets=[])["runways"]
    assert [(one["kind"], one["name"]) for one in rows] == [
        ("memory", ""),
        ("pool", "default"),
        ("pool", "new"),
    ]
    assert rows[0]["reached"]
    assert "The memory of kvm1 is all promised already." in rows[0]["message"]
    assert rows[1]["low"] is not None
    assert rows[1]["covered"] <= rows[1]["asked"]
    assert rows[2]["until"] is None
    assert "1 d of the 2 d that takes is recorded" in rows[2]["message"]


def test_a_usage_that_is_none_is_refused_by_name() -> None:
    seen = host("kvm1")
    seen["observation"]["usage"] = "[7]"
    with pytest.raises(InvalidInput, match=r"hosts\[0\]\.observation\.usage"):
        look(seen, fleets=[])


def plan_without(
    hosts: t.Sequence[dict[str, t.Any]], lost: str, fleets: t.Sequence[dict[str, t.Any]]
) -> dict[str, dict[str, t.Any]]:
    """The plan of a run to which a host does not answer, as the role makes it."""
    left = [one if one["name"] != lost else {**one, "observation": None} for one in hosts]
    keys = ("appliance", "demand", "machine", "expected_digest", "forecasts", "problem")
    described = [{**dict.fromkeys((*keys, "parked_forecasts")), **fleet} for fleet in fleets]
    result = planned.call(fleet=None, holder=None, hosts=left, fleets=described, now=float(NOW))
    return {row["fleet"]: row for row in result["fleets"]}


COUNTS = st.lists(st.integers(0, 3), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(COUNTS, COUNTS, COUNTS, st.integers(0, 120), st.integers(0, 60), st.booleans())
def test_what_is_told_is_what_the_next_plan_does(
    webs: list[int],
    batches: list[int],
    rooms: list[int],
    demand: int,
    lesser_demand: int,
    gives_way: bool,
) -> None:
    fleets = [
        {"name": "batch", "rule": RULE, "best_effort": gives_way},
        {"name": "web", "rule": RULE, "priority": 10},
    ]
    numbers = iter(range(1, 100))

    def name(fleet: str, count: int) -> list[str]:
        return [f"{fleet}-{next(numbers)}" for _unused in range(count)]

    hosts = [
        host(
            f"kvm{index}",
            row("web", [float(demand)] * 3, name("web", web)),
            row("batch", [float(lesser_demand)] * 3, name("batch", batch)),
            room=room,
        )
        for index, (web, batch, room) in enumerate(zip(webs, batches, rooms, strict=True))
    ]
    for lost, loss in losses(look(*hosts, fleets=fleets)).items():
        told = {fleet["fleet"]: fleet for fleet in loss["fleets"]}
        for fleet, plan in plan_without(hosts, lost, fleets).items():
            made = {place: len(names) for place, names in plan["create"].items()}
            machines = plan["machines"]
            short = max(0, machines["needed"] - machines["current"])
            lasting = max(0, machines["needed"] - machines["target"])
            if fleet not in told:
                assert (short, lasting) == (0, 0)
                continue
            assert told[fleet]["replaced"] == made
            assert told[fleet]["serving"] - told[fleet]["lost"] == machines["current"]
            assert (told[fleet]["short"], told[fleet]["lasting"]) == (short, lasting)
            assert told[fleet]["needed"] == machines["needed"]


def test_an_important_fleet_takes_the_room_of_a_lesser_one() -> None:
    lesser = {"name": "batch", "rule": RULE, "priority": 0, "best_effort": True}
    fleets = [lesser, {"name": "web", "rule": RULE, "priority": 10}]
    hosts = [
        host(
            "kvm1", row("web", [20.0] * 3, ["web-1", "web-2"]), row("batch", [20.0] * 3, []), room=0
        ),
        host(
            "kvm2",
            row("web", [20.0] * 3, []),
            row("batch", [20.0] * 3, ["batch-1", "batch-2"]),
            room=1,
        ),
    ]
    told = {one["fleet"]: one for one in losses(look(*hosts, fleets=fleets))["kvm1"]["fleets"]}
    assert (told["web"]["replaced"], told["web"]["lasting"]) == ({"kvm2": 2}, 0)
    assert (told["batch"]["lost"], told["batch"]["lasting"]) == (0, 1)


def test_the_result_is_json() -> None:
    result = look(*three([45.0] * 60))
    assert json.loads(json.dumps(result))["losses"][0]["fleets"][0]["serving"] == 5
