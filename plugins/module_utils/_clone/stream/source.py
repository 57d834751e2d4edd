# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The source of streamed clones: where it is, what it serves of an appliance, and whether TLS to it comes about."""

from __future__ import annotations

import dataclasses
import socket
import typing as t
import uuid
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve, tls
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
    StreamRecord,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    TLS_REMEDY,
    Helper,
    Served,
    export_name,
    helper_name,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.ports import NoFreePort
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    find_passwords,
    is_harmless_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node, storage

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service


@dataclasses.dataclass(frozen=True)
class Source:
    """The catalogue that an appliance is streamed from, and the address and ports that it may be served at.

    ``uri`` is as the task says it, ``connection.uri`` in the catalogue is safe to show. ``tls_name`` is the name that
    the source's certificate must have, None where that is the address. With ``tls_optional`` hosts may have none.
    """

    uri: str
    catalogue: Catalogue
    address: str
    ports: range
    tls: bool = False
    tls_name: str | None = None
    tls_optional: bool = False

    @property
    def connection(self) -> Connection:
        """The connection to the source."""
        return self.catalogue.connection


def resolve_address(uri: str, address: str | None) -> tuple[str, str | None]:
    """Return the IP address where the source serves, and the name that leads there, None for an address.

    That is ``address`` or the host of ``uri``, as this machine resolves it. To listen at, a name would not do: the
    source may know itself by a loopback address. Raises InvalidInput.
    """
    name = address or urlsplit(uri).hostname
    if not name:
        raise InvalidInput(
            "source_address",
            address,
            f"is needed, since {uri!r} does not name a host",
            "Give an address of the source.",
        )
    try:
        infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidInput(
            "source_address",
            name,
            f"cannot be resolved: {error}",
            "Give an IP address of the source.",
        ) from error
    resolved = str(infos[0][4][0])
    return resolved, None if name == resolved else name


def check_uri(uri: str) -> str:
    """Return the URI of a source; raises InvalidInput for one that the clone's metadata must not keep.

    That is one with a password, or that names a program to run.
    """
    if find_passwords(uri):
        raise InvalidInput(
            "source_uri", "…", "contains a password", "Use SSH keys or TLS certificates."
        )
    if not is_harmless_uri(uri):
        raise InvalidInput(
            "source_uri",
            uri,
            "says more than which host to reach and how, and the clone's metadata keep it for others",
            "Leave out such parameters as command and netcat; ~/.ssh/config can say them.",
        )
    return uri


def settle_tls(
    connection: Connection, source: Source, manifest: Manifest, clone: str
) -> tuple[Source, tuple[str, ...]]:
    """Return the source as its disks will be read, and what a result says of that; ``clone`` is one that it is for.

    With TLS something is served for a moment, and nothing of it stays. Raises Conflict where no connection comes about;
    where it may be without, only for other reasons than that a host has no certificates: who stands in between could
    otherwise have the disks travel in clear.
    """
    if not source.tls:
        return source, ()
    handshake = tls.shake_hands(_describe_probe(connection, source, manifest, clone))
    if not handshake.problem:
        said = (
            f"tls: the disks travel encrypted, from {handshake.name}."
            if source.tls_optional
            else ""
        )
        return source, (said,) if said else ()
    if source.tls_optional and handshake.lacks_certificates:
        return dataclasses.replace(source, tls=False), (
            f"tls: the disks travel in clear, as not both hosts have certificates of QEMU: {handshake.problem}.",
        )
    raise Conflict(
        f"tls: no TLS connection to {handshake.name} comes about: {handshake.problem}. {TLS_REMEDY}",
        source=handshake.name,
    )


def _describe_probe(
    connection: Connection, source: Source, manifest: Manifest, clone: str
) -> tls.Probe:
    # hosts may make clones of the same name at the same time
    host_uuid = node.read_capabilities(connection).uuid
    return tls.Probe(
        server=tls.ProbeEnd(
            source.connection, serve.choose_platform(source.connection, manifest.arch)
        ),
        client=tls.ProbeEnd(connection, serve.choose_platform(connection, manifest.arch)),
        address=source.address,
        ports=source.ports,
        pool=source.catalogue.pool_name,
        subject=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{host_uuid} {clone}")),
        tls_name=source.tls_name,
        listen_address=source.address,
    )


def serve_appliance(
    source: Source, manifest: Manifest, token: str, bytes_per_second: int, service: Service
) -> StreamRecord:
    """Serve the disks of the appliance at one of the source's ports; return what its clones are to say of it.

    ``service`` says for whom. Raises HeadroomError with nothing left on the source.
    """
    record = StreamRecord(
        token=token,
        address=source.address,
        port=0,
        source_uri=source.uri,
        source_pool=source.catalogue.pool_name,
        appliance=str(manifest.id),
        bytes_per_second=bytes_per_second,
        tls=source.tls,
        tls_name=source.tls_name if source.tls else None,
    )
    helper = _describe_helper(source.catalogue, manifest, record, service)
    try:
        port = serve.start(source.connection, helper, source.ports)
    except NoFreePort as error:
        raise Conflict(
            f"source_ports: {error.message}. Give other ports.", **error.details
        ) from error
    return dataclasses.replace(record, port=port)


def serve_again(
    catalogue: Catalogue, manifest: Manifest, record: StreamRecord, service: Service
) -> None:
    """Serve an export that was lost, where its clones look for it; one that is served already stays."""
    helper = _describe_helper(catalogue, manifest, record, service)
    serve.ensure(catalogue.connection, helper, record.port)


def _describe_helper(
    catalogue: Catalogue, manifest: Manifest, record: StreamRecord, service: Service
) -> Helper:
    pool, paths = storage.read_pool(catalogue.pool), catalogue.locate_disks(manifest)
    name = helper_name(record.token)
    disks = [
        Served(
            export_name(record.token, disk.target),
            paths[disk.target],
            disk.format,
            pool.path_of(f"{name}.{disk.target}"),
        )
        for disk in manifest.disks
    ]
    return Helper(
        name,
        f"Serves {record.appliance} to clones that are not local yet",
        serve.choose_platform(catalogue.connection, manifest.arch),
        tuple(disks),
        record.address,
        record.tls,
        service,
    )


def find_manifest(connection: Connection, pool: str, appliance: str) -> tuple[Catalogue, Manifest]:
    """Return the source's catalogue and what it says of ``appliance`` (name:version); raises NotFound."""
    catalogue = open_catalogue(connection, pool)
    name, _colon, version = appliance.partition(":")
    return catalogue, catalogue.get(name, version)
