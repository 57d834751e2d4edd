# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who holds which address on a host."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported

from . import networks
from .dhcp import Lease, read_lease
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from .connection import Connection


def all_leases(connection: Connection) -> list[Lease]:
    """Return every lease that the host's networks have given out; one call for the networks, and one each."""
    try:
        handles = networks.list_all(connection)
    except Unsupported:  # a driver without networks
        return []
    return list(itertools.chain.from_iterable(map(_list_leases, handles)))


def _list_leases(network: networks.Network) -> list[Lease]:
    """Return the leases of a network; none for one that is gone, or of a driver that gives out no addresses."""
    try:
        rows = networks.list_leases(network)
    except (NotFound, Unsupported):
        return []
    name, ipv6_type = network.name(), libvirt.VIR_IP_ADDR_TYPE_IPV6
    leases = (read_lease(name, row, ipv6_type=ipv6_type) for row in rows)
    return [lease for lease in leases if lease is not None]
