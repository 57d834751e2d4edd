# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Waiting until clones can be reached."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import TimedOut
from ansible_collections.headroom.libvirt.plugins.module_utils._host.leases import all_leases
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

Addresses = t.Dict[str, t.List[str]]  # noqa: UP006 - evaluated at run time, on Python 3.9 too


def addresses(connection: Connection, macs: t.Mapping[str, t.Sequence[str]]) -> Addresses:
    """Return ``{name: addresses that DHCP gave it}`` for machines given as ``{name: MAC addresses}``.

    The calls are one for the networks and one a network, however many machines there are.
    """
    found: dict[str, list[str]] = {}
    for lease in all_leases(connection):
        found.setdefault(lease.mac, []).append(lease.address)
    return {name: [address for mac in own for address in found.get(mac.lower(), [])] for name, own in macs.items()}


def await_addresses(
    connection: Connection, macs: t.Mapping[str, t.Sequence[str]], timeout: float, clock: Clock
) -> Addresses:
    """Return addresses() once each machine has one; raises TimedOut naming those that have none."""
    latest: Addresses = {}

    def all_reachable() -> bool:
        latest.update(addresses(connection, macs))
        return all(latest.values())

    if not Waiter(timeout, clock, first_pause=0.1).holds(all_reachable):
        missing = [name for name, own in latest.items() if not own]
        raise TimedOut(
            f"{', '.join(missing)} took no address by DHCP within {timeout:g} s. The machines run and stay. Look at "
            "their console, raise timeout, or wait for running only if their network has no DHCP of libvirt's.",
            missing=missing,
        )
    return latest
