# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.request import ARGUMENTS
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.modules import host_info, placement_plan_info

GIB = 1024**3


MACHINE = {"uri": "qemu+ssh://a/system", "name": "x", "uuid": "uuid-x"}


def guest(name: str, memory: int = 1, **known: t.Any) -> dict[str, t.Any]:
    return {
        "name": name,
        "uuid": f"uuid-{name}",
        "running": True,
        "helper": False,
        "vcpus": 1,
        "memory_bytes": memory * GIB,
        "tags": [],
        "networks": ["default"],
        "disks": [
            {
                "target": "vda",
                "path": f"/images/{name}",
                "pool": "default",
                "bytes": GIB,
                "base_bytes": 0,
            }
        ],
        **known,
    }


def host(name: str, *guests: dict[str, t.Any], **known: t.Any) -> dict[str, t.Any]:
    facts = {
        "allowed": {"vcpus": 16, "memory_bytes": 16 * GIB},
        "guests": list(guests),
        "pools": [
            {"name": "default", "path": "/images", "available_bytes": 100 * GIB, "source": None}
        ],
        "networks": [{"name": "default", "active": True}],
        "appliance_volumes": [],
        "maintenance": None,
        **known,
    }
    return {"name": name, "facts": facts}


def run(action: str, hosts: list[dict[str, t.Any]], **params: t.Any) -> dict[str, t.Any]:
    defaults = {name: option.get("default") for name, option in ARGUMENTS.options.items()}
    values = {**defaults, "action": action, "hosts": hosts, **params}
    return placement_plan_info.run(t.cast("t.Any", types.SimpleNamespace(params=values)))


def test_what_the_hosts_tell_of_bridges_is_read() -> None:
    guests = [guest("x", bridges=["br0"])]
    hosts = [host("a", *guests), host("b", cards=["eth0"])]
    assert "b has no bridge or network card br0" in str(run("drain", hosts, host=["a"])["reasons"])
    hosts[1] = host("b", cards=["br0"])
    assert run("drain", hosts, host=["a"])["moves"][0]["destination"] == "b"


def test_a_drain() -> None:
    plan = run(
        "drain",
        [host("a", guest("x", 4, machine=MACHINE)), host("b"), {"name": "c", "facts": None}],
        host=["a"],
    )
    assert (plan["changed"], plan["possible"]) == (False, True)
    assert plan["moves"] == [
        {
            "guest": "x",
            "uuid": "uuid-x",
            "source": "a",
            "destination": "b",
            "reason": "a is drained; b would be 25 % full with it",
            "fleet": None,
            "vcpus": 1,
            "memory_bytes": 4 * GIB,
            "disk_bytes": GIB,
            "machine": MACHINE,
            "batch": 1,
        }
    ]
    assert plan["reasons"] == [
        "x goes from a to b: a is drained; b would be 25 % full with it.",
        "c takes no guests: it did not answer.",
        "After this, the guests of b would not fit elsewhere if it were lost.",
    ]
    assert plan["remember"] == {"a": [{"uuid": "uuid-x", "name": "x"}]}
    assert plan["loads"][1] == {
        "name": "b",
        "before": {"guests": 0, "load": 0.0},
        "after": {"guests": 1, "load": 0.25},
    }


def test_a_refusal() -> None:
    plan = run("drain", [host("a", guest("x", 4)), host("b", guest("y", 14))], host=["a"])
    assert (plan["possible"], plan["moves"]) == (False, [])
    message = "x cannot leave a: b has 2 GiB of memory free of 4 GiB needed."
    assert plan["refused"][0]["message"] == message
    assert plan["reasons"] == [message]


def test_a_plan_goes_on() -> None:
    hosts = [host("a", guest("x")), host("b"), host("c")]
    moves = run("drain", hosts, host=["a"])["moves"]
    assert run("drain", hosts, host=["a"], pending=moves)["moves"] == moves
    with pytest.raises(InvalidInput, match=r"pending\[0\]\.uuid"):
        run("drain", hosts, host=["a"], pending=[{"guest": "x"}])


def test_a_plan_says_what_goes_at_once() -> None:
    hosts = [host("a", guest("x"), guest("y"), guest("z")), host("b")]
    plan = run("drain", hosts, host=["a"])
    assert [move["batch"] for move in plan["moves"]] == [1, 1, 2]
    assert "3 guests move in 2 batches, up to 2 at once." in plan["reasons"]
    single = run("drain", hosts, host=["a"], moves_per_host=1)
    assert [move["batch"] for move in single["moves"]] == [1, 2, 3]
    assert not [reason for reason in single["reasons"] if "at once" in reason]


@pytest.mark.parametrize("option", ["moves_per_host", "moves_per_link"])
def test_a_limit_below_one_is_refused(option: str) -> None:
    with pytest.raises(InvalidInput, match=f"{option}: 0 must be at least 1 moves.*one after"):
        run("drain", [host("a"), host("b")], host=["a"], **{option: 0})


def test_a_guest_whose_move_failed_is_left_alone_and_the_others_go_on() -> None:
    failed = {"guest": "uuid-x", "source": "a", "destination": "b", "failed": True}
    hosts = [host("a", guest("x"), guest("y")), host("b")]
    plan = run("drain", hosts, host=["a"], moving=[failed])
    assert [move["guest"] for move in plan["moves"]] == ["y"]
    note = "x is left alone: its move from a to b has failed in this run."
    assert note in plan["reasons"]
    mark = {"since": 0.0, "reason": "m", "guests": [], "hosts": ["a", "b"]}
    mark["guests"] = [{"name": name, "uuid": f"uuid-{name}"} for name in ("x", "y")]
    hosts = [host("a", maintenance=mark), host("b", guest("x"), guest("y"))]
    failed = {"guest": "uuid-x", "source": "b", "destination": "a", "failed": True}
    plan = run("restore", hosts, host=["a"], moving=[failed])
    assert [move["guest"] for move in plan["moves"]] == ["y"]
    assert not run("restore", hosts, host=["a"], moving=[{**failed, "failed": False}])["possible"]


def test_a_restore_and_a_rebalance() -> None:
    mark = {"since": 0.0, "reason": "m", "guests": [{"name": "x", "uuid": "uuid-x"}]}
    back = run("restore", [host("a", maintenance=mark), host("b", guest("x"))], host=["a"])
    assert [(move["guest"], move["destination"]) for move in back["moves"]] == [("x", "a")]
    even = run("rebalance", [host("a", guest("x", 4), guest("y", 4)), host("b")])
    assert [(move["guest"], move["destination"]) for move in even["moves"]] == [("x", "b")]


def test_a_restore_forgets_nobody_while_a_host_of_the_drain_is_missing() -> None:
    guests = [{"name": name, "uuid": f"uuid-{name}"} for name in ("x", "z")]
    mark = {"since": 0.0, "reason": "m", "guests": guests, "hosts": ["a", "b", "c"]}
    home, other = host("a", maintenance=mark), host("b", guest("x"))
    for missing in ([], [{"name": "c", "facts": None}]):
        plan = run("restore", [home, other, *missing], host=["a"])
        assert (plan["possible"], plan["moves"]) == (False, [])
        assert "z was not found, and may be on a host that did not answer: c" in plan["reasons"][0]
    plan = run("restore", [home, other, host("c", guest("z"))], host=["a"])
    assert [move["guest"] for move in plan["moves"]] == ["x", "z"]
    plan = run("restore", [home, other, host("c")], host=["a"])
    assert [move["guest"] for move in plan["moves"]] == ["x"]
    assert "z is on no host any more, and is forgotten." in plan["reasons"]
    everybody = host("a", guest("x"), guest("z"), maintenance=mark)
    assert run("restore", [everybody], host=["a"])["possible"]


def test_helpers_of_the_collection_are_no_guests() -> None:
    plan = run("drain", [host("a", guest("headroom-export-1", helper=True)), host("b")], host=["a"])
    assert plan["reasons"] == ["Nothing is to be moved."]


CLONES: dict[str, t.Any] = {
    "count": 3,
    "fleet": "web",
    "vcpus": 1,
    "memory": "2GiB",
    "disk": "1GiB",
    "pool": "default",
    "spread": "even",
    "max_per_host": None,
}
APART = {
    "kind": "anti_affinity",
    "strength": "hard",
    "fleets": ["*"],
    "tags": [],
    "names": [],
    "each": True,
}


def test_new_clones_are_placed_but_not_on_a_host_in_maintenance() -> None:
    mark = {"since": 0.0, "reason": "m", "guests": []}
    hosts = [host("a", guest("w", fleet="web")), host("b"), host("c", maintenance=mark)]
    assert run("place", hosts, clones=CLONES)["placed"] == ["b", "a", "b"]
    apart = run("place", hosts, clones=CLONES, rules=[APART])
    assert (apart["possible"], apart["placed"], apart["missing"]) == (False, ["b"], 2)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"host": ["z"]}, "is not one of `hosts`"),
        ({"host": []}, "does not name a host"),
        ({"host": ["a"], "minimum_gain": 2.0}, "must be a number from 0 to 1"),
        ({"host": ["a"], "most_moves": -1}, "must be at least 0 moves"),
        ({"host": ["a"], "pool_reserve": "much"}, "is not a size"),
        ({"host": ["a"], "rules": [{**APART, "fleets": []}]}, "does not select any guest"),
    ],
)
def test_options_that_make_no_sense_are_refused(params: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        run("drain", [host("a"), host("b")], **params)


def test_what_is_no_fact_of_a_host_is_refused() -> None:
    broken = host("a", guest("x", vcpus="many"))
    with pytest.raises(
        InvalidInput, match=r"hosts\[0\]\.facts\.guests\[0\]\.vcpus.*must be a number"
    ):
        run("drain", [broken], host=["a"])
    with pytest.raises(InvalidInput, match="is listed twice"):
        run("drain", [host("a"), host("a")], host=["a"])


def test_it_reads_what_host_info_returns() -> None:
    defaults = {name: option.get("default") for name, option in host_info.ARGUMENTS.options.items()}
    params = {
        **defaults,
        "guests": True,
        "memory_reserve": "1MiB",
        "memory_overcommit": 9.0,
        "uri": "test:///default",
    }
    with open_connection("test:///default") as connection:
        facts = host_info.read_capacity(
            connection, t.cast("t.Any", types.SimpleNamespace(params=params))
        )["host"]
    assert [one["name"] for one in facts["guests"]] == ["test"]
    plan = run("drain", [{"name": "a", "facts": facts}, host("b")], host=["a"])
    assert plan["reasons"][0].startswith(
        "test cannot leave a: b has no running pool at /guest for vda"
    )
    shared = run(
        "drain",
        [
            {"name": "a", "facts": {**facts, "guests": [{**facts["guests"][0], "disks": []}]}},
            host("b"),
        ],
        host=["a"],
    )
    assert [(move["guest"], move["destination"]) for move in shared["moves"]] == [("test", "b")]
