# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from demo import story


def chapters(
    machines: list[int], offered: list[float], *, hosts: int = 2, alert_at: int = 1
) -> list[story.Chapter]:
    return [
        story.Chapter(
            number=number,
            offered=rate,
            measured=rate,
            forecast=rate * 2,
            alert=number == alert_at,
            before=1,
            after={
                f"k{host + 1}": [f"web-{n + 1}" for n in range(count) if n % hosts == host]
                for host in range(2)
            },
            decision="",
            reasons=[],
        )
        for number, (count, rate) in enumerate(zip(machines, offered, strict=True))
    ]


AHEAD = chapters([1, 2, 4, 4, 2], [1, 2, 4, 8, 1])


def test_what_was_promised_was_seen() -> None:
    assert story.verdict(AHEAD) == []


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (chapters([1, 1, 2, 4, 2], [1, 2, 4, 8, 1]), "only later"),
        (chapters([1, 2, 4, 4, 4], [1, 2, 4, 8, 1]), "did not shrink"),
        (chapters([1, 2, 2, 2, 1], [1, 2, 4, 8, 1]), "never had more than 2"),
        (chapters([1, 2, 4, 4, 2], [1, 2, 4, 8, 1], hosts=1), "one host never"),
        (chapters([1, 2, 4, 4, 2], [1, 2, 4, 8, 1], alert_at=4), "no alert"),
    ],
)
def test_what_was_not_seen_is_said(told: list[story.Chapter], missing: str) -> None:
    assert any(missing in line for line in story.verdict(told))


def test_actions_are_told_by_host() -> None:
    actions = [
        {"action": "create", "host": "k1", "name": "web-2"},
        {"action": "create", "host": "k1", "name": "web-4"},
        {"action": "remove", "host": "k2", "name": "web-3"},
    ]
    assert story.decision(actions) == "create web-2 web-4 on k1; remove web-3 on k2"
    assert story.decision([]) == "stay as it is"


def test_the_table_has_what_the_visitors_saw() -> None:
    unknown = dataclasses.replace(AHEAD[0], measured=None)
    rows = story.table([unknown, AHEAD[1]], {1: {"ok": 40, "late": 3, "failed": 2}})
    assert rows[1].split()[:7] == ["0", "1.0", "-", "1", "0", "0", "0"]
    assert rows[2].split()[:7] == ["1", "2.0", "2.0", "2", "40", "3", "2"]
