# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else acts on the same guest, in each phase of each operation of ours."""

from __future__ import annotations

import functools
import shlex
import typing as t

from faults import cells, lineage, operations
from faults.actors import ACTORS, Actor
from faults.cells import Cell, Outcome, Provocation
from faults.scene import OTHER_JOURNAL, Scene
from faults.verdict import judge, judge_appliance, judge_move
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

    from faults.operations import Moment, Operation

HELP = (
    "another actor (snapshots, backups, virsh, another controller) in each phase of each operation"
)
add_options = cells.add_options


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "others")


def list_cells() -> list[Cell]:
    """Every actor in every moment in which it can act."""
    moves = [
        Cell(
            "others",
            f"{operation.name}, {moment.name}, {actor.name}",
            functools.partial(_run, operation, moment, actor),
        )
        for operation in operations.OPERATIONS
        for moment in operation.moments
        for actor in ACTORS
        if actor.needs in ("any", "off" if operation.off else "running")
    ]
    return [*moves, *lineage.list_cells()]


def _run(
    operation: Operation, moment: Moment, actor: Actor, scene: Scene, outcome: Outcome
) -> None:
    acked = scene.begin(off=operation.off)
    task = operation.task(moment, scene.uri(scene.target))
    place = scene.source if moment.at == "source" else scene.target
    script = actor.script if moment.at == "source" else f"ssh {place} {shlex.quote(actor.script)}"
    provocation = Provocation(scene, operation, moment, script, holds=actor.holds)
    running = scene.hosts.module(scene.source, operation.module, **task)
    if actor.task:
        provocation.finish()
        other = scene.run(scene.source, operation.module, **task, journal=OTHER_JOURNAL)
        outcome.add("second controller", other)
    said = outcome.add("task", result(running))
    outcome.acted = provocation.finish()
    _check_word(operation, said, scene, outcome)
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    _heal(scene, actor)
    if last["failed"]:
        last = outcome.add("healed, again", scene.run(scene.source, operation.module, **task))
    _heal(scene, actor)
    if last["failed"] and not (actor.refuses and last.get("error", {}).get("kind") == "conflict"):
        outcome.problems.append("the same task does not bring it to an end")
    expected: tuple[str, ...] = ()
    if operation.destination:
        expected = (scene.source,) if last["failed"] else (scene.target,)
    appliance = None if operation.destination or last["failed"] else last.get("appliance")
    if appliance:
        outcome.problems += judge_appliance(scene, appliance, acked)
    outcome.problems += judge(scene, expected=expected, kept=outcome.kept)


def _check_word(
    operation: Operation, said: dict[str, t.Any], scene: Scene, outcome: Outcome
) -> None:
    """A task that says that it moved the guest has moved it."""
    if operation.destination and not said["failed"]:
        outcome.problems += judge_move(scene, scene.target)


def _heal(scene: Scene, actor: Actor) -> None:
    if actor.heal != "true":
        scene.heal(actor.heal)
