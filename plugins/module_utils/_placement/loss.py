# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Whether the loss of any one host would fit on the others (N+1). Pure."""

from __future__ import annotations

import typing as t

from .cluster import Cluster, Load

if t.TYPE_CHECKING:
    from .model import Guest, HostView


def not_survived(cluster: Cluster, hosts: t.Sequence[HostView]) -> list[str]:
    """Return those of ``hosts`` whose running guests would not fit on the others.

    The guests are packed by first fit, the largest first, by CPU and memory alone: their disks are lost with the host,
    or shared. A packing that is not found this way counts as one that does not exist.
    """
    free = {host.name: cluster.free(host) for host in hosts}
    return [host.name for host in hosts if not _fits_elsewhere(cluster, host, free)]


def _fits_elsewhere(cluster: Cluster, lost: HostView, free: t.Mapping[str, Load]) -> bool:
    room = [Load(load.vcpus, load.memory_bytes) for name, load in free.items() if name != lost.name]
    guests = [guest for guest in cluster.on(lost.name) if guest.running]
    return all(_take(room, guest) for guest in sorted(guests, key=_largest_first))


def _take(room: list[Load], guest: Guest) -> bool:
    for load in room:
        if guest.vcpus <= load.vcpus and guest.memory_bytes <= load.memory_bytes:
            load.add(guest, -1)
            return True
    return False


def _largest_first(guest: Guest) -> tuple[int, int, str]:
    return -guest.memory_bytes, -guest.vcpus, guest.uuid
