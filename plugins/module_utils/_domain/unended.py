# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Exports of machines that are gone, on hosts that did not answer: noted for when those come back, and ended then."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import build
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import ExportRef
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

KIND: t.Final = "export"
SHAPE: t.Final = Shape(intent=("uri", "uuid", "export"))


class _Unended(HeadroomError):
    """Leaves the record as it is meant to be: unfinished."""


def note(
    journal: Journal, connection: Connection, uuid: str, ref: ExportRef, error: HeadroomError
) -> None:
    """Record that the export from which the machine ``uuid`` of this host read is to be ended, and why it is not."""
    if journal.list_unfinished(KIND, ref.helper):
        return
    intent = {"uri": connection.uri, "uuid": uuid, "export": dataclasses.asdict(ref)}
    with contextlib.suppress(_Unended), journal.begin(KIND, ref.helper, intent):
        raise _Unended(error.message)


@dataclasses.dataclass(frozen=True)
class UnendedRecovery:
    """Ends exports that were noted; rolled back, it lets the other host keep them."""

    connection: Connection

    def resume(self, record: Record) -> None:
        """End the export, unless a machine of this host reads from it by now; raises HeadroomError."""
        exports.end_unneeded(self.connection, read_export(record), record.intent["uuid"])

    def roll_back(self, record: Record) -> None:
        """Do nothing: its host may be gone for good."""
        read_export(record)


def read_export(record: Record) -> ExportRef:
    """Return what a record of this kind is about; raises UnreadableShape."""
    SHAPE.check(record)
    return build(ExportRef, record.intent["export"], f"{record}: its export")


def describe_recovery(record: Record, direction: Direction) -> list[str]:
    """Return in sentences what UnendedRecovery does with the record; raises UnreadableShape."""
    ref = read_export(record)
    where = mask_uri(ref.uri)
    if direction == "roll_back":
        return [f"Leave the export {ref.helper} on {where} as it is, as for a host that is gone."]
    return [
        f"Stop the export {ref.helper} on {where}, and delete what was made for it there, unless a machine needs it."
    ]
