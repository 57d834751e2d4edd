# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.rates import compute_rates
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)

from .records import RECORD


def sample(
    at: float, changes: t.Mapping[str, t.Any] | None = None, run: int | None = 7
) -> DomainSample:
    return DomainSample("web-1", "u-1", run, at, parse_record({**RECORD, **(changes or {})}))


def without(*prefixes: str) -> DomainSample:
    record = {key: value for key, value in RECORD.items() if not key.startswith(prefixes)}
    return DomainSample("web-1", "u-1", 7, 100.0, parse_record(record))


def rates(before: DomainSample, after: DomainSample) -> dict[str, t.Any]:
    result = compute_rates(before, after)
    assert result is not None
    return result


def test_changes_are_divided_by_the_true_interval() -> None:
    later = sample(
        102.5, {"cpu.time": 8_500_000_000, "block.0.rd.bytes": 4096 + 5000, "net.1.rx.bytes": 350}
    )
    result = rates(sample(100.0), later)
    assert result["interval_seconds"] == 2.5
    assert result["cpu"]["used_cores"] == 2.0
    assert result["block"]["devices"][0]["rd_bytes_per_second"] == 2000.0
    assert result["block"]["total"]["rd_bytes_per_second"] == 2000.0
    assert result["interface"]["total"]["rx_bytes_per_second"] == 100.0
    assert result["memory"]["swap_in_bytes_per_second"] == 0.0


def test_each_rate_says_which_device_it_is_of() -> None:
    result = rates(sample(0.0), sample(1.0))
    assert [
        (disk["index"], disk["name"], disk["layer"]) for disk in result["block"]["devices"]
    ] == [
        (0, "vda", 0),
        (1, "vda", 1),
        (2, "vdb", 0),
        (3, "sda", 0),
    ]
    assert [vcpu["index"] for vcpu in result["vcpu"]["devices"]] == [0, 2, 3]


def test_a_counter_that_fell_has_no_rate_and_its_total_is_not_known() -> None:
    result = rates(sample(0.0), sample(1.0, {"block.0.rd.bytes": 1, "block.2.rd.bytes": 1512}))
    assert [disk["rd_bytes_per_second"] for disk in result["block"]["devices"]] == [
        None,
        None,
        1000.0,
        None,
    ]
    assert result["block"]["total"]["rd_bytes_per_second"] is None
    assert result["block"]["total"]["rd_reqs_per_second"] == 0.0


def test_a_new_device_has_no_rate() -> None:
    result = rates(without("block.2"), dataclasses.replace(sample(101.0)))
    assert [disk["rd_reqs_per_second"] for disk in result["block"]["devices"]] == [
        0.0,
        None,
        None,
        None,
    ]
    assert result["block"]["total"]["rd_reqs_per_second"] is None


def test_a_device_keeps_its_rate_when_one_before_it_is_unplugged() -> None:
    moved = {
        key.replace("block.2", "block.0"): value
        for key, value in RECORD.items()
        if key.startswith("block.2")
    }
    moved |= {"state.state": 1, "block.count": 1, "block.0.rd.bytes": 1024}
    after = DomainSample("web-1", "u-1", 7, 2.0, parse_record(moved))
    (disk,) = rates(sample(0.0), after)["block"]["devices"]
    assert (disk["name"], disk["rd_bytes_per_second"]) == ("vdb", 256.0)


@pytest.mark.parametrize(
    "previous",
    [None, sample(0.0, run=6), sample(0.0, run=None), sample(1.0), sample(2.0)],
    ids=["new", "started again", "was off", "same instant", "clock went back"],
)
def test_there_is_no_rate_without_a_past_of_the_same_run(previous: DomainSample | None) -> None:
    assert compute_rates(previous, sample(1.0)) is None


def test_a_group_that_one_sample_lacks_has_no_rates() -> None:
    assert rates(without("cpu.", "block."), sample(101.0))["cpu"] is None
    assert rates(sample(99.0), without("cpu.", "block."))["block"] is None


def test_a_sample_survives_storage_as_json() -> None:
    first = sample(0.0)
    assert DomainSample(**dataclasses.asdict(first)) == first


@given(before=st.integers(0, 2**62), grown=st.integers(0, 2**62), seconds=st.floats(0.001, 1e6))
def test_a_rate_times_its_interval_is_the_growth(before: int, grown: int, seconds: float) -> None:
    result = rates(
        sample(0.0, {"net.1.rx.bytes": before}), sample(seconds, {"net.1.rx.bytes": before + grown})
    )
    assert result["interface"]["total"]["rx_bytes_per_second"] * seconds == pytest.approx(grown)


@given(before=st.integers(0, 2**64 - 2), after=st.integers(0, 2**64 - 2))
def test_no_rate_is_negative(before: int, after: int) -> None:
    result = rates(sample(0.0, {"cpu.time": before}), sample(1.0, {"cpu.time": after}))
    cores = result["cpu"]["used_cores"]
    # Two counts of nanoseconds that are one number of seconds differ by nothing.
    assert (cores is None) == (after / 1e9 < before / 1e9)
    assert cores is None or cores >= 0


def test_the_total_of_a_disk_with_a_backing_chain_is_the_guests_own() -> None:
    later = sample(10.0, {"block.0.rd.bytes": 4096 + 100, "block.1.rd.bytes": 900})
    block = rates(sample(0.0, {"block.1.rd.bytes": 0}), later)["block"]
    assert [disk["rd_bytes_per_second"] for disk in block["devices"][:2]] == [10.0, 90.0]
    assert block["total"]["rd_bytes_per_second"] == 10.0
