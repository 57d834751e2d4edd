# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import argparse
import collections
import threading
import typing as t

import pytest

from faults import cells, clocks, every, finish, full, known_red, others, pairs, power, second
from faults.cells import Cell, Outcome

if t.TYPE_CHECKING:
    from faults.scene import Scene

GROUPS = (others, second, finish, power, full, clocks)
CELL = Cell("others", "a cell", lambda _scene, _outcome: None)
GOOD, BAD = Outcome(), Outcome(problems=["lost"])


def test_a_name_names_one_cell() -> None:
    ids = collections.Counter(cell.id for group in GROUPS for cell in group.list_cells())
    assert [name for name, times in ids.items() if times > 1] == []


def test_what_is_known_to_be_red_is_a_cell() -> None:
    ids = {cell.id for group in GROUPS for cell in group.list_cells()}
    assert set(known_red.KNOWN_RED) | known_red.PROVEN <= ids
    assert not known_red.PROVEN & set(known_red.KNOWN_RED)
    assert set().union(*known_red.PROVEN_ON_PAIRS.values()) <= ids


def test_a_seed_names_its_pairs() -> None:
    names = [[cell.id for cell in pairs.list_cells(seed, 20)] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]
    assert [cell.id for cell in pairs.list_cells(1, 5)] == names[0][:5]


@pytest.mark.parametrize(
    ("outcome", "known", "word", "expected"),
    [
        (GOOD, {}, "holds", True),
        (BAD, {}, "FAILS", False),
        (BAD, {CELL.id: "D3"}, "known red (D3)", True),
        (GOOD, {CELL.id: "D3"}, "HOLDS, take it out of known_red.py (D3)", False),
    ],
)
def test_a_cell_that_is_mended_has_to_be_taken_out(
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    known: dict[str, str],
    word: str,
    expected: bool,
) -> None:
    monkeypatch.setattr(cells, "KNOWN_RED", known)
    assert cells.verdict(CELL, outcome) == word
    assert cells.is_as_expected(CELL, outcome) is expected
    assert word in cells.table([(CELL, outcome)])


def test_a_slice_is_drawn_from_what_is_proven(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(known_red, "PROVEN", {CELL.id})
    other = Cell("others", "nobody ran it", CELL.run)
    options = argparse.Namespace(
        cell="", seed=1, slice=5, list=True, unproven=False, release="trixie"
    )
    assert cells.run_cells(options, [CELL, other], "others") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [CELL.id]
    assert cells.run_cells(options, [other], "others") == cells.NOTHING_PROVEN
    options.unproven = True
    assert cells.run_cells(options, [CELL, other], "others") == 0
    assert capsys.readouterr().out.splitlines()[-1:] == [other.id]


@pytest.mark.parametrize(
    ("words", "names"),
    [("", ["a cell", "nobody ran it"]), ("cell a", ["a cell"]), ("b|ran it", ["nobody ran it"])],
)
def test_cells_are_chosen_by_words(
    capsys: pytest.CaptureFixture[str], words: str, names: list[str]
) -> None:
    other = Cell("others", "nobody ran it", CELL.run)
    options = argparse.Namespace(
        cell=words, seed=1, slice=None, list=True, unproven=False, release="trixie"
    )
    assert cells.run_cells(options, [CELL, other], "others") == 0
    assert capsys.readouterr().out.splitlines() == [f"others: {name}" for name in names]


def test_what_is_proven_can_be_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(known_red, "PROVEN", {CELL.id})
    other = Cell("others", "nobody ran it", CELL.run)
    options = argparse.Namespace(
        cell="", seed=1, slice=None, list=True, unproven=True, release="trixie"
    )
    assert cells.run_cells(options, [CELL, other], "others") == 0
    assert capsys.readouterr().out.splitlines() == [other.id]
    options.release = "bookworm"  # where nothing of the kind ran
    assert cells.run_cells(options, [CELL, other], "others") == 0
    assert capsys.readouterr().out.splitlines() == [CELL.id, other.id]


def test_what_modules_said_is_told_with_the_cell() -> None:
    outcome = Outcome(acted="code 0", problems=["two guests"])
    said: dict[str, t.Any] = {"failed": True, "msg": "there is no room"}
    assert outcome.add("task", said) is said
    text = cells.describe(CELL, outcome)
    assert "task failed: there is no room" in text
    assert "WRONG: two guests" in text


def test_cells_side_by_side_each_have_hosts_of_their_own() -> None:
    scenes = [t.cast("Scene", object()), t.cast("Scene", object())]
    together = threading.Barrier(len(scenes), timeout=10)
    used: list[Scene] = []

    def run(scene: Scene, outcome: Outcome) -> None:
        together.wait()
        used.append(scene)
        outcome.acted = "code 0"
        together.wait()

    chosen = [Cell("others", name, run) for name in "abcd"]
    outcomes = cells.run_side_by_side(scenes, chosen)
    assert [cell.name for cell, _outcome in outcomes] == ["a", "b", "c", "d"]
    assert [outcome.problems for _cell, outcome in outcomes] == [[], [], [], []]
    assert set(used[:2]) == set(used[2:]) == set(scenes)


def test_all_are_the_cells_of_every_group() -> None:
    ids = sorted(cell.id for group in GROUPS for cell in group.list_cells())
    assert sorted(cell.id for cell in every.list_cells()) == ids
