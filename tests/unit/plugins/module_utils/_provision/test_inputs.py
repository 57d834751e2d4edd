# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.inputs import (
    MachineSize,
    observe,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Member,
    Observation,
)

FACTS: dict[str, t.Any] = {
    "free": {"vcpus": 8, "memory_bytes": 800, "pools": {"default": 80, "fast": 90}},
    "committed": {
        "running": {"vcpus": 2, "memory_bytes": 200},
        "defined": {"vcpus": 4, "memory_bytes": 400},
    },
}
SAMPLE: dict[str, t.Any] = {
    "changed": True,
    "fleet": "web",
    "sample": {"timestamp": 13, "value": 5, "reason": None},
    "history": [
        {"timestamp": 3, "value": None, "whole": False},
        {"timestamp": 13, "value": 5, "whole": False},
    ],
    "members": [
        {
            "name": "web-1",
            "uuid": "uuid 1",
            "state": "running",
            "protected": True,
            "created": "1970-01-01T00:01:40Z",
            "activity": 0.5,
            "vcpus": 2,
            "memory_bytes": 100,
            "machine": {"uri": "qemu+ssh://a/system", "name": "web-1", "uuid": "uuid 1"},
        }
    ],
}
WANTED = MachineSize(disk_bytes=10)


def look(*hosts: dict[str, t.Any], wanted: MachineSize = WANTED) -> Observation:
    return observe("web", 15, 10, hosts, wanted)


def changed(value: dict[str, t.Any], path: str, new: t.Any) -> dict[str, t.Any]:
    """A copy of `value` with `new` at the dotted path."""
    result = copy.deepcopy(value)
    parts: list[t.Any] = [int(part) if part.isdigit() else part for part in path.split(".")]
    *parents, last = parts
    place: t.Any = result
    for part in parents:
        place = place[part]
    place[last] = new
    return result


def test_a_host_in_maintenance_takes_no_machines_and_wakes_none() -> None:
    facts = {**FACTS, "maintenance": {"since": 1.0, "reason": "firmware", "guests": []}}
    sample = {**SAMPLE, "members": [{**SAMPLE["members"][0], "state": "shutoff"}]}
    observed = look({"name": "a", "facts": facts, "sample": sample})
    assert observed.rooms[0].closed
    assert observed.spare == []
    assert observed.notes == (
        "a takes no clones, and none is woken there: it is in maintenance (firmware).",
    )
    assert look({"name": "a", "facts": FACTS, "sample": sample}).spare != []


def test_results_become_what_a_plan_is_made_of() -> None:
    observed = look({"name": "a", "facts": FACTS, "sample": SAMPLE})
    assert list(observed.series.values) == [None, 5]
    assert observed.members == (
        Member(
            "web-1",
            "a",
            "running",
            "uuid 1",
            True,
            100.0,
            0.5,
            SAMPLE["members"][0]["machine"],
            size=Size(2, 100),
        ),
    )
    assert observed.rooms == (HostRoom("a", Size(8, 800, 80), 1, Size(2, 200)),)
    assert observed.size == Size(2, 100, 10)
    assert (observed.unknown, observed.notes) == ({}, ())


def test_members_tell_their_version_and_whether_they_serve() -> None:
    row = {
        **SAMPLE["members"][0],
        "appliance": "web:1.0",
        "labelled": False,
        "in_service": False,
        "healthy": False,
        "health_reason": "it did not answer on port 80",
    }
    sample = {**SAMPLE, "members": [row, {"name": "pet", "state": "running", "labelled": True}]}
    member, pet = look({"name": "a", "facts": FACTS, "sample": sample}).members
    assert (member.version, member.labelled, member.in_service) == ("web:1.0", False, False)
    assert (member.healthy, member.health_reason) == (False, "it did not answer on port 80")
    # A sample of an older release tells nothing of these: what nobody keeps account of serves.
    assert (pet.version, pet.labelled, pet.in_service, pet.healthy) == (None, True, True, None)


def test_a_history_may_be_csv_and_is_then_the_hosts_part() -> None:
    csv = "timestamp,demand\n1970-01-01T00:00:03Z,\n1970-01-01T00:00:13Z,5\n"
    host = {"name": "a", "facts": FACTS, "sample": changed(SAMPLE, "history", csv)}
    other = {"name": "b", "sample": {**SAMPLE, "members": []}}
    assert look(host).series == look({**host, "sample": SAMPLE}).series
    assert list(look(host, other).series.values) == [None, 10]
    with pytest.raises(
        InvalidInput, match=r"hosts\[0\]\.sample\.history \(line 2\).*'noon' is not a time"
    ):
        look({**host, "sample": changed(SAMPLE, "history", "timestamp,demand\nnoon,5\n")})


def test_a_clones_size_may_be_said() -> None:
    hosts = {"name": "a", "facts": FACTS, "sample": SAMPLE}
    assert look(hosts, wanted=MachineSize(1, 50, 10, "fast")).size == Size(1, 50, 10)
    assert look(hosts, wanted=MachineSize(1, 50, 10, "fast")).rooms[0].free == Size(8, 800, 90)
    assert look(hosts, wanted=MachineSize(1, 50, 10, "none")).rooms[0].free == Size(8, 800, 0)


def test_a_size_that_nobody_knows_is_told() -> None:
    observed = look({"name": "a", "facts": FACTS, "sample": {**SAMPLE, "members": []}})
    assert observed.size == Size(1, 0, 10)
    assert "machine.memory" in observed.notes[0]


@pytest.mark.parametrize(
    "sample", [None, {"failed": True, "msg": "no"}, {"unreachable": True}, {"skipped": True}]
)
def test_a_host_without_a_sample_is_unknown(sample: dict[str, t.Any] | None) -> None:
    observed = look({"name": "a", "facts": FACTS, "sample": sample}, {"name": "b"})
    assert observed.unknown == {"a": "it did not answer", "b": "it did not answer"}
    assert observed.rooms == ()


def test_a_host_without_facts_takes_no_clones_and_counts() -> None:
    observed = look({"name": "a", "sample": SAMPLE})
    assert len(observed.members) == 1
    assert observed.rooms == ()
    assert observed.notes == ("a takes no clones: its resources are not known.",)


def test_demand_that_is_missing_is_told_with_its_reason() -> None:
    sample = changed(changed(SAMPLE, "sample.value", None), "sample.reason", "the first sample")
    assert look({"name": "a", "facts": FACTS, "sample": sample}).notes == (
        "The demand on a is not known: the first sample.",
    )


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        ("sample", "yes", "hosts[0].sample: 'yes' must be a dictionary"),
        ("sample.history", {}, "hosts[0].sample.history: {} must be a list"),
        ("sample.history.1", 7, "hosts[0].sample.history[1]: 7 must be a dictionary"),
        (
            "sample.history.1.value",
            "five",
            "hosts[0].sample.history[1].value: 'five' must be a number",
        ),
        ("sample.history.1.value", True, "hosts[0].sample.history[1].value: True must be a number"),
        (
            "sample.history.1.value",
            float("nan"),
            "hosts[0].sample.history[1].value: nan must be a number",
        ),
        (
            "sample.history.1.value",
            -1,
            "hosts[0].sample.history[1].value: -1 must be a number of 0 or more",
        ),
        (
            "sample.history.0.timestamp",
            None,
            "hosts[0].sample.history[0].timestamp: None must be a number",
        ),
        ("sample.members", None, "hosts[0].sample.members: None must be a list"),
        ("sample.members.0.name", "", "hosts[0].sample.members[0].name: '' must be a text"),
        (
            "sample.members.0.created",
            "soon",
            "hosts[0].sample.members[0].created: 'soon' must be a time in ISO 8601",
        ),
        ("sample.loads", 3, "hosts[0].sample.loads: 3 must be a list"),
        (
            "sample.loads",
            [{"timestamp": 3, "used_cores": -1}],
            "sample.loads[0].used_cores: -1 must be a number of 0",
        ),
        (
            "sample.loads",
            [{"timestamp": 3, "used_cores": 1}],
            "hosts[0].sample.loads[0].vcpus: None must be a number",
        ),
        (
            "sample.readiness",
            [{"seconds": "long"}],
            "sample.readiness[0].seconds: 'long' must be a number",
        ),
        ("sample.fleet", "db", "hosts[0].sample.fleet: 'db' is not the fleet 'web'"),
        ("facts", [], "hosts[0].facts: [] must be a dictionary"),
        ("facts.free", None, "hosts[0].facts.free: None must be a dictionary"),
        ("facts.free.vcpus", -1, "hosts[0].facts.free.vcpus: -1 must be a number of 0 or more"),
        (
            "facts.free.pools.default",
            "much",
            "hosts[0].facts.free.pools.default: 'much' must be a number",
        ),
    ],
)
def test_what_is_no_result_is_explained(path: str, new: t.Any, words: str) -> None:
    host = changed({"name": "a", "facts": FACTS, "sample": SAMPLE}, path, new)
    with pytest.raises(InvalidInput) as caught:
        look(host)
    assert words in caught.value.message
    assert "Hand in " in caught.value.message


def test_a_host_that_stands_there_twice_is_refused() -> None:
    host = {"name": "a", "facts": FACTS, "sample": SAMPLE}
    with pytest.raises(InvalidInput, match=r"hosts\[1\].name: 'a' stands there twice"):
        look(host, host)


def _add_members(name: str, *members: dict[str, t.Any]) -> dict[str, t.Any]:
    sample = {**SAMPLE, "members": [{"name": "web-1", **member} for member in members]}
    return {"name": name, "facts": FACTS, "sample": sample}


def test_machines_of_one_name_are_told_and_left_alone() -> None:
    observed = look(
        _add_members("a", {"uuid": "1", "state": "shutoff"}),
        _add_members(
            "b", {"uuid": "2", "state": "running"}, {"uuid": "3", "name": "web-2", "state": "saved"}
        ),
    )
    assert [(m.name, m.host, m.double) for m in observed.members] == [
        ("web-1", "a", True),
        ("web-1", "b", True),
        ("web-2", "b", False),
    ]
    assert [member.name for member in observed.spare] == ["web-2"]
    assert "web-1 is a machine on a and b: all are left alone" in " ".join(observed.notes)


def test_a_machine_that_moves_counts_once_where_it_runs() -> None:
    observed = look(
        _add_members("a", {"uuid": "1", "state": "paused"}),
        _add_members("b", {"uuid": "1", "state": "running"}),
    )
    assert [(m.host, m.double) for m in observed.members] == [("b", True)]
    assert "one machine by its UUID" in " ".join(observed.notes)


def test_a_host_without_a_part_in_the_run_is_unknown() -> None:
    observed = look(
        {"name": "a", "facts": FACTS, "sample": SAMPLE}, {"name": "b", "sample": {"left_out": True}}
    )
    assert observed.unknown == {"b": "it has no part in this run"}
    assert observed.left_out == {"b"}


@pytest.mark.parametrize(
    ("moment", "words"),
    [(1_767_225_600_000, "it has milliseconds"), (-3, "is not a time"), (1e20, "is not a time")],
)
def test_a_time_in_another_unit_is_no_future(moment: float, words: str) -> None:
    rows = [{"timestamp": moment, "value": 1}]
    with pytest.raises(InvalidInput, match=rf"history\[0\]\.timestamp.*{words}"):
        look({"name": "a", "facts": FACTS, "sample": {**SAMPLE, "history": rows}})
