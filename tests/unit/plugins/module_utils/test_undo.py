# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError, NoSpace
from ansible_collections.headroom.libvirt.plugins.module_utils._undo import UndoStack


def run(steps: dict[str, t.Callable[[], None]], ending: BaseException | None) -> None:
    """Push the steps in order, then end the block with ``ending``."""
    with UndoStack() as undo:
        for what, step in steps.items():
            undo.push(what, step)
        if ending is not None:
            raise ending


def record(undone: list[str], *steps: str) -> dict[str, t.Callable[[], None]]:
    return {step: functools.partial(undone.append, step) for step in steps}


def fail() -> None:
    raise HeadroomError("the pool is gone")


def test_a_failure_undoes_the_latest_step_first() -> None:
    undone: list[str] = []
    with pytest.raises(NoSpace, match="full"):
        run(record(undone, "1", "2", "3"), NoSpace("full"))
    assert undone == ["3", "2", "1"]


def test_success_undoes_nothing() -> None:
    undone: list[str] = []
    run(record(undone, "1"), None)
    assert undone == []


def test_an_interrupt_undoes_too() -> None:
    undone: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(record(undone, "1"), KeyboardInterrupt())
    assert undone == ["1"]


def test_what_cannot_be_undone_is_told_and_keeps_nothing_else_from_being_undone() -> None:
    undone: list[str] = []
    with pytest.raises(NoSpace) as caught:
        run({**record(undone, "1"), "the volume 'a'": fail}, NoSpace("full"))
    assert undone == ["1"]
    assert (
        caught.value.message
        == "full. Could not be undone, remove by hand: the volume 'a' (the pool is gone)"
    )
    assert caught.value.details["left_behind"] == ["the volume 'a' (the pool is gone)"]
