# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Addresses that DHCP gave out. Pure."""

from __future__ import annotations

import dataclasses
import typing as t


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
    """Return the lease that libvirt tells as ``lease``; None for one without MAC address."""
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
