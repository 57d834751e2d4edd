# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Connections side by side: one more is opened when those that are open carry as many requests as libvirt serves."""

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
REQUESTS: t.Final = 5
_MOST_LANES: t.Final = 8
MOST_WORKERS: t.Final = (
    32  # fewer than the connections carry, so that there is room in the place of those that hang
)
_DOMAINS_A_WORKER: t.Final = 4  # with fewer, starting a worker takes as long as it saves
_MOST_AUTOMATIC: t.Final = 16


@dataclasses.dataclass
class Lane:
    """A connection, its domains by UUID, and how many requests it carries."""

    connection: Connection
    domains: dict[str, domain_api.Domain]
    busy: int = 0


class Lanes:
    """The connections to one host; the first is the caller's, and stays open when the others are closed."""

    def __init__(self, connection: Connection, domains: t.Iterable[domain_api.Domain]) -> None:
        self._lanes = [Lane(connection, {domain.UUIDString(): domain for domain in domains})]
        self._others = contextlib.ExitStack()

    def take(self) -> Lane | None:
        """Return a lane with room for a request, None if there is none and none could be opened."""
        lane: Lane | None = min(self._lanes, key=lambda one: one.busy)
        if lane is not None and lane.busy >= REQUESTS:
            lane = self._open()
        if lane is not None:
            lane.busy += 1
        return lane

    def _open(self) -> Lane | None:
        if len(self._lanes) >= _MOST_LANES:
            return None
        with contextlib.suppress(
            HeadroomError
        ):  # a host may refuse one client more: then there is less at a time
            with translate_errors("tell where the host is"):
                uri = self._lanes[0].connection.handle.getURI()
            connection = self._others.enter_context(open_connection(uri))
            domains = {domain.UUIDString(): domain for domain in domain_api.list_all(connection)}
            self._lanes.append(Lane(connection, domains))
            return self._lanes[-1]
        return None

    def close(self) -> None:
        """Close the others. One with a request that hangs is not waited for: libvirt keeps it until that has ended."""
        self._others.close()


def automatic_workers(connection: Connection, domains: int) -> int:
    """Return how many requests at a time are worth their cost for so many domains.

    Up to what one connection carries, requests at a time cost nothing. Beyond that connections do, and so does the
    processors' time: only a host with more of them, reached without a network and thus this machine, gets more.
    """
    wanted = max(1, math.ceil(domains / _DOMAINS_A_WORKER))
    if wanted <= REQUESTS:
        return wanted
    is_local = not urlsplit(connection.uri).netloc
    return (
        min(wanted, max(REQUESTS, os.cpu_count() or 1), _MOST_AUTOMATIC) if is_local else REQUESTS
    )
