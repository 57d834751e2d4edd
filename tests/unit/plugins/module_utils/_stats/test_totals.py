# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.rates import compute_rates
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.totals import (
    summarise_by_label,
    summarise_domains,
)

from .records import RECORD


def domain(
    changes: t.Mapping[str, t.Any] | None = None, *, rated: bool = False
) -> dict[str, t.Any]:
    stats = parse_record({**RECORD, **(changes or {})})
    later = DomainSample("web-1", "u", 1, 2.0, stats)
    rates = (
        compute_rates(DomainSample("web-1", "u", 1, 0.0, parse_record(RECORD)), later)
        if rated
        else None
    )
    return {**later.as_dict(), "rates": rates}


OFF: dict[str, t.Any] = {
    **DomainSample("off", "o", None, 0.0, parse_record({"state.state": 5})).as_dict(),
    "rates": None,
}


def test_sums_are_over_what_is_known_and_say_of_how_many() -> None:
    sums = summarise_domains([domain({"cpu.time": 4_500_000_000}, rated=True), domain(), OFF])
    assert sums["domains"] == {
        "count": 3,
        "states": {"running": 2, "shutoff": 1},
        "timed_out": 0,
        "rated": 1,
    }
    assert sums["cpu"]["time_seconds"] == 8.0
    assert (sums["vcpu"]["current"], sums["vcpu"]["maximum"], sums["vcpu"]["time_seconds"]) == (
        6,
        8,
        6.5,
    )
    assert (sums["memory"]["rss_bytes"], sums["memory"]["used_bytes"]) == (1024 * 1024, 800 * 1024)
    assert sums["block"]["rd_bytes"] == 2 * 4608
    assert sums["interface"]["rx_bytes"] == 200
    assert sums["rates"]["cpu"]["used_cores"] == 0.5
    assert sums["rates"]["block"]["rd_bytes_per_second"] == 0.0


def test_a_group_that_no_domain_has_is_none() -> None:
    sums = summarise_domains([OFF])
    assert [name for name, value in sums.items() if value is None] == [
        "cpu",
        "vcpu",
        "memory",
        "block",
        "interface",
        "rates",
    ]


def test_over_no_domains_every_sum_is_zero() -> None:
    sums = summarise_domains([])
    assert sums["domains"] == {"count": 0, "states": {}, "timed_out": 0, "rated": 0}
    assert set(sums["block"].values()) | set(sums["memory"].values()) | set(
        sums["rates"]["cpu"].values()
    ) == {0}


def test_a_busy_domain_is_counted() -> None:
    assert summarise_domains([domain({"balloon.rss": None})])["domains"]["timed_out"] == 1


def test_parts_by_label_add_up_to_the_whole() -> None:
    domains = [{**domain(), "fleet": fleet} for fleet in ("web", "data", "web", None)]
    parts = summarise_by_label("fleet", domains)
    assert {fleet: sums["domains"]["count"] for fleet, sums in parts.items()} == {
        "data": 1,
        "web": 2,
    }
    assert parts["web"] == summarise_domains(domains[:2])
