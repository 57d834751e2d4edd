# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sampling over libvirt's test driver, whose guests have no counters: the rates' arithmetic is in test_demand.py."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import (
    History,
    Readiness,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.request import (
    SamplingRequest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.sampling import take_sample
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._query import compile_query
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

if t.TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

DOMAIN = """<domain type='test'><name>{name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os>
<metadata><headroom:machine xmlns:headroom='urn:headroom:libvirt:1'><headroom:fleet>{fleet}</headroom:fleet>
<headroom:created>2026-11-23T00:00:00Z</headroom:created><headroom:protected/></headroom:machine></metadata></domain>"""

COUNT = compile_query("demand", "length(domains)")


class Clock:
    """Epoch seconds that stand still."""

    time = 1_795_392_003.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.fixture
def host(node: Connection) -> Connection:
    """Of the fleet: web-1 and web-2 running, web-3 saved; db is another's."""
    for name, fleet in (("web-2", "web"), ("web-1", "web"), ("web-3", "web"), ("db", "data")):
        node.handle.defineXMLFlags(DOMAIN.format(name=name, fleet=fleet)).createWithFlags()
    node.handle.lookupByName("web-3").managedSave()
    return node


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "history.sqlite")


def sample(
    host: Connection, path: str, *, at: float = 3, dry_run: bool = False, **request: t.Any
) -> dict[str, t.Any]:
    """Sample `at` seconds into a slot of 10 s."""
    clock = Clock()
    clock.time = 1_795_392_000.0 + at
    asked = dataclasses.replace(SamplingRequest("web", clock.time, 10, query=COUNT), **request)
    return take_sample(host, asked, Database(path, dry_run=dry_run), clock)


def test_the_members_are_those_of_the_fleet(host: Connection, path: str) -> None:
    members = sample(host, path)["members"]
    assert [(member["name"], member["state"]) for member in members] == [
        ("web-1", "running"),
        ("web-2", "running"),
        ("web-3", "saved"),
    ]
    assert members[0]["uuid"] == host.handle.lookupByName("web-1").UUIDString()
    machine = {"uri": host.uri, "name": "web-1", "uuid": members[0]["uuid"]}
    assert members[0]["machine"] == machine
    assert members[0]["protected"] is True
    assert members[0]["created"] == "2026-11-23T00:00:00Z"
    assert members[0]["activity"] is None


def test_a_slot_is_recorded_once(host: Connection, path: str) -> None:
    first = sample(host, path)
    assert (first["changed"], first["sample"]) == (
        True,
        {"timestamp": 1_795_392_003.0, "value": 3, "reason": None},
    )
    assert first["diff"] == {
        "before": {"sample": None},
        "after": {"sample": {"timestamp": 1_795_392_003.0, "value": 3}},
    }
    host.handle.lookupByName("web-3").undefineFlags(1)
    again = sample(host, path, at=9)
    assert (again["changed"], again["sample"], again["history"]) == (
        False,
        first["sample"],
        first["history"],
    )
    assert len(again["members"]) == 2
    assert sample(host, path, at=13)["sample"]["value"] == 2


def test_check_mode_tells_what_the_real_run_then_does(host: Connection, path: str) -> None:
    predicted = sample(host, path, dry_run=True)
    assert sample(host, path, dry_run=True) == predicted
    assert sample(host, path) == predicted
    assert sample(host, path, dry_run=True)["changed"] is False


def test_only_the_window_is_returned_and_only_what_is_kept_stays(
    host: Connection, path: str
) -> None:
    for at in range(3, 103, 10):
        sample(host, path, at=at)
    rows = sample(host, path, at=103, window=20, keep=50)["history"]
    assert [row["timestamp"] - 1_795_392_000 for row in rows] == [83, 93, 103]
    assert len(sample(host, path, at=103)["history"]) == 6


def test_a_host_without_machines_has_no_part_and_says_that_nobody_measured_it(
    host: Connection, path: str
) -> None:
    result = sample(host, path, fleet="ghosts")
    assert result["members"] == []
    assert result["sample"]["value"] == 0
    assert result["history"] == [
        {
            "timestamp": 1_795_392_003.0,
            "value": 0,
            "whole": False,
            "reason": "no member runs on this host",
        }
    ]


def test_a_value_that_is_handed_in_is_the_whole_fleets(host: Connection, path: str) -> None:
    result = sample(host, path, query=None, value=7.5)
    assert result["sample"]["value"] == 7.5
    assert result["history"] == [{"timestamp": 1_795_392_003.0, "value": 7.5, "whole": True}]


def test_what_the_expression_yields_is_scaled(host: Connection, path: str) -> None:
    plain = sample(host, path, dry_run=True)["sample"]["value"]
    assert plain > 0
    assert sample(host, path, scale=0.25)["sample"]["value"] == plain / 4


def test_a_scale_that_makes_impossible_numbers_is_named(host: Connection, path: str) -> None:
    with pytest.raises(InvalidInput, match=r"scale: .* must be a number of no more than 1e\+22"):
        sample(host, path, scale=1e40)
    assert sample(host, path)["changed"] is True


def test_an_expression_that_yields_noise_yields_nothing(host: Connection, path: str) -> None:
    noise = compile_query("demand", "sum([`-1e-17`])")
    assert sample(host, path, query=noise)["sample"]["value"] == 0


def test_an_expression_that_yields_no_demand_records_nothing(host: Connection, path: str) -> None:
    with pytest.raises(InvalidInput, match="yields a string"):
        sample(host, path, query=compile_query("demand", "domains[0].name"))
    assert sample(host, path)["changed"] is True


def test_rates_are_missing_at_first(host: Connection, path: str) -> None:
    rates = compile_query("demand", "sum(domains[].rates.cpu.used_cores)")
    result = sample(host, path, query=rates)
    assert result["sample"]["value"] is None
    assert "first sample" in result["sample"]["reason"]
    (row,) = result["history"]
    assert (row["timestamp"], row["value"], row["whole"]) == (1_795_392_003.0, None, False)
    assert row["reason"] == result["sample"]["reason"]
    # The test driver's guests tell no CPU time, now or later, and that is no demand of 0.
    later = sample(host, path, query=rates, at=13)["sample"]
    assert later["value"] is None
    assert "not every machine that runs tells cpu" in later["reason"]


def test_a_broken_history_is_told_and_a_new_one_begun(
    host: Connection, path: str, tmp_path: Path
) -> None:
    (tmp_path / "history.sqlite").write_text("broken" * 500)
    result = sample(host, path)
    assert result["sample"]["value"] == 3
    assert "is kept as" in result["warnings"][0]
    assert sample(host, path)["warnings"] == []


def test_what_machines_used_and_how_long_new_ones_took_is_told(host: Connection, path: str) -> None:
    """The test driver's guests tell no CPU time, so what they used is not known; without any, it is nothing."""
    assert sample(host, path)["loads"] == []
    none = sample(host, path, fleet="ghosts")
    assert none["loads"] == [{"timestamp": 1_795_392_003.0, "used_cores": 0.0, "vcpus": 0}]
    assert none["readiness"] == []
    Database(path).run(
        lambda opened: History(opened, "ghosts").add_readiness(Readiness(7, 2, 41.5)), 0.0
    )
    assert sample(host, path, fleet="ghosts")["readiness"] == [{"machines": 2, "seconds": 41.5}]


def test_a_second_run_in_a_slot_knows_what_the_first_one_measured(
    host: Connection, path: str
) -> None:
    uuids = [member["uuid"] for member in sample(host, path)["members"]]

    def measure(opened: sqlite3.Connection) -> None:
        history = History(opened, "web")
        used_cores = {uuids[0]: 0.9, uuids[1]: 0.1}
        history.keep_counters(history.read_counters(), used_cores)

    Database(path).run(measure, 0.0)
    again = sample(host, path, at=9)["members"]
    assert [member["activity"] for member in again] == [0.9, 0.1, None]
    assert again[0]["state_reason"] == "booted"
