# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The hosts while moves are being planned: what each has promised, and whether a guest still fits. Pure."""

from __future__ import annotations

import collections
import dataclasses
import posixpath
import typing as t

from .affinity import Affinities, groups_of
from .model import Guest, HostView, InFlight, Move, Policy, Pool

PoolId = tuple[str, str]


@dataclasses.dataclass
class Load:
    """vCPUs and bytes of memory."""

    vcpus: int = 0
    memory_bytes: int = 0

    def add(self, guest: Guest, sign: int = 1) -> None:
        """Add a guest's share, or take it off."""
        self.vcpus += sign * guest.vcpus
        self.memory_bytes += sign * guest.memory_bytes


class Cluster:
    """All hosts that answered, changed by each move that is planned.

    A guest that two hosts have is where it runs; it counts on both. Disks are counted where they go to and not taken
    off where they come from, since they are removed there only after all is over.
    """

    def __init__(
        self, hosts: t.Sequence[HostView], policy: Policy, in_flight: t.Sequence[InFlight] = ()
    ) -> None:
        self.policy = policy
        self.hosts = {host.name: host for host in sorted(hosts, key=lambda host: host.name)}
        self.guests: dict[str, Guest] = {}
        self.where: dict[str, str] = {}
        self._on: dict[str, set[str]] = collections.defaultdict(set)
        self.busy: dict[str, str] = {}
        self._promised: dict[str, Load] = collections.defaultdict(Load)
        self._running: dict[str, Load] = collections.defaultdict(Load)
        self._taken: collections.Counter[PoolId] = collections.Counter()
        for host in self.hosts.values():
            for guest in host.guests:
                self._see(host.name, guest)
        for flight in in_flight:
            self._count_in_flight(flight)
        self.affinities = Affinities(
            groups_of(policy.rules, list(self.guests.values())), self.where
        )

    def _see(self, host: str, guest: Guest) -> None:
        self._count(host, guest)
        known = self.guests.get(guest.uuid)
        if known is not None and known.running and guest.running:
            self.busy[guest.uuid] = f"it is on its way between {self.where[guest.uuid]} and {host}"
        if known is None or (guest.running and not known.running):
            self.guests[guest.uuid] = guest
            self._set_place(guest.uuid, host)
        if guest.busy:
            self.busy[guest.uuid] = guest.busy

    def _set_place(self, uuid: str, host: str) -> None:
        self._on[self.where.get(uuid, host)].discard(uuid)
        self._on[host].add(uuid)
        self.where[uuid] = host

    def _count(self, host: str, guest: Guest, sign: int = 1) -> None:
        if guest.running:
            self._running[host].add(guest, sign)
        if guest.running or self.policy.count_stopped:
            self._promised[host].add(guest, sign)

    def _count_in_flight(self, flight: InFlight) -> None:
        """Count a guest where it is going to, unless that host has it already."""
        found = [
            guest for guest in self.guests.values() if flight.guest in (guest.name, guest.uuid)
        ]
        for guest in found:
            if self.where[guest.uuid] != flight.source:
                continue
            self.busy.setdefault(
                guest.uuid, f"it is on its way from {flight.source} to {flight.destination}"
            )
            there = self.hosts.get(flight.destination)
            if there is not None and all(other.uuid != guest.uuid for other in there.guests):
                self._count(flight.destination, guest)
                self._taken.update(self._needed(guest, there)[0])

    def on(self, host: str) -> list[Guest]:
        """Return the host's guests by name."""
        return sorted(
            (self.guests[uuid] for uuid in self._on[host]),
            key=lambda guest: (guest.name, guest.uuid),
        )

    def open_hosts(self, but: t.Collection[str] = ()) -> list[HostView]:
        """Return the hosts that take guests: those that are not in maintenance."""
        return [
            host
            for host in self.hosts.values()
            if host.maintenance is None and host.name not in but
        ]

    def move(self, guest: Guest, destination: str) -> None:
        """Note a move; to take it back, move the guest back and forget() its disks."""
        source = self.where[guest.uuid]
        self._taken.update(self._needed(guest, self.hosts[destination])[0])
        self._count(source, guest, -1)
        self._count(destination, guest)
        self._set_place(guest.uuid, destination)
        self.affinities.move(guest.uuid, source, destination)

    def take_back(self, guest: Guest, source: str) -> None:
        """Undo the move() of a guest that was on ``source`` before it."""
        destination = self.where[guest.uuid]
        self._count(destination, guest, -1)
        self._count(source, guest)
        self._set_place(guest.uuid, source)
        self.affinities.move(guest.uuid, destination, source)
        self._taken.subtract(self._needed(guest, self.hosts[destination])[0])

    def disk_bytes(self, guest: Guest, destination: str) -> int:
        """Return how many bytes of disk the guest takes on a host that it is not on."""
        return sum(self._needed(guest, self.hosts[destination])[0].values())

    def shortages(self, guests: t.Sequence[Guest], host: HostView) -> list[str]:
        """Return what ``host`` lacks for the guests together, in words; nothing if they fit."""
        asked, found = Load(), [] if guests else ["nobody is to come"]
        space: collections.Counter[PoolId] = collections.Counter()
        for guest in guests:
            if guest.running or self.policy.count_stopped:
                asked.add(guest)
            needed, problems = self._needed(guest, host)
            space.update(needed)
            found += problems
        free = self.free(host)
        if asked.vcpus > free.vcpus:
            found.append(f"has {max(0, free.vcpus)} vCPUs free of {asked.vcpus} needed")
        if asked.memory_bytes > free.memory_bytes:
            found.append(
                f"has {size(free.memory_bytes)} of memory free of {size(asked.memory_bytes)} needed"
            )
        found += self._lacking_space(space, host)
        return list(dict.fromkeys(found))

    def free(self, host: HostView) -> Load:
        """Return what the host may still promise; negative where it promised too much."""
        promised = self._promised[host.name]
        return Load(host.vcpus - promised.vcpus, host.memory_bytes - promised.memory_bytes)

    def running(self, host: HostView) -> Load:
        """Return what the host's running guests have."""
        return self._running[host.name]

    def load(self, host: HostView, coming: t.Sequence[Guest] = (), sign: int = 1) -> float:
        """Return the share of the host that runs: of its CPU or its memory, whichever is more."""
        running = self._running[host.name]
        vcpus = running.vcpus + sign * sum(guest.vcpus for guest in coming if guest.running)
        memory = running.memory_bytes + sign * sum(
            guest.memory_bytes for guest in coming if guest.running
        )
        return max(_share(vcpus, host.vcpus), _share(memory, host.memory_bytes))

    def pool_free(self, host: HostView, pool: Pool) -> int:
        """Return the bytes that may still be written into a pool."""
        return (
            pool.free_bytes - self._taken[(host.name, pool.name)] - self.policy.pool_reserve_bytes
        )

    def _lacking_space(self, space: t.Mapping[PoolId, int], host: HostView) -> list[str]:
        return [
            f"has {size(self.pool_free(host, pool))} free in the pool {pool.name} of {size(needed)} needed"
            for pool in host.pools
            for needed in [space.get((host.name, pool.name), 0)]
            if needed > self.pool_free(host, pool)
        ]

    def _needed(
        self, guest: Guest, host: HostView
    ) -> tuple[collections.Counter[PoolId], list[str]]:
        """Return the bytes that the guest takes of each pool of ``host``, and what ``host`` does not have at all."""
        space: collections.Counter[PoolId] = collections.Counter()
        missing = sorted(set(guest.networks) - host.networks)
        problems = [f"has no active network {name}" for name in missing]
        here = self.hosts.get(self.where[guest.uuid])
        for disk in guest.disks:
            if self._is_shared(disk.pool, here, host):
                continue
            pool = self._pool_for(disk.path, host)
            if pool is None:
                wanted = self.policy.destination_pool or f"at {posixpath.dirname(disk.path)}"
                problems.append(f"has no running pool {wanted} for {disk.target}")
            else:
                space[(host.name, pool.name)] += disk.bytes + (
                    0 if disk.base in host.bases else disk.base_bytes
                )
        return space, problems

    def _is_shared(self, name: str | None, here: HostView | None, there: HostView) -> bool:
        """Return whether a disk of a pool needs not move, since the pool is the same on both hosts."""
        if name is None or here is None:
            return False
        if name in self.policy.shared_pools:
            return any(pool.name == name for pool in there.pools)
        sources = {pool.source for pool in here.pools if pool.name == name and pool.source}
        return any(pool.source in sources for pool in there.pools)

    def _pool_for(self, path: str, host: HostView) -> Pool | None:
        """Return the pool that domain_migrate takes: the one that is named, else the one with the disk's folder."""
        for pool in host.pools:
            if self.policy.destination_pool is not None:
                if pool.name == self.policy.destination_pool:
                    return pool
            elif pool.path == posixpath.dirname(path):
                return pool
        return None


def as_move(cluster: Cluster, guest: Guest, destination: str, reason: str) -> Move:
    """Return the move of a guest from where it is now."""
    return Move(
        guest=guest.name,
        uuid=guest.uuid,
        source=cluster.where[guest.uuid],
        destination=destination,
        reason=reason,
        fleet=guest.fleet,
        vcpus=guest.vcpus,
        memory_bytes=guest.memory_bytes,
        disk_bytes=cluster.disk_bytes(guest, destination),
        machine=guest.machine,
    )


def percent(share: float) -> str:
    """Return ``75 %``."""
    return f"{100 * share:.0f} %"


def size(count: int) -> str:
    """Return bytes as people read them: ``512 MiB``."""
    number = float(max(0, count))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.4g} {unit}"
        number /= 1024
    return f"{number:.4g} TiB"


def _share(taken: int, whole: int) -> float:
    return taken / max(1, whole)
