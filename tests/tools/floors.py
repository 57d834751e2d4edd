# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floors of the house, and what in `plugins/` does not keep to them: `python -m tools.floors` lists it.

The table below is the only place that says which package lies on which floor; the test of the layers and the picture in
the documentation are made from it.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import textwrap
import typing as t
from pathlib import Path

from tools.checkout import NAME, NAMESPACE, ROOT

PLUGINS = ROOT / "plugins"
_PREFIX = f"ansible_collections.{NAMESPACE}.{NAME}.plugins."


class Floor(t.NamedTuple):
    """A floor, and the packages on it; ``about`` says what they have in common."""

    name: str
    about: str
    packages: tuple[str, ...]


# From the ground up. A file may import from lower floors and, without a circle, from its own.
FLOORS: t.Final = (
    Floor("ground", "what any Python program needs; no libvirt", ()),
    Floor(
        "libvirt",
        "libvirt's objects, one call a function, their XML, and what storage can do",
        ("_storage", "_virt"),
    ),
    Floor(
        "mechanisms",
        "what several services share",
        ("_layers", "_streaming", "_journal", "_catalogue", "_image", "_stats", "_rbd"),
    ),
    Floor(
        "services",
        "retrieve, plan, act",
        (
            "_domain",
            "_appliance",
            "_clone",
            "_migrate",
            "_feed",
            "_network",
            "_host",
            "_inventory",
            "_placement",
            "_demand",
            "_fleet",
            "_forecast",
            "_provision",
            "_backtest",
            "_outlook",
        ),
    ),
    Floor("roof", "what knows all services", ("_machine", "_recovery", "_selftest")),
    Floor("controller", "what plugins on the controller share", ("plugin_utils",)),
    Floor(
        "plugins",
        "a specification, one call, an exit",
        ("modules", "action", "inventory", "doc_fragments"),
    ),
)
_PICTURE_COLUMNS: t.Final = 88
_LEVELS: t.Final = {
    package: level for level, floor in enumerate(FLOORS) for package in floor.packages
}

# What a pure file may neither import nor call: files, clocks, processes, networks, chance.
_IMPURE_MODULES: t.Final = frozenset(
    (
        "asyncio",
        "concurrent",
        "fcntl",
        "glob",
        "http",
        "importlib",
        "libvirt",
        "libvirt_qemu",
        "multiprocessing",
        "os",
        "pathlib",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
        "zoneinfo",
    )
)
_FILE_METHODS: t.Final = frozenset(("read_text", "write_text", "write_bytes", "unlink", "mkdir"))
_CLOCK_METHODS: t.Final = frozenset(("now", "utcnow", "today"))


# Sent over SSH as they are, and so without a package to be relative to.
_SENT: t.Final = frozenset(
    f"_inventory/{name}" for name in ("answer", "calls", "definitions", "tables", "reader")
)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file of `plugins/`. ``imports`` are names of other ones, ``absolute`` those that are not relative.

    ``needs`` are the imports that happen at run time; ``impurities`` say what a pure file would not do.
    """

    name: str
    is_pure: bool
    imports: frozenset[str]
    needs: frozenset[str]
    absolute: frozenset[str]
    impurities: tuple[str, ...]

    @property
    def package(self) -> str:
        """The folder on whose floor it lies; nothing for a file of the ground."""
        first, _slash, rest = self.name.partition("/")
        return first if rest else ""


House = t.Dict[str, SourceFile]  # noqa: UP006 - an alias is read at run time, by Python 3.9 as well


def read_house(plugins: Path) -> House:
    """Return {name: SourceFile} of all below ``plugins``; a name is a path without `module_utils/` and suffix."""
    paths = {_name_of(path, plugins): path for path in sorted(plugins.rglob("*.py"))}
    return {name: _read(name, path, paths.keys()) for name, path in paths.items()}


def _name_of(path: Path, plugins: Path) -> str:
    return path.relative_to(plugins).with_suffix("").as_posix().removeprefix("module_utils/")


def _read(name: str, path: Path, names: t.Collection[str]) -> SourceFile:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {id(node) for block in ast.walk(tree) for node in _typing_only(block)}
    imports, needs, absolute = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for target in _targets(name, node, names):
                imports.add(target)
                if id(node) not in typing_only:
                    needs.add(target)
                if not node.level:
                    absolute.add(target)
    docstring = ast.get_docstring(tree) or ""
    return SourceFile(
        name=name,
        is_pure="Pure." in docstring.partition("\n\n")[0] or " Pure:" in docstring,
        imports=frozenset(imports),
        needs=frozenset(needs),
        absolute=frozenset(absolute),
        impurities=tuple(_impurities(tree, typing_only)),
    )


def _typing_only(node: ast.AST) -> t.Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) in {"t.TYPE_CHECKING", "TYPE_CHECKING"}:
        for statement in node.body:
            yield from ast.walk(statement)


def _targets(name: str, node: ast.ImportFrom, names: t.Collection[str]) -> t.Iterator[str]:
    """The files that one import reaches: a name that is imported is a file, or something of one."""
    folder = _folder_of(name, node)
    if folder is None:
        return
    for alias in node.names:
        candidate = f"{folder}/{alias.name}" if folder else alias.name
        if candidate in names:
            yield candidate
        elif folder in names:
            yield folder


def _folder_of(name: str, node: ast.ImportFrom) -> str | None:
    module = (node.module or "").replace(".", "/")
    if node.level:
        parts = name.split("/")[: -node.level]
        return "/".join([*parts, module]).rstrip("/")
    prefix = _PREFIX.replace(".", "/")
    if not f"{module}/".startswith(prefix):
        return None
    return f"{module}/".removeprefix(prefix).removeprefix("module_utils/").rstrip("/")


def _impurities(tree: ast.Module, typing_only: t.Collection[int]) -> t.Iterator[str]:
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _impure_import(alias.name)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from _impure_import(node.module or "")
        elif isinstance(node, ast.Call):
            yield from _impure_call(node.func)


def _impure_import(module: str) -> t.Iterator[str]:
    if module in _IMPURE_MODULES or module.partition(".")[0] in _IMPURE_MODULES:
        yield f"imports {module}"


def _impure_call(function: ast.expr) -> t.Iterator[str]:
    if isinstance(function, ast.Name) and function.id == "open":
        yield "opens a file: open"
    elif isinstance(function, ast.Attribute) and function.attr in _FILE_METHODS:
        yield f"opens a file: {function.attr}"
    elif isinstance(function, ast.Attribute) and function.attr in _CLOCK_METHODS:
        owner = ast.unparse(function.value)
        if owner.rpartition(".")[2] in {"datetime", "date"}:
            yield f"reads the clock: {owner.rpartition('.')[2]}.{function.attr}"


def level_of(house: House, name: str) -> int:
    """Return the number of the floor that a file lies on, 0 for the ground."""
    return _LEVELS.get(house[name].package, 0)


def find_homeless(house: House) -> list[str]:
    """Return the packages that the table does not know."""
    return sorted({file.package for file in house.values() if file.package} - _LEVELS.keys())


def find_arrows_up(house: House) -> list[str]:
    """Return the imports that point to a higher floor; those for types only count."""
    return [
        f"{file.name} imports {target}"
        for file in house.values()
        for target in sorted(file.imports)
        if level_of(house, target) > level_of(house, file.name)
    ]


def find_package_circles(house: House) -> list[list[str]]:
    """Return the groups of packages that import each other, directly or by way of others."""
    arrows: dict[str, set[str]] = {}
    for file in house.values():
        packages = {house[target].package for target in file.imports}
        arrows.setdefault(file.package, set()).update(packages - {file.package, ""})
    return find_circles(arrows)


def find_file_circles(house: House) -> list[list[str]]:
    """Return the groups of files that import each other, directly or by way of others."""
    return find_circles({file.name: set(file.imports) for file in house.values()})


def find_circles(arrows: t.Mapping[str, t.Collection[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one node, each sorted."""
    reach = {node: _reachable(node, arrows) for node in arrows}
    circles = {
        tuple(sorted(other for other in reach[node] if node in reach.get(other, ())))
        for node in arrows
        if node in reach[node]
    }
    return sorted(list(circle) for circle in circles)


def _reachable(start: str, arrows: t.Mapping[str, t.Collection[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting.extend(arrows.get(node, ()))
    return reached


def find_impure(house: House) -> list[str]:
    """Return what files do that call themselves pure and are not, be it by way of what they need."""
    needs = {file.name: file.needs for file in house.values()}
    return [
        f"{file.name} {problem}"
        for file in house.values()
        if file.is_pure
        for problem in _problems_of(house, file, needs)
    ]


def _problems_of(
    house: House, file: SourceFile, needs: t.Mapping[str, frozenset[str]]
) -> t.Iterator[str]:
    yield from file.impurities[:1]
    if file.impurities:
        return
    for target in sorted(_reachable(file.name, needs)):
        if house[target].impurities:
            yield f"reaches {target}, which {house[target].impurities[0]}"
            return


def find_absolute_inside(house: House) -> list[str]:
    """Return the absolute imports inside a package: these hide what leaves the room."""
    return [
        f"{file.name} imports {target} by its whole name"
        for file in house.values()
        for target in sorted(file.absolute)
        if file.package.startswith("_")
        and file.package == house[target].package
        and file.name not in _SENT
    ]


def count_files(house: House) -> dict[str, int]:
    """Return {folder: how many files lie in it}; a package in a package counts by itself."""
    counts: dict[str, int] = {}
    for name in house:
        folder = name.rpartition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
    return counts


def render_floors() -> str:
    """Return the table as a picture in RST, the highest floor on top."""
    inside = _PICTURE_COLUMNS - 4
    border = f"+{'-' * (inside + 2)}+"
    rows = [border]
    for floor in reversed(FLOORS):
        packages = "  ".join(floor.packages) or "the files of module_utils itself"
        rows += [
            f"| {line:{inside}} |"
            for line in (
                f"{floor.name}: {floor.about}",
                *(f"    {line}" for line in textwrap.wrap(packages, inside - 4)),
            )
        ]
        rows.append(border)
    return "\n".join([".. code-block:: text", "", *(f"  {row}" for row in rows)])


def main(arguments: t.Sequence[str] = ()) -> int:
    """Print all that does not keep to the floors; with ``--rst`` the picture of them for the architecture page."""
    if "--rst" in arguments:
        print(render_floors())
        return 0
    house = read_house(PLUGINS)
    problems = [
        *(f"{package} has no floor" for package in find_homeless(house)),
        *find_arrows_up(house),
        *(f"circle of packages: {' '.join(circle)}" for circle in find_package_circles(house)),
        *(f"circle of files: {' '.join(circle)}" for circle in find_file_circles(house)),
        *find_impure(house),
        *find_absolute_inside(house),
    ]
    print("\n".join([*problems, f"{len(house)} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
