# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.estate import (
    Bar,
    limit_guests,
    read_clone_size,
    read_guests,
    read_host,
    read_tenants,
)

GIB = 2**30
FACTS: dict[str, t.Any] = {
    "free": {
        "vcpus": 9,
        "memory_bytes": 5 * GIB,
        "pools": {"default": 100 * GIB, "fast": 10 * GIB},
    },
    "committed": {"defined": {"vcpus": 7, "memory_bytes": 3 * GIB}},
    "pools": [
        {"name": "default", "capacity_bytes": 200 * GIB, "available_bytes": 100 * GIB},
        {"name": "off"},
    ],
    "domains": {"total": 0},
}


def test_a_host_tells_how_many_more_clones_fit_and_why_no_more() -> None:
    told = read_host({"name": "a", "facts": FACTS}, Size(2, 2 * GIB, 10 * GIB))
    assert (told.fits, told.limited_by, told.running) == (2, "memory", 0)
    assert [(gauge.label, gauge.share) for gauge in told.bars] == [
        ("vCPUs promised", 7 / 16),
        ("Memory promised", 3 / 8),
        ("Pool default", 0.5),
    ]
    assert read_host({"name": "a", "facts": None}, Size(1)).facts is None


def test_a_host_tells_how_many_more_of_each_fleet_fit() -> None:
    sizes = {"web": Size(2, 2 * GIB, 10 * GIB), "db": Size(1, GIB, 60 * GIB)}
    told = read_host({"name": "a", "facts": FACTS}, Size(1, GIB, GIB), sizes)
    assert told.by_fleet == (("web", 2, "memory"), ("db", 1, "disk"))


def test_a_host_that_promised_too_much_has_room_for_none() -> None:
    free = {**FACTS["free"], "memory_bytes": -GIB}
    assert read_host({"name": "a", "facts": {**FACTS, "free": free}}, Size(1, GIB, GIB)).fits == 0


@pytest.mark.parametrize(
    ("used", "level"), [(0, "fine"), (70, "busy"), (90, "full"), (900, "full")]
)
def test_a_bar_says_how_worrying_it_is(used: int, level: str) -> None:
    assert Bar("x", used, 100).level == level
    assert Bar("x", used, 0).share == 0


def domain(name: str, cores: float | None = None, **change: t.Any) -> dict[str, t.Any]:
    rates: t.Any = (
        None
        if cores is None
        else {"cpu": {"used_cores": cores}, "block": None, "interface": {"total": {}}}
    )
    return {
        "name": name,
        "state": "running",
        "rates": rates,
        "memory": {"maximum_bytes": GIB},
        **change,
    }


def test_the_busiest_guests_come_first_and_what_is_not_known_is_none() -> None:
    found = read_guests(
        [
            {"name": "a", "domains": [domain("idle", 0.1), domain("off", state="shutoff")]},
            {"name": "b", "domains": [domain("busy", 3)]},
            {"name": "c"},
        ]
    )
    assert [guest.name for guest in found] == ["busy", "idle", "off"]
    assert (found[0].host, found[0].vcpus, found[0].received, found[0].read) == (
        "b",
        None,
        None,
        None,
    )


def test_a_page_shows_so_many_guests_and_says_how_many_it_leaves_out() -> None:
    found = read_guests(
        [{"name": "a", "domains": [domain(f"g{number}") for number in range(1000)]}]
    )
    assert (len(limit_guests(found)[0]), limit_guests(found)[1]) == (400, 600)


def test_tenants_have_a_bar_for_each_limit_on_each_host() -> None:
    own: t.Any = {"tenant": "acme"}
    found = read_guests(
        [
            {"name": "a", "domains": [domain("x", **own), domain("y")]},
            {"name": "b", "domains": [domain("z", **own)]},
        ]
    )
    (acme, unused) = read_tenants(
        found, {"acme": {"machines": 2, "memory": "4GiB"}, "unused": {"vcpus": 1}}
    )
    assert (acme.machines, acme.running, acme.memory_bytes) == (2, 2, 2 * GIB)
    assert [(gauge.label, gauge.share) for gauge in acme.bars] == [
        ("Machines on a", 0.5),
        ("Memory on a", 0.25),
        ("Machines on b", 0.5),
        ("Memory on b", 0.25),
    ]
    assert (unused.machines, unused.bars) == (0, ())


def test_sizes_have_units() -> None:
    assert read_clone_size({}) == Size(1, GIB, GIB)
    assert read_clone_size({"vcpus": 2, "memory": "2GiB", "disk": "10GiB"}) == Size(
        2, 2 * GIB, 10 * GIB
    )
    with pytest.raises(InvalidInput, match=r"machine\.memory"):
        read_clone_size({"memory": "much"})
    with pytest.raises(InvalidInput, match=r"quotas\.acme\.disk"):
        read_tenants(
            read_guests([{"name": "a", "domains": [domain("x", tenant="acme")]}]),
            {"acme": {"disk": "much"}},
        )
