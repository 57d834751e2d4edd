# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One look at a host for the inventory."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domain_api
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.states import state_name
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._host.leases import all_leases
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import Guest, HostSnapshot, assemble
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import api as stats_api

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._host.lease import Lease


def retrieve(connection: Connection) -> HostSnapshot:
    """Return the host's domains, sorted by name.

    Calls: one for all states, one for the networks, one a network for its leases, and one a domain for its
    definition. None of them waits for a guest.
    """
    leases = all_leases(connection)
    records = stats_api.read_all(connection, ["state"])
    guests = [guest for domain, stats in records for guest in _guest(domain, stats, leases)]
    return HostSnapshot(guests=tuple(sorted(guests, key=lambda guest: guest.name)))


def _guest(domain: domain_api.Domain, stats: t.Mapping[str, t.Any], leases: t.Sequence[Lease]) -> t.Iterator[Guest]:
    """Yield the domain; nothing when it vanished between being listed and being read."""
    try:
        definition = xml.parse(domain_api.live_xml(domain))
    except NotFound:
        return
    yield assemble(definition, state_name(stats.get("state.state")), leases)
