# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The two ends of a migration, and at which of them the guest is."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Interrupted, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, states
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

Place = t.Literal["source", "moving", "destination", "postcopy", "both", "nowhere"]


@dataclasses.dataclass(frozen=True)
class SeenState:
    """A domain as one host shows it; ``state`` is None where the host does not know it."""

    state: states.State | None = None
    reason: str = "unknown"

    @property
    def is_active(self) -> bool:
        """Whether a QEMU has it, running or not."""
        return self.state in states.ACTIVE_STATES

    @property
    def is_arriving(self) -> bool:
        """Whether its memory is still on the way here."""
        return self.state == "paused" and self.reason in ("migration", "starting_up")

    @property
    def is_split(self) -> bool:
        """Whether its memory is on both hosts, as in post-copy."""
        return self.reason in ("postcopy", "postcopy_failed")


def locate(source: SeenState, destination: SeenState) -> Place:
    """Return where the guest is. Pure.

    ``both`` should never be: two hosts run the guest. ``postcopy`` is on both by nature, and neither can do alone.
    """
    if source.is_split or (destination.is_split and source.is_active):
        return "postcopy"
    if source.is_active and destination.is_active:
        # while a migration hands over, the source is paused for it and the destination may run already
        handing_over = source.state == "paused" and source.reason == "migration"
        return "moving" if destination.is_arriving or handing_over else "both"
    if destination.is_active:
        return "destination"
    return "source" if source.is_active else "nowhere"


@dataclasses.dataclass(frozen=True)
class Endpoints:
    """Both hosts of a migration, and the guest's names there."""

    source: Connection
    destination: Connection
    uuid: str
    clock: Clock = SYSTEM_CLOCK
    cancelled: threading.Event = dataclasses.field(default_factory=threading.Event)

    def find_at_source(self) -> libvirt.virDomain | None:
        """Return the source's domain, None where it has none."""
        return find_domain(self.source, self.uuid)

    def find_at_destination(self) -> libvirt.virDomain | None:
        """Return the destination's domain, None where it has none."""
        return find_domain(self.destination, self.uuid)

    def read_source_state(self) -> SeenState:
        """Return the guest as the source shows it."""
        return read_state(self.find_at_source())

    def read_destination_state(self) -> SeenState:
        """Return the guest as the destination shows it."""
        return read_state(self.find_at_destination())

    def stop_if_cancelled(self) -> None:
        """Raise Interrupted when the task was told to stop."""
        if self.cancelled.is_set():
            raise Interrupted("the task was interrupted")


def read_state(domain: libvirt.virDomain | None) -> SeenState:
    """Return a domain as its host shows it now."""
    if domain is None:
        return SeenState()
    try:
        number, reason = domains.read_state(domain)
    except NotFound:
        return SeenState()
    name = states.state_name(number)
    return SeenState(name, states.reason_name(name, reason))


def find_domain(connection: Connection, uuid: str) -> libvirt.virDomain | None:
    """Return the domain of that UUID, None where the host has none."""
    try:
        return domains.look_up_uuid(connection, uuid)
    except NotFound:
        return None
