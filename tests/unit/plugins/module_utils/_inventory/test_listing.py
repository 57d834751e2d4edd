# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of many hosts are made one host after the other, as long as there is memory for them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotEnoughMemory
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import listing
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.request import (
    ListingRequest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.rows import Selection
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.survey import HostReport
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.memory_guard import (
    MemoryGuard,
    MemoryLimit,
    measure_size_bytes,
)

from bench import simulated

MIB = 1024**2


def build(
    reports: dict[str, t.Any], room_bytes: int = 2**40, **selection: t.Any
) -> listing.Listing:
    request = ListingRequest(list(reports), LookRequest(), Selection(**selection))
    guard = MemoryGuard(lambda: MemoryLimit("a limit", room_bytes), lambda: 0, "the rows", "name")
    building = listing._Building(request, guard)
    for uri, data in reports.items():
        building.add_host(uri, HostReport(data, uri))
    return building.finish()


def test_what_will_not_fit_is_refused_before_it_is_made() -> None:
    report = simulated.report(0, 640)
    size_bytes = sum(map(measure_size_bytes, build({"a": report}).domains))
    assert len(build({"a": report}, 4 * size_bytes).domains) == 640
    with pytest.raises(NotEnoughMemory, match=r"the rows of 640 domains take about") as raised:
        build({"a": report}, 2 * size_bytes)
    assert "with name." in raised.value.message


def test_what_is_not_chosen_takes_no_memory() -> None:
    names = frozenset(f"h0-web-{index}" for index in range(0, 640, 8))
    report = simulated.report(0, 640)
    size_bytes = sum(map(measure_size_bytes, build({"a": report}).domains))
    assert len(build({"a": report}, size_bytes // 2, names=names).domains) == 80


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"domains": None, "addresses": [], "networks": []},
        {"domains": [{}], "addresses": [], "networks": [], "calls": 1},
        {"domains": [{"name": []}], "addresses": [], "networks": [], "calls": 1},
        {"domains": [], "addresses": 7, "networks": [], "calls": 1},
        {"domains": [], "addresses": [], "networks": [["a", "<"]], "calls": 1},
        {"domains": [], "addresses": [], "networks": []},
    ],
)
def test_an_answer_that_no_reader_gives_is_a_problem_of_its_host(answer: t.Any) -> None:
    result = build({"strange": answer, "good": simulated.report(1, 2)})
    assert [row["name"] for row in result.domains] == ["h1-web-0", "h1-web-1"]
    assert result.hosts[0]["problem"] is not None
    assert result.hosts[1] == {"uri": "good", "domains": 2, "calls": 4, "problem": None}


def test_the_size_of_data_is_what_it_holds() -> None:
    small, large = {"a": ["x"], "b": None}, {"a": ["x" * 1000, ("y" * 1000,)], "b": None}
    assert 2000 < measure_size_bytes(large) - measure_size_bytes(small) < 2300
