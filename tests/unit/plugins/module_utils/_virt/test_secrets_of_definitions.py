# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What defines a domain anew has to read it with its secrets, or its console loses its password."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest

UTILS = Path(__file__).parents[5] / "plugins" / "module_utils"
# What tells the XML of a domain without its secrets.
_READERS: t.Final = frozenset(
    (
        "read_definition_xml",
        "read_live_xml",
        "read_definition_element",
        "read_live_element",
        "XMLDesc",
    )
)


def find_calls(node: ast.AST) -> t.Iterator[tuple[str, ast.Call]]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            yield call.func.attr, call


def find_losses(text: str) -> t.Iterator[str]:
    """Yield the functions that define a domain from what they have read without its secrets."""
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            calls = list(find_calls(function))
            for name, call in calls if "define" in dict(calls) else ():
                if name in _READERS and not any(word.arg == "secrets" for word in call.keywords):
                    yield f"{function.name} calls {name}() without secrets"


@pytest.mark.parametrize("path", sorted(UTILS.glob("_*/**/*.py")), ids=lambda path: path.stem)
def test_nothing_is_defined_from_what_lacks_its_secrets(path: Path) -> None:
    assert not list(find_losses(path.read_text()))


def test_the_search_finds_one() -> None:
    text = "def a(d):\n    domains.define(c, change(domains.read_definition_xml(d)))\n"
    assert list(find_losses(text)) == ["a calls read_definition_xml() without secrets"]
    assert not list(find_losses(text.replace("(d)))", "(d, secrets=True)))")))
