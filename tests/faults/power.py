# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts lose their power and boot again, in each phase of a move."""

from __future__ import annotations

import functools
import typing as t

from faults import cells
from faults.cells import Cell, Outcome, Provocation
from faults.matrix import IMAGES
from faults.operations import APPLIANCE, MIGRATIONS, STREAMING, Moment, Operation
from faults.scene import NAME, Scene
from faults.verdict import judge, judge_disk
from moving.hosts import result

if t.TYPE_CHECKING:
    import argparse

HELP = (
    "real reboots of the source, the target or both in each phase of a move, autostart on and off"
)
add_options = cells.add_options

_CLONE: t.Final = "copy-1"
# A template from elsewhere names no bridge of this host, but a network.
_NETWORK: t.Final = """
virsh net-define /dev/stdin <<'XML'
<network><name>faults</name><forward mode='bridge'/><bridge name='lan0'/></network>
XML
virsh net-autostart faults; virsh net-start faults
"""
_NO_NETWORK: t.Final = "virsh net-destroy faults; virsh net-undefine faults"
_DEAD: t.Final = {"source": (0,), "target": (1,), "both": (0, 1)}


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "power")


def list_cells() -> list[Cell]:
    """Each host, and both, in each moment; and the source of a move that has left its definition there."""
    moments = [
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
    definitions = [
        Cell(
            "power",
            f"{operation.name}, moved, source, definition stays",
            functools.partial(_keep_definition, operation),
        )
        for operation in MIGRATIONS
    ]
    others = [
        Cell("power", "streaming, pulling, both, journal lost", _lose_journal),
        Cell("power", "clone, streaming, both", _run_clone),
    ]
    return [*moments, *definitions, *others]


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
        if arrived or dead == "target":
            outcome.problems.append("after the boot the same task does not go on by itself")
        # what is to be moved while it is off was started by its host, if that is to start it
        scene.heal(f"virsh {'destroy' if operation.off else 'start'} {NAME}")
        last = outcome.add("healed, again", scene.run(scene.source, operation.module, **task))
    if last["failed"]:
        outcome.problems.append("the same task does not bring it to an end")
    expected = () if last["failed"] else (scene.target,)
    outcome.problems += judge(scene, expected=expected, autostart=autostart)


def _keep_definition(operation: Operation, scene: Scene, outcome: Outcome) -> None:
    """The source boots and must not start a second guest; then the guest comes home, and starts there alone."""
    scene.begin(off=operation.off)
    task = {**dict(operation.options), "undefine_source": False, "remove_source_volumes": False}
    outcome.add(
        "task",
        scene.run(scene.source, operation.module, **task, destination_uri=scene.uri(scene.target)),
    )
    scene.hosts.crash(scene.source)
    scene.boot()
    views = scene.look()
    at_source, at_target = (
        views[host]["domains"].get(NAME, {}) for host in (scene.source, scene.target)
    )
    if not str(at_source.get("state")).startswith("shut off") or at_source.get("autostart"):
        outcome.problems.append(f"after the source's boot its guest is {at_source}")
    if not at_target.get("autostart"):
        outcome.problems.append(f"the guest does not start with the target: {at_target}")
    # the way home is free once what stayed there is gone
    scene.ssh(scene.source, f"rm -f {IMAGES}/{NAME}*; virsh pool-refresh default")
    # the target finds a host that has just booted again
    scene.ssh(scene.target, f"timeout 90 sh -c 'until ssh {scene.source} true; do sleep 1; done'")
    home = scene.run(
        scene.target,
        operation.module,
        **dict(operation.options),
        destination_uri=scene.uri(scene.source),
    )
    outcome.add("home", home)
    outcome.problems += judge(scene, expected=(scene.source,))


def _lose_journal(scene: Scene, outcome: Outcome) -> None:
    """Both hosts lose their power in mid-pull, and the journal with it: what the guest says of itself must do."""
    scene.begin()
    moment = next(moment for moment in STREAMING.moments if moment.at == "target")
    task = STREAMING.task(moment, scene.uri(scene.target))
    outcome.add("task", scene.run(scene.source, STREAMING.module, **task, wait="switched"))
    scene.hosts.crash(scene.source, scene.target)
    scene.boot()
    scene.ssh(scene.source, "rm -rf /var/lib/headroom/*")
    last = outcome.add("again", scene.run(scene.source, STREAMING.module, **task))
    if last["failed"]:
        outcome.problems.append("the same task does not bring it to an end")
    outcome.problems += judge(scene, expected=(scene.target,))


def _run_clone(scene: Scene, outcome: Outcome) -> None:
    """A clone that is streamed and its source lose their power; the same task brings it back, and makes it whole."""
    acked = scene.begin(off=True)
    source = {"domain": NAME}
    outcome.add(
        "capture",
        scene.run(scene.source, "appliance", **dict(APPLIANCE), source=source, seal="none"),
    )
    task = {
        "appliance": "cap:1",
        "names": [_CLONE],
        "mode": "streamed",
        "source_uri": scene.uri(scene.source),
        "network": "faults",
        "bandwidth": "256KiB",
    }
    scene.ssh(scene.target, _NETWORK)
    outcome.add("clone", scene.run(scene.target, "appliance_clone", **task))
    scene.hosts.crash(scene.source, scene.target)
    scene.boot()
    outcome.add("again", scene.run(scene.target, "appliance_clone", **task))
    lift = "; ".join(f"virsh blockjob {_CLONE} {disk} --bandwidth 0" for disk in scene.guest.disks)
    outcome.acted = f"{scene.ssh(scene.target, lift)}\ncode 0"
    outcome.add("local", scene.run(scene.target, "appliance_clone", **task, wait_for="local"))
    views = scene.look()
    clone = views[scene.target]["domains"].get(_CLONE, {})
    if not str(clone.get("state")).startswith("running") or clone.get("network"):
        outcome.problems.append(f"the clone is {clone}")
    outcome.problems += [
        f"{host}: {', '.join([*names, *map(str, view['ports'])])} is left"
        for host, view in views.items()
        if (names := [name for name in view["domains"] if name.startswith("headroom-")])
        or view["ports"]
    ]
    disk = f"{IMAGES}/{_CLONE}.{scene.guest.ledger_target}.qcow2"
    outcome.problems += judge_disk(scene, scene.target, disk, acked)
    scene.ssh(scene.target, _NO_NETWORK)
