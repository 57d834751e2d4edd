# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Ledger: what the plans of fleets before take of the hosts, so that two fleets never count the same room. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)

from .model import MAKING, STARTING

if t.TYPE_CHECKING:
    from .model import Observation, Plan


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One machine of a plan: whether it is made in a ``pool``, and whether it runs then."""

    host: str
    pool: str
    size: Size
    is_made: bool
    runs: bool


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The machines that plans have made or started so far."""

    entries: tuple[_Entry, ...] = ()

    def add(self, observed: Observation, plan: Plan, pool: str) -> Ledger:
        """Return the ledger with what ``plan`` takes, whose clones have their disks in ``pool``."""
        entries = [
            _Entry(
                host=action.host,
                pool=pool,
                size=observed.size,
                is_made=action.action in MAKING,
                runs=action.action in STARTING,
            )
            for action in plan.actions
            if action.action in MAKING or action.action in STARTING
        ]
        return Ledger((*self.entries, *entries))

    def subtract(self, rooms: t.Iterable[HostRoom], pool: str) -> tuple[HostRoom, ...]:
        """Return what is left of the hosts' rooms for clones whose disks are in ``pool``."""
        by_host: dict[str, list[_Entry]] = {}
        for entry in self.entries:
            by_host.setdefault(entry.host, []).append(entry)
        return tuple(_subtract_all(room, by_host.get(room.name, []), pool) for room in rooms)


def _subtract_all(room: HostRoom, entries: t.Iterable[_Entry], pool: str) -> HostRoom:
    free, running = room.free, room.running
    for entry in entries:
        size = entry.size
        if entry.is_made:
            free = Size(
                max(0, free.vcpus - size.vcpus),
                max(0, free.memory_bytes - size.memory_bytes),
                max(0, free.disk_bytes - (size.disk_bytes if entry.pool == pool else 0)),
            )
        if entry.runs:
            running = dataclasses.replace(
                running,
                vcpus=running.vcpus + size.vcpus,
                memory_bytes=running.memory_bytes + size.memory_bytes,
            )
    return dataclasses.replace(room, free=free, running=running)
