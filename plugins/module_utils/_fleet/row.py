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


def pack_past(sample: t.Mapping[str, t.Any]) -> str:
    """Return what ``sample``, which is as demand_sample returns it, has of the past, as JSON."""
    past = {
        "history": [[row["timestamp"], row["value"], row["whole"]] for row in sample["history"]],
        "loads": [[row["timestamp"], row["used_cores"], row["vcpus"]] for row in sample["loads"]],
        "readiness": sample["readiness"],
        "roster": sample["roster"],
    }
    return json.dumps(past, separators=(",", ":"))


def unpack_row(path: str, row: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a sample as demand_sample returns it, but for the rows of its past, which are lists.

    Raises InvalidInput, naming ``path``, for what is no row of fleet_observe.
    """
    try:
        past = json.loads(row["past"])
    except (KeyError, TypeError, ValueError):
        past = None
    if not isinstance(past, dict):
        raise InvalidInput(f"{path}.past", row.get("past"), "is not what was recorded", _REMEDY)
    return {
        **past,
        "fleet": row.get("fleet"),
        "sample": row.get("sample"),
        "members": row.get("members"),
    }
