# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One look at a host for the inventory."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection, translated
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domain_api
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.states import state_name
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._host import api as host_api
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    Guest,
    HostSnapshot,
    Lease,
    assemble,
    read_lease,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import api as stats_api


def retrieve(connection: Connection) -> HostSnapshot:
    """Return the host's domains, sorted by name.

    Calls: one for all states, one for the networks, one a network for its leases, and one a domain for its
    definition. None of them waits for a guest.
    """
    leases = _all_leases(connection)
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


def _all_leases(connection: Connection) -> list[Lease]:
    try:
        networks = host_api.list_networks(connection)
    except Unsupported:  # a driver without networks
        return []
    return [lease for network in networks for lease in _leases(network)]


def _leases(network: host_api.Network) -> list[Lease]:
    """Return the leases of a network; none for one that is gone, or of a driver that gives out no addresses."""
    try:
        rows = _dhcp_leases(network)
    except (NotFound, Unsupported):
        return []
    name, ipv6_type = network.name(), libvirt.VIR_IP_ADDR_TYPE_IPV6
    leases = (read_lease(name, row, ipv6_type=ipv6_type) for row in rows)
    return [lease for lease in leases if lease is not None]


def _dhcp_leases(network: host_api.Network) -> list[dict[str, t.Any]]:
    with translated(f"read the DHCP leases of the network {network.name()!r}"):
        return network.DHCPLeases()
