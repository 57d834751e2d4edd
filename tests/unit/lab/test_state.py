# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from lab import cache, state
from lab.naming import plan_lab
from lab.shell import LabError

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_LAB_DIR", str(tmp_path / "labs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_lab_is_read_back_as_it_was_saved() -> None:
    lab = plan_lab("x", 3, ["trixie", "bookworm"])
    assert state.load("x") is None
    state.save(lab)
    assert state.load("x") == lab
    assert state.known_labs() == ["x"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"hosts": [{"number": 1}]}', '{"hosts": 3}', '{"hosts": [7]}']
)
def test_a_damaged_lab_says_how_to_remove_it(text: str) -> None:
    state.save(plan_lab("x", 1, ["trixie"]))
    (state.directory("x") / "lab.json").write_text(text)
    with pytest.raises(LabError, match="down --name x"):
        state.load("x")


def test_one_command_at_a_time_and_nothing_stays() -> None:
    with (
        state.locked("x", patience_seconds=0),
        pytest.raises(LabError, match="another command"),
        state.locked("x", patience_seconds=0),
    ):
        pytest.fail("two held the lock")
    with state.locked("x", patience_seconds=0):
        pass
    assert not state.base().exists()


def test_an_item_is_built_once() -> None:
    name = cache.item_name("thing", "recipe")
    built: list[Path] = []

    def build(item: Path) -> None:
        built.append(item)
        (item / "content").write_text("whole")

    assert (cache.obtain(name, build) / "content").read_text() == "whole"
    assert cache.obtain(name, build).name == name
    assert len(built) == 1


def test_an_interrupted_build_is_never_used() -> None:
    def die(item: Path) -> None:
        (item / "content").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.obtain("thing-1", die)
    assert cache.items() == []
    # what kill -9 leaves: a folder under the other name
    (cache.directory() / ".thing-1.partial").mkdir()
    (cache.directory() / ".thing-1.partial" / "stale").touch()
    assert list(cache.obtain("thing-1", lambda _item: None).iterdir()) == []


def test_another_recipe_is_another_item() -> None:
    assert cache.item_name("a", "x", "yz") != cache.item_name("a", "xy", "z")
