# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What dead runs left of an appliance that they made or removed: settle() before a run looks at the catalogue.

Only what a record names is ever taken for a stray: on a pool that hosts share, a volume of any name and age may be what
another host is about to publish.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue as catalogues,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
        ApplianceId,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import State
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

REGISTER: t.Final = "register"
REGISTER_SHAPE: t.Final = Shape(
    intent=("uri", "pool", "appliance"),
    steps={
        "volume": ("pool", "name"),
        "seal": ("method",),
        "content": ("name",),
        "sync": ("paths", "token"),
        "manifest": ("pool", "name", "size_bytes", "sha256"),
        "publish": ("name",),
    },
)
UNREGISTER: t.Final = "unregister"
UNREGISTER_SHAPE: t.Final = Shape(
    intent=("uri", "pool", "appliance", "manifests", "volumes"),
    steps={"manifest": ("names",), "volumes": ("names",)},
)


@dataclasses.dataclass(frozen=True)
class RegistrationRecovery:
    """Deletes what a run had made of an appliance, unless its manifest is whole: then the appliance is there."""

    connection: Connection
    clock: Clock = SYSTEM_CLOCK

    def resume(self, record: Record) -> State | None:
        """As roll_back(): whoever asked for it asks again."""
        return self.roll_back(record)

    def roll_back(self, record: Record) -> State | None:
        """Delete the volumes of the record; raises Conflict naming those that somebody uses, which stay."""
        REGISTER_SHAPE.check(record)
        catalogue = catalogues.open_catalogue(self.connection, record.intent["pool"])
        storage.try_to_refresh(catalogue.pool)  # another host may have published into a shared pool
        volumes = [
            VolumeRef(step.arguments["pool"], step.arguments["name"])
            for step in record.steps
            if step.name == "volume"
        ]
        for step in record.steps:
            if step.name == "sync":
                durable.clean_up(self.connection, step.arguments["paths"], step.arguments["token"])
        manifest = _find_own_manifest(catalogue, record)
        if manifest is not None:
            if _is_whole(catalogue, record, manifest.name):
                return "finished"
            _delete(self.connection, [manifest], self.clock)
        published = catalogue.list_published()
        _delete(self.connection, [ref for ref in volumes if ref.name not in published], self.clock)
        return None


@dataclasses.dataclass(frozen=True)
class UnregistrationRecovery:
    """Finishes a removal whose appliance is not visible any more; one that still is has lost nothing, and stays."""

    connection: Connection
    clock: Clock = SYSTEM_CLOCK

    def resume(self, record: Record) -> State | None:
        """As roll_back(): an appliance that is still visible is removed by the task, which looks who uses it now."""
        return self.roll_back(record)

    def roll_back(self, record: Record) -> State | None:
        """Delete the disks of an appliance whose manifest is gone; raises Conflict naming those that somebody uses."""
        UNREGISTER_SHAPE.check(record)
        catalogue = catalogues.open_catalogue(self.connection, record.intent["pool"])
        storage.try_to_refresh(catalogue.pool)
        present = {volume.name() for volume in storage.list_volumes(catalogue.pool)}
        published = catalogue.list_published()
        unreadable = {row.volume for row in catalogue.list_unreadable()}
        if unreadable.intersection(record.intent["manifests"]):
            return None  # whose disks those are is not known
        if catalogue.rbd is not None:
            _delete_broken(catalogue, record, present, self.clock)
            published = catalogue.list_published()
        gone = [name for name in record.intent["volumes"] if name not in published]
        refs = [VolumeRef(catalogue.pool_name, name) for name in gone if name in present]
        _delete(self.connection, refs, self.clock, catalogue.delete)
        return "finished" if gone else None


def _delete_broken(
    catalogue: Catalogue, record: Record, present: t.Collection[str], clock: Clock
) -> None:
    """Delete the manifest of an appliance in Ceph whose first image has gone before it, as removal.py has it."""
    lost = {name for name in record.intent["volumes"] if name not in present}
    for manifest in catalogue.read_all():
        if lost.intersection(disk.volume for disk in manifest.disks):
            described, _disks = catalogue.list_own(manifest)
            _delete(catalogue.connection, described, clock)


def settle(journal: Journal, connection: Connection) -> None:
    """Take back or finish what runs that died have left of appliances on the host.

    What cannot be, for example as its pool is gone, is not in the way of another run, whose volumes have names of their
    own: it stays in the journal, and is told.
    """
    for record in _find_dead(journal, connection):
        recovery: RegistrationRecovery | UnregistrationRecovery = (
            RegistrationRecovery(connection)
            if record.kind == REGISTER
            else UnregistrationRecovery(connection)
        )
        try:
            journal.recover(record, recovery)
        except HeadroomError as error:
            journal.warn(f"{record} broke off, and what it left cannot be removed: {error.message}")


def is_left_half(journal: Journal, catalogue: Catalogue, appliance: ApplianceId) -> bool:
    """Return whether what is there of a manifest is only what a dead run of this journal left, for check mode."""
    for record in _find_dead(journal, catalogue.connection):
        if record.kind == REGISTER and record.subject == name_subject(
            catalogue.pool_name, appliance
        ):
            try:
                REGISTER_SHAPE.check(record)
            except UnreadableShape:
                continue
            manifest = _find_own_manifest(catalogue, record)
            if manifest is not None and not _is_whole(catalogue, record, manifest.name):
                return True
    return False


def name_subject(pool: str, appliance: ApplianceId) -> str:
    """Return what a record of an appliance is about: one of that name may be made in two pools at once."""
    return f"{pool}/{appliance}"


def _find_dead(journal: Journal, connection: Connection) -> list[Record]:
    return [
        record
        for record in journal.list_unfinished()
        if record.kind in {REGISTER, UNREGISTER}
        and record.uri == connection.uri
        and not record.alive
    ]


def _find_own_manifest(catalogue: Catalogue, record: Record) -> VolumeRef | None:
    """Return the volume of the manifest that the run made itself; another host may have made one of that name."""
    begun = {step.name: step for step in record.steps}
    step = begun.get("manifest")
    if step is None or step.facts.get("taken"):
        return None
    name = step.arguments["name"]
    volume = storage.find_volume(catalogue.pool, name)
    if volume is None:
        return None
    if "publish" not in begun and (
        storage.read_volume(volume).capacity_bytes != step.arguments["size_bytes"]
        or any(catalogue.read_manifest_text(name))
    ):
        return None  # it died before it knew, and this one does not look as it would have been made
    return VolumeRef(catalogue.pool_name, name)


def _is_whole(catalogue: Catalogue, record: Record, name: str) -> bool:
    expected = {step.arguments["sha256"] for step in record.steps if step.name == "manifest"}
    return hashlib.sha256(catalogue.read_manifest_text(name)).hexdigest() in expected


def _delete(
    connection: Connection,
    refs: t.Sequence[VolumeRef],
    clock: Clock,
    delete: deletion.Delete | None = None,
) -> None:
    """Delete volumes of an appliance that is not visible; raises Conflict naming what somebody uses all the same."""
    keep = deletion.delete_volumes(
        connection,
        refs,
        of_appliances=True,
        delete=lambda volume: deletion.delete_written(volume, clock, delete),
    )
    if keep:
        reasons = "; ".join(f"{ref.pool}/{ref.name}: {reason}" for ref, reason in keep.items())
        raise Conflict(
            f"volumes of an appliance that is not whole cannot go: {reasons}. Remove what stands on them, and run the "
            "task again.",
            volumes=[ref.name for ref in keep],
        )


def describe_registration(record: Record, _direction: Direction) -> list[str]:
    """Return in sentences what RegistrationRecovery does with the record; raises UnreadableShape."""
    REGISTER_SHAPE.check(record)
    appliance = record.intent["appliance"]
    steps = [step for step in record.steps if step.name in {"volume", "manifest"}]
    return [
        f"Keep all of {appliance}, if its manifest is whole: then it is finished.",
        *(
            f"Delete the volume {step.arguments['name']} of the pool {step.arguments['pool']}."
            for step in reversed(steps)
        ),
    ]


def describe_unregistration(record: Record, _direction: Direction) -> list[str]:
    """Return in sentences what UnregistrationRecovery does with the record; raises UnreadableShape."""
    UNREGISTER_SHAPE.check(record)
    intent = record.intent
    return [
        f"Keep all of {intent['appliance']}, if its manifest is still there.",
        *(f"Delete the volume {name} of the pool {intent['pool']}." for name in intent["volumes"]),
    ]
