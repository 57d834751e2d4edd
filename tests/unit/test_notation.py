# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One notation for each quantity, by the documentation of all modules; CONTRIBUTING.md has the table."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from tools.checkout import ROOT

MODULES = sorted((ROOT / "plugins/modules").glob("*.py"))
FRAGMENTS = sorted((ROOT / "plugins/doc_fragments").glob("*.py"))
SIZE = re.compile(r"(?:^|_)(?:memory|ram|disk|size|bandwidth|reserve)$")
DURATION = re.compile(
    r"(?:^|_)(?:timeout|interval|window|cooldown|grace|seconds|horizon|age|period)$"
)
# Words that a number of bytes, or of seconds, in a result must not end with.
BARE = re.compile(
    r"(?:^|_)(?:memory|ram|disk|size|bytes_total|allocation|elapsed|duration|bandwidth)$"
)
# What is raw goes on as it is to a task that checks it; `horizon` may be a word as well.
NUMBERS = {"int", "float"}

Rows = t.Iterator[tuple[str, dict[str, t.Any]]]


def read_texts(path: Path) -> t.Iterator[tuple[str, t.Any]]:
    """Yield the name and content of each text of a file that is YAML documentation."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            is_ours = name in {"DOCUMENTATION", "RETURN"} or path.parent.name == "doc_fragments"
            text = node.value.value if isinstance(node.value, ast.Constant) else None
            if is_ours and isinstance(text, str):
                yield name, yaml.safe_load(text)


def walk(rows: t.Any, below: str) -> Rows:
    for name, row in (rows or {}).items():
        yield name, row
        yield from walk(row.get(below), below)


def read_options(path: Path) -> Rows:
    for name, content in read_texts(path):
        if name != "RETURN" and isinstance(content, dict):
            yield from walk(content.get("options"), "suboptions")


def read_results(path: Path) -> Rows:
    for name, content in read_texts(path):
        if name == "RETURN":
            yield from walk(content, "contains")


def find_wrong_options(rows: Rows) -> list[str]:
    wrong = []
    for name, row in rows:
        kind, text = row.get("type", "str"), str(row.get("description"))
        if SIZE.search(name) and kind not in {"str", "dict", "list", "bool"}:
            wrong.append(f"{name} is a size, so it is a text with a unit")
        if DURATION.search(name) and kind in NUMBERS and "econd" not in name + text:
            wrong.append(f"{name} is a duration, and its text does not say that it is in seconds")
        if DURATION.search(name) and kind not in NUMBERS | {"raw"} and name != "horizon":
            wrong.append(f"{name} is a duration, so it is a number")
    return wrong


def find_wrong_results(rows: Rows) -> list[str]:
    return [
        f"{name} does not say its unit"
        for name, row in rows
        if row.get("type") in NUMBERS and BARE.search(name)
    ]


@pytest.mark.parametrize("path", [*MODULES, *FRAGMENTS], ids=lambda path: path.stem)
def test_options_have_one_notation(path: Path) -> None:
    assert find_wrong_options(read_options(path)) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_results_say_their_unit(path: Path) -> None:
    assert find_wrong_results(read_results(path)) == []


def test_other_notations_are_found() -> None:
    options = {
        "memory": {"type": "int", "description": "Bytes."},
        "timeout": {"type": "float", "description": "How long."},
        "max_age": {"type": "str", "description": "Such as 30 seconds."},
        "bandwidth": {"type": "str", "description": "A second."},
    }
    found = find_wrong_options(iter(options.items()))
    assert [text.split()[0] for text in found] == ["memory", "timeout", "max_age"]
    results = {"size": {"type": "int"}, "size_bytes": {"type": "int"}, "disk": {"type": "dict"}}
    assert find_wrong_results(iter(results.items())) == ["size does not say its unit"]


def test_both_are_read() -> None:
    options = [name for path in MODULES for name, _row in read_options(path)]
    results = [name for path in MODULES for name, _row in read_results(path)]
    assert len(options) > 150
    assert len(results) > 300
