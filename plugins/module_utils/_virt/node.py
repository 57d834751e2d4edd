# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Calls about a host: each function wraps one libvirt call, and raises the collection's errors."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

from .connection import Connection, translated
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Network = libvirt.virNetwork


def hostname(connection: Connection) -> str:
    """Return what the host calls itself."""
    with translated("read the host's name"):
        return connection.handle.getHostname()


def hypervisor(connection: Connection) -> tuple[str, int]:
    """Return the driver's name and its hypervisor's version (0 where there is none)."""
    with translated("read the hypervisor's version"):
        return connection.handle.getType(), connection.handle.getVersion()


def libvirt_version(connection: Connection) -> int:
    """Return the version of the host's libvirt."""
    with translated("read the host's libvirt version"):
        return connection.handle.getLibVersion()


def capabilities_xml(connection: Connection) -> str:
    """Return the host's capabilities."""
    with translated("read the host's capabilities"):
        return connection.handle.getCapabilities()


def node_info(connection: Connection) -> list[t.Any]:
    """Return virNodeInfo: architecture, memory in MiB, CPUs, MHz, NUMA cells, sockets, cores and threads."""
    with translated("read the host's CPU and memory"):
        return connection.handle.getInfo()


def memory_stats(connection: Connection) -> dict[str, int]:
    """Return total, free, buffers and cached of the host in KiB; empty where the driver does not know."""
    try:
        with translated("read the host's memory"):
            return connection.handle.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except Unsupported:
        return {}


def domain_info(domain: libvirt.virDomain) -> list[int]:
    """Return virDomainInfo: state, maximum and current memory in KiB, vCPUs, CPU time in ns.

    Unlike the bulk statistics this asks no guest's monitor, so a guest that hangs cannot hold it up.
    """
    with translated(f"read the size of {domain.name()!r}"):
        return domain.info()


def list_networks(connection: Connection) -> list[Network]:
    """Return every virtual network, active or not."""
    with translated("list the networks"):
        return connection.handle.listAllNetworks(0)


def network_xml(network: Network) -> str:
    """Return the network's XML."""
    with translated(f"read the network {network.name()!r}"):
        return network.XMLDesc(0)


def network_active(network: Network) -> bool:
    """Return whether the network runs."""
    with translated(f"read the state of the network {network.name()!r}"):
        return bool(network.isActive())


def network_autostart(network: Network) -> bool:
    """Return whether the network starts with its host."""
    with translated(f"read autostart of the network {network.name()!r}"):
        return bool(network.autostart())


def dhcp_leases(network: Network) -> list[dict[str, t.Any]]:
    """Return the leases that the network has given out, as libvirt tells them."""
    with translated(f"read the DHCP leases of the network {network.name()!r}"):
        return network.DHCPLeases()
