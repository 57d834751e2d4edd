# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Disks in Ceph as they are at one instant: snapshots of them, taken while the guest stands still.

Steps of a capture's transaction: hold() a guest that runs, take_snapshots() in that block; release() and
remove_snapshots() by the record, when all is copied and after a run that died. A snapshot that QEMU takes is one name
at the image of the guest, unlike libvirt's clone, which leaves a protected one there that libvirt does not remove.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import RbdImage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    agent,
    domains,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Record,
        Step,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .sources import VolumeDisk

# Ceph takes a tool that was killed for a user of the image for half a minute more, and whatever is asked of it waits.
_LATE_SECONDS: t.Final = 45.0
# What keeps the guest from writing: its agent, or that its processors stand. None: nobody needs to.
Method = t.Literal["agent", "pause"]

STEPS: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "hold": ("uuid", "method"),
    "snapshot": ("pool", "name", "snapshot"),
}


def choose_method(disks: t.Sequence[VolumeDisk], *, with_agent: bool) -> Method | None:
    """Return how a guest is to stand still; None where libvirt sees to that, or one snapshot is all there is to do."""
    if not any(disk.lies_in_ceph for disk in disks):
        return None
    if with_agent:
        return "agent"
    return "pause" if len(disks) > 1 else None


@contextlib.contextmanager
def hold(
    domain: domains.Domain, transaction: Transaction, method: Method | None
) -> t.Iterator[None]:
    """Have the running guest write nothing for the block.

    When that raises, whoever rolls the transaction back releases the guest. Raises Conflict for a guest that somebody
    else has frozen, as that one would not expect it to be thawed.
    """
    if method is None or (method == "pause" and _is_paused(domain)):
        yield
        return
    if method == "agent" and agent.is_frozen(domain):
        raise Conflict(
            f"source.quiesce: the file systems of {domain.name()!r} are frozen already, by a backup for example. Run "
            "the task again when that is done; or thaw them (virsh domfsthaw), if nobody needs them so.",
            domain=domain.name(),
        )
    step = transaction.begin_step("hold", uuid=domain.UUIDString(), method=method)
    if method == "agent":
        agent.freeze(domain)
    else:
        domains.suspend(domain)
    yield
    _let_go(domain, method)
    transaction.finish_step(step)


def release(domain: domains.Domain | None, record: Record) -> None:
    """Let a guest go on that a run has held and not let go, unless it has started anew since, or is off."""
    if domain is None or not domains.is_active(domain):
        return
    for step in record.steps:
        if step.name == "hold" and step.state == "begun":
            _let_go(domain, step.arguments["method"])


def _let_go(domain: domains.Domain, method: str) -> None:
    if method == "agent":
        agent.thaw(domain)
    elif _is_paused(domain):
        domains.resume(domain)


def _is_paused(domain: domains.Domain) -> bool:
    return domains.read_state(domain)[0] == libvirt.VIR_DOMAIN_PAUSED


def take_snapshots(
    connection: Connection, transaction: Transaction, disks: t.Sequence[VolumeDisk], token: str
) -> list[VolumeDisk]:
    """Return the disks, those in Ceph as they are from now on: by snapshots, which have ``token`` in their names."""
    return [
        _take_snapshot(connection, transaction, disk, token) if disk.lies_in_ceph else disk
        for disk in disks
    ]


def _take_snapshot(
    connection: Connection, transaction: Transaction, disk: VolumeDisk, token: str
) -> VolumeDisk:
    pool, snapshot = storage.look_up_pool_of(disk.source), f"headroom-capture.{token}"
    arguments = {"pool": pool.name(), "name": disk.source.name(), "snapshot": snapshot}
    step = transaction.begin_step("snapshot", **arguments)
    images.take_snapshot(connection, _find_image(connection, arguments))
    transaction.finish_step(step)
    return dataclasses.replace(disk, snapshot=snapshot)


def remove_snapshots(connection: Connection, record: Record, clock: Clock = SYSTEM_CLOCK) -> None:
    """Remove the snapshots that a run has taken, or was about to take.

    One whose tool was killed may come yet: the QEMU of the guest, which has the image locked, was asked for it.
    """
    for step in record.steps:
        if step.name == "snapshot":
            _remove_snapshot(connection, step, clock)


def _remove_snapshot(connection: Connection, step: Step, clock: Clock) -> None:
    image = _find_image(connection, step.arguments)
    patience = 0.0 if step.state == "done" else _LATE_SECONDS
    Waiter(patience, clock).holds(lambda: images.remove_snapshot(connection, image))


def _find_image(connection: Connection, arguments: t.Mapping[str, str]) -> RbdImage:
    """Return what a step is about; raises Conflict where its pool is not in Ceph any more."""
    name = arguments["pool"]
    source = storage.read_pool(storage.look_up_pool(connection, name)).rbd
    if source is None:
        raise Conflict(
            f"the pool {name!r} is not in Ceph, where the image {arguments['name']!r} is. Define it as it was, and "
            "run the task again.",
            pool=name,
        )
    return RbdImage(source, arguments["name"], arguments["snapshot"])


def describe_release(record: Record) -> list[str]:
    """Return in sentences what release() and remove_snapshots() do with the record."""
    held = [
        f"Let the guest of {record.subject} write again."
        for step in record.steps
        if step.name == "hold" and step.state == "begun"
    ]
    steps = [step.arguments for step in record.steps if step.name == "snapshot"]
    return [
        *held,
        *(
            f"Remove the snapshot {step['snapshot']} of the image {step['name']} of the pool {step['pool']}."
            for step in steps
        ),
    ]
