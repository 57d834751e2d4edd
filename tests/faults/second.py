# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second operation of ours on a guest that still reads from the host that it came from."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome
from faults.operations import APPLIANCE
from faults.scene import NAME, OTHER_JOURNAL, Scene
from faults.verdict import judge, judge_appliance, judge_gone, judge_move

if t.TYPE_CHECKING:
    import argparse

HELP = (
    "a second operation of ours in mid-pull: moved on or back, captured, removed, parked, repeated"
)
add_options = cells.add_options


@dataclasses.dataclass(frozen=True)
class Second:
    """``module`` with ``options`` on the host ``on``, after the shell script ``before`` on the destination.

    ``to`` is where it moves the guest, by its place among the hosts. ``ends`` are the places where the guest may be
    then; it may be nowhere when it is ``gone``.
    """

    name: str
    module: str
    options: dict[str, t.Any]
    on: int = 1
    to: int | None = None
    before: str = "true"
    ends: tuple[int, ...] = (1,)
    gone: bool = False


_MOVE: t.Final = {"name": NAME, "remove_source_volumes": True}
_STREAM: t.Final = {**_MOVE, "mode": "streaming"}
_CAPTURE: t.Final = {**dict(APPLIANCE), "seal": "none"}
_OFF: t.Final = f"virsh destroy {NAME}"
_CYCLE: t.Final = f"virsh destroy {NAME}; virsh start {NAME}"

SECONDS: t.Final = (
    Second("moved on", "domain_migrate", _STREAM, to=2, ends=(1, 2)),
    Second("power-cycled, moved on", "domain_migrate", _STREAM, to=2, before=_CYCLE, ends=(1, 2)),
    Second(
        "moved on with its disks", "domain_migrate", {**_MOVE, "mode": "precopy"}, to=2, ends=(1, 2)
    ),
    Second("off, moved on", "domain_migrate", _MOVE, to=2, before=_OFF, ends=(1, 2)),
    Second("moved back", "domain_migrate", _STREAM, to=0, ends=(0, 1)),
    Second(
        "captured", "appliance", {**_CAPTURE, "source": {"domain": NAME, "when_running": "live"}}
    ),
    Second("off, captured", "appliance", {**_CAPTURE, "source": {"domain": NAME}}, before=_OFF),
    Second(
        "removed",
        "domain",
        {"name": NAME, "state": "absent", "force": True, "timeout": 1},
        gone=True,
    ),
    Second("parked", "domain", {"name": NAME, "state": "saved"}),
    Second(
        "repeated with another journal",
        "domain_migrate",
        {**_STREAM, "journal": OTHER_JOURNAL},
        on=0,
        to=1,
    ),
    Second("swept", "transaction", {"state": "swept"}, on=0),
    Second(
        "undefined by somebody, swept",
        "transaction",
        {"state": "swept"},
        on=0,
        before=f"{_OFF}; virsh undefine {NAME}",
        gone=True,
    ),
    Second("rolled back", "transaction", {"subject": NAME, "state": "rolled_back"}, on=0),
)


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "second")


def list_cells() -> list[Cell]:
    """One a second operation."""
    return [
        Cell("second", second.name, functools.partial(_run, second), hosts=3) for second in SECONDS
    ]


def _run(second: Second, scene: Scene, outcome: Outcome) -> None:
    acked = scene.begin()
    first = {**_STREAM, "destination_uri": scene.uri(scene.target)}
    arrived = scene.run(scene.source, "domain_migrate", **first, wait="switched", pull_bandwidth=1)
    outcome.add("first, switched", arrived)
    if arrived["failed"]:
        raise RuntimeError(f"nothing is pulled: {arrived['msg']}")
    scene.service.await_growth()
    acked = scene.service.acked
    outcome.acted = scene.ssh(scene.target, f"{second.before}\necho code $?")
    task = dict(second.options)
    if second.to is not None:
        task["destination_uri"] = scene.uri(scene.hosts.names[second.to])
    on = scene.hosts.names[second.on]
    said = outcome.add("second", scene.run(on, second.module, **task))
    if second.module == "domain_migrate" and not said["failed"]:
        outcome.problems += judge_move(scene, scene.hosts.names[second.to or 0])
    if second.gone and not said["failed"]:
        # at once, but for what the journal of whoever began the move says of it, which it has ended next time
        outcome.problems += [text for text in judge_gone(scene) if "unfinished:" not in text]
        resumed = scene.run(scene.source, "transaction", subject=NAME, state="resumed")
        outcome.add("journal of the first", resumed)
        outcome.problems += judge_gone(scene)
        return
    scene.ssh(scene.target, f"virsh start {NAME}")
    outcome.add("first again", scene.run(scene.source, "domain_migrate", **first))
    if said["failed"]:
        scene.ssh(scene.target, second.before)
        said = outcome.add("second again", scene.run(on, second.module, **task))
    if not said["failed"] and said.get("appliance"):
        host = on if on == scene.target else scene.source
        outcome.problems += judge_appliance(scene, said["appliance"], acked, host)
    outcome.problems += judge(scene, expected=[scene.hosts.names[index] for index in second.ends])
