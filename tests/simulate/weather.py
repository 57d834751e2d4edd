# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to the hosts and the demand: at random, from a seed."""

from __future__ import annotations

import math
import random
import typing as t
from dataclasses import dataclass

Kind = t.Literal[
    "lost sample",
    "dead host",
    "failing clones",
    "two runs at once",
    "slow run",
    "crashed machine",
    "lost history",
    "room taken",
    "protected machine",
    "hung machine",
    "failing hooks",
    "limited run",
    "killed run",
    "new version",
]
KINDS: t.Final[tuple[Kind, ...]] = t.get_args(Kind)
# How many of a hundred slots of five minutes each begins in.
_CHANCES: t.Final[dict[Kind, float]] = {
    "lost sample": 6,
    "dead host": 1,
    "failing clones": 8,
    "two runs at once": 10,
    "slow run": 2,
    "crashed machine": 3,
    "lost history": 0.5,
    "room taken": 4,
    "protected machine": 3,
    "hung machine": 2,
    "failing hooks": 3,
    "limited run": 2,
    "killed run": 4,
    "new version": 1,
}
_DAY: t.Final = 86_400


@dataclass(frozen=True)
class Fault:
    """Something that begins in `slot` and goes on for `slots`; `pick` modulo their number is its host or machine."""

    slot: int
    kind: Kind
    slots: int = 1
    pick: int = 0

    def at(self, slot: int) -> bool:
        """Whether it goes on in `slot`."""
        return self.slot <= slot < self.slot + self.slots


def faults(source: random.Random, slots: int) -> list[Fault]:
    """Faults of all kinds at random moments."""
    found = []
    for slot in range(slots):
        for kind, chance in _CHANCES.items():
            if source.random() < chance / 100:
                length = (
                    source.randint(1, 24)
                    if kind in ("dead host", "room taken")
                    else source.randint(1, 3)
                )
                found.append(Fault(slot, kind, length, source.randrange(1000)))
    return found


def demand(source: random.Random, slots: int, interval: int, most: float) -> list[float]:
    """Days with a wave, noise, a few flash crowds and an hour in which nobody comes."""
    crowds = [
        (source.randrange(slots), source.uniform(0.5, 2)) for _unused in range(max(1, slots // 200))
    ]
    silence = source.randrange(slots)
    values = []
    for slot in range(slots):
        wave = 0.45 - 0.3 * math.cos(2 * math.pi * slot * interval / _DAY)
        crowd = sum(height * math.exp(-abs(slot - begin) / 4) for begin, height in crowds)
        noise = source.gauss(1, 0.06)
        values.append(
            0.0 if silence <= slot < silence + 12 else max(0.0, most * (wave + crowd) * noise)
        )
    return values
