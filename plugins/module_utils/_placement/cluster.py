# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Cluster``: the hosts while moves are planned, what each has promised and whether a guest still fits. Pure.

The planners of drain.py and rebalance.py move guests on it; ``build_move`` is what they write down of each move.
"""

from __future__ import annotations

import collections
import dataclasses
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import identify

from .affinity import Affinities, find_groups
from .model import (
    HostView,
    InFlight,
    Move,
    PlacementDisk,
    PlacementGuest,
    PlacementPolicy,
    PlacementPool,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import (
        PoolKey,
    )


@dataclasses.dataclass
class HostShare:
    """A share of a host: vCPUs and bytes of memory."""

    vcpus: int = 0
    memory_bytes: int = 0

    def add(self, guest: PlacementGuest, sign: int = 1) -> None:
        """Add a guest's share, or take it off."""
        self.vcpus += sign * guest.vcpus
        self.memory_bytes += sign * guest.memory_bytes


# What a guest is tagged with that no plan may move.
STAY: t.Final = "placement:stay"


class Cluster:
    """All hosts that answered, changed by each move that is planned.

    A guest that two hosts have is where it runs; it counts on both. So does one on its way, which ``arriving`` has with
    its destination. Disks are counted where they go to and not taken off where they come from, since they are removed
    there only after all is over. What goes into a pool that several hosts have is missing for each of them.
    """

    def __init__(
        self,
        hosts: t.Sequence[HostView],
        policy: PlacementPolicy,
        in_flight: t.Sequence[InFlight] = (),
    ) -> None:
        self.policy = policy
        self.hosts = {host.name: host for host in sorted(hosts, key=lambda host: host.name)}
        self.guests: dict[str, PlacementGuest] = {}
        self.where: dict[str, str] = {}
        self._on: dict[str, set[str]] = collections.defaultdict(set)
        self.busy: dict[str, str] = {}
        self.arriving: dict[str, str] = {}
        self._promised: dict[str, HostShare] = collections.defaultdict(HostShare)
        self._running: dict[str, HostShare] = collections.defaultdict(HostShare)
        self._taken: collections.Counter[PoolKey] = collections.Counter()
        self._least_free: dict[PoolKey, int] = {}
        for host in self.hosts.values():
            for pool in host.pools:
                key = self._identify(host, pool)
                self._least_free[key] = min(
                    pool.free_bytes, self._least_free.get(key, pool.free_bytes)
                )
        for host in self.hosts.values():
            for guest in host.guests:
                self._see(host.name, guest)
        for flight in in_flight:
            self._count_in_flight(flight)
        self.affinities = Affinities(
            find_groups(policy.rules, list(self.guests.values())), self.where
        )

    def _see(self, host: str, guest: PlacementGuest) -> None:
        self._count(host, guest)
        other = self.guests.get(guest.uuid)
        if other is not None and other.running and guest.running:
            self.arriving[guest.uuid] = host
            self.busy[guest.uuid] = f"it is on its way between {self.where[guest.uuid]} and {host}"
        if other is None or (guest.running and not other.running):
            self.guests[guest.uuid] = guest
            self._set_place(guest.uuid, host)
        if guest.busy:
            self.busy[guest.uuid] = guest.busy
        elif STAY in guest.tags:
            self.busy.setdefault(guest.uuid, f"its tag {STAY} keeps it where it is")

    def _set_place(self, uuid: str, host: str) -> None:
        self._on[self.where.get(uuid, host)].discard(uuid)
        self._on[host].add(uuid)
        self.where[uuid] = host

    def _count(self, host: str, guest: PlacementGuest, sign: int = 1) -> None:
        if guest.running:
            self._running[host].add(guest, sign)
        if guest.running or self.policy.count_stopped:
            self._promised[host].add(guest, sign)

    def _count_in_flight(self, flight: InFlight) -> None:
        """Count a guest where it is going to, unless that host has it already."""
        for guest in self.guests.values():
            if (
                flight.guest not in (guest.name, guest.uuid)
                or self.where[guest.uuid] != flight.source
            ):
                continue
            self.busy.setdefault(guest.uuid, _describe_flight(flight))
            self.arriving[guest.uuid] = flight.destination
            host = self.hosts.get(flight.destination)
            if host is not None and all(other.uuid != guest.uuid for other in host.guests):
                self._count(flight.destination, guest)
                self._taken.update(self._need_space(guest, host)[0])

    def list_guests(self, host: str) -> list[PlacementGuest]:
        """Return the host's guests by name."""
        return sorted(
            (self.guests[uuid] for uuid in self._on[host]),
            key=lambda guest: (guest.name, guest.uuid),
        )

    def list_stranded(self, host: str, refuges: t.Collection[str]) -> list[PlacementGuest]:
        """Return the running guests that need another place if ``host`` is lost.

        One on its way from or to one of ``refuges`` has its place there.
        """
        here = [
            guest
            for guest in self.list_guests(host)
            if self.arriving.get(guest.uuid) not in refuges
        ]
        coming = [
            self.guests[uuid]
            for uuid, destination in self.arriving.items()
            if destination == host and self.where[uuid] not in refuges
        ]
        return [guest for guest in here + coming if guest.running]

    def open_hosts(self, but: t.Collection[str] = ()) -> list[HostView]:
        """Return the hosts that take guests: those that are not in maintenance."""
        return [
            host
            for host in self.hosts.values()
            if host.maintenance is None and host.name not in but
        ]

    def begin_move(self, guest: PlacementGuest, destination: str) -> None:
        """Note that a guest is on its way: until finish_move() or cancel_move() it counts on both hosts."""
        self._taken.update(self._need_space(guest, self.hosts[destination])[0])
        self._count(destination, guest)
        self.arriving[guest.uuid] = destination
        self.affinities.begin_move(guest.uuid, destination)

    def finish_move(self, guest: PlacementGuest) -> None:
        """Note that a guest on its way has arrived."""
        source, destination = self.where[guest.uuid], self.arriving.pop(guest.uuid)
        self._count(source, guest, -1)
        self._set_place(guest.uuid, destination)
        self.affinities.leave(guest.uuid, source)

    def cancel_move(self, guest: PlacementGuest) -> None:
        """Note that a guest on its way stays where it was."""
        source = self.where[guest.uuid]
        self.finish_move(guest)
        self.take_back(guest, source)

    def move(self, guest: PlacementGuest, destination: str) -> None:
        """Note a move that is over; take_back() undoes it."""
        self.begin_move(guest, destination)
        self.finish_move(guest)

    def take_back(self, guest: PlacementGuest, source: str) -> None:
        """Undo the move() of a guest that was on ``source`` before it."""
        destination = self.where[guest.uuid]
        self._count(destination, guest, -1)
        self._count(source, guest)
        self._set_place(guest.uuid, source)
        self.affinities.move(guest.uuid, destination, source)
        self._taken.subtract(self._need_space(guest, self.hosts[destination])[0])

    def measure_disk_bytes(self, guest: PlacementGuest, destination: str) -> int:
        """Return how many bytes of disk the guest takes on a host that it is not on."""
        return sum(self._need_space(guest, self.hosts[destination])[0].values())

    def list_shortages(self, guests: t.Sequence[PlacementGuest], host: HostView) -> list[str]:
        """Return what ``host`` lacks for the guests together, in words; nothing if they fit."""
        share, shortages = HostShare(), [] if guests else ["nobody is to come"]
        space: collections.Counter[PoolKey] = collections.Counter()
        for guest in guests:
            if guest.running or self.policy.count_stopped:
                share.add(guest)
            needed, problems = self._need_space(guest, host)
            space.update(needed)
            shortages += problems
        free = self.free(host)
        if share.vcpus > free.vcpus:
            shortages.append(f"has {max(0, free.vcpus)} vCPUs free of {share.vcpus} needed")
        if share.memory_bytes > free.memory_bytes:
            shortages.append(
                f"has {format_size(free.memory_bytes)} of memory free of {format_size(share.memory_bytes)} needed"
            )
        shortages += self._list_lacking_space(space, host)
        return list(dict.fromkeys(shortages))

    def free(self, host: HostView) -> HostShare:
        """Return what the host may still promise; negative where it promised too much."""
        promised = self._promised[host.name]
        return HostShare(host.vcpus - promised.vcpus, host.memory_bytes - promised.memory_bytes)

    def get_running(self, host: HostView) -> HostShare:
        """Return what the host's running guests have."""
        return self._running[host.name]

    def load(self, host: HostView, coming: t.Sequence[PlacementGuest] = (), sign: int = 1) -> float:
        """Return the share of the host that runs: of its CPU or its memory, whichever is more."""
        running = self._running[host.name]
        vcpus = running.vcpus + sign * sum(guest.vcpus for guest in coming if guest.running)
        memory = running.memory_bytes + sign * sum(
            guest.memory_bytes for guest in coming if guest.running
        )
        return max(_divide(vcpus, host.vcpus), _divide(memory, host.memory_bytes))

    def measure_pool_free(self, host: HostView, pool: PlacementPool) -> int:
        """Return the bytes that may still be written into a pool, by whichever of its hosts has the least of it."""
        key = self._identify(host, pool)
        return self._least_free[key] - self._taken[key] - self.policy.pool_reserve_bytes

    def find_shared(self, host: HostView, pool: PlacementPool) -> PoolKey | None:
        """Return what identifies a pool that other hosts may have too; None for the host's own."""
        is_shared = pool.source is not None or pool.name in self.policy.shared_pools
        return self._identify(host, pool) if is_shared else None

    def _identify(self, host: HostView, pool: PlacementPool) -> PoolKey:
        is_declared = pool.name in self.policy.shared_pools
        return identify(host.name, pool.name, pool.source, is_declared=is_declared)

    def _list_lacking_space(self, space: t.Mapping[PoolKey, int], host: HostView) -> list[str]:
        sentences = []
        for pool in host.pools:
            needed, free = (
                space.get(self._identify(host, pool), 0),
                self.measure_pool_free(host, pool),
            )
            # One that is below its reserve already is nothing to a guest without a disk there.
            if needed > max(free, 0):
                sentences.append(
                    f"has {format_size(free)} free in the pool {pool.name} of {format_size(needed)} needed"
                )
        return sentences

    def _need_space(
        self, guest: PlacementGuest, host: HostView
    ) -> tuple[collections.Counter[PoolKey], list[str]]:
        """Return the bytes that the guest takes of each pool of ``host``, and what ``host`` does not have at all."""
        space: collections.Counter[PoolKey] = collections.Counter()
        missing = sorted(set(guest.networks) - host.networks)
        problems = [f"has no active network {name}" for name in missing]
        lacking = set() if host.cards is None else set(guest.bridges) - host.cards
        problems += [f"has no bridge or network card {name}" for name in sorted(lacking)]
        source = self.hosts.get(self.where[guest.uuid])
        for disk in guest.disks:
            if self._is_shared(disk.pool, source, host):
                continue
            pool = self._choose_pool(disk.path, host)
            if pool is None:
                pool_name = self.policy.destination_pool or f"at {posixpath.dirname(disk.path)}"
                problems.append(f"has no running pool {pool_name} for {disk.target}")
            else:
                refusal = _find_refusal(guest, disk, source, pool)
                if refusal is not None:
                    problems.append(f"takes no {disk.target}: {refusal.detail}")
                space[self._identify(host, pool)] += disk.bytes + (
                    0 if disk.base in host.bases else disk.base_bytes
                )
        return space, problems

    def _is_shared(self, name: str | None, source: HostView | None, destination: HostView) -> bool:
        """Return whether a disk of a pool needs not move, since the pool is the same on both hosts."""
        if name is None or source is None:
            return False
        if name in self.policy.shared_pools:
            return any(pool.name == name for pool in destination.pools)
        storages = {pool.source for pool in source.pools if pool.name == name and pool.source}
        return any(pool.source in storages for pool in destination.pools)

    def _choose_pool(self, path: str, host: HostView) -> PlacementPool | None:
        """Return the pool that domain_migrate takes: the one that is named, else the one with the disk's folder."""
        for pool in host.pools:
            if self.policy.destination_pool is not None:
                if pool.name == self.policy.destination_pool:
                    return pool
            elif pool.path == posixpath.dirname(path):
                return pool
        return None


def _find_refusal(
    guest: PlacementGuest, disk: PlacementDisk, source: HostView | None, pool: PlacementPool
) -> kinds.PoolRefusal | None:
    """Return why a disk is not moved from its pool into ``pool``; None where it is, or where hosts tell no types."""
    mode = "precopy" if guest.running else "offline"
    pools = () if source is None else source.pools
    own_type = next((own.type for own in pools if own.name == disk.pool), None)
    ends = (("move out", disk.pool, own_type), ("move in", pool.name, pool.type))
    refusals = (
        kinds.find_refusal(name, pool_type, kinds.name_operation(direction, mode))
        for direction, name, pool_type in ends
        if name is not None and pool_type is not None
    )
    return next(filter(None, refusals), None)


def build_move(cluster: Cluster, guest: PlacementGuest, destination: str, reason: str) -> Move:
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
        disk_bytes=cluster.measure_disk_bytes(guest, destination),
        machine=guest.machine,
    )


def _describe_flight(flight: InFlight) -> str:
    if flight.failed:
        return f"its move from {flight.source} to {flight.destination} has failed in this run"
    return f"it is on its way from {flight.source} to {flight.destination}"


def format_percent(share: float) -> str:
    """Return ``75 %``."""
    return f"{100 * share:.0f} %"


def format_size(count: int) -> str:
    """Return bytes as people read them: ``512 MiB``."""
    number = float(max(0, count))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.4g} {unit}"
        number /= 1024
    return f"{number:.4g} TiB"


def _divide(part: int, total: int) -> float:
    return part / max(1, total)
