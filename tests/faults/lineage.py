# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else acts while an appliance is cloned, a machine flattened that stands on it, or one removed.

Part of `./dev faults others`.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from faults.actors import ACTORS, Actor
from faults.cells import Cell, Outcome, Provocation
from faults.matrix import IMAGES
from faults.operations import APPLIANCE, Moment, Operation
from faults.scene import NAME, OTHER_JOURNAL, Scene
from faults.verdict import judge, judge_disk, judge_gone
from moving.hosts import result

_CLONE: t.Final = "copy-1"
_FAST: t.Final = "/srv/fast"
_POOL: t.Final = (
    f"mkdir -p {_FAST}; virsh pool-define-as fast dir --target {_FAST}; virsh pool-start fast"
)
_NO_POOL: t.Final = (
    f"for act in destroy undefine; do virsh $act child; virsh pool-$act fast; done; rm -rf {_FAST}"
)
_CHILD: t.Final = (
    "<domain type='qemu'><name>child</name><memory unit='MiB'>96</memory><vcpu>1</vcpu><os><type arch='x86_64' "
    "machine='q35'>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    f"<source file='{_FAST}/child.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
)

FLATTEN: t.Final = Operation(
    "flatten",
    "appliance",
    "flatten",
    NAME,
    (*APPLIANCE, ("state", "absent"), ("flatten", True)),
    (Moment("copy under way", "copy"), Moment("copied", ".copy")),
    off=True,
)
FLATTEN_RUNNING: t.Final = dataclasses.replace(
    FLATTEN,
    name="flatten running",
    moments=(Moment("pull under way", "pull"), Moment("a disk pulled", ".pull")),
    off=False,
)
CLONE: t.Final = Operation(
    "clone",
    "appliance_clone",
    "clone",
    _CLONE,
    (("appliance", "cap:1"), ("names", [_CLONE]), ("state", "shutdown")),
    (
        Moment("volumes made", ".volume"),
        Moment("being defined", "domain"),
        Moment("defined", ".domain"),
    ),
)
REMOVAL: t.Final = Operation(
    "removal",
    "domain",
    "removal",
    NAME,
    (("name", NAME), ("state", "absent"), ("force", True), ("timeout", 1)),
    (Moment("begun", ""),),
)
_OF_CLONE: t.Final = (
    Actor("clone undefined", f"virsh undefine {_CLONE}", needs="off"),
    Actor("clone started", f"virsh start {_CLONE}", f"virsh destroy {_CLONE}", needs="off"),
    Actor("clone's volume deleted", f"virsh vol-delete $(ls {IMAGES}/{_CLONE}.* | tail -1)"),
    Actor("pool refresh", "virsh pool-refresh default"),
    Actor("second controller", task=True, holds=False),
)
_OF_REMOVAL: t.Final = (
    Actor("start", f"virsh start {NAME}"),
    Actor(
        "an overlay of another pool",
        f"{_POOL}; qemu-img create -q -f qcow2 -F qcow2 -b {IMAGES}/{NAME}.qcow2 {_FAST}/child.qcow2 && "
        f'virsh pool-refresh fast && echo "{_CHILD}" | virsh define /dev/stdin',
    ),
    Actor("pool refresh", "virsh pool-refresh default"),
    Actor("second controller", task=True, holds=False),
)


def list_cells() -> list[Cell]:
    """Every actor in every moment."""
    snapshots = [
        dataclasses.replace(actor, needs="any")
        for actor in ACTORS
        if actor.name.startswith("snapshot")
    ]
    of_flatten = [*snapshots, *(actor for actor in ACTORS if actor.needs in ("off", "any"))]
    of_running = [actor for actor in ACTORS if actor.needs != "off"]
    return [
        Cell(
            "others",
            f"{operation.name}, {moment.name}, {actor.name}",
            functools.partial(run, operation, moment, actor),
        )
        for operation, actors, run in (
            (FLATTEN, of_flatten, _flatten),
            (FLATTEN_RUNNING, of_running, _flatten),
            (CLONE, _OF_CLONE, _clone),
            (REMOVAL, _OF_REMOVAL, _remove),
        )
        for moment in operation.moments
        for actor in actors
        if operation is not CLONE or actor.needs != "off" or moment is operation.moments[-1]
    ]


def _flatten(
    operation: Operation, moment: Moment, actor: Actor, scene: Scene, outcome: Outcome
) -> None:
    acked: int | None = _stand_on_appliance(scene, outcome)
    if not operation.off:
        scene.hosts.ssh(scene.source, f"virsh -q start {NAME}")
        scene.service.await_growth()
        acked = None
    last = _provoke(operation, moment, actor, scene, outcome)
    if last["failed"] and not actor.refuses:
        outcome.problems.append("the same task does not bring it to an end")
    scene.ssh(scene.source, actor.heal)
    scene.ssh(scene.source, f"virsh domstate {NAME} | grep -q running || virsh start {NAME}")
    outcome.problems += judge(scene, acked=acked)


def _clone(
    operation: Operation, moment: Moment, actor: Actor, scene: Scene, outcome: Outcome
) -> None:
    acked = scene.begin()
    _capture(scene, outcome)
    disk = f"{IMAGES}/{_CLONE}.{scene.guest.ledger_target}.qcow2"
    last = _provoke(operation, moment, actor, scene, outcome)
    if last["failed"]:
        outcome.problems.append("the same task does not bring it to an end")
    outcome.problems += judge_disk(scene, scene.source, disk, acked)
    scene.ssh(scene.source, actor.heal)
    said = scene.ssh(scene.source, f"virsh start {_CLONE}")
    if "error" in said:
        outcome.problems.append(f"the clone does not start: {said}")
    scene.ssh(scene.source, f"virsh destroy {_CLONE}")  # it has the guest's address, too
    outcome.problems += judge(scene)


def _remove(
    operation: Operation, moment: Moment, actor: Actor, scene: Scene, outcome: Outcome
) -> None:
    scene.begin(off=True)
    names = (path.rpartition("/")[2] for path in scene.guest.disks.values())
    owned = "".join(f"<volume pool='default'>{name}</volume>" for name in names)
    scene.ssh(
        scene.source,
        f'virsh metadata {NAME} urn:headroom:libvirt:1 --key headroom --config --set "<machine>{owned}</machine>"',
    )
    try:
        last = _provoke(operation, moment, actor, scene, outcome)
        if last["failed"]:
            outcome.problems.append("the same task does not bring it to an end")
        broken = [
            f"{host}: {name} stands on {', '.join(domain['missing'])}, not there"
            for host, view in scene.look().items()
            for name, domain in view["domains"].items()
            if domain["missing"]
        ]
        outcome.problems += broken or (
            judge(scene) if last["failed"] else judge_gone(scene, owned=True)
        )
    finally:
        scene.ssh(scene.source, _NO_POOL)


def _stand_on_appliance(scene: Scene, outcome: Outcome) -> int:
    """Capture the guest, and put its disks over the appliance's, as a linked clone has them; it is off then."""
    acked = scene.begin()
    disks = {disk["target"]: disk["path"] for disk in _capture(scene, outcome)["disks"]}
    script = [f"set -e; virsh -q destroy {NAME}"]
    for target, path in scene.guest.disks.items():
        script.append(f"rm {path}")
        script.append(f"qemu-img create -q -f qcow2 -F qcow2 -b {disks[target]} {path}")
    scene.hosts.ssh(scene.source, "\n".join([*script, "virsh -q pool-refresh default"]))
    return acked


def _capture(scene: Scene, outcome: Outcome) -> dict[str, t.Any]:
    said = scene.run(
        scene.source,
        "appliance",
        **dict(APPLIANCE),
        source={"domain": NAME, "when_running": "live"},
        seal="none",
    )
    outcome.add("capture", said)
    return dict(said["appliance"])


def _provoke(
    operation: Operation, moment: Moment, actor: Actor, scene: Scene, outcome: Outcome
) -> dict[str, t.Any]:
    """Run the task with its actor, and again; what it said last."""
    task = operation.task(moment, "")
    provocation = Provocation(scene, operation, moment, actor.script, holds=actor.holds)
    running = scene.hosts.module(scene.source, operation.module, **task)
    if actor.task:
        provocation.finish()
        other = scene.run(scene.source, operation.module, **task, journal=OTHER_JOURNAL)
        outcome.add("second controller", other)
    outcome.add("task", result(running))
    outcome.acted = provocation.finish()
    last = outcome.add("again", scene.run(scene.source, operation.module, **task))
    if last["failed"] and actor.heal != "true":
        scene.ssh(scene.source, actor.heal)
        last = outcome.add("healed, again", scene.run(scene.source, operation.module, **task))
    return last
