# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from crowd.load import Tally
from demo import story

MADE = {"action": "create", "host": "k2", "name": "web-2"}
GONE = {"action": "remove", "host": "k1", "name": "web-1"}


def chapter(number: int, offered: float, versions: str, **changes: t.Any) -> story.Chapter:
    """A chapter after which there is a machine for each digit, of that version, on k1 and k2 by turns."""
    names = [f"web-{index + 1}" for index in range(len(versions))]
    told = story.Chapter(
        number=number,
        seconds=24.0 * (number + 1),
        offered=offered,
        measured=offered,
        forecast=2 * offered,
        alert=number == 1,
        needed=3 if offered == 12 else 1,
        goal="2.0" if number >= 3 else "1.0",
        phase="none",
        actions=[],
        after={"k1": names[::2], "k2": names[1::2]},
        versions={name: f"{version}.0" for name, version in zip(names, versions, strict=True)},
        reasons=[],
    )
    return dataclasses.replace(told, **changes)


WHOLE = [
    chapter(0, 1.5, "1"),
    chapter(1, 3, "11", actions=[MADE]),
    chapter(2, 6, "111", actions=[MADE]),
    chapter(3, 12, "1112", phase="canary", actions=[MADE]),
    chapter(4, 12, "11222", phase="rolling", actions=[MADE, MADE, GONE]),
    chapter(5, 12, "222", phase="rolling", actions=[GONE, GONE]),
    chapter(6, 1.5, "222"),
    chapter(7, 1.5, "2", actions=[GONE, GONE]),
]
SEEN = {
    **{number: Tally(sent=72, ok=72, versions={"1.0": 72}) for number in range(4)},
    4: Tally(sent=288, ok=288, slowest_seconds=0.31, versions={"1.0": 216, "2.0": 72}),
    5: Tally(sent=288, ok=288, versions={"2.0": 288}),
    6: Tally(sent=36, ok=36, versions={"2.0": 36}),
    7: Tally(sent=36, ok=36, versions={"2.0": 36}),
    8: Tally(sent=9, ok=9, versions={"2.0": 9}),
}


def change(number: int, **changes: t.Any) -> list[story.Chapter]:
    """The whole story but for what one chapter is like."""
    return [dataclasses.replace(c, **changes) if c.number == number else c for c in WHOLE]


def test_what_was_promised_was_seen() -> None:
    assert story.verdict(WHOLE, SEEN) == []
    assert story.is_over(WHOLE)


@pytest.mark.parametrize(
    ("chapters", "missing"),
    [
        (change(2, after={"k1": ["web-1"], "k2": ["web-2"]}), "2 of 3 machines"),
        (change(2, after={"k1": ["web-1"], "k2": []}), "did not grow before"),
        (change(7, after={"k1": ["web-4", "web-5"], "k2": ["web-6"]}), "did not shrink"),
        (change(1, alert=False), "no alert"),
        (change(7, versions={"web-5": "1.0"}), "not all machines are of web:2.0"),
        (change(7, versions={}), "not all machines are of web:2.0"),
        (
            [dataclasses.replace(c, after={"k1": list(c.versions), "k2": []}) for c in WHOLE],
            "one host never",
        ),
    ],
)
def test_what_was_not_seen_is_said(chapters: list[story.Chapter], missing: str) -> None:
    (said,) = story.verdict(chapters, SEEN)[:1]
    assert missing in said


@pytest.mark.parametrize(
    ("number", "tally", "missing"),
    [
        (4, Tally(sent=288, ok=288, versions={"1.0": 288}), "by both versions"),
        (6, Tally(sent=36, ok=35, failed=1, versions={"2.0": 35}), "1 request failed, and 0 came"),
        (8, Tally(sent=9, ok=7, late=2, versions={"2.0": 9}), "0 requests failed, and 2 came late"),
    ],
)
def test_what_visitors_saw_is_judged(number: int, tally: Tally, missing: str) -> None:
    (said,) = story.verdict(WHOLE, {**SEEN, number: tally})
    assert missing in said


@pytest.mark.parametrize(
    "last",
    [
        chapter(7, 1.5, "22"),
        chapter(7, 1.5, "1"),
        chapter(7, 1.5, ""),
    ],
)
def test_it_goes_on_until_the_fleet_is_small_and_new(last: story.Chapter) -> None:
    assert not story.is_over([*WHOLE[:-1], last])


def test_actions_are_told_by_host() -> None:
    actions = [
        {"action": "create", "host": "k1", "name": "web-2"},
        {"action": "create", "host": "k1", "name": "web-4"},
        {"action": "remove", "host": "k2", "name": "web-3"},
    ]
    assert story.decision(actions) == "create web-2 web-4 on k1; remove web-3 on k2"
    assert story.decision([]) == "stay as it is"


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (chapter(0, 3, "1", actions=[MADE]), "6.0/s expected"),
        (chapter(1, 3, "1", actions=[MADE]), "alert, 6.0/s soon"),
        (chapter(4, 3, "1", actions=[MADE], phase="canary"), "canary of 2.0"),
        (chapter(4, 3, "1", actions=[GONE], phase="rolling"), "rolling to 2.0"),
        (chapter(4, 3, "1", actions=[MADE], phase="returning"), "back from 2.0"),
        (chapter(4, 3, "1", actions=[GONE]), "demand has fallen"),
        (chapter(4, 3, "11"), "cooldown"),
        (chapter(4, 3, "1"), "enough"),
        (chapter(4, 3, "1", needed=None), "enough"),
    ],
)
def test_what_the_role_did_has_a_word(told: story.Chapter, word: str) -> None:
    assert story.word(told) == word


def test_a_chapter_tells_what_answered() -> None:
    lines = story.tell(WHOLE[4], SEEN[4])
    assert "answered 75 % by 1.0, 25 % by 2.0" in lines[2]
    assert "answered" not in "".join(story.tell(WHOLE[4], None))


def test_the_table_fits_a_terminal_and_has_a_row_for_each_interval() -> None:
    rows = story.table(change(0, offered=0.0), {**SEEN, 4: Tally(late=3, failed=2)}, "1.0")
    assert max(map(len, rows)) <= 80
    assert len({len(row) for row in rows if row.startswith("─")}) == 1
    assert [row.split() for row in rows[3:-1]] == [
        ["0:24", "0.0", "72", "-", "0", "○", "enough"],
        ["0:48", "3.0", "██", "72", "-", "0", "○○", "+1", "alert,", "6.0/s", "soon"],
        ["1:12", "6.0", "████", "72", "-", "0", "○○○", "+1", "12.0/s", "expected"],
        ["1:36", "12.0", "████████", "72", "-", "0", "○○○●", "+1", "canary", "of", "2.0"],
        ["2:00", "12.0", "████████", "-", "-", "5", "○○●●●", "+2", "-1", "rolling", "to", "2.0"],
        ["2:24", "12.0", "████████", "-", "288", "0", "●●●", "-2", "rolling", "to", "2.0"],
        ["2:48", "1.5", "█", "-", "36", "0", "●●●", "cooldown"],
        ["3:12", "1.5", "█", "-", "36", "0", "●", "-2", "demand", "has", "fallen"],
        ["then", "-", "9", "0"],
    ]


def test_the_longest_row_still_fits() -> None:
    actions = [MADE, MADE, GONE]
    longest = chapter(30, 12, "11122222", forecast=123.4, alert=True, actions=actions)
    rows = story.table([longest], {30: Tally(versions={"1.0": 1234, "2.0": 1234})}, "1.0")
    assert max(map(len, rows)) <= 80


def test_what_visitors_saw_is_summed_up() -> None:
    lines = "\n".join(story.sum_up(WHOLE, SEEN, "1.0"))
    assert "945: 0 failed, 0 late" in lines
    assert "the slowest took 0.31 s" in lines
    assert "53 % by 1.0, 47 % by 2.0" in lines
    assert "1 → 3 → 1" not in lines
    assert "1 → 5 → 1, on 2 hosts" in lines
