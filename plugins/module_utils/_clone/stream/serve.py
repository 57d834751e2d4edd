# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Serving the disks of an appliance from the host that has it, and ending that."""

from __future__ import annotations

import dataclasses
import socket
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    InvalidInput,
    LibvirtFailed,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml, exports
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import find_passwords
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    node,
    storage,
)

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


@dataclasses.dataclass(frozen=True)
class Source:
    """The catalogue that an appliance is streamed from, and the address and ports that it may be served at.

    ``uri`` is as the task says it, ``connection.uri`` in the catalogue is safe to show.
    """

    uri: str
    catalogue: Catalogue
    address: str
    ports: range

    @property
    def pool(self) -> str:
        """The pool with the catalogue."""
        return self.catalogue.pool_name


def address_of(uri: str, address: str | None) -> str:
    """Return the IP address where the source serves: ``address`` or the host of ``uri``, as this machine resolves it.

    A name would not do: the source may know itself by a loopback address. Raises InvalidInput.
    """
    name = address or urlsplit(uri).hostname
    if not name:
        raise InvalidInput(
            "source_address",
            address,
            f"is needed, since {uri!r} names no host",
            "Give an address of the source.",
        )
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidInput(
            "source_address",
            name,
            f"cannot be resolved: {error}",
            "Give an IP address of the source.",
        ) from error
    return str(found[0][4][0])


def check_uri(uri: str) -> str:
    """Return the URI of a source; raises InvalidInput for one with a password, as the clone's metadata keeps it."""
    if find_passwords(uri):
        raise InvalidInput(
            "source_uri", "…", "contains a password", "Use SSH keys or TLS certificates."
        )
    return uri


def serve(
    source: Source, manifest: Manifest, token: str, first: int, title: str
) -> export_xml.Export:
    """Serve the disks of the appliance, on the first port from the ``first`` one (counted from 0) that is free.

    Raises HeadroomError with nothing left on the source.
    """
    ports = [source.ports[(first + step) % len(source.ports)] for step in range(len(source.ports))]
    error: HeadroomError | None = None
    for port in ports:
        export = export_xml.Export(token, source.address, port, source.uri, source.pool)
        try:
            _serve_at(source.catalogue, manifest, export, title)
        except LibvirtFailed as failed:
            if "in use" not in failed.message:
                raise
            error = failed
        else:
            return export
    raise Conflict(
        f"source_ports: no port from {ports[0]} to {ports[-1]} is free on {source.address}. Give other ports."
    ) from error


def serve_again(
    catalogue: Catalogue, manifest: Manifest, export: export_xml.Export, title: str
) -> None:
    """Serve an export that was lost, where its clones look for it; one that is served already stays."""
    if not is_served(catalogue.connection, export):
        exports.stop(catalogue.connection, export.helper)
        _serve_at(catalogue, manifest, export, title)


def is_served(connection: Connection, export: export_xml.Export) -> bool:
    """Return whether the source serves the export."""
    helper = domains.find(connection, export.helper)
    if helper is None:
        return False
    try:
        return export.token in blocks.read_backup_xml(helper)
    except HeadroomError:  # it runs, but its backup has ended
        return False


def _serve_at(
    catalogue: Catalogue, manifest: Manifest, export: export_xml.Export, title: str
) -> None:
    connection = catalogue.connection
    disks = _disks(catalogue, manifest, export)
    arch, kind = _platform(connection, manifest.arch)
    helper = blocks.create_transient_paused(
        connection, export.helper, export_xml.helper_xml(export, disks, arch, kind, title)
    )
    try:
        blocks.begin_backup(helper, export_xml.backup_xml(export, disks))
    except BaseException:
        domains.power_off(helper)
        raise


def _disks(
    catalogue: Catalogue, manifest: Manifest, export: export_xml.Export
) -> list[export_xml.Served]:
    pool = storage.read_pool(catalogue.pool)
    paths = catalogue.locate_disks(manifest)
    return [
        export_xml.Served(
            disk.target,
            paths[disk.target],
            disk.format,
            pool.path_of(f"{export.helper}.{disk.target}"),
        )
        for disk in manifest.disks
    ]


def _platform(connection: Connection, wanted: str) -> tuple[str, str]:
    """Return architecture and type of a domain that never runs: any will do, the emulated ones need no /dev/kvm."""
    guests = node.read_guests(connection)
    if not guests:
        raise NotFound(
            f"the source {connection.uri} runs no guests, so it cannot serve an appliance."
        )
    arch = wanted if wanted in guests else min(guests)
    types = guests[arch].types
    return arch, "qemu" if "qemu" in types else min(types)


def manifest_at(connection: Connection, pool: str, appliance: str) -> tuple[Catalogue, Manifest]:
    """Return the source's catalogue and what it says of ``appliance`` (name:version); raises NotFound."""
    catalogue = open_catalogue(connection, pool)
    name, _colon, version = appliance.partition(":")
    return catalogue, catalogue.get(name, version)
