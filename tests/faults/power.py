# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts lose their power and boot again, in each phase of a move."""

from __future__ import annotations

import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome, Provocation
from faults.operations import MIGRATIONS, Moment, Operation
from faults.scene import NAME, Scene
from faults.verdict import judge
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

HELP = (
    "real reboots of the source, the target or both in each phase of a move, autostart on and off"
)
add_options = cells.add_options

_DEAD: t.Final = {"source": (0,), "target": (1,), "both": (0, 1)}


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "power")


def list_cells() -> list[Cell]:
    """Each host, and both, in each moment."""
    return [
        Cell(
            "power",
            f"{operation.name}, {moment.name}, {dead}, autostart {'on' if autostart else 'off'}",
            functools.partial(_run, operation, moment, dead, autostart),
        )
        for operation in MIGRATIONS
        for moment in operation.moments
        for dead in _DEAD
        for autostart in (True, False)
    ]


def _run(
    operation: Operation, moment: Moment, dead: str, autostart: bool, scene: Scene, outcome: Outcome
) -> None:
    scene.begin(off=operation.off)
    if not autostart:
        scene.ssh(scene.source, f"virsh autostart --disable {NAME}")
    task = operation.task(moment, scene.uri(scene.target))
    # the module stands still until its host is gone, or until the other one is
    provocation = Provocation(scene, operation, moment, "true", holds=False)
    running = scene.hosts.module(scene.source, operation.module, **task)
    outcome.acted = provocation.finish()
    arrived = moment.at == "target"
    try:
        scene.hosts.crash(*(scene.hosts.names[index] for index in _DEAD[dead]))
        if dead == "target":
            outcome.add("task", result(running))
        else:
            running.kill()
            running.communicate()
    finally:
        scene.boot()
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        if arrived:
            outcome.problems.append(
                "after the boot the same task does not bring the guest back by itself"
            )
        scene.everywhere(f"virsh start {NAME}")
        last = outcome.add("started, again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        outcome.problems.append("the same task does not bring it to an end")
    expected = () if last["failed"] else (scene.target,)
    outcome.problems += judge(scene, expected=expected, autostart=autostart)
