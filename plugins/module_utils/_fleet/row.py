# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""A fleet's row in the result of fleet_observe: ``pack_past`` and ``unpack_row`` are for its bulk. Pure.

What is recorded of a fleet is one text in its row, since Ansible takes a second for the rows of three months, and next
to nothing for a text.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

_REMEDY: t.Final = "Hand in what headroom.libvirt.fleet_observe returned, as it is."
_HISTORY: t.Final = ("timestamp", "value", "whole", "reason")
_LOADS: t.Final = ("timestamp", "used_cores", "vcpus")

Rows = t.Sequence[t.Mapping[str, t.Any]]


def pack_past(sample: t.Mapping[str, t.Any]) -> str:
    """Return what ``sample``, which is as demand_sample returns it, has of the past, as JSON."""
    past = {
        **{name: sample[name] for name in ("readiness", "roster")},
        "rollout": sample.get("rollout"),
        "history": _pack(sample["history"], _HISTORY),
        "loads": _pack(sample["loads"], _LOADS),
    }
    return json.dumps(past, separators=(",", ":"))


def unpack_row(path: str, row: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a sample as demand_sample returns it; raises InvalidInput, naming ``path``, for what holds none."""
    try:
        past = json.loads(row["past"])
        return {
            **{name: row[name] for name in ("fleet", "sample", "members")},
            **{name: past[name] for name in ("readiness", "roster")},
            "rollout": past.get("rollout"),
            "history": _unpack(past["history"], _HISTORY),
            "loads": _unpack(past["loads"], _LOADS),
        }
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            f"{path}.past", row.get("past"), "does not hold what was recorded", _REMEDY
        ) from None


def _pack(rows: Rows, names: t.Sequence[str]) -> list[list[t.Any]]:
    """Return the rows without their names, and without what is missing at their ends."""
    return [_strip([row.get(name) for name in names]) for row in rows]


def _strip(cells: list[t.Any]) -> list[t.Any]:
    return cells[:-1] if cells[-1] is None else cells


def _unpack(rows: t.Sequence[t.Sequence[t.Any]], names: t.Sequence[str]) -> list[dict[str, t.Any]]:
    return [dict(zip(names, cells)) for cells in rows]
