# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the names read, as far as it can be counted. `python -m tools.language` says where they do not."""

from __future__ import annotations

import typing as t

import pytest

from tools import checkout, language

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def census() -> language.Census:
    return language.take_census(sorted((checkout.ROOT / "plugins").rglob("*.py")))


def test_functions_begin_with_verbs(census: language.Census) -> None:
    assert census.verb_share >= 0.8
    assert len(census.participles) <= census.functions / 100


def test_variables_are_nouns(census: language.Census) -> None:
    most = census.lines / 1000
    assert {word: places for word, places in census.vague.items() if len(places) > most} == {}


def test_comprehensions_have_one_for(census: language.Census) -> None:
    assert len(census.nested_comprehensions) <= 3


def test_what_stumbles_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "ROOT", tmp_path)
    path = tmp_path / "file.py"
    path.write_text(
        "def opened(found):\n    there = [x for y in found for x in y]\n\n\n"
        "def volumes():\n    pass\n\n\ndef read_it(path):\n    pass\n",
        encoding="utf-8",
    )
    census = language.take_census([path])
    assert (census.functions, census.verbs) == (3, 1)
    assert [place.rpartition(" ")[2] for place in census.participles] == ["opened"]
    assert {word: len(places) for word, places in census.vague.items()} == {"found": 1, "there": 1}
    assert len(census.nested_comprehensions) == 1
