# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Giving domains disks of their own, so that the appliance that they stand on can go.

A domain that runs pulls its disks in and notices nothing; libvirt goes on with that when the run dies. Of one that is
off each overlay is copied flat, the definition led to the copy, and the overlay deleted, with whatever lies between it
and the appliance. Either way a run that dies in between leaves a record by which the next one finishes that or undoes
it. Somebody who changes the disk meanwhile keeps what is theirs: the definition is led to no copy of what it was.
"""

from __future__ import annotations

import contextlib
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
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import read_storage
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._names import APPLIANCE_PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
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
SHAPE: t.Final = Shape(
    steps={"copy": ("target", "pool", "name", "overlay"), "pull": ("target",)},
)

_PULL_SECONDS: t.Final = 4 * 3600.0


@dataclasses.dataclass(frozen=True)
class FlattenRecovery:
    """Deletes, of each copy and its overlay, the one that the domain does not stand on."""

    connection: Connection
    clock: Clock = SYSTEM_CLOCK

    def resume(self, record: Record) -> None:
        """As roll_back(): whoever asked for it asks again."""
        self.roll_back(record)

    def roll_back(self, record: Record) -> None:
        """Leave each disk with one volume; raises Conflict for what the domain does not stand on and has to stay."""
        SHAPE.check(record)
        if not record.steps:
            return
        domain = domains.find_again(self.connection, record.intent.get("uuid"), record.subject)
        uuid = None if domain is None else domain.UUIDString()
        index = Uses(self.connection).index
        volumes: list[VolumeRef] = []
        for step in record.steps:
            if step.name == "copy":
                volumes += _find_pair(index, record.subject, uuid, step.arguments)
            else:  # libvirt goes on pulling in; until then the domain stands on these
                deletion.delete_volumes(self.connection, _read_lower(step.arguments), index=index)
        keep = deletion.delete_volumes(
            self.connection,
            volumes,
            index=index,
            delete=lambda volume: deletion.delete_written(volume, self.clock),
        )
        foreign = {
            ref: reason
            for ref, reason in keep.items()
            if uuid is None or not _uses(index, ref, uuid)
        }
        if foreign:
            reasons = "; ".join(f"{ref.pool}/{ref.name}: {why}" for ref, why in foreign.items())
            raise Conflict(
                f"{record.subject!r} does not stand on these any more, and they cannot be deleted: {reasons}. Remove "
                "what needs them, and run the task again.",
                domain=record.subject,
            )


def _find_pair(
    index: UseIndex, name: str, uuid: str | None, step: t.Mapping[str, t.Any]
) -> t.Collection[VolumeRef]:
    """Return a copy and its overlay, of which the one may go that nobody uses, and what is below the overlay.

    Of a domain that is gone it is the copy alone: the others were its own, and are nobody's here. Raises Conflict where
    the domain stands on neither of the two.
    """
    copied, overlay = (VolumeRef(step["pool"], step[key]) for key in ("name", "overlay"))
    if uuid is None:
        return index.storage.find_existing({copied})
    existing = index.storage.find_existing({copied, overlay})
    if existing and not any(_uses(index, ref, uuid) for ref in existing):
        raise Conflict(
            f"the disk {step['target']} of {name!r} stands neither on {copied.name} nor on {overlay.name} of the pool "
            f"{step['pool']}, as far as can be seen; somebody has given it another one. Nothing is deleted. Delete "
            "those of the two that nothing needs, and run the task again.",
            domain=name,
        )
    return [*existing, *_read_lower(step)]


def _read_lower(step: t.Mapping[str, t.Any]) -> list[VolumeRef]:
    return [VolumeRef(*names) for names in step.get("lower", ())]


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
        f"{name!r} is off, and {reason} (start it)"
        for name, reason in _explain_incomplete(connection, users)
    ]
    unseen = [name for name, targets in users.domains.items() if not targets]
    snapshots = {
        name: domains.list_snapshot_names(domains.look_up(connection, name))
        for name in users.domains
    }
    held = {name: names for name, names in snapshots.items() if names}
    unsynced = [name for name in users.domains if _is_unsynced(domains.look_up(connection, name))]
    if saved or incomplete or unseen or held or unsynced or users.volumes:
        problems = [
            *(
                f"the domain {name!r} has a disk with cache=unsafe, and nothing that it pulls in is synced while it "
                "runs (shut it down)"
                for name in unsynced
            ),
            *(
                f"the domain {name!r} has the snapshot {', '.join(names)} (virsh snapshot-delete {name} {names[0]})"
                for name, names in held.items()
            ),
            *(f"the domain {name!r} is saved (start it)" for name in saved),
            *incomplete,
            *(f"the disks of {name!r} lie in no active pool (start its pool)" for name in unseen),
            *(f"the volume {name!r} belongs to no domain (delete it)" for name in users.volumes),
        ]
        raise Conflict(f"flatten: {'; '.join(problems)}.", problems=problems)


def _explain_incomplete(connection: Connection, users: Users) -> t.Iterator[tuple[str, str]]:
    """Yield each domain that is off and not whole, with the reason: what runs is flattened by a pull of all layers."""
    for name in users.domains:
        domain = domains.look_up(connection, name)
        reason = layers.explain_incomplete(domains.read_live_element(domain))
        if reason is not None and not domains.is_active(domain):
            yield name, reason


def _is_unsynced(domain: libvirt.virDomain) -> bool:
    if not domains.is_active(domain):
        return False
    return any(disk.cache == "unsafe" for disk in domains.read_live(domain).disks)


def flatten(
    connection: Connection, users: Users, journal: Journal, token: str, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Give the domains disks of their own; check() has let them pass."""
    for name, targets in users.domains.items():
        settle(journal, connection, name)
        domain = domains.look_up(connection, name)
        if domains.is_active(domain):
            _pull_all(connection, domain, targets, journal, clock)
        else:
            _copy(connection, domain, targets, journal, token)
    for pool in storage.list_pools(connection) if users.domains else ():
        if storage.is_active(pool):
            storage.try_to_refresh(
                pool
            )  # or libvirt goes on saying that what was pulled in stands on its base


def settle_all(journal: Journal, connection: Connection) -> None:
    """As settle(), for all domains of the host; what cannot be settled is told when it is in the way."""
    for record in journal.list_unfinished(KIND):
        with contextlib.suppress(HeadroomError):
            settle(journal, connection, record.subject)


def settle(journal: Journal, connection: Connection, name: str) -> None:
    """Finish or undo what a run that died has left of flattening that domain."""
    for record in journal.list_unfinished(KIND, name):
        if record.uri == connection.uri and not record.alive:
            journal.recover(record, FlattenRecovery(connection))


def _pull_all(
    connection: Connection,
    domain: libvirt.virDomain,
    targets: t.Sequence[str],
    journal: Journal,
    clock: Clock,
) -> None:
    name = domain.name()
    intent = {
        "uri": connection.uri,
        "domain": name,
        "uuid": domain.UUIDString(),
        "last_steps": {"pull": len(targets)},
    }
    with journal.begin(KIND, name, intent, FlattenRecovery(connection, clock)) as transaction:
        for target in targets:
            lower = _find_lower(connection, domain, target)
            step = transaction.begin_step("pull", target=target, lower=[list(ref) for ref in lower])
            _pull(domain, target, clock)
            # what stays is told by whoever removes the appliance
            deletion.delete_volumes(connection, lower)
            transaction.finish_step(step)


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
    intent = {"uri": connection.uri, "domain": name, "uuid": domain.UUIDString()}
    with journal.begin(KIND, name, intent, recovery) as transaction:
        for target in targets:
            _copy_disk(connection, domain, target, transaction, token)
        recovery.roll_back(transaction.record)


def _copy_disk(
    connection: Connection,
    domain: libvirt.virDomain,
    target: str,
    transaction: Transaction,
    token: str,
) -> None:
    disk = find_disk(domain, target)
    overlay = sources.find_volume(connection, disk)
    pool, declared_format = storage.look_up_pool_of(overlay), sources.read_declared_format(disk)
    described = disk_copy.require_declared(overlay, declared_format)
    new = VolumeRef(pool.name(), f"{domain.name()}.{token}.{disk.target}.qcow2")
    step = transaction.begin_step(
        "copy",
        target=target,
        pool=new.pool,
        name=new.name,
        overlay=overlay.name(),
        lower=[list(ref) for ref in _find_lower(connection, domain, target)],
    )
    flat = storage_xml.NewVolume(new.name, described.capacity_bytes)
    copied = disk_copy.copy_disk(connection, overlay, declared_format, pool, flat)
    _make_durable(connection, copied, token)
    require_unchanged(domain, disk, overlay, described.modified)
    text = domains.read_definition_xml(domain, secrets=True)
    old = VolumeRef(new.pool, overlay.name())
    domains.define(
        connection, redirect_disk(text, target, storage.read_volume_path(copied), old, new)
    )
    if domains.is_active(domain):  # started in this very moment, on the overlay or on the copy
        domains.define(connection, text)
        raise _refuse(domain, target)
    transaction.finish_step(step)


def _make_durable(connection: Connection, copied: storage.Volume, token: str) -> None:
    """Return when a copy outlives a loss of power; raises Conflict where that cannot be known."""
    path = storage.read_volume_path(copied)
    unknown = durable.make_durable(connection, {path: "qcow2"}, token)
    if unknown:
        raise Conflict(
            f"flatten: it is not known whether {path} outlives a loss of power: {unknown[path]}. What it was copied "
            "from stays. Run the task on the host itself.",
            path=path,
        )


def find_disk(domain: libvirt.virDomain, target: str) -> domain_xml.Disk:
    """Return the disk of a domain's definition as it is now; raises Conflict when somebody has detached it."""
    disks = {disk.target: disk for disk in domains.read_definition(domain).disks}
    if target not in disks:
        raise _refuse(domain, target)
    return disks[target]


def _find_lower(connection: Connection, domain: libvirt.virDomain, target: str) -> list[VolumeRef]:
    """Return the volumes that a disk stands on, down to the appliance's."""
    stored = read_storage(connection, refresh=True)
    disks = {disk.target: disk for disk in layers.read_disks(domains.read_live_element(domain))}
    refs = [stored.find_volume(layer) for layer in stored.layers_of(disks[target])[1:]]
    bases = [ref is not None and ref.name.startswith(APPLIANCE_PREFIX) for ref in refs]
    above = refs[: bases.index(True)] if True in bases else []
    return [ref for ref in above if ref is not None]


def require_unchanged(
    domain: libvirt.virDomain,
    disk: domain_xml.Disk,
    overlay: storage.Volume,
    modified: float | None,
) -> None:
    """Raise Conflict unless the disk is still that one, at rest, its file as it was ``modified`` when it was copied."""
    actual = find_disk(domain, disk.target)
    is_same = (actual.source, actual.pool, actual.volume) == (disk.source, disk.pool, disk.volume)
    if (
        not is_same
        or domains.is_active(domain)
        or storage.read_volume(overlay).modified != modified
    ):
        raise _refuse(domain, disk.target)


def _refuse(domain: libvirt.virDomain, target: str) -> Conflict:
    return Conflict(
        f"flatten: somebody has started {domain.name()!r}, or changed its disk {target}, while that was copied. The "
        "disk stays as it is. Run the task again.",
        domain=domain.name(),
    )


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
    pulled = [
        f"Let {record.subject} go on pulling in its disk {step.arguments['target']}, if it still does."
        for step in record.steps
        if step.name == "pull"
    ]
    copied = [
        f"Delete that one of the volumes {step.arguments['name']} and {step.arguments['overlay']} of the pool "
        f"{step.arguments['pool']} on which {record.subject} does not stand."
        for step in record.steps
        if step.name == "copy"
    ]
    return [*pulled, *copied]
