# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``ConnectionPool``: connections to one host, taken per request and opened as requests need them.

One more is opened when those that are open carry as many requests as libvirt serves of one client.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains as domain_api
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
    translate_errors,
)

# libvirt's daemons serve this many requests of one client at a time (max_client_requests), and read no more of them.
REQUESTS_PER_CONNECTION: t.Final = 5
_MOST_CONNECTIONS: t.Final = 8
# Fewer than the connections carry, so that there is room in the place of requests that hang.
MOST_WORKERS: t.Final = 32
_DOMAINS_A_WORKER: t.Final = 4  # with fewer, starting a worker takes as long as it saves
_MOST_AUTOMATIC: t.Final = 16


@dataclasses.dataclass
class PooledConnection:
    """A connection, its domains by UUID, and how many requests it carries."""

    connection: Connection
    domains: dict[str, domain_api.Domain]
    busy: int = 0


class ConnectionPool:
    """The connections to one host; the first is the caller's, and stays open when the others are closed."""

    def __init__(self, connection: Connection, domains: t.Iterable[domain_api.Domain]) -> None:
        self._connections = [
            PooledConnection(connection, {domain.UUIDString(): domain for domain in domains})
        ]
        self._others = contextlib.ExitStack()

    def take(self) -> PooledConnection | None:
        """Return a connection with room for a request, None if there is none and none could be opened."""
        pooled: PooledConnection | None = min(
            self._connections, key=lambda connection: connection.busy
        )
        if pooled is not None and pooled.busy >= REQUESTS_PER_CONNECTION:
            pooled = self._open()
        if pooled is not None:
            pooled.busy += 1
        return pooled

    def _open(self) -> PooledConnection | None:
        if len(self._connections) >= _MOST_CONNECTIONS:
            return None
        # A host may refuse one client more: then fewer requests run at a time.
        with contextlib.suppress(HeadroomError):
            with translate_errors("tell where the host is"):
                uri = self._connections[0].connection.handle.getURI()
            connection = self._others.enter_context(open_connection(uri))
            domains = {domain.UUIDString(): domain for domain in domain_api.list_all(connection)}
            self._connections.append(PooledConnection(connection, domains))
            return self._connections[-1]
        return None

    def close(self) -> None:
        """Close the others. One with a request that hangs is not waited for: libvirt keeps it until that has ended."""
        self._others.close()


def choose_workers(connection: Connection, domains: int) -> int:
    """Return how many requests at a time are worth their cost for so many domains.

    Up to what one connection carries, requests at a time cost nothing. Beyond that connections do, and so does the
    processors' time: only a host with more of them, reached without a network and thus this machine, gets more.
    """
    workers = max(1, math.ceil(domains / _DOMAINS_A_WORKER))
    if workers <= REQUESTS_PER_CONNECTION:
        return workers
    if urlsplit(connection.uri).netloc:
        return REQUESTS_PER_CONNECTION
    return min(workers, max(REQUESTS_PER_CONNECTION, os.cpu_count() or 1), _MOST_AUTOMATIC)
