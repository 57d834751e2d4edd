# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Giving domains disks of their own, so that the appliance that they stand on can go.

A domain that runs pulls its disks in and notices nothing. Of one that is off each overlay is copied flat, the
definition led to the copy, and the overlay deleted; a run that dies in between leaves a record by which the next one
finishes that or undoes it.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import (
    deletion,
    disk_copy,
    layers,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domain_xml,
    domains,
    element_xml,
    metadata,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from . import sources

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.dependents import (
        Users,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import UseIndex
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

KIND: t.Final = "flatten"
SHAPE: t.Final = Shape(steps={"copy": ("target", "pool", "name", "overlay")})

_PULL_SECONDS: t.Final = 4 * 3600.0


@dataclasses.dataclass(frozen=True)
class FlattenRecovery:
    """Deletes, of each copy and its overlay, the one that the domain does not stand on."""

    connection: Connection

    def resume(self, record: Record) -> None:
        """As roll_back(): whoever asked for it asks again."""
        self.roll_back(record)

    def roll_back(self, record: Record) -> None:
        """Leave each disk with one volume; raises Conflict where the domain stands on neither any more."""
        SHAPE.check(record)
        domain = domains.find(self.connection, record.subject)
        steps = [step.arguments for step in record.steps if step.name == "copy"]
        if domain is None or not steps:
            return
        index = Uses(self.connection).index
        volumes = []
        for step in steps:
            pair = {VolumeRef(step["pool"], step[name]) for name in ("name", "overlay")}
            existing = index.storage.find_existing(pair)
            if existing and not any(_uses(index, ref, domain.UUIDString()) for ref in existing):
                raise Conflict(
                    f"the disk {step['target']} of {record.subject!r} stands neither on {step['name']} nor on "
                    f"{step['overlay']} of the pool {step['pool']}, as far as can be seen; somebody has given it "
                    "another one. Nothing is deleted. Delete those of the two that nothing needs, and run the task "
                    "again.",
                    domain=record.subject,
                )
            volumes += existing
        deletion.delete_volumes(self.connection, volumes, index=index)


def _uses(index: UseIndex, ref: VolumeRef, uuid: str) -> bool:
    return any(user.identity == uuid for user in index.users_of(ref))


def check(connection: Connection, users: Users) -> None:
    """Raise Conflict naming what cannot be flattened."""
    saved = [
        name
        for name in users.domains
        if domains.has_saved_memory(domains.look_up(connection, name))
    ]
    incomplete = [
        name
        for name in users.domains
        if not domains.is_active(domains.look_up(connection, name))
        and not layers.is_complete(domains.read_live_element(domains.look_up(connection, name)))
    ]
    unseen = [name for name, targets in users.domains.items() if not targets]
    if saved or incomplete or unseen or users.volumes:
        problems = [
            *(f"the domain {name!r} is saved (start it)" for name in saved),
            *(f"a part of {name!r} is still on another host (start it)" for name in incomplete),
            *(f"the disks of {name!r} lie in no active pool (start its pool)" for name in unseen),
            *(f"the volume {name!r} belongs to no domain (delete it)" for name in users.volumes),
        ]
        raise Conflict(f"flatten: {'; '.join(problems)}.", problems=problems)


def flatten(
    connection: Connection, users: Users, journal: Journal, token: str, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Give the domains disks of their own; check() has let them pass."""
    for name, targets in users.domains.items():
        settle(journal, connection, name)
        domain = domains.look_up(connection, name)
        if domains.is_active(domain):
            for target in targets:
                _pull(domain, target, clock)
        else:
            _copy(connection, domain, targets, journal, token)
    for pool in storage.list_pools(connection) if users.domains else ():
        if storage.is_active(pool):
            storage.try_to_refresh(
                pool
            )  # or libvirt goes on saying that what was pulled in stands on its base


def settle(journal: Journal, connection: Connection, name: str) -> None:
    """Finish or undo what a run that died has left of flattening that domain."""
    for record in journal.list_unfinished(KIND, name):
        if record.uri == connection.uri and not record.alive:
            journal.recover(record, FlattenRecovery(connection))


def _pull(domain: libvirt.virDomain, target: str, clock: Clock) -> None:
    if blocks.read_job(domain, target) is None:
        blocks.pull(domain, target, 0)
    waiter = Waiter(_PULL_SECONDS, clock)
    waiter.wait_for(
        lambda: blocks.read_job(domain, target) is None,
        f"pulling the disk {target} of {domain.name()!r}",
    )
    chain = layers.read_layers(domains.read_live_xml(domain)).get(target, ())
    if len(chain) > 1:
        raise HeadroomError(
            f"the disk {target} of {domain.name()!r} still stands on {chain[1]}: pulling it in broke off"
        )


def _copy(
    connection: Connection,
    domain: libvirt.virDomain,
    targets: t.Sequence[str],
    journal: Journal,
    token: str,
) -> None:
    name, recovery = domain.name(), FlattenRecovery(connection)
    with journal.begin(
        KIND, name, {"uri": connection.uri, "domain": name}, recovery
    ) as transaction:
        for disk in domains.read_definition(domain).disks:
            if disk.target in targets:
                _copy_disk(connection, domain, disk, transaction, token)
        recovery.roll_back(transaction.record)


def _copy_disk(
    connection: Connection,
    domain: libvirt.virDomain,
    disk: domain_xml.Disk,
    transaction: Transaction,
    token: str,
) -> None:
    overlay = sources.find_volume(connection, disk)
    pool, declared_format = storage.look_up_pool_of(overlay), sources.read_declared_format(disk)
    described = disk_copy.require_declared(overlay, declared_format)
    new = VolumeRef(pool.name(), f"{domain.name()}.{token}.{disk.target}.qcow2")
    step = transaction.begin_step(
        "copy", target=disk.target, pool=new.pool, name=new.name, overlay=overlay.name()
    )
    flat = storage_xml.NewVolume(new.name, described.capacity_bytes)
    copied = disk_copy.copy_disk(connection, overlay, declared_format, pool, flat)
    text = domains.read_definition_xml(domain, secrets=True)
    old = VolumeRef(new.pool, overlay.name())
    domains.define(
        connection, redirect_disk(text, disk.target, storage.read_volume_path(copied), old, new)
    )
    transaction.finish_step(step)


def redirect_disk(text: str, target: str, path: str, old: VolumeRef, new: VolumeRef) -> str:
    """Return a domain's XML with another file as its disk, and ``new`` owned in place of ``old``. Pure."""
    root = element_xml.parse_element(text)
    for disk in root.iterfind("devices/disk"):
        named = disk.find("target")
        if named is not None and named.get("dev") == target:
            for element in [*disk.findall("source"), *disk.findall("backingStore")]:
                disk.remove(element)
            disk.set("type", "file")
            source = disk.makeelement("source", {"file": path})
            named.addprevious(source)
    said = metadata.find_in(root)
    owned = tuple(new if ref == old else ref for ref in said.volumes)
    metadata.put_in(root, said._replace(volumes=owned))
    return element_xml.serialise(root)


def describe_recovery(record: Record, _direction: Direction) -> list[str]:
    """Return in sentences what FlattenRecovery does with the record, in either direction; raises UnreadableShape."""
    SHAPE.check(record)
    return [
        f"Delete that one of the volumes {step.arguments['name']} and {step.arguments['overlay']} of the pool "
        f"{step.arguments['pool']} on which {record.subject} does not stand."
        for step in record.steps
        if step.name == "copy"
    ]
