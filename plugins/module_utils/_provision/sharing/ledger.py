# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Ledger: what the plans of fleets before take of the hosts, so that two fleets never count the same room. Pure.

It also knows what best-effort fleets lend: a more important fleet may have the room of their machines that are off, and
of those that run, which are parked for it then.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import types
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import identify

from ..model import MAKING, STARTING, Claim
from .allowance import Usage
from .loans import Loan, choose_victims, find_size, sum_sizes

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import (
        PoolKey,
    )

    from ..model import Observation, Plan


@dataclasses.dataclass(frozen=True)
class Standpoint:
    """The fleet for which the hosts are looked at: where its clones have their disks, and what it may have of others.

    Without a ``priority`` it has nothing of others. One that is ``best_effort`` wakes its own machines only where there
    is room for them.
    """

    fleet: str
    pool: str
    priority: int = 0
    best_effort: bool = False
    tenant: str | None = None


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One machine of a plan: whether it is created, in the pool that ``storage`` says, and whether it runs then."""

    host: str
    storage: PoolKey
    size: Size
    is_created: bool
    runs: bool
    tenant: str | None = None


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The machines that plans have created or started so far, and what best-effort fleets lend.

    ``yields`` says for each fleet which of its machines are parked for which other one.
    """

    entries: tuple[_Entry, ...] = ()
    loans: tuple[Loan, ...] = ()
    yields: t.Mapping[str, t.Mapping[str, Claim]] = dataclasses.field(
        default_factory=lambda: types.MappingProxyType({})
    )

    def add(self, observed: Observation, plan: Plan, standpoint: Standpoint) -> Ledger:
        """Return the ledger with what ``plan`` takes, and with the machines that are parked for it."""
        storages = {room.name: _identify(room, standpoint) for room in observed.rooms}
        entries = [
            _Entry(
                host=action.host,
                storage=storages.get(action.host, identify(action.host, standpoint.pool, None)),
                size=_find_size(observed, action.name),
                is_created=action.action in MAKING,
                runs=action.action in STARTING,
                tenant=standpoint.tenant,
            )
            for action in plan.actions
            if action.action in MAKING or action.action in STARTING
        ]
        taken = dataclasses.replace(
            self,
            entries=(*self.entries, *entries),
            loans=_wake_loans(self.loans, standpoint.fleet, plan),
        )
        return taken._collect_claims(observed, plan, standpoint)

    def subtract(self, rooms: t.Iterable[HostRoom], standpoint: Standpoint) -> tuple[HostRoom, ...]:
        """Return what is left of the hosts' rooms for the fleet, and what others would give up for it."""
        by_host: dict[str, list[_Entry]] = {}
        in_pools: collections.Counter[PoolKey] = collections.Counter()
        for entry in self.entries:
            by_host.setdefault(entry.host, []).append(entry)
            if entry.is_created:
                in_pools[entry.storage] += entry.size.disk_bytes
        return tuple(
            self._lend(
                _subtract_all(
                    room, by_host.get(room.name, []), in_pools[_identify(room, standpoint)]
                ),
                standpoint,
            )
            for room in rooms
        )

    def _lend(self, room: HostRoom, standpoint: Standpoint) -> HostRoom:
        loans = [loan for loan in self.loans if loan.host == room.name]
        if not loans:
            return room
        off = [loan for loan in loans if not loan.is_up]
        lesser = [loan for loan in off if loan.priority < standpoint.priority]
        others = [loan for loan in off if loan.priority <= standpoint.priority]
        claimable = [
            loan for loan in loans if loan.is_claimable and loan.priority < standpoint.priority
        ]
        return dataclasses.replace(
            room,
            free=room.free + sum_sizes(lesser),
            claimable=sum_sizes(claimable),
            wakeable=room.free + sum_sizes(others) if standpoint.best_effort else None,
        )

    def _collect_claims(self, observed: Observation, plan: Plan, standpoint: Standpoint) -> Ledger:
        """Return the ledger with the machines that have to be parked so that what ``plan`` starts has its room."""
        loans = {(loan.fleet, loan.name): loan for loan in self.loans}
        yields = {fleet: dict(claims) for fleet, claims in self.yields.items()}
        for room in observed.rooms:
            missing = _measure_overdraft(room, observed, plan)
            candidates = [
                loan
                for loan in loans.values()
                if loan.host == room.name
                and loan.is_claimable
                and loan.priority < standpoint.priority
            ]
            for loan in choose_victims(candidates, missing):
                loans[loan.fleet, loan.name] = dataclasses.replace(
                    loan, is_up=False, is_claimable=False
                )
                claim = Claim(loan.name, loan.fleet, room.name, standpoint.fleet)
                yields.setdefault(loan.fleet, {})[loan.name] = claim
        return dataclasses.replace(self, loans=tuple(loans.values()), yields=yields)

    def measure_tenant(self, tenant: str) -> Usage:
        """Return what has been created for the tenant so far."""
        usages = (
            Usage(1, entry.size.vcpus, entry.size.memory_bytes)
            for entry in self.entries
            if entry.is_created and entry.tenant == tenant
        )
        return sum(usages, Usage())

    def list_claims_of(self, fleet: str) -> tuple[Claim, ...]:
        """Return the machines of other fleets that are parked for the fleet."""
        claims = itertools.chain(*(claims.values() for claims in self.yields.values()))
        return tuple(claim for claim in claims if claim.claimant == fleet)


def _measure_overdraft(room: HostRoom, observed: Observation, plan: Plan) -> Size:
    """Return how much more than is free the plan starts on the host."""
    actions = [action for action in plan.actions if action.host == room.name]
    created = sum((observed.size for action in actions if action.action in MAKING), Size())
    wakes = (_find_size(observed, action.name) for action in actions if action.action == "wake")
    woken = sum(wakes, Size())
    missing = Size()
    if created != Size():
        missing = _take_most(missing, created - room.free)
    if room.wakeable is not None and (created != Size() or woken != Size()):
        missing = _take_most(missing, created + woken - room.wakeable)
    return dataclasses.replace(missing, disk_bytes=0)


def _take_most(first: Size, second: Size) -> Size:
    return Size(*map(max, dataclasses.astuple(first), dataclasses.astuple(second)))


def _find_size(observed: Observation, name: str) -> Size:
    """Return what the machine takes: of one that is there what it has, else what clones have."""
    sizes = (find_size(member, observed) for member in observed.members if member.name == name)
    return next(sizes, observed.size)


def _wake_loans(loans: t.Sequence[Loan], fleet: str, plan: Plan) -> tuple[Loan, ...]:
    """Return the loans with those up that the fleet wakes itself, and without those that it removes."""
    woken = {action.name for action in plan.actions if action.action == "wake"}
    removed = {action.name for action in plan.actions if action.action == "remove"}
    return tuple(
        dataclasses.replace(loan, is_up=True, is_claimable=False)
        if loan.fleet == fleet and loan.name in woken
        else loan
        for loan in loans
        if loan.fleet != fleet or loan.name not in removed
    )


def _identify(room: HostRoom, standpoint: Standpoint) -> PoolKey:
    """Return what identifies the pool of the fleet's clones on a host."""
    return room.storage or identify(room.name, standpoint.pool, None)


def _subtract_all(room: HostRoom, entries: t.Iterable[_Entry], disk_bytes: int) -> HostRoom:
    """Return the room without what ``entries`` have of the host, and ``disk_bytes`` of its pool."""
    free, running = room.free - Size(disk_bytes=disk_bytes), room.running
    for entry in entries:
        size = dataclasses.replace(entry.size, disk_bytes=0)
        if entry.is_created:
            free = free - size
        if entry.runs:
            running = running + size
    return dataclasses.replace(room, free=free, running=running)
