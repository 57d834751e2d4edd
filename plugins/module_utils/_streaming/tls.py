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

import contextlib
import dataclasses
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import volumes, xml
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.facts import Handshake
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    migration,
    storage,
    storage_xml,
)

from . import serve

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import Sides
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# Of libvirt's own for migrations, so that a firewall that lets a guest through admits them on either host.
_PORTS: t.Final = range(49152, 49216)
_TRIES: t.Final = 4
_VOLUME_BYTES: t.Final = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Way:
    """One host that serves, at ``host``, with ``pool`` for the volume; and the one that connects to it."""

    server: Connection
    client: Connection
    host: str
    pool: str
    ports: range
    tls_name: str | None = None


def ways(
    sides: Sides, host: str, pools: tuple[str, str | None], export: tuple[str, str | None]
) -> list[Way]:
    """Return the ways that are to be tried: that of the memory, to ``host``; and that of streamed disks, if any.

    ``pools`` are one of the destination's and, if disks are streamed, one of the source's; ``export`` is where these
    are served, and under which name.
    """
    found = (
        [Way(sides.source, sides.destination, export[0], pools[1], serve.PORTS, export[1])]
        if pools[1]
        else []
    )
    return [Way(sides.destination, sides.source, host, pools[0], _PORTS), *found]


def shake_hands(way: Way, uuid: str, platform: xml.Platform) -> Handshake:
    """Connect over TLS one way; ``uuid`` is the guest's, after which what is made for a moment is named."""
    name = f"headroom-tls-{uuid}"
    paths = _paths(way, name)
    _clean(way, name, paths)  # of a run that was cut off here
    try:
        storage.create(
            storage.look_up_pool(way.server, way.pool), f"{name}.probe", _volume_xml(name)
        )
        export = _serve(way, name, platform, paths)
        disk = xml.HelperDisk(format="raw", served=export)
        blocks.create_transient_paused(
            way.client, name, xml.helper_xml(name, platform, [disk], "Tries TLS")
        )
    except HeadroomError as error:
        return Handshake(way.tls_name or way.host, reason(error.message))
    finally:
        _clean(way, name, paths)
    return Handshake(way.tls_name or way.host)


def reason(message: str) -> str:
    """Return what QEMU says at the end of a message, without the options that it was started with. Pure."""
    return message.rpartition("}: ")[2].strip()


def _paths(way: Way, name: str) -> tuple[str, str]:
    pool = storage.read_pool(storage.look_up_pool(way.server, way.pool))
    return pool.path_of(f"{name}.probe"), pool.path_of(f"{name}.scratch")


def _volume_xml(name: str) -> str:
    return storage_xml.build_volume_xml(storage_xml.NewVolume(f"{name}.probe", _VOLUME_BYTES))


def _serve(way: Way, name: str, platform: xml.Platform, paths: tuple[str, str]) -> xml.Export:
    text = xml.helper_xml(f"{name}-server", platform, [xml.HelperDisk(paths[0])], "Tries TLS")
    helper = blocks.create_transient_paused(way.server, f"{name}-server", text)
    for attempt in range(_TRIES):
        export = xml.Export(
            secrets.token_hex(8), way.host, secrets.choice(way.ports), True, way.tls_name
        )
        try:
            everywhere = dataclasses.replace(export, host="0.0.0.0")  # noqa: S104 - under a random name, for a moment
            blocks.begin_backup(helper, xml.backup_xml([everywhere], [paths[1]]))
        except HeadroomError as error:
            if "in use" not in error.message.lower() or attempt == _TRIES - 1:
                raise
        else:
            return export
    raise AssertionError


def _clean(way: Way, name: str, paths: tuple[str, str]) -> None:
    for connection, helper in ((way.client, name), (way.server, f"{name}-server")):
        with contextlib.suppress(NotFound):
            migration.destroy(domains.look_up(connection, helper))
    volumes.delete_paths(way.server, paths)
