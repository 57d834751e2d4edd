# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``list_addresses``: which addresses the networks of a host keep for machines, and which DHCP has given out."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import networks

from .survey import NetworkSides, read_sides

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import (
        Network,
        Reservation,
    )

Row = dict[str, t.Any]


def list_addresses(connection: Connection, name: str | None = None) -> dict[str, list[Row]]:
    """Return ``{reservations, dhcp_leases}`` of the network, or of all; raises NotFound for one that is not there.

    A network that vanishes meanwhile is left out, unless it is the one that was named.
    """
    names = [name] if name else sorted(handle.name() for handle in networks.list_all(connection))
    reservations: list[Row] = []
    leases: list[Row] = []
    for network_name in names:
        try:
            sides = read_sides(connection, network_name)
            reservations += _list_reservations(network_name, sides)
            leases += _list_leases(network_name, sides)
        except NotFound:
            if name:
                raise
    return {"reservations": reservations, "dhcp_leases": leases}


def _list_reservations(name: str, sides: NetworkSides) -> list[Row]:
    live, config = _read_reservations(sides.live), _read_reservations(sides.config)
    return [
        {
            "network": name,
            **reservation.as_dict(),
            "live": reservation in live,
            "persistent": reservation in config,
        }
        for reservation in dict.fromkeys([*live, *config])
    ]


def _read_reservations(network: Network | None) -> list[Reservation]:
    return [] if network is None else [reservation for _subnet, reservation in network.reservations]


def _list_leases(name: str, sides: NetworkSides) -> list[Row]:
    if sides.live is None:
        return []
    try:
        leases = networks.list_leases(sides.handle)
    except Unsupported:  # a driver without DHCP
        return []
    return [
        {
            "network": name,
            "mac": lease.get("mac"),
            "address": lease.get("ipaddr"),
            "hostname": lease.get("hostname"),
            "expires": lease.get("expirytime") or None,
        }
        for lease in leases
    ]
