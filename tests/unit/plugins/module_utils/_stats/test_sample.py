# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import math
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._stats import fields
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import parse_record

from .records import RECORD


def without(*prefixes: str) -> dict[str, t.Any]:
    return {key: value for key, value in RECORD.items() if not key.startswith(prefixes)}


def test_values_are_named_and_in_base_units() -> None:
    stats = parse_record(RECORD)
    assert (stats["state"], stats["state_reason"], stats["timed_out"]) == (
        "running",
        "booted",
        False,
    )
    assert stats["cpu"] == {
        "time_seconds": 3.5,
        "user_seconds": 2.0,
        "system_seconds": 1.5,
        "haltpoll_success_seconds": 0.25,
        "haltpoll_fail_seconds": None,
    }
    assert stats["memory"]["current_bytes"] == 1024 * 1024
    assert stats["memory"]["rss_bytes"] == 512 * 1024
    assert stats["memory"]["last_update"] == 1_700_000_000


EXTRA = ["iothread", "dirty_rate", "memory_bandwidth", "perf", "other"]


def test_vcpus_that_are_off_leave_holes() -> None:
    vcpu = parse_record(RECORD)["vcpu"]
    assert [(device["index"], device["state"]) for device in vcpu["devices"]] == [
        (0, "running"),
        (2, "running"),
        (3, "blocked"),
    ]
    assert (vcpu["current"], vcpu["maximum"]) == (3, 4)
    assert vcpu["total"] == {"time_seconds": 3.25, "wait_seconds": 11e-9, "delay_seconds": None}


def test_a_passed_through_nic_is_listed_without_numbers_and_left_out_of_the_total() -> None:
    interface = parse_record(RECORD)["interface"]
    passed_through, plain = interface["devices"]
    assert set(passed_through.values()) == {0, None}
    assert (plain["index"], plain["name"], plain["rx_bytes"], plain["rx_errs"]) == (
        1,
        "vnet0",
        100,
        None,
    )
    assert interface["total"]["rx_bytes"] == 100
    assert interface["total"]["rx_errs"] is None


def test_images_below_a_disk_are_told_apart_and_left_out_of_the_total() -> None:
    block = parse_record(RECORD)["block"]
    assert [(disk["name"], disk["layer"], disk["backing_index"]) for disk in block["devices"]] == [
        ("vda", 0, 1),
        ("vda", 1, 3),
        ("vdb", 0, None),
        ("sda", 0, None),
    ]
    assert block["total"]["allocation_bytes"] == 100
    assert block["total"]["rd_bytes"] == 4608
    assert block["total"]["rd_seconds"] == 0.001000002
    assert block["total"]["wr_bytes"] is None


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({}, 400),
        ({"balloon.usable": None}, 600),
        ({"balloon.usable": None, "balloon.unused": None}, None),
        ({"balloon.available": None}, None),
        ({"balloon.usable": 1001}, None),
    ],
    ids=["usable", "unused", "neither", "no available", "contradiction"],
)
def test_memory_used(changes: dict[str, t.Any], used: int | None) -> None:
    expected = None if used is None else used * 1024
    assert parse_record({**RECORD, **changes})["memory"]["used_bytes"] == expected


def test_a_guest_that_never_told_its_memory_has_no_time_of_it() -> None:
    memory = parse_record({**RECORD, "balloon.last-update": 0}, now=1_700_000_009.25)["memory"]
    assert (memory["last_update"], memory["age_seconds"]) == (None, None)


@pytest.mark.parametrize(
    ("now", "age"), [(1_700_000_009.25, 9.25), (1_600_000_000.0, 0.0), (None, None)]
)
def test_what_the_guest_told_has_an_age(now: float | None, age: float | None) -> None:
    assert parse_record(RECORD, now)["memory"]["age_seconds"] == age


@pytest.mark.parametrize(
    ("prefix", "group"),
    [
        ("cpu.", "cpu"),
        ("vcpu.", "vcpu"),
        ("balloon.", "memory"),
        ("block.", "block"),
        ("net.", "interface"),
    ],
)
def test_a_group_that_is_not_there_is_none(prefix: str, group: str) -> None:
    stats = parse_record(without(prefix))
    assert stats[group] is None
    assert [name for name, value in stats.items() if value is None] == [group, *EXTRA]


def test_no_devices_add_up_to_nothing() -> None:
    interface = parse_record({"net.count": 0})["interface"]
    assert interface["devices"] == []
    assert set(interface["total"].values()) == {0}


# What libvirt 9 and 11 leave out of a running domain whose job somebody else holds.
@pytest.mark.parametrize(
    "prefixes", [("balloon.rss",), ("block.0.rd", "block.2.rd"), ("balloon.rss", "block.0.rd")]
)
def test_a_busy_domain_is_seen(prefixes: tuple[str, ...]) -> None:
    assert parse_record(without(*prefixes))["timed_out"] is True


def test_a_domain_that_is_off_is_not_busy() -> None:
    off = {
        "state.state": 5,
        "balloon.maximum": 2048,
        "block.count": 1,
        "block.0.name": "vda",
        "block.0.path": "/a",
    }
    assert parse_record(off)["timed_out"] is False


def test_a_domain_that_is_off_has_no_processor_time_whatever_libvirt_says() -> None:
    assert (
        parse_record({"state.state": 5, "cpu.time": 710_000_000, "cpu.user": 350_000_000})["cpu"]
        is None
    )


def test_a_disk_without_counters_beside_one_that_has_them_is_not_busy() -> None:
    assert parse_record(without("block.2.rd"))["timed_out"] is False


def test_a_count_beyond_reason_makes_no_devices() -> None:
    assert parse_record({"block.count": 10**9})["block"]["devices"] == []


NAMES = st.sampled_from(
    [
        *RECORD,
        *(f"block.{index}.{field.source}" for index in (0, 7, 10**12) for field in fields.BLOCK),
        *(f"net.{index}.{field.source}" for index in (0, 3) for field in fields.INTERFACE),
        *(f"balloon.{field.source}" for field in fields.MEMORY),
        "block.",
        "block..name",
        "block.²",
        "block.1",
        "net.-1.name",
        "vcpu.0.0.0",
        "perf.cmt",
        "",
    ]
)
WRONG = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.integers())
)
RECORDS = st.dictionaries(NAMES | st.text(), WRONG) | st.dictionaries(NAMES, st.integers(-1, 5))


def numbers(value: t.Any) -> t.Iterator[t.Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("index", "layer"):
                yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


@given(RECORDS)
def test_no_record_makes_it_raise_or_give_what_json_cannot_carry(record: dict[str, t.Any]) -> None:
    found = list(numbers(parse_record(record)))
    json.dumps(parse_record(record), allow_nan=False)
    assert all(number >= 0 and math.isfinite(number) for number in found)


# What has no type of its own here is passed on as libvirt gives it, so a fraction of it is no invention.
TYPED = NAMES.filter(lambda name: not name.startswith("perf."))


@given(
    st.dictionaries(
        TYPED, st.none() | st.booleans() | st.text() | st.floats() | st.integers(max_value=-1)
    )
)
def test_no_number_is_invented(record: dict[str, t.Any]) -> None:
    # Nothing here is a number of the right type: the only numbers left are sums over no devices. What no table knows
    # has no type, and is passed on.
    stats = parse_record(record)
    del stats["other"]
    assert set(numbers(stats)) <= {0}


@given(
    record=RECORDS,
    extra=st.dictionaries(st.from_regex(r"(cpu|cpus|job|new)\.x[a-z.]*", fullmatch=True), WRONG),
)
def test_unknown_keys_are_passed_on_and_change_nothing_else(
    record: dict[str, t.Any], extra: dict[str, t.Any]
) -> None:
    stats, without = (
        parse_record({"state.state": 1, **record, **extra}),
        parse_record({"state.state": 1, **record}),
    )
    other = stats.pop("other") or {}
    del without["other"]
    assert stats == without
    for key in extra.keys() if stats["state"] != "shutoff" else ():
        prefix, _dot, name = key.partition(".")
        assert name in other[prefix]


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=6))
def test_totals_are_exact(counters: list[int]) -> None:
    record: dict[str, t.Any] = {"block.count": len(counters)}
    for index, counter in enumerate(counters):
        record |= {f"block.{index}.name": f"vd{index}", f"block.{index}.rd.bytes": counter}
    assert parse_record(record)["block"]["total"]["rd_bytes"] == sum(counters)


@pytest.mark.parametrize(
    ("key", "group", "name"),
    [
        ("balloon.unused", "memory", "unused_bytes"),
        ("balloon.swap_out", "memory", "swap_out_bytes"),
        ("cpu.user", "cpu", "user_seconds"),
    ],
)
def test_minus_one_that_lost_its_sign_is_unknown(key: str, group: str, name: str) -> None:
    stats = parse_record({**RECORD, key: 2**64 - 1})
    assert stats[group][name] is None
