# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Something is full: the source's pool, the target's, the journal, the inodes, the ports."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome, Provocation
from faults.matrix import IMAGES
from faults.operations import CAPTURE, MIGRATIONS, STREAMING, Moment, Operation
from faults.scene import NAME, Scene
from faults.verdict import judge
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

HELP = "pools, journal, inodes and ports are full, at each step that writes"
add_options = cells.add_options

_STATE: t.Final = "/var/lib/headroom"


@dataclasses.dataclass(frozen=True)
class Shortage:
    """``prepare`` runs on the host ``on`` before the guest is made, ``fill`` in the moment, ``heal`` after the task."""

    name: str
    on: t.Literal["source", "target"]
    prepare: str
    fill: str = "true"
    heal: str = "true"


def _small(folder: str, size: str) -> str:
    return f"mkdir -p {folder}; mount -t tmpfs -o {size} headroom-full {folder}; virsh -q pool-refresh default"


def _fill(folder: str) -> str:
    return f"dd if=/dev/zero of={folder}/filler bs=4k status=none; test -s {folder}/filler"


def _empty(folder: str) -> str:
    return f"rm -f {folder}/filler; virsh domstate --reason {NAME} | grep -q I/O && virsh resume {NAME}; true"


def _occupy(free: int) -> str:
    """A process that listens on all ports of exports but ``free``."""
    program = (
        'import socket, time; own = [socket.create_server(("", port)) for port in range(49216, '
        f"{49280 - free})]; time.sleep(600)  # occupy-ports"
    )
    return f"(setsid python3 -c '{program}' < /dev/null > /dev/null 2>&1 &); sleep 1"


_UNMOUNT: t.Final = f"umount -l {IMAGES}; virsh -q pool-refresh default"
_JOURNAL: t.Final = Shortage(
    "journal",
    "source",
    _small(_STATE, "size=1M,mode=0700"),
    _fill(_STATE),
    f"rm -f {_STATE}/filler",
)
# twice what the guest takes, and more, as a capture copies it
_SOURCE_POOL: t.Final = Shortage(
    "source's pool", "source", _small(IMAGES, "size=200M"), _fill(IMAGES), _empty(IMAGES)
)
_TARGET_POOL: t.Final = Shortage(
    "target's pool", "target", _small(IMAGES, "size=160M"), _fill(IMAGES), _empty(IMAGES)
)
_TARGET_SMALL: t.Final = Shortage(
    "target's pool from the beginning",
    "target",
    _small(IMAGES, "size=40M"),
    heal=f"umount -l {IMAGES}; virsh -q pool-refresh default",
)
_TARGET_INODES: t.Final = Shortage(
    "target's inodes",
    "target",
    _small(IMAGES, "nr_inodes=3"),
    heal=f"umount -l {IMAGES}; virsh -q pool-refresh default",
)
_ALL_FREE: t.Final = "pkill -9 -f '[o]ccupy-ports'"
_NO_PORT: t.Final = Shortage("all ports", "source", _occupy(0), heal=_ALL_FREE)
_ONE_PORT: t.Final = Shortage("all ports but one", "source", _occupy(1), heal=_ALL_FREE)


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "full")


def list_cells() -> list[Cell]:
    """Each shortage where it can matter."""
    situations: list[tuple[Operation, Moment | None, Shortage]] = []
    for operation in (*MIGRATIONS, CAPTURE):
        situations += [(operation, moment, _JOURNAL) for moment in operation.moments]
        situations += [
            (operation, moment, _SOURCE_POOL)
            for moment in operation.moments
            if moment.at == "source" and not operation.off
        ]
        if operation.destination:
            situations += [(operation, moment, _TARGET_POOL) for moment in operation.moments]
            situations += [(operation, None, _TARGET_SMALL), (operation, None, _TARGET_INODES)]
    situations += [(STREAMING, None, _NO_PORT), (STREAMING, None, _ONE_PORT)]
    return [
        Cell(
            "full",
            f"{operation.name}, {moment.name if moment else 'before'}, {shortage.name}",
            functools.partial(_run, operation, moment, shortage),
        )
        for operation, moment, shortage in situations
    ]


def _run(
    operation: Operation, moment: Moment | None, shortage: Shortage, scene: Scene, outcome: Outcome
) -> None:
    place = scene.source if shortage.on == "source" else scene.target
    scene.begin(off=operation.off, prepare={place: shortage.prepare})
    task = operation.task(moment or operation.moments[0], scene.uri(scene.target))
    fill = shortage.fill if place == scene.source else f"ssh {place} '{shortage.fill}'"
    provocation = moment and Provocation(scene, operation, moment, fill)
    running = scene.hosts.module(scene.source, operation.module, **task)
    if provocation:
        outcome.acted = provocation.finish()
    if moment is not None and operation.destination:
        # what waits for room goes on when there is some
        scene.ssh(place, f"sleep 5; {shortage.heal}")
    outcome.add("task", result(running))
    scene.ssh(place, shortage.heal)
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        outcome.problems.append("with room again the same task does not bring it to an end")
    expected = (scene.target,) if operation.destination and not last["failed"] else ()
    outcome.problems += judge(scene, expected=expected)
