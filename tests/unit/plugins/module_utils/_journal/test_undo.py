# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record, Step
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.undo import undo_steps

RECORD = Record("1", "clone", "web-1", {}, tuple(Step(name, {}) for name in "abc"))


def test_the_newest_goes_first() -> None:
    undone: list[str] = []
    undo_steps(RECORD, lambda step: undone.append(step.name))
    assert undone == ["c", "b", "a"]


def test_what_fails_does_not_keep_the_rest() -> None:
    undone: list[str] = []

    def undo(step: Step) -> None:
        if step.name != "a":
            raise HeadroomError(f"{step.name} is stuck")
        undone.append(step.name)

    with pytest.raises(HeadroomError, match=r"^c is stuck; b is stuck$") as caught:
        undo_steps(RECORD, undo)
    assert undone == ["a"]
    assert caught.value.details["left_behind"] == ["c is stuck", "b is stuck"]
