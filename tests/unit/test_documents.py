# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written for those who change the collection is true: its picture, its packages, and every name of a file."""

from __future__ import annotations

import ast
import re
import typing as t

import pytest
import yaml

from tools import floors
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

_UTILS = ROOT / "plugins" / "module_utils"
_PAGE = ROOT / "docs" / "docsite" / "rst" / "architecture.rst"
_DOCUMENTS = (
    _PAGE,
    *(
        ROOT / name
        for name in ("CONTRIBUTING.md", "README.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
    ),
)
_LITERAL = re.compile(r"``([^`\n]+)``|`([^`\n]+)`(?!_)")
# A path: only such characters, and a slash, a suffix of ours, or the underscore of a private package.
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]*)*")
_SUFFIXES = (".py", ".md", ".yml", ".toml", ".rst", ".txt", ".in")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
_STEP = r"\* - ``(\w+)``"
_PLACEHOLDER = re.compile(r"\b[A-Z_]{2,}\b(?!\.)")


def read_paths(text: str) -> list[str]:
    """Return the literals of a text that name a file or a folder of the checkout."""
    literals = [double or single for double, single in _LITERAL.findall(text)]
    return [
        literal
        for literal in literals
        if _PATH.fullmatch(literal)
        and ("/" in literal or literal.endswith(_SUFFIXES) or re.match(r"_[a-z]", literal))
    ]


def find(path: str, folders: t.Iterable[Path]) -> list[Path]:
    """Return the files and folders of that path in ``folders``, suffix or not; NAME in it stands for any name."""
    pattern = _PLACEHOLDER.sub("*", path.rstrip("/"))
    return [
        match
        for folder in folders
        for suffix in ("", ".py")
        for match in folder.glob(f"{pattern}{suffix}")
    ]


def find_missing(document: Path) -> list[str]:
    """Return the files and folders that a document names and that do not exist.

    A path begins at the checkout or at ``module_utils``; a file without one lies in a folder that the document names.
    """
    text = document.read_text(encoding="utf-8")
    paths = [path for path in read_paths(text) if not path.startswith(("~", "/"))]
    folders = [ROOT, _UTILS]
    named = [place for path in paths for place in find(path, folders) if place.is_dir()]
    return [
        path
        for path in [*paths, *_LINK.findall(text)]
        if not find(path, folders if "/" in path else [*folders, *named])
    ]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    assert not find_missing(document)


def test_a_file_that_does_not_exist_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.rst"
    document.write_text(
        "See ``_clone/plan``, ``_clone/attic``, ``tests/unit/attic.py``, ``_virt``, `roles/attic/`, [x](attic.md).",
        encoding="utf-8",
    )
    assert find_missing(document) == [
        "_clone/attic",
        "tests/unit/attic.py",
        "roles/attic/",
        "attic.md",
    ]


def test_every_symbol_that_tells_where_to_put_something_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _before, section, _after = re.split(r"(?m)^## (?:Where do I put|How the code reads).*$", text)
    files = [
        place
        for path in read_paths(section)
        for place in find(path, (ROOT, _UTILS))
        if place.suffix == ".py"
    ]
    symbols = re.findall(r"`([A-Z]\w+|\w+(?=\(\)))(?:\(\))?`", section)
    assert symbols
    assert set(symbols) <= {name for file in files for name in read_symbols(file)}


def read_symbols(file: Path) -> set[str]:
    """Return the names of the functions, classes and values that a file defines for all of itself."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_floors_are_drawn_from_the_table() -> None:
    picture = floors.render_floors()
    assert f"\n\n{picture}\n\n" in _PAGE.read_text(encoding="utf-8"), (
        "docs/docsite/rst/architecture.rst: put in what `python -m tools.floors --rst` prints"
    )


def test_the_picture_has_every_package_and_the_ground_at_the_bottom() -> None:
    lines = floors.render_floors().splitlines()
    names = [line for line in lines if re.match(r"  \| \w+: ", line)]
    assert [line.split()[1].rstrip(":") for line in names] == [
        floor.name for floor in reversed(floors.FLOORS)
    ]
    words = " ".join(lines).split()
    packages = [package for floor in floors.FLOORS for package in floor.packages]
    assert all(words.count(package) == 1 for package in packages)
    assert len({len(line) for line in lines[2:]}) == 1


def test_every_package_has_its_paragraph() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    described = re.findall(r"(?m)^``(_\w+)``\n  \S", page)
    assert sorted(described) == sorted({path.parent.name for path in _UTILS.glob("_*/*.py")})


def test_every_step_of_a_clone_and_of_a_migration_is_told() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    _before, clone, migration = re.split(r"(?m)^(?:From a sample|A disk through) .+\n-+$", page)
    assert sorted(re.findall(_STEP, clone)) == sorted(read_steps("_clone"))
    assert sorted(re.findall(_STEP, migration)) == sorted(read_steps("_migrate"))


def read_steps(package: str) -> set[str]:
    """Return the names of the steps that the files of a package write into the journal."""
    trees = [
        ast.parse(path.read_text(encoding="utf-8")) for path in (_UTILS / package).rglob("*.py")
    ]
    return {name for tree in trees for node in ast.walk(tree) if (name := read_step(node))}


def read_step(node: ast.AST) -> str | None:
    """Return the name of the step that a call begins."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"begin_step", "_step"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return str(node.args[0].value)
    return None


def test_every_page_is_in_the_table_of_contents() -> None:
    text = (ROOT / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8")
    pages = [page for section in yaml.safe_load(text)["sections"] for page in section["toctree"]]
    assert sorted(pages) == sorted(path.stem for path in _PAGE.parent.glob("*.rst"))


def test_every_module_that_is_named_exists() -> None:
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    others = {
        *(path.name for path in (ROOT / "roles").iterdir()),
        *(path.stem for path in (ROOT / "playbooks").glob("*.yml")),
        *(path.stem for path in (ROOT / "plugins" / "inventory").glob("*.py")),
        "all",
        "docsite",
    }
    for document in _DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        named = set(re.findall(r"(?<![/\w-])headroom\.libvirt\.(\w+)", text))
        assert named <= modules | others, document.name


def test_blame_passes_over_commits_that_are_there() -> None:
    lines = (ROOT / ".git-blame-ignore-revs").read_text(encoding="utf-8").splitlines()
    commits = [line for line in lines if line and not line.startswith("#")]
    assert commits
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in commits)
