# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev simulate`: days of a fleet on failing hosts, and what became of the promises."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import random
import sys
import typing as t

from tools.checkout import collections_path

sys.path.insert(0, str(collections_path()))

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
    Standpoint,
)

from simulate import weather
from simulate.world import Log, World

if t.TYPE_CHECKING:
    from collections.abc import Sequence

INTERVAL: t.Final = 300
RULE: t.Final = Rule(
    capacity=10,
    min=2,
    max=24,
    interval=INTERVAL,
    horizon=600,
    scale_in_limit=3,
    scale_out_limit=8,
    parked=1,
    parked_max=4,
)
ROOMS: t.Final = (10, 10, 12)
# Together two fleets do not always find room on these.
SCARCE_ROOMS: t.Final = (8, 8, 9)
_BLOCKS: t.Final = " ▁▂▃▄▅▆▇█"


def simulate(hours: int, seed: int, rule: Rule = RULE) -> Log:
    """The log of so many hours with faults that follow from the seed."""
    source = random.Random(seed)  # noqa: S311  # reproducible, not secret
    slots = hours * 3600 // rule.interval
    demand = weather.demand(source, slots, rule.interval, 0.7 * rule.max * rule.capacity)
    world = World(rule, ROOMS, weather.faults(source, slots))
    try:
        for value in demand:
            world.tick(value)
    finally:
        world.close()
    return world.log


def simulate_two(hours: int, seed: int, rule: Rule = RULE) -> tuple[Log, Log]:
    """The logs of an important fleet and one that gives way to it, on hosts that have not room for both at once."""
    source = random.Random(seed)  # noqa: S311  # reproducible, not secret
    slots = hours * 3600 // rule.interval
    lesser = dataclasses.replace(rule, max=rule.max // 2, parked=0, parked_max=None)
    happening = weather.faults(source, slots)
    worlds = [
        World(rule, SCARCE_ROOMS, happening, Standpoint("web", "default", 10)),
        World(lesser, SCARCE_ROOMS, happening, Standpoint("batch", "default", 0, best_effort=True)),
    ]
    demands = [
        weather.demand(source, slots, rule.interval, share * each.rule.max * rule.capacity)
        for share, each in zip((0.9, 0.8), worlds, strict=True)
    ]
    for world, other in itertools.permutations(worlds):
        world.neighbours.append(other)
    try:
        for values in zip(*demands, strict=True):
            for world, value in zip(worlds, values, strict=True):
                world.tick(value)
    finally:
        for world in worlds:
            world.close()
    return worlds[0].log, worlds[1].log


def summary(log: Log, rule: Rule = RULE) -> str:
    """The log for people."""
    carried = [
        min(demand, rule.capacity * running)
        for demand, running in zip(log.demand, log.running, strict=True)
    ]
    lines = [
        f"demand    {_curve(log.demand)}",
        f"machines  {_curve(log.running)}",
        "",
        f"faults    {_counts(log.faults)}",
        f"done      {_counts(log.done)}",
        f"machines  {min(log.running)} … {max(log.running)} ran (rule.min {rule.min}, rule.max {rule.max})",
        f"unmet     {100 * (1 - sum(carried) / sum(log.demand)):.2f} % of the demand",
        "",
        f"promises  {len(log.broken)} broken",
    ]
    return "\n".join([*lines, *(f"  {line}" for line in log.broken)])


def _counts(counts: t.Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {what}" for what, count in sorted(counts.items(), key=lambda item: -item[1])
    )


def _curve(values: Sequence[float], width: int = 96) -> str:
    """The highest value of each part as a block."""
    size = max(1, len(values) // width)
    peaks = [max(values[begin : begin + size]) for begin in range(0, len(values), size)]
    most = max(peaks) or 1
    return "".join(_BLOCKS[round((len(_BLOCKS) - 1) * peak / most)] for peak in peaks)


def main(arguments: Sequence[str]) -> int:
    """Simulate; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="./dev simulate", description=__doc__)
    parser.add_argument("--hours", type=int, default=72, help="how long (default: 72)")
    parser.add_argument("--seed", type=int, default=1, help="which weather (default: 1)")
    parser.add_argument(
        "--runs", type=int, default=1, help="how many seeds from that one on (default: 1)"
    )
    options = parser.parse_args(arguments)
    broken = 0
    for seed in range(options.seed, options.seed + options.runs):
        log = simulate(options.hours, seed)
        print(f"{options.hours} hours, seed {seed}\n{summary(log)}\n")
        broken += len(log.broken)
        for fleet, log in zip(("web", "batch"), simulate_two(options.hours, seed), strict=True):
            print(f"{options.hours} hours, seed {seed}, {fleet} of two fleets\n{summary(log)}\n")
            broken += len(log.broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
