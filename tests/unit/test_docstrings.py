# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples in docstrings are run: one that is not is wrong once a function has another name."""

from __future__ import annotations

import doctest
import importlib
import typing as t

import pytest

from tools.checkout import NAME, NAMESPACE, ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

WITH_EXAMPLES = [
    path
    for path in sorted((ROOT / "plugins").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_true(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(("ansible_collections", NAMESPACE, NAME, *parts)))
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
