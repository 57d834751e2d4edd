# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Under which names and addresses the two hosts of a migration reach each other."""

from __future__ import annotations

import socket
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.ports import MIGRATIONS
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import format_host
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .model import MigrationPlan

# Nobody need listen there: what counts is that the host answers, if only to say so. It is the last port that libvirt
# lets QEMU take. It must be none of the first: a QEMU that waits for its guest takes whoever connects for it, and dies.
_PROBE_PORT: t.Final = MIGRATIONS[-1]
_REACH_SECONDS: t.Final = 5.0


def choose_migrate_uri(destination_uri: str) -> str | None:
    """Return ``tcp://HOST`` for the host that a remote URI names: a name that is known to lead there."""
    parts = urlsplit(destination_uri)
    return f"tcp://{format_host(parts.hostname)}" if parts.hostname else None


def find_memory_host(destination: Connection, plan: MigrationPlan) -> str:
    """Return the name under which the source's QEMU will look for the destination's; empty if the URI has none."""
    uri = plan.parameters.get("migrate_uri")
    return (urlsplit(uri).hostname or "") if uri else node.read_hostname(destination)


def resolve(host: str) -> list[str]:
    """Return the addresses that ``host`` leads to, as QEMU tries them one by one; raises OSError if it leads nowhere.

    One that counts on one link only names that link (``fe80::1%2``).
    """
    rows = socket.getaddrinfo(host, _PROBE_PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_read_address(row[4]) for row in rows))


def _read_address(place: tuple[t.Any, ...]) -> str:
    scope = place[3] if len(place) == 4 else 0
    return f"{place[0]}%{scope}" if scope and "%" not in str(place[0]) else str(place[0])


def find_problem_at(address: str) -> str | None:
    """Return why nobody answers at ``address``; None if somebody does, and if only to say that no port is open."""
    try:
        socket.create_connection((address, _PROBE_PORT), _REACH_SECONDS).close()
    except ConnectionRefusedError:
        return None
    except OSError as error:
        return str(error)
    return None


def choose_export_place(
    source: Connection, source_uri: str, plan: MigrationPlan
) -> tuple[str, str | None]:
    """Return the source's address that the destination reads streamed disks from, and the name in its certificate.

    The name is None where it is that address itself, or nothing is encrypted. Raises Conflict when no way is found.
    """
    if not plan.disks_to_stream:
        return "", None
    address = plan.request.export_address or urlsplit(source_uri).hostname
    if address:
        return address.strip("[]"), None
    # certificates are made for names rather than for addresses
    return _find_address_towards(plan.request.migrate_uri or plan.request.destination_uri), (
        node.read_hostname(source) if plan.request.tls else None
    )


def _find_address_towards(uri: str) -> str:
    peer = urlsplit(uri).hostname
    if peer is None:
        raise Conflict(
            "export_address: the address of the source that the destination reaches cannot be told from the URIs. "
            "Write it.",
        )
    try:
        return _find_own_address(peer)
    except OSError as error:
        raise Conflict(
            f"export_address: no way to {peer!r} was found ({error}). Write the address of the source that the "
            "destination reaches.",
        ) from error


def _find_own_address(peer: str) -> str:
    """Return the address that this host has on its way to ``peer``; nothing is sent."""
    family, kind, protocol, _name, address = socket.getaddrinfo(peer, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
