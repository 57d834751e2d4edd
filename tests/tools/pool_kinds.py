# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 -m tools.pool_kinds`: put what each type of storage pool can do into the storage guide, as tables."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from tools.guide_tables import Section, build_table

SECTION: t.Final = Section("guide_storage.rst", "table of pools", "pool_kinds")
_VOLUMES: t.Final = {"file": "files", "block": "block devices", "network": "images on the network"}
_ROOM: t.Final = {
    "grows": "grows as it is written to",
    "whole": "all of its capacity",
    "none": "libvirt makes none there",
}
_PATHS: t.Final = {
    "target": "TARGET/NAME",
    "source": "SOURCE/NAME",
    "chosen": "chosen by libvirt",
}
_SHARING: t.Final = {
    "never": "nothing",
    "probe": "a file that one makes and the other sees",
    "source": "the same source, and a volume at the same path",
}
# How the operations are called in the guide, and those that are told together.
_COLUMNS: t.Final[t.Mapping[str, str]] = {
    "register": "appliances",
    "capture": "captured",
    "clone": "clones",
    "resize": "``disk_size``",
    "move in": "moves to it",
    "move out": "moves from it",
    "remove": "deleted",
    "measure": "measured",
}


def build_section() -> str:
    """Return the tables, with what stands between them."""
    tables = (_build_properties(), _build_operations(), _build_refusals())
    return "\n".join(tables)


def _build_properties() -> str:
    header = (
        "type",
        "volumes",
        "formats",
        "overlays",
        "a new volume takes",
        "its path",
        "two hosts have the same by",
    )
    return build_table(header, (10, 12, 10, 16, 18, 14, 20), map(_describe, kinds.KINDS.values()))


def _describe(kind: kinds.PoolKind) -> tuple[str, ...]:
    places = {"in it": kind.holds_overlays, "on it": kind.carries_overlays}
    return (
        f"``{kind.type}``",
        _VOLUMES[kind.volumes],
        ", ".join(kind.formats),
        " and ".join(name for name, is_so in places.items() if is_so) or "none",
        _ROOM[kind.allocation],
        _PATHS[kind.path],
        _SHARING[kind.sharing],
    )


def _build_operations() -> str:
    header = ("type", *_COLUMNS.values(), "run on")
    rows = (
        (f"``{kind.type}``", *(_tell(kind, name) for name in _COLUMNS), kind.run_on or "nothing")
        for kind in kinds.KINDS.values()
    )
    return build_table(header, (9, 9, 9, 16, 9, 16, 16, 8, 9, 14), rows)


def _tell(kind: kinds.PoolKind, column: str) -> str:
    """Return what of a column is carried out with the type of pool."""
    operations = [name for name in kinds.OPERATIONS if f"{name} ".startswith(f"{column} ")]
    possible = [name for name in operations if name not in kind.refusals]
    if len(operations) == 1 or not possible:
        return "yes" if possible else "no"
    modes = (name[len(column) :].strip() or "off" for name in possible)
    return ", ".join("running" if mode == "live" else mode for mode in modes)


def _build_refusals() -> str:
    header = ("type", "what is refused", "since it is a pool …", "instead")
    return build_table(header, (20, 25, 20, 35), _list_refusals())


def _list_refusals() -> t.Iterator[tuple[str, ...]]:
    """Yield a row for each reason and remedy, with all types and operations that they are said of."""
    types: dict[tuple[str, str, str], list[str]] = {}
    for kind in kinds.KINDS.values():
        for (reason, remedy), operations in _group(kind).items():
            types.setdefault((_join(operations), reason, remedy), []).append(f"``{kind.type}``")
    for words, names in types.items():
        yield ", ".join(names), *words


def _group(kind: kinds.PoolKind) -> dict[tuple[str, str], list[kinds.Operation]]:
    """Return {(reason, remedy): operations} of all that is refused with the type of pool."""
    grouped: dict[tuple[str, str], list[kinds.Operation]] = {}
    for operation in kinds.OPERATIONS:
        refusal = kinds.find_refusal("NAME", kind.type, operation)
        if refusal is not None:
            key = (kind.refusals[operation], refusal.remedy)
            grouped.setdefault(key, []).append(operation)
    return grouped


def _join(names: t.Iterable[str]) -> str:
    """Return operations in words, those that differ in their last word alone together."""
    pairs = (name.rpartition(" ")[::2] for name in names)
    groups = itertools.groupby(pairs, key=lambda pair: pair[0])
    texts = []
    for first, group in groups:
        modes = ", ".join(last for _first, last in group)
        texts.append(f"{first}: {modes}" if first else modes)
    return "; ".join(texts)


if __name__ == "__main__":
    SECTION.write(build_section())
