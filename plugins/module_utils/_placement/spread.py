# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Where new clones go. Pure.

``spread`` is for whoever knows the room of each host, as provisioning does; ``place_clones`` and ``describe_placement``
are for placement_plan_info, on the hosts that moves are planned for.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from .cluster import Cluster

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import (
        PoolKey,
    )

    from .model import AffinityRule, HostView, InFlight, PlacementPolicy

Options = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Size:
    """What one machine takes of its host, or what a host has: vCPUs, bytes of memory, bytes of the pool."""

    vcpus: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0

    def __add__(self, other: Size) -> Size:
        """Return both together."""
        return Size(
            self.vcpus + other.vcpus,
            self.memory_bytes + other.memory_bytes,
            self.disk_bytes + other.disk_bytes,
        )

    def __sub__(self, other: Size) -> Size:
        """Return what is left of it; below zero where it is less."""
        return Size(
            self.vcpus - other.vcpus,
            self.memory_bytes - other.memory_bytes,
            self.disk_bytes - other.disk_bytes,
        )

    def count_fits(self, size: Size) -> int:
        """Return how many machines of ``size`` fit into this; a part that a machine does not need has no limit."""
        fits = [
            have // need
            for have, need in zip(dataclasses.astuple(self), dataclasses.astuple(size))
            if need > 0
        ]
        return max(0, min(fits)) if fits else _NO_LIMIT


@dataclasses.dataclass(frozen=True)
class HostRoom:
    """A host that could take clones.

    ``members`` counts the fleet's machines there, ``free`` is what may still be promised (stopped machines
    counted as taken; below zero where more is promised than there is), ``running`` what the running guests of any
    fleet hold. One that is ``closed`` is in maintenance. ``claimable`` is what lesser fleets would give up beside.
    The fleet wakes its own machines within ``wakeable``; None where their room is kept for them. One that
    ``takes_clones`` has what they need. ``storage`` identifies the pool of the clones where other hosts may have it
    too, so that what one of them takes there is missing for all; None for the host's own.
    """

    name: str
    free: Size
    members: int = 0
    running: Size = Size()
    closed: bool = False
    claimable: Size = Size()
    wakeable: Size | None = None
    takes_clones: bool = True
    storage: PoolKey | None = None

    def claim(self) -> HostRoom:
        """Return the host as it is once lesser fleets have given up all that they would."""
        running = self.running - self.claimable
        return dataclasses.replace(
            self,
            free=self.free + self.claimable,
            claimable=Size(),
            running=Size(max(0, running.vcpus), max(0, running.memory_bytes)),
        )


@dataclasses.dataclass(frozen=True)
class Placement:
    """The host of each clone, in the order of placing; ``shortage`` says in words why some got none."""

    hosts: tuple[str, ...]
    missing: int = 0
    shortage: str | None = None


# More clones than anybody asks for in one plan.
_NO_LIMIT: t.Final = 1_000_000


# What a pool has whose clones take nothing of it at first, as long as it has anything beside its reserve.
_PLENTY_BYTES: t.Final = 1 << 60


@dataclasses.dataclass
class _SharedPool:
    """A pool that several hosts have, counted in clones."""

    room: int


@dataclasses.dataclass
class _Space:
    """A host while clones are being placed, everything counted in clones.

    With a shared ``pool`` its ``room`` is that of CPU and memory alone: a lost host's guests find their disks there.
    """

    name: str
    members: int
    room: int
    to_evacuate: int
    pool: _SharedPool | None = None

    @property
    def fits(self) -> int:
        """How many clones more it takes."""
        return self.room if self.pool is None else min(self.room, self.pool.room)


def measure_clone_room(free_bytes: int, pool_type: str | None) -> int:
    """Return the bytes that a pool, with ``free_bytes`` beside its reserve, has for clones."""
    kind = None if pool_type is None else kinds.find_kind(pool_type)
    if kind is not None and kind.clones_begin_empty:
        return _PLENTY_BYTES if free_bytes > 0 else 0
    return max(0, free_bytes)


def fill(rooms: t.Sequence[HostRoom], hosts: t.Sequence[str], size: Size) -> list[HostRoom]:
    """Return the rooms with a clone of ``size`` on each of ``hosts``, where a name may be there more than once."""
    storages = {room.name: room.storage for room in rooms}
    filled = []
    for room in rooms:
        count = hosts.count(room.name)
        in_pool = sum(_is_same_pool(room, name, storages.get(name)) for name in hosts)
        taken = Size(size.vcpus * count, size.memory_bytes * count)
        filled.append(
            dataclasses.replace(
                room,
                free=room.free - dataclasses.replace(taken, disk_bytes=size.disk_bytes * in_pool),
                running=room.running + taken,
                members=room.members + count,
            )
        )
    return filled


def _is_same_pool(room: HostRoom, host: str, storage: PoolKey | None) -> bool:
    return host == room.name if room.storage is None else room.storage == storage


def spread(
    hosts: t.Sequence[HostRoom],
    size: Size,
    count: int,
    *,
    n_plus_one: bool = False,
    pack: bool = False,
    most: int | None = None,
) -> Placement:
    """Place ``count`` clones of ``size`` evenly: each goes where the fleet has the fewest machines and there is room.

    Equal hosts are taken by the room that they have, then by name, so that equal input gives equal output. With
    ``n_plus_one``, a clone is only placed while whatever runs on any one host would still fit on the others together.
    ``pack`` fills the hosts that the fleet is on already before it takes others. No host gets more than ``most``.
    """
    spaces = _measure_spaces(hosts, size)
    placed: list[str] = []
    while len(placed) < count:
        space = _choose_space(
            [space for space in spaces if most is None or space.members < most],
            spaces,
            n_plus_one,
            pack,
        )
        if space is None:
            break
        _take(space)
        placed.append(space.name)
    missing = count - len(placed)
    return Placement(
        tuple(placed), missing, _describe_shortage(hosts, spaces, size, most) if missing else None
    )


def _measure_spaces(hosts: t.Sequence[HostRoom], size: Size) -> list[_Space]:
    pools: dict[PoolKey, _SharedPool] = {}
    disk = Size(disk_bytes=size.disk_bytes)
    for host in hosts:
        if host.storage is not None:
            count = host.free.count_fits(disk)
            pool = pools.setdefault(host.storage, _SharedPool(count))
            # hosts look at different moments: what is certain is the least
            pool.room = min(pool.room, count)
    return [
        _measure_space(host, size, None if host.storage is None else pools[host.storage])
        for host in hosts
    ]


def _measure_space(host: HostRoom, size: Size, pool: _SharedPool | None) -> _Space:
    evacuees = dataclasses.replace(host.running, disk_bytes=0)
    own_size = size if pool is None else dataclasses.replace(size, disk_bytes=0)
    room = 0 if host.closed else host.free.count_fits(own_size)
    return _Space(host.name, host.members, room, _count_clones(evacuees, size), pool)


def _count_clones(taken: Size, size: Size) -> int:
    """Return how many clones' worth ``taken`` is, rounded up."""
    pairs = zip(dataclasses.astuple(taken), dataclasses.astuple(size))
    return max((-(-have // need) for have, need in pairs if need > 0), default=0)


def _choose_space(
    open_to: list[_Space], spaces: list[_Space], n_plus_one: bool, pack: bool
) -> _Space | None:
    sign = -1 if pack else 1
    for space in sorted(
        open_to, key=lambda space: (sign * space.members, sign * -space.room, space.name)
    ):
        if space.fits > 0 and (not n_plus_one or _survives_a_loss(spaces, space)):
            return space
    return None


def _survives_a_loss(spaces: list[_Space], taking: _Space) -> bool:
    """Whether, with one more clone on ``taking``, the guests of each host would still fit on the others."""
    room = sum(space.room for space in spaces) - 1
    return all(
        space.to_evacuate + (space is taking) <= room - (space.room - (space is taking))
        for space in spaces
    )


def _take(space: _Space) -> None:
    space.members += 1
    space.room -= 1
    space.to_evacuate += 1
    if space.pool is not None:
        space.pool.room -= 1


def _describe_shortage(
    hosts: t.Sequence[HostRoom], spaces: list[_Space], size: Size, most: int | None
) -> str:
    if not hosts:
        return "no host that answers can take clones"
    roomy = [space for space in spaces if space.fits > 0]
    if most is not None and roomy and all(space.members >= most for space in roomy):
        return f"hosts with room have {most} of the fleet's machines already (rule.max_per_host)"
    if roomy:
        return "more would not survive the loss of a host (rule.n_plus_one)"
    return "; ".join(
        f"{host.name} has no room ({_describe_scarcity(host, space, size)})"
        for host, space in zip(hosts, spaces)
    )


def _describe_scarcity(host: HostRoom, space: _Space, size: Size) -> str:
    if host.closed:
        return "it is in maintenance"
    taken = host.free.count_fits(size) - space.fits
    if taken > 0:
        return f"this plan takes the last room for {taken}"
    parts = (
        (host.free.vcpus, size.vcpus, "vCPUs"),
        (host.free.memory_bytes, size.memory_bytes, "bytes of memory"),
        (host.free.disk_bytes, size.disk_bytes, "bytes of disk"),
    )
    return ", ".join(
        f"{max(0, have)} {what} free, {need} needed" for have, need, what in parts if have < need
    )


def place_clones(
    hosts: t.Sequence[HostView],
    clones: Options,
    size: Size,
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight],
) -> Placement:
    """Return the host of each of ``clones`` (the options), each of ``size``; not on hosts in maintenance."""
    cluster = Cluster(hosts, policy, in_flight)
    rooms = [_read_room(cluster, host, clones) for host in cluster.hosts.values()]
    return spread(
        rooms,
        size,
        clones["count"],
        n_plus_one=policy.n_plus_one == "hard",
        pack=clones["spread"] == "pack",
        most=_find_limit(clones, policy),
    )


def describe_placement(placement: Placement, silent: t.Sequence[str]) -> dict[str, t.Any]:
    """Return the placement as JSON-able data."""
    counts = collections.Counter(placement.hosts)
    sentences = [f"{count} of them go to {name}." for name, count in sorted(counts.items())]
    if placement.missing:
        sentences.append(f"{placement.missing} cannot be placed: {placement.shortage}.")
    sentences += [f"{name} takes no clones: it did not answer." for name in silent]
    return {
        "possible": placement.missing == 0,
        "placed": list(placement.hosts),
        "missing": placement.missing,
        "reasons": sentences,
    }


def _read_room(cluster: Cluster, host: HostView, clones: Options) -> HostRoom:
    free, running = cluster.free(host), cluster.get_running(host)
    pool = next((pool for pool in host.pools if pool.name == clones["pool"]), None)
    space = (
        0 if pool is None else measure_clone_room(cluster.measure_pool_free(host, pool), pool.type)
    )
    return HostRoom(
        name=host.name,
        free=Size(max(0, free.vcpus), max(0, free.memory_bytes), space),
        members=sum(guest.fleet == clones["fleet"] for guest in cluster.list_guests(host.name))
        if clones["fleet"]
        else 0,
        running=Size(running.vcpus, running.memory_bytes),
        closed=host.maintenance is not None,
        storage=None if pool is None else cluster.find_shared(host, pool),
    )


def _find_limit(clones: Options, policy: PlacementPolicy) -> int | None:
    """Return how many of the fleet one host may have: one where a hard rule keeps its members apart."""
    limits = [] if clones["max_per_host"] is None else [clones["max_per_host"]]
    limits += [1 for rule in policy.rules if _keeps_apart(rule, clones["fleet"])]
    return min(limits, default=None)


def _keeps_apart(rule: AffinityRule, fleet: str | None) -> bool:
    if fleet is None or rule.kind != "anti_affinity" or rule.strength != "hard":
        return False
    return any(fnmatch.fnmatchcase(fleet, pattern) for pattern in rule.fleets)
