# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The addresses that DHCP gave out.

``list_leases`` asks a host for all of them, ``read_lease`` reads one row of libvirt's.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported

from . import networks
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from .connection import Connection


@dataclasses.dataclass(frozen=True)
class Lease:
    """An address that a network's DHCP server gave out.

    ``hostname`` is what the guest called itself, ``expiry`` the time that the lease ends, in seconds since 1970.
    """

    network: str
    mac: str
    address: str
    is_ipv6: bool
    hostname: str | None
    expiry: int


def read_lease(network: str, lease: t.Mapping[str, t.Any], *, ipv6_type: int) -> Lease | None:
    """Return the lease that is libvirt's row ``lease``; None for one without MAC or IP address."""
    mac, address = lease.get("mac"), lease.get("ipaddr")
    if not mac or not address:
        return None
    return Lease(
        network=network,
        mac=mac.lower(),
        address=address,
        is_ipv6=lease.get("type") == ipv6_type,
        hostname=lease.get("hostname") or None,
        expiry=lease.get("expirytime") or 0,
    )


def list_leases(connection: Connection) -> list[Lease]:
    """Return every lease that the host's networks have given out; one call for the networks, and one each."""
    try:
        handles = networks.list_all(connection)
    except Unsupported:  # a driver without networks
        return []
    return list(itertools.chain.from_iterable(map(_list_leases_of, handles)))


def _list_leases_of(network: networks.Network) -> list[Lease]:
    """Return the leases of a network; none for one that is gone, or of a driver that gives out no addresses."""
    try:
        rows = networks.list_leases(network)
    except (NotFound, Unsupported):
        return []
    name, ipv6_type = network.name(), libvirt.VIR_IP_ADDR_TYPE_IPV6
    leases = (read_lease(name, row, ipv6_type=ipv6_type) for row in rows)
    return [lease for lease in leases if lease is not None]
