# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The MAC addresses that new clones must not have: those of their own host, and of others in the same networks."""

from __future__ import annotations

import concurrent.futures
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, networks
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_HOSTS_AT_ONCE: t.Final = 8


def find_mac_addresses(
    connection: Connection, neighbours: t.Sequence[str] = (), *, timeout: float = 20.0
) -> set[str]:
    """Return every MAC address that is known on the host and on its ``neighbours`` (URIs), in lower case.

    Raises ConnectionFailed when a neighbour does not answer: an address that may be taken is not given.
    """
    macs = find_on_host(connection)
    if neighbours:
        with concurrent.futures.ThreadPoolExecutor(_HOSTS_AT_ONCE) as threads:
            for addresses in threads.map(
                functools.partial(_find_at_uri, timeout=timeout), neighbours
            ):
                macs |= addresses
    return macs


def find_on_host(connection: Connection) -> set[str]:
    """Return the MAC addresses of all domains of a host and of all that its networks keep addresses for."""
    return _find_of_domains(connection) | _find_reserved(connection)


def _find_at_uri(uri: str, timeout: float) -> set[str]:
    with open_connection(uri, timeout=timeout, read_only=True) as connection:
        return find_on_host(connection)


def _find_of_domains(connection: Connection) -> set[str]:
    macs = set()
    for definition in domains.iterate_definitions(connection):
        macs |= {interface.mac.lower() for interface in definition.interfaces if interface.mac}
    return macs


def _find_reserved(connection: Connection) -> set[str]:
    try:
        handles = networks.list_all(connection)
    except Unsupported:  # a driver without networks
        return set()
    macs = set()
    for network in handles:
        try:
            parsed = networks.read_live(network)
        except NotFound:
            continue
        macs |= {entry.mac for _subnet, entry in parsed.reservations if entry.mac}
    return macs
