# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host hands the guest over to the other, and daemons or the module are killed then, or stand still."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome, Provocation
from faults.operations import PRECOPY, STREAMING, Moment, Operation
from faults.scene import NAME, Scene
from faults.verdict import judge
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

HELP = "the finish phase, with and without peer-to-peer, daemons stopped and killed"
add_options = cells.add_options

# The source is paused from its last page on until the destination has answered: late, when that stands still.
_PAUSED: t.Final = (
    f"(timeout 40 sh -c 'until virsh domstate {NAME} | grep -q paused; do sleep 0.02; done' || "
    "echo the hand-over was not seen)"
)
_STOP: t.Final = "kill -STOP $(pidof libvirtd)"
_GO_ON: t.Final = "kill -CONT $(pidof libvirtd)"
# libvirt's own gap: a destination that dies when the guest runs there and before it has said so makes libvirt resume
# the source. Only an operator can know which of the two to keep; the task says so, touches neither, and waits for that.
_ON_BOTH: t.Final = "is active on both hosts"


@dataclasses.dataclass(frozen=True)
class Failure:
    """A shell script on the source, as soon as it sends memory; {target} is the other host."""

    name: str
    script: str


FAILURES: t.Final = (
    Failure("module killed", f"{_PAUSED}; kill -9 $PID"),
    Failure("source's daemon killed", f"{_PAUSED}; kill -9 $(pidof libvirtd)"),
    Failure("target's daemon killed", f"{_PAUSED}; ssh {{target}} 'kill -9 $(pidof libvirtd)'"),
    Failure("source's daemon stands still", f"{_PAUSED}; {_STOP}; sleep 8; {_GO_ON}"),
    Failure(
        "target's daemon stands still",
        f"ssh {{target}} '{_STOP}'; {_PAUSED}; sleep 8; ssh {{target}} '{_GO_ON}'",
    ),
    Failure(
        "target's daemon stands still, module killed",
        f"ssh {{target}} '{_STOP}'; {_PAUSED}; kill -9 $PID; sleep 4; ssh {{target}} '{_GO_ON}'",
    ),
    Failure(
        "target's daemon stands still, source's and the module killed",
        f"ssh {{target}} '{_STOP}'; {_PAUSED}; sleep 1; kill -9 $(pidof libvirtd); kill -9 $PID; sleep 4; "
        f"ssh {{target}} '{_GO_ON}'; sleep 4",
    ),
    Failure(
        "target's daemon stands still and is killed, source's too",
        f"ssh {{target}} '{_STOP}'; {_PAUSED}; sleep 1; kill -9 $(pidof libvirtd); "
        "ssh {target} 'kill -9 $(pidof libvirtd)'; sleep 4",
    ),
)
_MOMENT: t.Final = next(moment for moment in STREAMING.moments if moment.name == "memory under way")


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "finish")


def list_cells() -> list[Cell]:
    """Every failure, of each way to move a guest that runs."""
    return [
        Cell(
            "finish",
            f"{operation.name}, {'peer-to-peer' if peer_to_peer else 'managed'}, {failure.name}",
            functools.partial(_run, operation, peer_to_peer, failure),
        )
        for operation in (STREAMING, PRECOPY)
        for peer_to_peer in (True, False)
        for failure in FAILURES
    ]


def _run(
    operation: Operation, peer_to_peer: bool, failure: Failure, scene: Scene, outcome: Outcome
) -> None:
    scene.begin()
    moment = Moment(_MOMENT.name, _MOMENT.step, _MOMENT.when, options=_MOMENT.options)
    task = {**operation.task(moment, scene.uri(scene.target)), "peer_to_peer": peer_to_peer}
    script = failure.script.replace("{target}", scene.target)
    provocation = Provocation(scene, operation, moment, script, holds=False)
    running = scene.hosts.module(scene.source, operation.module, **task)
    try:
        outcome.add("task", result(running))
        outcome.acted = provocation.finish()
    finally:
        scene.everywhere(f"{_GO_ON}; systemctl start libvirtd")
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        last = outcome.add("and again", scene.run(scene.source, operation.module, **task))
    if last["failed"] and _ON_BOTH in str(last.get("msg")):
        scene.ssh(scene.source, f"virsh destroy {NAME}")
        last = outcome.add("told, again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        outcome.problems.append("the same task does not bring it to an end")
    if not scene.guest.running_on():
        outcome.problems.append(f"the guest does not run: {scene.guest.states()}")
    outcome.problems += judge(scene, expected=() if last["failed"] else (scene.target,))
