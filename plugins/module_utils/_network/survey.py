# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a host says of a network: ``read_sides`` before a plan, ``add_machine_names`` for its error."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, networks
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import Network

from .plan import Taken

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt


@dataclasses.dataclass(frozen=True)
class NetworkSides:
    """A network as it runs and as it is defined; None for the side that it does not have."""

    handle: libvirt.virNetwork
    live: Network | None
    config: Network | None

    @property
    def current(self) -> Network:
        """The network as it is now, or as it will be when it starts."""
        return self.live or self.config or Network(self.handle.name())


def read_sides(connection: Connection, name: str) -> NetworkSides:
    """Return both sides of the network ``name``; raises NotFound."""
    handle = networks.look_up(connection, name)
    active, persistent = networks.is_active(handle), networks.is_persistent(handle)
    return NetworkSides(
        handle,
        live=networks.read_live(handle) if active else None,
        config=networks.read_definition(handle) if persistent else None,
    )


def add_machine_names(connection: Connection, error: Taken) -> Taken:
    """Return the error with the names of the domains whose MAC addresses are in the way; reads every definition."""
    macs = {holder["mac"]: holder for holder in error.details["holders"] if holder["mac"]}
    sentences = []
    for definition in domains.iterate_definitions(connection):
        for interface in definition.interfaces:
            if interface.mac and interface.mac.lower() in macs:
                macs[interface.mac.lower()]["domain"] = definition.name
                sentences.append(
                    f"{interface.mac.lower()} is a card of the domain {definition.name!r}."
                )
    return Taken(" ".join([error.message, *sentences]), **error.details)
