# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Trying TLS between two hosts before a guest depends on it.

One host's QEMU serves an empty volume, the other's opens it as it will open the guest's disks: that both trust each
other's certificates, and under these names, no look at files of one host could tell. Nothing of it stays.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    storage,
    storage_xml,
)

from . import export_xml, serve
from .model import TLS_PROBE_PREFIX, Export, Handshake, Helper, Served

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .model import Platform

_TITLE: t.Final = "Tries TLS"
_VOLUME_BYTES: t.Final = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class ProbeEnd:
    """A host, and what a helper domain is like on it."""

    connection: Connection
    platform: Platform


@dataclasses.dataclass(frozen=True)
class Probe:
    """One connection that is to be tried: the end that serves, with a pool for the volume, and the one that connects.

    The client looks for the server at ``address``, at one of ``ports``; ``tls_name`` is as of an Export. ``subject``
    says what the probe is for: what is made for a moment is named after it, so that what a killed run left is found.
    The server listens at ``listen_address``, everywhere by default: a name that leads to it from elsewhere may lead
    somewhere else on itself.
    """

    server: ProbeEnd
    client: ProbeEnd
    address: str
    ports: range
    pool: str
    subject: str
    tls_name: str | None = None
    listen_address: str = "0.0.0.0"  # noqa: S104 - under a random name, for a moment

    @property
    def name(self) -> str:
        """What is made for a moment is called that, or begins with it."""
        return f"{TLS_PROBE_PREFIX}{self.subject}"


def shake_hands(probe: Probe) -> Handshake:
    """Connect over TLS, and return whether that went well."""
    helper = _describe_server(probe)
    _clean_up(probe, helper)  # of a run that was cut off here
    try:
        _serve_and_open(probe, helper)
    except HeadroomError as error:
        return Handshake(probe.tls_name or probe.address, shorten(error.message))
    finally:
        _clean_up(probe, helper)
    return Handshake(probe.tls_name or probe.address)


def shorten(message: str) -> str:
    """Return what QEMU says at the end of a message, without the options that it was started with. Pure."""
    return message.rpartition("}: ")[2].strip()


def _describe_server(probe: Probe) -> Helper:
    pool = storage.read_pool(storage.look_up_pool(probe.server.connection, probe.pool))
    disk = Served(
        secrets.token_hex(8),
        pool.path_of(f"{probe.name}.probe"),
        "qcow2",
        pool.path_of(f"{probe.name}.scratch"),
    )
    name = f"{probe.name}-server"
    return Helper(name, _TITLE, probe.server.platform, (disk,), probe.listen_address, tls=True)


def _serve_and_open(probe: Probe, helper: Helper) -> None:
    volume = storage_xml.NewVolume(f"{probe.name}.probe", _VOLUME_BYTES)
    storage.create(
        storage.look_up_pool(probe.server.connection, probe.pool),
        volume.name,
        storage_xml.build_volume_xml(volume),
    )
    port = serve.start(probe.server.connection, helper, probe.ports)
    export = Export(helper.disks[0].name, probe.address, port, tls=True, tls_name=probe.tls_name)
    text = export_xml.build_reader_xml(probe.name, _TITLE, probe.client.platform, export)
    blocks.create_transient_paused(probe.client.connection, probe.name, text)


def _clean_up(probe: Probe, helper: Helper) -> None:
    serve.stop(probe.client.connection, probe.name)
    serve.stop(probe.server.connection, helper.name, [helper.disks[0].path, *helper.leftover_paths])
