# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two faults at random moments: one that meets an operation in a phase, one that meets the run that recovers it."""

from __future__ import annotations

import dataclasses
import functools
import random
import secrets
import threading
import time
import typing as t

from faults import cells, operations
from faults.actors import ACTORS
from faults.cells import Cell, Outcome, Provocation
from faults.scene import NAME, Scene
from faults.verdict import judge, judge_appliance
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

    from faults.operations import Moment, Operation

HELP = "two faults of all kinds at random moments of random operations"


@dataclasses.dataclass(frozen=True)
class Event:
    """``script`` runs on the source, {target} being the other host, and ``heal`` on all hosts when it is over.

    ``crashes`` names the hosts that lose their power, by their places; ``cuts`` for how long the link is down.
    """

    name: str
    script: str = "true"
    heal: str = "true"
    refuses: bool = False
    crashes: tuple[int, ...] = ()
    cuts_seconds: float = 0.0


_FAULTS: t.Final = (
    Event("module killed", "kill -9 $PID"),
    Event("module told to stop", "kill -TERM $PID"),
    Event("source's libvirtd restarted", "systemctl restart libvirtd"),
    Event("target's libvirtd restarted", "ssh {target} systemctl restart libvirtd"),
    Event("source's libvirtd killed", "kill -9 $(pidof libvirtd)"),
    Event("target's libvirtd killed", "ssh {target} 'kill -9 $(pidof libvirtd)'"),
    Event("link cut for 10 s", cuts_seconds=10),
    Event("source without power", crashes=(0,)),
    Event("target without power", crashes=(1,)),
    Event("both without power", crashes=(0, 1)),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    cells.add_options(parser)
    parser.add_argument(
        "--pairs", type=int, default=30, help="how many pairs (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Draw the pairs and run them."""
    options.seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    pairs = options.slice or options.pairs
    print(
        f"seed {options.seed}: ./dev faults random --seed {options.seed} --pairs {pairs}",
        flush=True,
    )
    options.slice = None
    return cells.run_cells(options, list_cells(options.seed, pairs), "random")


def list_cells(seed: int, pairs: int) -> list[Cell]:
    """The pairs of a seed, each drawn by itself."""
    return [_draw(random.Random(f"{seed}/{number}")) for number in range(pairs)]  # noqa: S311


def _draw(chance: random.Random) -> Cell:
    operation = chance.choice(operations.OPERATIONS)
    moment = chance.choice(operation.moments)
    first, second = (chance.choice(_events(operation)) for _turn in range(2))
    delay = round(chance.uniform(0, 6), 2)
    return Cell(
        "random",
        f"{operation.name}, {moment.name}, {first.name}; {delay} s into the next run {second.name}",
        functools.partial(_run, operation, moment, first, (second, delay)),
    )


def _events(operation: Operation) -> list[Event]:
    need = "off" if operation.off else "running"
    acts = [
        Event(actor.name, actor.script, actor.heal, actor.refuses)
        for actor in ACTORS
        if actor.needs in (need, "any") and not actor.task
    ]
    return [*_FAULTS, *acts]


def _run(
    operation: Operation,
    moment: Moment,
    first: Event,
    then: tuple[Event, float],
    scene: Scene,
    outcome: Outcome,
) -> None:
    second, delay = then
    acked = scene.begin(off=operation.off)
    task = operation.task(moment, scene.uri(scene.target))
    script = first.script.replace("{target}", scene.target)
    provocation = Provocation(scene, operation, moment, script, holds="$PID" not in script)
    running = scene.hosts.module(scene.source, operation.module, **task)
    outcome.acted = provocation.finish()
    _disturb(scene, first)
    outcome.add("task", result(running))
    timer = threading.Timer(delay, _happen, (scene, second))
    timer.start()
    running = scene.hosts.module(scene.source, operation.module, **task)
    timer.join()
    outcome.add("again", result(running))
    last: dict[str, t.Any] = {"failed": True}
    for turn in ("third", "fourth"):
        if last["failed"]:
            for event in (first, second):
                if event.heal != "true":
                    scene.heal(event.heal)
            _turn_as_it_was(scene, off=operation.off)
            last = outcome.add(turn, scene.run(scene.source, operation.module, **task))
    refused = last.get("error", {}).get("kind") == "conflict" and (first.refuses or second.refuses)
    if last["failed"] and not refused:
        outcome.problems.append("the same task does not bring it to an end")
    expected = (scene.target,) if operation.destination and not last["failed"] else ()
    if not last["failed"] and last.get("appliance"):
        outcome.problems += judge_appliance(scene, last["appliance"], acked)
    outcome.problems += judge(scene, expected=expected, kept=outcome.kept)


def _turn_as_it_was(scene: Scene, *, off: bool) -> None:
    """Have the guest be off, or run, as its owner wants it; a host that boots may have started it."""
    if off:
        scene.heal(f"virsh destroy {NAME}")
    elif not scene.guest.running_on():
        scene.heal(f"virsh start {NAME}")


def _happen(scene: Scene, event: Event) -> None:
    script = event.script.replace("{target}", scene.target)
    found = "PID=$(pgrep -f '[o]n_host module (domain_migrate|appliance) ' | head -1)"
    scene.ssh(scene.source, f"{found}; {script}")
    _disturb(scene, event)


def _disturb(scene: Scene, event: Event) -> None:
    """Do what nobody on the host itself can do."""
    if event.crashes:
        scene.hosts.crash(*(scene.hosts.names[index] for index in event.crashes))
        scene.boot()
    if event.cuts_seconds:
        scene.hosts.link(scene.target, "--down")
        time.sleep(event.cuts_seconds)
        scene.hosts.link(scene.target, "--up")
