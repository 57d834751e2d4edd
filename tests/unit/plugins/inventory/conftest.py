# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventory files, and what Ansible warns of."""

from __future__ import annotations

import typing as t

import pytest

from tools.inventories import Inventories

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def inventories(tmp_path: Path) -> Inventories:
    return Inventories(tmp_path)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(
        "ansible.utils.display.Display.warning",
        lambda _self, text, *_rest, **_more: said.append(text),
    )
    return said
