# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about virtual networks a function, with libvirt's errors translated."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound

from . import network_xml
from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Network = libvirt.virNetwork

Command = t.Literal["add", "modify", "delete"]


def list_all(connection: Connection) -> list[Network]:
    """Return every virtual network, active or not."""
    with translate_errors("list the networks"):
        return connection.handle.listAllNetworks(0)


def look_up(connection: Connection, name: str) -> Network:
    """Return the network called ``name``; raises NotFound naming those that exist."""
    try:
        with translate_errors(f"look up the network {name!r}"):
            return connection.handle.networkLookupByName(name)
    except NotFound as error:
        names = ", ".join(sorted(network.name() for network in list_all(connection))) or "none"
        raise NotFound(
            f"network: the host has no network {name!r} (it has: {names}). Name one of these, or define it first.",
            network=name,
        ) from error


def is_active(network: Network) -> bool:
    """Return whether the network runs."""
    with translate_errors(f"read the state of the network {network.name()!r}"):
        return bool(network.isActive())


def has_autostart(network: Network) -> bool:
    """Return whether the network starts with its host."""
    with translate_errors(f"read autostart of the network {network.name()!r}"):
        return bool(network.autostart())


def is_persistent(network: Network) -> bool:
    """Return whether the network has a definition that outlives it."""
    with translate_errors(f"ask whether the network {network.name()!r} is persistent"):
        return bool(network.isPersistent())


def read_live_xml(network: Network) -> str:
    """Return the network's XML as it runs, or as it will when it does not."""
    with translate_errors(f"read the network {network.name()!r}"):
        return network.XMLDesc(0)


def read_definition_xml(network: Network) -> str:
    """Return what the network will be when it starts next."""
    with translate_errors(f"read the definition of the network {network.name()!r}"):
        return network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)


def read_live(network: Network) -> network_xml.Network:
    """Return what the collection reads of the network as it runs, or as it will when it does not."""
    return network_xml.parse(read_live_xml(network))


def read_definition(network: Network) -> network_xml.Network:
    """Return what the collection reads of what the network will be when it starts next."""
    return network_xml.parse(read_definition_xml(network))


def list_leases(network: Network) -> list[dict[str, t.Any]]:
    """Return the leases that the network has given out, as libvirt tells them."""
    with translate_errors(f"read the DHCP leases of the network {network.name()!r}"):
        return network.DHCPLeases()


def update_reservation(
    network: Network, command: Command, index: int, xml: str, *, live: bool, config: bool
) -> None:
    """Add, modify or delete a DHCP host entry in the ``index``-th subnet, now, in the definition, or both at once."""
    commands = {
        "add": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
        "modify": libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY,
        "delete": libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
    }
    flags = (libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE if live else 0) | (
        libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG if config else 0
    )
    with translate_errors(f"{command} a reservation in the network {network.name()!r}"):
        network.update(
            commands[command], libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, index, xml, flags
        )
