# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who reads from which export: the record in a machine's metadata, and the end of exports that nobody needs."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    choose_recorded_uri,
    is_harmless_uri,
    mask_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

from . import dependency, model, serve

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

RECORD_NAMESPACE: t.Final = "urn:headroom:libvirt:1:stream"
RECORD_PREFIX: t.Final = "headroom-stream"


@dataclasses.dataclass(frozen=True, order=True)
class ExportRef:
    """The host that serves, and the name of the domain that does so there.

    ``token`` is that of a move, by which what it made there is found; ``with_bases`` says that the disks which were
    served are to go as well.
    """

    uri: str
    helper: str
    token: str = ""
    with_bases: bool = False


@dataclasses.dataclass(frozen=True)
class StreamRecord:
    """What a machine's metadata says while it reads from another host; ``bytes_per_second`` 0 is without limit.

    ``token`` is chosen at random for each export. ``tls_name`` is as of an Export.
    """

    token: str
    address: str
    port: int
    source_uri: str
    source_pool: str
    appliance: str
    bytes_per_second: int
    tls: bool = False
    tls_name: str | None = None

    @property
    def ref(self) -> ExportRef:
        """The export that the machine reads from."""
        return ExportRef(self.source_uri, model.helper_name(self.token))

    def depend(self, since: str, operation: str, targets: t.Iterable[str]) -> Dependency:
        """Return the same as machines of any origin say it: disks that are served, since when, by which transaction."""
        return Dependency(
            kind="clone",
            source_uri=choose_recorded_uri(self.source_uri, self.address),
            address=self.address,
            port=self.port,
            token=self.token,
            since=since,
            operation=operation,
            disks=tuple(map(RemoteDisk, targets)),
            tls=self.tls,
            tls_name=self.tls_name,
            bytes_per_second=self.bytes_per_second,
        )

    def export_of(self, target: str) -> model.Export:
        """Return where a disk is served."""
        return model.Export(
            model.export_name(self.token, target),
            self.address,
            self.port,
            self.tls,
            self.tls_name,
        )


def record_element(record: StreamRecord) -> str:
    """Return the record as virDomainSetMetadata wants it, in no namespace."""
    return serialise(etree.Element("stream", _record_attributes(record)))


def put_record(domain: etree._Element, record: StreamRecord) -> None:
    """Put the record into the metadata of a parsed ``<domain>``."""
    container = domain.find("metadata")
    if container is None:
        container = etree.SubElement(domain, "metadata")
    container.append(
        etree.Element(
            f"{{{RECORD_NAMESPACE}}}stream",
            _record_attributes(record),
            nsmap={RECORD_PREFIX: RECORD_NAMESPACE},
        )
    )


def _record_attributes(record: StreamRecord) -> dict[str, str]:
    attributes = {
        "token": record.token,
        "address": record.address,
        "port": str(record.port),
        "source_uri": record.source_uri,
        "source_pool": record.source_pool,
        "appliance": record.appliance,
        "bandwidth": str(record.bytes_per_second),
    }
    if record.tls:
        attributes["tls"] = "yes"
        if record.tls_name:
            attributes["tls_name"] = record.tls_name
    return attributes


def read_record(text: str | None) -> StreamRecord | None:
    """Return the record that stands in the metadata; None where there is none, or not a whole one."""
    if text is None:
        return None
    attributes = parse_element(text).attrib
    try:
        return StreamRecord(
            token=attributes["token"],
            address=attributes["address"],
            port=int(attributes["port"]),
            source_uri=_require_harmless(attributes["source_uri"]),
            source_pool=attributes["source_pool"],
            appliance=attributes["appliance"],
            bytes_per_second=int(attributes["bandwidth"]),
            tls=attributes.get("tls") == "yes",  # records of releases without TLS do not say
            tls_name=attributes.get("tls_name"),
        )
    except (KeyError, ValueError):
        return None


def _require_harmless(uri: str) -> str:
    """Return the URI; raises ValueError for one that says more than which host to reach, as others may have written."""
    if not is_harmless_uri(uri):
        raise ValueError(uri)
    return uri


def find_record(domain: domains.Domain) -> StreamRecord | None:
    """Return how a machine is streamed; None for one that is whole."""
    return read_record(domains.read_metadata_xml(domain, RECORD_NAMESPACE))


def find_exports_of(domain: domains.Domain) -> tuple[ExportRef, ...]:
    """Return the exports that a machine reads from, by what it says of itself; nothing is to be deleted by that."""
    record, recorded = find_record(domain), domains.read_metadata(domain).dependency
    if recorded is not None and recorded.kind == "move":
        helper = model.helper_name(recorded.token)
        return (ExportRef(recorded.source_uri, helper, recorded.token),)
    return () if record is None else (record.ref,)


def is_needed(connection: Connection, ref: ExportRef, *, without: str | None = None) -> bool:
    """Return whether a machine of this host reads from the export, that of the UUID ``without`` aside."""
    return any(
        # a host has many URIs, but a helper one name
        ref.helper in [other.helper for other in _find_exports_if_defined(domain)]
        for domain in domains.list_all(connection)
        if domain.UUIDString() != without
    )


def end_unneeded(connection: Connection, ref: ExportRef, uuid: str | None = None) -> dict[str, str]:
    """End the export unless a machine of this host still reads from it, or it was for another than ``uuid``.

    Returns {path on its host: reason} of what stays of a move. Raises HeadroomError with the way to end it by hand.
    """
    if is_needed(connection, ref):
        return {}
    try:
        with open_connection(ref.uri) as source:
            _refuse_if_for_another(source, ref, uuid)
            if ref.token:
                return dependency.end_move(source, ref.token, with_bases=ref.with_bases)
            serve.stop(source, ref.helper)
            return {}
    except HeadroomError as error:
        where = mask_uri(ref.uri)
        raise HeadroomError(
            f"the export {ref.helper} on {where}, which nothing here reads any more, could not be ended: "
            f"{error.message.rstrip('.')}. If that host comes back, end it there: "
            f"virsh -c {where} destroy {ref.helper}.",
            export=ref.helper,
            source_uri=where,
        ) from error


def _refuse_if_for_another(source: Connection, ref: ExportRef, uuid: str | None) -> None:
    """Raise Conflict for a helper that serves another machine: metadata are copied along with definitions."""
    helper = domains.find(source, ref.helper)
    service = None if helper is None else domains.read_metadata(helper).service
    if service is not None and uuid is not None and service.reader_uuid not in (None, uuid):
        raise Conflict(f"it serves another machine, {service.reader_uuid}", export=ref.helper)


def _find_exports_if_defined(domain: domains.Domain) -> tuple[ExportRef, ...]:
    try:
        return find_exports_of(domain)
    except NotFound:  # gone since it was listed
        return ()
