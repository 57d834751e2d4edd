# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of a host is wrong for a while, or jumps in the midst of an operation.

Containers have the clock of the machine, so it is Python's that is set wrong on the host: that of our modules.
"""

from __future__ import annotations

import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome, Provocation
from faults.operations import CAPTURE, MIGRATIONS, Moment, Operation
from faults.scene import Scene
from faults.verdict import judge
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

HELP = "a host's clock is wrong for one run, or jumps in the midst of one"
add_options = cells.add_options

_OFFSET: t.Final = "/run/clock-offset"
_DAY: t.Final = 86400
_DECADE: t.Final = 3650 * _DAY
_PATCH: t.Final = f"""
import time as _time
_true = _time.time
def _wrong():
    try:
        with open("{_OFFSET}") as file:
            return _true() + float(file.read() or 0)
    except OSError:
        return _true()
_time.time = _wrong
"""
_INSTALL: t.Final = f"""file=$(readlink -f $(python3 -c 'import sitecustomize; print(sitecustomize.__file__)'))
grep -q clock-offset $file || cat >> $file <<'PATCH'
{_PATCH}
PATCH
python3 -c 'import time; print(time.time)' | grep -q _wrong"""
_INTERVAL: t.Final = 300


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "clocks")


def list_cells() -> list[Cell]:
    """Moves and captures through a jump, and what a wrong clock leaves in the history."""
    jumps = [
        Cell(
            "clocks",
            f"{operation.name}, {moment.name}, a day {'ahead' if days > 0 else 'back'}{', killed' if kills else ''}",
            functools.partial(_jump, operation, moment, days, kills),
        )
        for operation in (*MIGRATIONS, CAPTURE)
        for moment in operation.moments
        for days in (1, -1)
        for kills in (False, True)
    ]
    return [
        *jumps,
        Cell("clocks", "lease of ten years", _lease),
        Cell("clocks", "history of ten years", _history),
    ]


def _set(scene: Scene, offset: float) -> None:
    scene.hosts.ssh(scene.source, f"{_INSTALL}; echo {offset} > {_OFFSET}")


def _jump(
    operation: Operation, moment: Moment, days: int, kills: bool, scene: Scene, outcome: Outcome
) -> None:
    scene.begin(off=operation.off)
    _set(scene, 0)
    task = operation.task(moment, scene.uri(scene.target))
    script = f"echo {days * _DAY} > {_OFFSET}{'; kill -9 $PID' if kills else ''}"
    provocation = Provocation(scene, operation, moment, script)
    running = scene.hosts.module(scene.source, operation.module, **task)
    said = outcome.add("task", result(running))
    outcome.acted = provocation.finish()
    if said["failed"] and not kills:
        outcome.problems.append("a jump of the clock makes the task fail")
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    _set(scene, 0)
    if last["failed"]:
        last = outcome.add("in time, again", scene.run(scene.source, operation.module, **task))
        outcome.problems.append("the same task does not bring it to an end")
    expected = (scene.target,) if operation.destination and not last["failed"] else ()
    outcome.problems += judge(scene, expected=expected)


def _lease(scene: Scene, outcome: Outcome) -> None:
    """A run with a clock far ahead took the lease and died."""
    scene.everywhere("rm -rf /var/lib/headroom")
    _set(scene, _DECADE)
    outcome.add("in the future", scene.run(scene.source, "fleet_lease", fleet="web", holder="dead"))
    _set(scene, 0)
    said = outcome.add(
        "now",
        scene.run(scene.source, "fleet_lease", fleet="web", holder="alive", fail_if_held=True),
    )
    if said["failed"]:
        outcome.problems.append(f"the lease of a run that died is held for years: {said['msg']}")


def _history(scene: Scene, outcome: Outcome) -> None:
    """One run with a clock far ahead samples the demand."""
    scene.everywhere("rm -rf /var/lib/headroom")
    _set(scene, 0)
    now = float(scene.hosts.ssh(scene.source, "date +%s"))
    rows = [f"{now - number * _INTERVAL},{number}" for number in range(1, 200)]
    imported = scene.run(
        scene.source, "demand_history", fleet="web", csv="\n".join(["timestamp,demand", *rows])
    )
    outcome.add("import", imported)
    _set(scene, _DECADE)
    outcome.add("in the future", scene.run(scene.source, "demand_sample", fleet="web", value=3.0))
    _set(scene, 0)
    outcome.add("now", scene.run(scene.source, "demand_sample", fleet="web", value=3.0))
    shown = outcome.add("shown", scene.run(scene.source, "demand_history_info", fleet="web"))
    known = sum(row.get("value") is not None for row in shown.get("history", []))
    if known < len(rows):
        outcome.problems.append(f"{known} of {len(rows)} rows of the history are left")
