# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Removing what belonged to a domain, and finishing that after a run that was killed in it.

Once a domain is undefined, nothing else knows which volumes and reservations were its own, and from which export it
read: so its removal is recorded first.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import (
    UnreadableShape,
    build,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import ExportRef
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    ReservationRef,
    VolumeRef,
)

from . import unended

if t.TYPE_CHECKING:
    import contextlib

    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import SharedLook
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

KIND: t.Final = "removal"
SHAPE: t.Final = Shape(intent=("uri", "uuid", "volumes", "reservations"))


@dataclasses.dataclass(frozen=True)
class Belongings:
    """What goes with a machine; ``exports`` only when no other machine of the host reads from them."""

    uuid: str
    volumes: tuple[VolumeRef, ...] = ()
    reservations: tuple[ReservationRef, ...] = ()
    exports: tuple[ExportRef, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.volumes or self.reservations or self.exports)

    def as_intent(self) -> dict[str, t.Any]:
        """Return what a record says of them."""
        return {
            "uuid": self.uuid,
            "volumes": [ref._asdict() for ref in self.volumes],
            "reservations": [ref._asdict() for ref in self.reservations],
            "exports": [dataclasses.asdict(ref) for ref in self.exports],
        }

    @classmethod
    def of(cls, record: Record) -> Belongings:
        """Return what the record of a removal says; raises UnreadableShape."""
        SHAPE.check(record)
        intent = record.intent
        try:
            return cls(
                intent["uuid"],
                tuple(VolumeRef(ref["pool"], ref["name"]) for ref in intent["volumes"]),
                tuple(
                    ReservationRef(ref["network"], ref["mac"], ref["address"])
                    for ref in intent["reservations"]
                ),
                # older records say nothing of them
                tuple(build(ExportRef, ref, "an export") for ref in intent.get("exports", ())),
            )
        except (KeyError, TypeError) as error:
            raise UnreadableShape(
                f"{record} cannot be read: what belonged to the machine lacks {error}. It stays as it is. Finish it "
                "with the release of headroom.libvirt that began it",
                transaction=record.id,
            ) from error


def record_removal(
    journal: Journal, connection: Connection, name: str, belongings: Belongings
) -> contextlib.AbstractContextManager[Transaction]:
    """Record the removal of a machine for the block. One that breaks off is finished by the next run, never undone."""
    return journal.begin(KIND, name, {"uri": connection.uri, **belongings.as_intent()})


def clear(
    connection: Connection,
    belongings: Belongings,
    warn: t.Callable[[str], None] | None = None,
    look: SharedLook | None = None,
    journal: Journal | None = None,
) -> None:
    """Remove what belonged to a machine that is not defined any more; what another one uses by now stays.

    That is told to ``warn``. So is an export whose host does not answer: that host may be gone for good, and the
    machine is removed all the same; the ``journal`` keeps what is to be done there. Without ``warn`` that is an error.
    ``look`` is shared by removals side by side.
    """
    index = look.read() if look is not None and belongings.volumes else None
    keep = deletion.delete_volumes(connection, belongings.volumes, index=index)
    for ref, reason in keep.items():
        if warn is not None:
            warn(f"the volume {ref.pool}/{ref.name} stays: {reason}")
    for reservation in belongings.reservations:
        apply.release(connection, reservation)
    for export in belongings.exports:
        try:
            kept = exports.end_unneeded(connection, export, belongings.uuid)
        except HeadroomError as error:
            if warn is None:
                raise
            warn(error.message)
            if journal is not None:
                unended.note(journal, connection, belongings.uuid, export, error)
            continue
        _warn_of_kept(warn, mask_uri(export.uri), kept)


def _warn_of_kept(
    warn: t.Callable[[str], None] | None, where: str, kept: t.Mapping[str, str]
) -> None:
    if warn is not None:
        for path, reason in kept.items():
            warn(f"{path} on {where} stays: {reason}")


@dataclasses.dataclass(frozen=True)
class RemovalRecovery:
    """Finishes removals; ``warn`` and ``journal`` are as for clear()."""

    connection: Connection
    warn: t.Callable[[str], None] | None = None
    journal: Journal | None = None

    def resume(self, record: Record) -> None:
        """Remove the machine, if it is still defined, and what belonged to it; raises Conflict when it runs again."""
        belongings = Belongings.of(record)
        try:
            domain = domains.look_up_uuid(self.connection, belongings.uuid)
        except NotFound:
            clear(self.connection, belongings, self.warn, journal=self.journal)
            return
        if domains.is_active(domain):
            raise Conflict(
                f"{record.subject!r} runs again. Remove it by headroom.libvirt.domain.",
                name=record.subject,
            )
        domains.undefine(domain)
        clear(self.connection, belongings, self.warn, journal=self.journal)

    def roll_back(self, record: Record) -> None:
        """Do nothing for a machine that is still whole; raises Unsupported for one that is not."""
        SHAPE.check(record)
        try:
            domains.look_up_uuid(self.connection, record.intent["uuid"])
        except NotFound:
            raise Unsupported(
                f"{record.subject!r} is not defined any more, and nothing brings it back. Resume {record} instead.",
                transaction=record.id,
            ) from None


def find_unfinished(journal: Journal, connection: Connection) -> list[Record]:
    """Return the removals on this host that broke off."""
    return [
        record
        for record in journal.list_unfinished(KIND)
        if record.uri == connection.uri and not record.alive
    ]


def finish(
    journal: Journal,
    connection: Connection,
    records: t.Iterable[Record],
    warn: t.Callable[[str], None],
) -> None:
    """Finish removals that broke off; what cannot be is told to ``warn``, and stays unfinished."""
    for record in records:
        try:
            journal.recover(record, RemovalRecovery(connection, warn, journal), "resume")
        except HeadroomError as error:
            warn(f"{record} broke off, and cannot be finished: {error.message}")


def describe_recovery(record: Record, direction: Direction) -> list[str]:
    """Return in sentences what RemovalRecovery does with the record; raises UnreadableShape."""
    belongings = Belongings.of(record)
    if direction == "roll_back":
        return [f"Nothing, if {record.subject} is still defined; else this fails."]
    return [
        f"Undefine the domain {record.subject} ({belongings.uuid}), if it is still defined.",
        *(f"Delete the volume {ref.name} of the pool {ref.pool}." for ref in belongings.volumes),
        *(
            f"Give the address {ref.address} of the network {ref.network} back."
            for ref in belongings.reservations
        ),
        *(
            f"Stop the export {ref.helper} on {mask_uri(ref.uri)}, unless another machine reads from it."
            for ref in belongings.exports
        ),
    ]
