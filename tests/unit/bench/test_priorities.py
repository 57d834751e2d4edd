# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

from bench import flashcrowd, priorities


def test_the_contenders_differ_in_their_ranks_only() -> None:
    described = {
        name: priorities.describe_role(20, ranks, 7.0, None)
        for name, ranks in priorities.RANKS.items()
    }
    for fleet in described["priorities"]["optimistic_provisioning_fleets"]:
        fleet.pop("priority", None)
        fleet.pop("best_effort", None)
    assert described["priorities"] == described["none"]


def test_the_crowd_is_announced_once_it_is_known_when_it_comes() -> None:
    def read_schedule(start: float | None) -> list[dict[str, object]]:
        role = priorities.describe_role(20, ({}, {}), 7.0, start)
        fleet = role["optimistic_provisioning_fleets"][0]
        schedule: list[dict[str, object]] = fleet["rule"]["schedule"]
        return schedule

    assert read_schedule(None) == []
    (event,) = read_schedule(0.0)
    assert event["start"] == "1970-01-01T00:00:40Z"
    assert event["machines"] == flashcrowd.PEAK / flashcrowd.CAPACITY
