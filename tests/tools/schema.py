# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt's own schema lets a domain say, and what of it the collection's table does not have.

`PYTHONPATH=tests python3 -m tools.schema [FOLDER]` names the latter for the schemas in a folder, such as those of a
newer libvirt; those that this machine's libvirt installed when none is named.
"""

from __future__ import annotations

import importlib
import sys
import typing as t
from pathlib import Path

from lxml import etree

from tools.checkout import collections_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[str, ...]

INSTALLED = Path("/usr/share/libvirt/schemas")
_RNG = "{http://relaxng.org/ns/structure/1.0}"
# These stand in themselves without end; twice shows all that there is.
_RECURSIVE = frozenset(("backingStore", "dataStore", "mirror"))
_DEEPEST = 12


def read_places(folder: Path) -> set[Place]:
    """Return the paths below `<domain>` that the schema allows; the last step of an attribute is `@name`."""
    definitions, start = _read_definitions(folder)
    return {place[1:] for place in _expand(definitions, start, (), frozenset()) if len(place) > 1}


def find_unknown(places: set[Place]) -> list[str]:
    """Return the paths that the collection's table does not have."""
    table = importlib.import_module(
        "ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_schema"
    )
    unknown = []
    for place in places:
        if place[-1].startswith("@"):
            kind = table.classify_attribute(place[:-1], place[-1][1:])
        else:
            kind = table.classify_element(place)
        if kind is None:
            unknown.append("/".join(place))
    return sorted(unknown)


def _read_definitions(folder: Path) -> tuple[dict[str, list[t.Any]], t.Any]:
    definitions: dict[str, list[t.Any]] = {}
    waiting, read, start = ["domain.rng"], set[str](), None
    while waiting:
        name = waiting.pop(0)
        if name in read:
            continue
        read.add(name)
        root = etree.parse(folder / name).getroot()
        start = root.find(f"{_RNG}start") if start is None else start
        waiting += [include.get("href", "") for include in root.iter(f"{_RNG}include")]
        for definition in root.iter(f"{_RNG}define"):
            definitions.setdefault(definition.get("name", ""), []).append(definition)
    return definitions, start


def _expand(
    definitions: dict[str, list[t.Any]],
    pattern: t.Any,
    path: Place,
    entered: frozenset[tuple[str, Place]],
) -> Iterator[Place]:
    for child in pattern.iterchildren(tag=etree.Element):
        tag = child.tag.removeprefix(_RNG)
        if tag == "ref":
            key = (child.get("name"), path)
            if key not in entered:
                for definition in definitions.get(child.get("name"), []):
                    yield from _expand(definitions, definition, path, entered | {key})
        elif tag == "attribute":
            yield from ((*path, f"@{name}") for name in _read_names(child))
        elif tag == "element":
            for name in _read_names(child):
                if len(path) < _DEEPEST and not (name in _RECURSIVE and name in path):
                    yield (*path, name)
                    yield from _expand(definitions, child, (*path, name), entered)
        elif tag not in {"name", "anyName", "nsName"}:
            yield from _expand(definitions, child, path, entered)


def _read_names(pattern: t.Any) -> list[str]:
    """Return the names that an element or attribute may have; none for one that may have any."""
    if pattern.get("name"):
        return [pattern.get("name")]
    return [name.text for name in pattern.iterfind(f"{_RNG}name")] + [
        name.text for name in pattern.iterfind(f"{_RNG}choice/{_RNG}name")
    ]


if __name__ == "__main__":
    sys.path.append(str(collections_path()))
    unknown_places = find_unknown(
        read_places(Path(sys.argv[1]) if len(sys.argv) > 1 else INSTALLED)
    )
    print("\n".join(unknown_places) or "the table has all of it")
    sys.exit(bool(unknown_places))
