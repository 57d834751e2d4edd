# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How the disks of clones come about: which way, and why. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

Mode = t.Literal["linked", "reflink", "full", "streamed", "warm"]

# Those that auto chooses from, the fastest first.
MODES: t.Final[tuple[Mode, ...]] = ("linked", "reflink", "full")
ALL_MODES: t.Final[tuple[Mode, ...]] = (*MODES, "streamed", "warm")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the clones are to lie. ``no_reflink`` is why no file there can share blocks with the appliance's disks."""

    pool: str
    pool_type: str
    no_reflink: str | None = None


@dataclasses.dataclass(frozen=True)
class Choice:
    """The mode, and a sentence that says why."""

    mode: Mode
    reason: str


def choose_mode(desired: str, place: Place) -> Choice:
    """Return how the disks come about; ``desired`` is a mode, or ``auto`` for the fastest that the place allows.

    Raises Unsupported when the place does not allow it, naming the way out.
    """
    obstacles = {mode: _find_obstacle(mode, place) for mode in ALL_MODES}
    if desired == "auto":
        mode = next((mode for mode in MODES if obstacles[mode] is None), None)
        if mode is None:
            raise Unsupported(f"mode: auto finds no way: {obstacles['linked']}", pool=place.pool)
        return Choice(mode, f"{_BENEFITS[mode]}, and the pool {place.pool!r} allows it.")
    mode = t.cast("Mode", desired)
    obstacle = obstacles[mode]
    if obstacle is not None:
        raise Unsupported(
            f"mode: {mode} does not work here: {obstacle}", mode=mode, pool=place.pool
        )
    return Choice(mode, f"The task asks for {mode}.")


_BENEFITS: t.Final[t.Mapping[Mode, str]] = {
    "linked": "Overlays on the appliance's disks copy nothing",
    "reflink": "Files that share the appliance's blocks copy nothing",
    "full": "A copy needs nothing of the appliance afterwards",
}


def _find_obstacle(mode: Mode, place: Place) -> str | None:
    refusal = kinds.find_refusal(place.pool, place.pool_type, kinds.name_operation("clone", mode))
    if refusal is not None:
        return str(refusal)
    if mode == "reflink" and place.no_reflink is not None:
        return f"{place.no_reflink} Use mode: full for clones that stand on their own, or mode: linked."
    return None
