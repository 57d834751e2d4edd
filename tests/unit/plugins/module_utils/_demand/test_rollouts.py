# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import rollouts
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import (
    RolloutMemory,
)

if t.TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

MEMORY = RolloutMemory("web:1", "web:2", 3.0, "web-9: it hangs")


def keep_and_read(path: Path, *texts: str) -> dict[str, t.Any] | None:
    def work(opened: sqlite3.Connection) -> dict[str, t.Any] | None:
        rollouts.write(opened, "web", 7.0, MEMORY.as_dict())
        for text in texts:
            opened.execute("UPDATE rollout SET memory = ?", (text,))
        assert rollouts.read(opened, "db") is None
        return rollouts.read(opened, "web")

    return Database(str(path / "h.sqlite")).run(work, 8.0)[0]


def test_what_is_remembered_is_read_again(tmp_path: Path) -> None:
    assert keep_and_read(tmp_path) == {"moment": 7.0, "memory": MEMORY.as_dict()}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 99, "stable": "x"}', '{"stable": 7}']
)
def test_what_cannot_be_understood_says_nothing(tmp_path: Path, text: str) -> None:
    assert keep_and_read(tmp_path, text) == {"moment": 7.0, "memory": RolloutMemory().as_dict()}
