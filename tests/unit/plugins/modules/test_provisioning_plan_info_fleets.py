# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans for many fleets at once, of what fleet_observe returned."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.row import pack_past
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.openmetrics import render

from tools.planned import FACTS, GIB, arguments, call, host

RULE: t.Final = arguments()["rule"]
LEASE: t.Final = {"held": True, "by": "run", "since": 5.0, "until": 905.0, "recorded": True}
APPLIANCE: t.Final = {"id": "web:1", "vcpus": 1, "memory_bytes": GIB, "disk_bytes": 2 * GIB}


def row(fleet: str, name: str = "kvm1", *demand: float, **more: t.Any) -> dict[str, t.Any]:
    """A fleet as a host that has one machine of it has seen it, with this demand, one value an hour."""
    sample = host(name, *demand, machines=[f"{fleet}-1"])["sample"]
    past = {"loads": [], "readiness": [], "roster": None, "history": sample["history"]}
    for sampled in past["history"]:
        sampled.update(whole=False, reason=None)
    return {
        "fleet": fleet,
        "new": False,
        "lease": LEASE,
        "sample": None,
        "members": [{**member, "name": f"{fleet}-1"} for member in sample["members"]],
        "appliance": APPLIANCE,
        "refuses": None,
        "problem": None,
        "past": pack_past(past),
        **more,
    }


def observed(
    name: str, *rows: dict[str, t.Any], holder: str = "run", **facts: t.Any
) -> dict[str, t.Any]:
    return {
        "name": name,
        "observation": {"holder": holder, "host": {**FACTS, **facts}, "fleets": list(rows)},
    }


def plan(
    *hosts: dict[str, t.Any], fleets: t.Sequence[dict[str, t.Any]] = (), **more: t.Any
) -> dict[str, t.Any]:
    seen = () if fleets else hosts[0]["observation"]["fleets"]
    described = [{"name": one["fleet"], "rule": RULE} for one in seen]
    keys = ("appliance", "demand", "machine", "expected_digest", "forecasts", "parked_forecasts")
    params = {
        "fleet": None,
        "holder": "run",
        "hosts": list(hosts),
        "fleets": [{**dict.fromkeys((*keys, "problem")), **fleet} for fleet in fleets or described],
        **more,
    }
    return call(**params)


def test_one_fleet_of_many_is_planned_as_it_is_alone() -> None:
    many = plan(observed("kvm1", row("web", "kvm1", 5, 10, 20), row("db", "kvm1", 1, 1, 1)))
    alone = call(hosts=[host("kvm1", 5, 10, 20, machines=["web-1"])])
    web = many["fleets"][0]
    assert web["create"] == alone["create"]
    assert {**web["decision"], "roster": None} == {**alone["decision"], "roster": None}
    for name in ("forecast", "alert", "machines", "actions", "reasons", "digest", "measured"):
        assert web[name] == alone[name]
    assert many["reasons"]["web"] == alone["reasons"]
    assert many["decisions"] == [fleet["decision"] for fleet in many["fleets"]]


def test_what_is_to_be_done_is_grouped_by_host() -> None:
    result = plan(observed("kvm1", row("web", "kvm1", 5, 10, 20), row("db", "kvm1", 1, 1, 1)))
    assert [work["fleet"] for work in result["work"]] == ["web"]
    assert result["idle"] == ["db"]
    work = result["work"][0]
    assert work["hosts"]["kvm1"]["create"] == work["hosts"]["kvm1"]["coming"] != []
    assert work["hosts"]["kvm1"]["remove"] == work["hosts"]["kvm1"]["leaving"] == []
    assert (work["removes"], work["leases"], work["recorded"]) == (False, {"kvm1": 5.0}, True)


def test_what_goes_is_known_before_it_goes() -> None:
    members = [
        {"name": f"web-{number}", "uuid": str(number), "state": "running"} for number in (1, 2)
    ]
    result = plan(observed("kvm1", row("web", "kvm1", 1, 1, 1, members=members)))
    work = result["work"][0]["hosts"]["kvm1"]
    assert work["remove"] == ["web-2"]
    assert [action["name"] for action in work["leaving"]] == ["web-2"]
    assert result["work"][0]["removes"]


def _share(kind: str, source: str | None, gib: int) -> dict[str, t.Any]:
    """What a host says of its only pool."""
    pool = {"name": "default", "type": kind, "source": source, "available_bytes": gib * GIB}
    return {
        "free": {**t.cast("t.Any", FACTS)["free"], "pools": {"default": gib * GIB}},
        "pools": [pool],
    }


@pytest.mark.parametrize(
    ("facts", "options", "machines"),
    [
        (_share("dir", None, 5), {}, 8),
        (_share("dir", None, 5), {"pool_reserve": "2GiB"}, 6),
        (_share("netfs", "netfs nas /images", 5), {}, 4),
        (_share("netfs", "netfs nas /images", 5), {"pool_reserve": "4GiB"}, 1),
        (_share("dir", None, 5), {"shared_pools": ["default"]}, 4),
        (_share("rbd", "rbd mon vms", 2), {}, 16),
        (_share("rbd", "rbd mon vms", 1), {}, 0),
    ],
)
def test_a_pool_that_hosts_share_has_its_room_once_for_all_fleets(
    facts: dict[str, t.Any], options: dict[str, t.Any], machines: int
) -> None:
    """The reserve stays in any case; a clone on Ceph takes nothing at first."""
    hosts = [
        observed(name, row("web", name, 5, 10, 20), row("db", name, 5, 10, 20), **facts)
        for name in ("kvm1", "kvm2")
    ]
    fleets = [
        {"name": name, "rule": {**RULE, "min": 10}, "machine": {"memory": "1MiB", "disk": "1GiB"}}
        for name in ("web", "db")
    ]
    result = plan(*hosts, fleets=fleets, **options)
    actions = [action for fleet in result["fleets"] for action in fleet["actions"]]
    assert [action["action"] for action in actions] == ["create"] * machines


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=2, max_size=4),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_two_fleets_never_count_the_same_room(
    sizes: list[tuple[int, int]], vcpus: int, gigabytes: int
) -> None:
    names = [f"f{number}" for number in range(len(sizes))]
    free = {"vcpus": vcpus, "memory_bytes": gigabytes * GIB, "pools": {"default": 80 * GIB}}
    result = plan(
        observed("kvm1", *(row(name, "kvm1", 40, 40, 40) for name in names), free=free),
        fleets=[
            {"name": name, "rule": RULE, "machine": {"vcpus": size[0], "memory": f"{size[1]}GiB"}}
            for name, size in zip(names, sizes, strict=True)
        ],
    )
    counts = [len(fleet["actions"]) for fleet in result["fleets"]]
    assert sum(count * size[0] for count, size in zip(counts, sizes, strict=True)) <= vcpus
    assert sum(count * size[1] for count, size in zip(counts, sizes, strict=True)) <= gigabytes
    # and whoever gets less than it needs is told why
    for count, fleet in zip(counts, result["fleets"], strict=True):
        told = " ".join(fleet["reasons"])
        assert count == 3 or "has no room" in told


FULL: t.Final[dict[str, t.Any]] = {
    "free": {"vcpus": 0, "memory_bytes": 0, "pools": {"default": 80 * GIB}},
    "allowed": {"vcpus": 4, "memory_bytes": 4 * GIB},
    "committed": {
        "running": {"vcpus": 4, "memory_bytes": 4 * GIB},
        "defined": {"vcpus": 4, "memory_bytes": 4 * GIB},
    },
}


def machine(name: str, **more: t.Any) -> dict[str, t.Any]:
    return {
        "name": name,
        "uuid": f"uuid of {name}",
        "state": "running",
        "vcpus": 1,
        "memory_bytes": GIB,
        **more,
    }


def crowd(
    members: t.Sequence[dict[str, t.Any]], demand: float = 25, **facts: t.Any
) -> dict[str, t.Any]:
    """A plan for an important fleet with one machine, asked for ``demand``, on a host that a lesser one has filled."""
    return plan(
        observed(
            "kvm1",
            row("ci", "kvm1", 30, 30, 30, members=list(members)),
            row("web", "kvm1", demand, demand, demand, members=[machine("web-1")]),
            **{**FULL, **facts},
        ),
        fleets=[
            {"name": "ci", "rule": RULE, "best_effort": True},
            {"name": "web", "rule": RULE, "priority": "10"},
        ],
    )


def test_lesser_machines_are_parked_before_an_important_fleet_takes_their_room() -> None:
    result = crowd([machine(f"ci-{number}") for number in (1, 2, 3)])
    first, second = result["work"]
    assert (first["fleet"], first["parked_as"]) == ("ci", "saved")
    assert first["hosts"]["kvm1"]["parking"] == [
        {"parked_for": "web", "names": first["hosts"]["kvm1"]["park"]}
    ]
    assert second["fleet"] == "web"
    assert len(second["hosts"]["kvm1"]["create"]) == 2
    claimed = [claim["name"] for claim in second["claims"]["kvm1"]]
    assert sorted(claimed) == sorted(first["hosts"]["kvm1"]["park"])
    assert [fleet["fleet"] for fleet in result["fleets"]] == ["ci", "web"]
    assert result["idle"] == []
    assert "2 machines of the less important fleet ci are parked" in " ".join(
        result["reasons"]["web"]
    )


def test_machines_that_gave_way_stay_until_there_is_room() -> None:
    """The host has promised more than it has: what is parked takes nothing of it."""
    over = {"vcpus": 6, "memory_bytes": 6 * GIB}
    members = [
        machine("ci-1"),
        *(machine(f"ci-{n}", state="saved", parked_for="web") for n in "23"),
    ]
    full = crowd(members, 10, committed={"running": FULL["committed"]["running"], "defined": over})
    assert full["work"] == []
    less = crowd(members, 10)
    assert [item["fleet"] for item in less["work"]] == ["ci"]
    assert less["work"][0]["hosts"]["kvm1"]["wake"] == ["ci-2", "ci-3"]


def test_a_lesser_fleet_that_this_run_has_not_got_gives_no_room() -> None:
    rival = {**LEASE, "held": False, "by": "rival", "recorded": False}
    result = plan(
        observed(
            "kvm1",
            row("ci", "kvm1", 30, 30, 30, members=[machine("ci-1")], lease=rival),
            row("web", "kvm1", 40, 40, 40, members=[machine("web-1")]),
            **FULL,
        ),
        fleets=[
            {"name": "ci", "rule": RULE, "best_effort": True},
            {"name": "web", "rule": RULE, "priority": 10},
        ],
    )
    assert result["work"] == []


def test_a_priority_that_is_none_is_told_of_its_fleet_only() -> None:
    result = plan(
        observed("kvm1", row("web", "kvm1", 5, 10, 20), row("db", "kvm1", 1)),
        fleets=[{"name": "web", "rule": RULE}, {"name": "db", "rule": RULE, "priority": "first"}],
    )
    assert [fleet["error"] is None for fleet in result["fleets"]] == [True, False]
    assert "priority" in result["fleets"][1]["error"]["message"]


def test_the_risk_that_all_peak_at_once_is_told() -> None:
    risk = crowd([machine(f"ci-{number}") for number in (1, 2, 3)])["joint_risk"]
    assert (risk["resource"], risk["limit"]) == ("memory", 4 * GIB)
    assert risk["together"] >= risk["independent"] > 0.5
    assert risk["expected"] > risk["limit"]
    told = crowd(
        [machine("ci-1")], 10, free={**FULL["free"], "memory_bytes": 64 * GIB, "vcpus": 64}
    )
    assert told["joint_risk"]["together"] < 0.01
    assert "there is room" in told["reasons"]["all fleets"][0]
    assert crowd([machine("ci-1")])["reasons"]["all fleets"][0].endswith("ci would give way.")


def share(quota: dict[str, t.Any], *names: str, used: int = 2) -> list[int]:
    """How many machines fleets of one tenant get that are asked for four each and have one."""
    host = observed("kvm1", *(row(name, "kvm1", 40, 40, 40) for name in names))
    host["observation"]["tenants"] = {
        "acme": {"machines": used, "vcpus": used, "memory_bytes": used * GIB}
    }
    fleets = [{"name": name, "rule": RULE, "tenant": "acme"} for name in names]
    result = plan(host, fleets=fleets, quotas={"acme": quota})
    counts = [len(fleet["actions"]) for fleet in result["fleets"]]
    for count, fleet in zip(counts, result["fleets"], strict=True):
        held_back = "on all hosts together (its quota)" in " ".join(fleet["reasons"])
        assert held_back == (count < 3)
    return counts


def test_a_quota_holds_for_all_fleets_of_a_tenant_together() -> None:
    assert share({"machines": 6}, "web", "db") == [3, 1]
    assert share({"vcpus": 4, "machines": 90}, "web", "db") == [2, 0]
    assert share({"memory": "3GiB"}, "web") == [1]
    assert share({"machines": 1}, "web") == [0]
    assert share({}, "web", "db") == [3, 3]


def test_a_quota_that_is_none_is_told() -> None:
    fleets = [{"name": "web", "rule": RULE, "tenant": "acme"}]
    result = plan(
        observed("kvm1", row("web", "kvm1", 5)), fleets=fleets, quotas={"acme": {"disk": "1TiB"}}
    )
    assert "Its options are machines, memory, vcpus" in result["fleets"][0]["error"]["message"]


LACKING: t.Final[dict[str, t.Any]] = {
    "members": [],
    "appliance": None,
    "refuses": "it has not the appliance web:1",
    "lacks": "web:1",
}


def newcomer(lacking: dict[str, t.Any], **fleet: t.Any) -> dict[str, t.Any]:
    """A plan with a host that has everything, and a new one that is as ``lacking`` says."""
    old, new = observed("kvm1", row("web", "kvm1", 5, 10, 20)), observed("new", lacking)
    old["observation"]["peer_uri"] = "qemu+ssh://root@kvm1/system"
    return plan(old, new, fleets=[{"name": "web", "rule": RULE, **fleet}])


def test_a_host_without_the_appliance_has_it_streamed_from_one_that_has_it() -> None:
    result = newcomer(row("web", "new", **LACKING))
    (work,) = result["work"]
    assert work["hosts"]["new"]["create"] != []
    assert work["hosts"]["new"]["stream"] == {
        "host": "kvm1",
        "uri": "qemu+ssh://root@kvm1/system",
        "appliance": "web:1",
    }
    assert work["hosts"]["kvm1"]["stream"] is None
    assert "new has not got web:1 yet: what is made there is streamed from kvm1" in " ".join(
        result["reasons"]["web"]
    )


@pytest.mark.parametrize(
    ("lacking", "fleet"),
    [
        ({**LACKING, "lacks": None}, {}),
        (LACKING, {"machine": {"mode": "linked"}}),
    ],
)
def test_a_host_that_lacks_more_or_may_not_stream_makes_nothing(
    lacking: dict[str, t.Any], fleet: dict[str, t.Any]
) -> None:
    result = newcomer(row("web", "new", **lacking), **fleet)
    assert "new" not in result["work"][0]["hosts"]
    assert "new takes no clones" in " ".join(result["reasons"]["web"])


def test_a_host_without_the_appliance_keeps_no_fleet_from_shrinking() -> None:
    members = [machine("web-1"), machine("web-2")]
    result = plan(
        observed("kvm1", row("web", "kvm1", 1, 1, 1, members=members)),
        observed("new", row("web", "new", 0, 0, 0, **LACKING)),
    )
    assert result["fleets"][0]["remove"] == {"kvm1": ["web-2"]}


def test_what_is_wrong_with_one_fleet_does_not_cost_the_others() -> None:
    problem = {"kind": "connection_failed", "message": "Prometheus is down"}
    result = plan(
        observed(
            "kvm1",
            row("web", "kvm1", 5, 10, 20),
            row("rule", "kvm1", 1),
            row("type", "kvm1", 1),
            row("memory", "kvm1", 1),
            row("digest", "kvm1", 1),
            row("nowhere", members=[], appliance=None, refuses="it has not the appliance x:1"),
            row("hook", "kvm1", 1),
            row("down", "kvm1", 1, problem=problem),
        ),
        fleets=[
            {"name": "web", "rule": RULE},
            {"name": "rule", "rule": {**RULE, "min": 30}},
            {"name": "type", "rule": {"capacity": "a lot", "max": 5}},
            {"name": "memory", "rule": RULE, "machine": {"memory": "much"}},
            {"name": "digest", "rule": RULE, "expected_digest": "0"},
            {"name": "nowhere", "rule": RULE},
            {"name": "hook", "rule": RULE, "problem": "after_create: 'x' is no file"},
            {"name": "down", "rule": RULE},
        ],
    )
    errors = {fleet["fleet"]: fleet["error"] for fleet in result["fleets"]}
    words = {
        "rule": "must not be above rule.max",
        "type": "float",
        "memory": "machine.memory",
        "digest": "no longer those",
        "nowhere": "no host can make machines for it: it has not the appliance x:1",
        "hook": "is no file",
    }
    assert {name for name, error in errors.items() if error} == words.keys()
    for name, word in words.items():
        assert word in errors[name]["message"]
        assert any(text.startswith(f"{name}: ") and word in text for text in result["problems"])
    assert "down: Prometheus is down (on kvm1)" in result["problems"]
    assert [work["fleet"] for work in result["work"]] == ["web"]
    assert {decision["fleet"] for decision in result["decisions"]} == {"web", "down"}
    json.dumps(result)


def test_a_fleet_that_another_run_holds_somewhere_is_left_alone_everywhere() -> None:
    rival = {**LEASE, "held": False, "by": "rival", "recorded": False}
    result = plan(
        observed("kvm1", row("web", "kvm1", 5, 10, 20), row("db", "kvm1", 5, 10, 20)),
        observed("kvm2", row("web", "kvm2", 0, 0, 0, lease=rival), row("db", "kvm2", 0, 0, 0)),
    )
    web, other = result["fleets"]
    assert (web["rivals"], web["actions"], web["decision"]) == (["kvm2"], [], None)
    assert (
        "Another run is provisioning the fleet web (it holds kvm2)" in result["reasons"]["web"][0]
    )
    assert other["actions"] != []
    assert result["problems"] == []


def test_a_host_that_another_run_has_seen_or_none_is_refused() -> None:
    """As with `serial`, where hosts of later batches have no observation, and `strategy: free`."""
    for late in (
        observed("kvm2", row("web"), holder="another"),
        {"name": "kvm2", "observation": {}},
    ):
        with pytest.raises(Conflict, match=r"kvm2 was not looked at by this run yet.*serial"):
            plan(observed("kvm1", row("web", "kvm1", 5)), late)


def test_silent_hosts_and_those_left_out_are_unknown() -> None:
    for silent, words in (
        (None, "it did not answer"),
        ({"failed": True}, "it did not answer"),
        ({"left_out": True}, "it has no part in this run"),
    ):
        result = plan(
            observed("kvm1", row("web", "kvm1", 5, 5, 5)), {"name": "kvm2", "observation": silent}
        )
        assert f"kvm2 is not counted: {words}." in result["reasons"]["web"]


def test_a_fleet_that_has_machines_shrinks_where_none_can_be_made() -> None:
    members = [
        {"name": f"web-{number}", "uuid": str(number), "state": "running"} for number in (1, 2)
    ]
    result = plan(
        observed("kvm1", row("web", "kvm1", 1, 1, 1, members=members, refuses="it has it not"))
    )
    assert result["work"][0]["hosts"]["kvm1"]["remove"] == ["web-2"]


def test_nothing_is_done_for_a_fleet_that_is_new_to_a_host() -> None:
    lease = {**LEASE, "recorded": False}
    result = plan(observed("kvm1", row("web", "kvm1", 5, 10, 20, new=True, lease=lease)))
    assert (result["work"], result["decisions"]) == ([], [])
    assert result["fleets"][0]["actions"] != []
    assert (result["fleets"][0]["new"], result["fleets"][0]["recorded"]) == (True, False)


def test_all_that_is_wrong_with_a_fleet_is_told_at_once() -> None:
    result = plan(
        observed("kvm1", row("web", members=[], refuses="it has no pool fast")),
        fleets=[
            {
                "name": "web",
                "rule": {**RULE, "min": 30},
                "machine": {"memory": "much"},
                "problem": "after_create: 'x' is no file",
            }
        ],
    )
    told = " ".join(result["problems"])
    for words in ("after_create", "no pool fast", "rule.min", "machine.memory"):
        assert words in told


def test_in_shadow_nothing_is_to_be_done() -> None:
    result = plan(observed("kvm1", row("web", "kvm1", 5, 10, 20)), mode="shadow")
    assert (result["work"], result["idle"]) == ([], ["web"])
    assert result["fleets"][0]["actions"] != []
    assert result["decisions"][0]["mode"] == "shadow"


def test_what_is_no_observation_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"hosts\[0\].observation.fleets"):
        plan(
            {"name": "kvm1", "observation": {"holder": "run", "fleets": "none"}},
            fleets=[{"name": "web", "rule": RULE}],
        )
    broken = plan(observed("kvm1", row("web", past="{")))["fleets"][0]["error"]
    assert "does not hold what was recorded" in broken["message"]


def test_a_fleet_rolls_to_the_version_that_it_names_and_remembers_where_it_came_from() -> None:
    members = [
        {
            "name": f"web-{n}",
            "uuid": str(n),
            "state": "running",
            "appliance": "web:1",
            "in_service": n == 1,
        }
        for n in (1, 2)
    ]
    seen = row("web", "kvm1", *[20.0] * 9, members=members)
    fleets = [
        {"name": "web", "rule": RULE, "appliance": "web:2", "health": {}, "rollout": {"surge": "2"}}
    ]
    result = plan(observed("kvm1", seen), fleets=fleets)
    web = result["fleets"][0]
    assert web["error"] is None
    assert web["rollout"]["phase"] == "canary"
    assert (web["rollout"]["stable"], web["decision"]["rollout"]["stable"]) == ("web:1", "web:1")
    work = result["work"][0]
    assert work["hosts"]["kvm1"]["serve"] == ["web-2"]
    assert set(work["hosts"]["kvm1"]["coming"]) == {"web-2", *work["hosts"]["kvm1"]["create"]}
    assert {batch["appliance"]: batch["names"] for batch in work["hosts"]["kvm1"]["batches"]} == {
        "web:1": ["web-2"],
        "web:2": work["hosts"]["kvm1"]["create"],
    }
    assert web["decision"]["members"] == {"unhealthy": 0, "coming": 1, "parked": 0}
    text = render([web["decision"], {**result["decisions"][0], "members": None, "rollout": None}])
    assert 'headroom_fleet_coming_machines{fleet="web"} 1.0' in text
    assert 'headroom_fleet_actions{fleet="web",action="serve"} 1.0' in text
    assert text.count("headroom_fleet_rollout_failed{") == 1
    assert work["appliances"] == {"web-2": "web:1", work["hosts"]["kvm1"]["create"][0]: "web:2"}


def test_what_a_decision_remembered_of_a_rollout_comes_back_with_the_sample() -> None:
    past = {
        "loads": [],
        "readiness": [],
        "roster": None,
        "history": host("kvm1", *[5.0] * 9)["sample"]["history"],
    }
    memory = {
        "format": 1,
        "stable": "web:1",
        "failed": "web:2",
        "failed_at": 3.0,
        "reason": "web-9: it hangs",
    }
    seen = row(
        "web", "kvm1", past=pack_past({**past, "rollout": {"moment": 4.0, "memory": memory}})
    )
    fleets = [{"name": "web", "rule": RULE, "appliance": "web:2"}]
    web = plan(observed("kvm1", seen), fleets=fleets)["fleets"][0]
    assert web["decision"]["rollout"] == memory
    assert "The rollout to web:2 has failed (web-9: it hangs)" in "\n".join(web["reasons"])


def test_the_newest_version_is_rolled_only_when_all_hosts_have_it() -> None:
    members = [{"name": "web-1", "uuid": "1", "state": "running", "appliance": "web:1"}]
    seen = row("web", "kvm1", *[5.0] * 9, members=members, appliance={**APPLIANCE, "id": "web:2"})
    other = row("web", "kvm2", *[5.0] * 9, members=[])
    fleets = [{"name": "web", "rule": RULE, "appliance": "web"}]
    torn = plan(observed("kvm1", seen), observed("kvm2", other), fleets=fleets)["fleets"][0]
    assert torn["rollout"]["phase"] == "none"
    other["appliance"] = seen["appliance"]
    whole = plan(observed("kvm1", seen), observed("kvm2", other), fleets=fleets)["fleets"][0]
    assert whole["rollout"]["phase"] == "canary"
