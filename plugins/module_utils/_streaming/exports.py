# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Exports of other hosts, from which streamed machines read what is not local yet: who needs them, and their end."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from . import export_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@dataclasses.dataclass(frozen=True, order=True)
class ExportRef:
    """The host that serves, and the name of the domain that does so there."""

    uri: str
    helper: str


def record_of(domain: domains.Domain) -> export_xml.Record | None:
    """Return how a machine is streamed; None for one that is whole."""
    return export_xml.read_record(domains.read_metadata_xml(domain, export_xml.RECORD_NAMESPACE))


def needed_by(domain: domains.Domain) -> tuple[ExportRef, ...]:
    """Return the exports that a machine reads from."""
    record = record_of(domain)
    return () if record is None else (ref_of(record),)


def ref_of(record: export_xml.Record) -> ExportRef:
    """Return the export that a record names."""
    return ExportRef(record.export.source_uri, record.export.helper)


def is_needed(connection: Connection, ref: ExportRef, *, without: str | None = None) -> bool:
    """Return whether a machine of this host reads from the export, that of the UUID ``without`` aside."""
    return any(
        ref in _needed_if_there(domain)
        for domain in domains.list_all(connection)
        if domain.UUIDString() != without
    )


def end_unneeded(connection: Connection, ref: ExportRef) -> None:
    """End the export unless a machine of this host still reads from it; raises HeadroomError with the way to do so."""
    if is_needed(connection, ref):
        return
    try:
        with open_connection(ref.uri) as source:
            stop(source, ref.helper)
    except HeadroomError as error:
        where = mask_uri(ref.uri)
        raise HeadroomError(
            f"the export {ref.helper} on {where}, which nothing here reads any more, could not be ended: "
            f"{error.message.rstrip('.')}. If that host comes back, end it there: "
            f"virsh -c {where} destroy {ref.helper}.",
            export=ref.helper,
            source_uri=where,
        ) from error


def stop(connection: Connection, name: str) -> None:
    """End the export whose domain has that name; with it everything of it goes."""
    helper = domains.find(connection, name)
    if helper is not None:
        try:
            domains.power_off(helper)
        except NotFound:  # it went by itself
            return


def _needed_if_there(domain: domains.Domain) -> tuple[ExportRef, ...]:
    try:
        return needed_by(domain)
    except NotFound:  # gone since it was listed
        return ()
