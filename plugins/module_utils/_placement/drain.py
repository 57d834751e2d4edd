# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_drain`` and ``plan_restore``: where the guests of a host go when it is drained, and how they return. Pure.

The fewest moves: each guest that has to leave moves once. Only when one fits nowhere is another host's guest moved out
of its way. The largest go first, each to the host that has the most left; guests that must be together go together.
A plan that is being carried out is kept to as long as it holds: it is looked at again before each batch of its moves.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import format_count

from . import feasibility
from .cluster import Cluster, build_move, format_percent
from .feasibility import explain_refusal, follow_pending, keeps_n_plus_one
from .model import (
    HostView,
    InFlight,
    Move,
    MovePlan,
    PlacementGuest,
    PlacementPolicy,
    Refusal,
    RememberedGuest,
)

# How often what did not fit is tried first instead.
_ORDERS: t.Final = 4

Unit = tuple[PlacementGuest, ...]


@dataclasses.dataclass
class _Attempt:
    """What one order of placing came to."""

    cluster: Cluster
    moves: list[Move] = dataclasses.field(default_factory=list)
    refused: list[tuple[Unit, dict[str, str]]] = dataclasses.field(default_factory=list)


def plan_drain(
    hosts: t.Sequence[HostView],
    drained: t.Sequence[str],
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight] = (),
    silent: t.Sequence[str] = (),
    pending: t.Sequence[Move] = (),
) -> MovePlan:
    """Return the moves after which no guest runs on the hosts ``drained``.

    ``silent`` are hosts that did not answer, ``pending`` is the rest of a plan that is being carried out.
    """
    problems = tuple(
        f"{name} cannot be drained: it did not answer." for name in drained if name in silent
    )
    leaving = sorted(set(drained) - set(silent))
    cluster = Cluster(hosts, policy, in_flight)
    guests = itertools.chain.from_iterable(map(cluster.list_guests, leaving))
    leavers = [guest for guest in guests if guest.running or policy.include_stopped]
    staying = [guest for guest in leavers if guest.uuid in cluster.busy]
    units = _list_units(cluster, [guest for guest in leavers if guest.uuid not in cluster.busy])
    attempt = _keep_pending(Cluster(hosts, policy, in_flight), pending, units, leaving)
    if attempt is None:
        attempt = _find_attempt(hosts, policy, in_flight, units, leaving)
    notes = [f"{guest.name} is left alone: {cluster.busy[guest.uuid]}." for guest in staying]
    notes += [
        f"{name} takes no guests: it did not answer." for name in sorted(set(silent) - set(drained))
    ]
    notes += [
        f"{host.name} takes no guests: it is in maintenance."
        for host in hosts
        if _is_closed(host, leaving)
    ]
    if policy.n_plus_one == "soft" and attempt.moves and not attempt.refused:
        notes += _describe_losses(attempt.cluster, leaving)
    return MovePlan(
        moves=() if attempt.refused or problems else tuple(attempt.moves),
        refused=_list_refusals(cluster, attempt),
        notes=tuple(notes),
        remember={name: _list_remembered(cluster, name, hosts, policy) for name in leaving},
        problems=problems,
    )


def plan_restore(
    hosts: t.Sequence[HostView],
    home: str,
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight] = (),
    silent: t.Sequence[str] = (),
) -> MovePlan:
    """Return the moves that bring back to ``home`` the guests that it had before it was drained.

    A host on which these may be, as the mark has it, and which is not among ``hosts``, did not answer either.
    """
    if home in silent:
        return MovePlan(problems=(f"Nothing can be brought back to {home}: it did not answer.",))
    cluster = Cluster(hosts, policy, in_flight)
    view = cluster.hosts[home]
    silent = sorted({*silent, *view.refuges} - set(cluster.hosts))
    notes: list[str] = []
    away: list[PlacementGuest] = []
    failed = {flight.guest for flight in in_flight if flight.failed}
    problems: list[str] = []
    for resident in view.remembered:
        guest = cluster.guests.get(resident.uuid)
        if guest is None and silent:
            problems.append(
                f"{resident.name} was not found, and may be on a host that did not answer: {', '.join(silent)}. "
                "Run it on all hosts; if one is gone for good, take the mark off (headroom.libvirt.host_maintenance) "
                "and move the others by hand."
            )
        elif guest is None:
            notes.append(f"{resident.name} is on no host any more, and is forgotten.")
        elif resident.uuid in cluster.busy and not failed.isdisjoint((guest.uuid, guest.name)):
            notes.append(f"{resident.name} is left alone: {cluster.busy[resident.uuid]}.")
        elif resident.uuid in cluster.busy:
            problems.append(
                f"{resident.name} cannot be brought back now: {cluster.busy[resident.uuid]}."
            )
        elif cluster.where[resident.uuid] != home:
            away.append(guest)
    attempt = _Attempt(cluster)
    for unit in _list_units(cluster, away):
        _try_to_place(attempt, unit, [view], (), f"it was on {home} before that was drained")
    moves = () if attempt.refused or problems else tuple(attempt.moves)
    return MovePlan(moves, _list_refusals(cluster, attempt), tuple(notes), {}, tuple(problems))


def _is_closed(host: HostView, leaving: t.Sequence[str]) -> bool:
    return host.maintenance is not None and host.name not in leaving


def _describe_losses(cluster: Cluster, leaving: t.Sequence[str]) -> list[str]:
    lost = feasibility.list_fatal_losses(cluster, cluster.open_hosts(leaving))
    return [
        f"After this, the guests of {name} would not fit elsewhere if it were lost."
        for name in lost
    ]


def _list_remembered(
    cluster: Cluster, name: str, hosts: t.Sequence[HostView], policy: PlacementPolicy
) -> tuple[RememberedGuest, ...]:
    """Return the guests whose home ``name`` is: not those that other hosts in maintenance wait for."""
    elsewhere: set[str] = set()
    residents: dict[str, RememberedGuest] = {}
    for host in hosts:
        by_uuid = {guest.uuid: guest for guest in host.remembered} if host.maintenance else {}
        if host.name == name:
            residents = by_uuid
        else:
            elsewhere.update(by_uuid)
    for guest in cluster.list_guests(name):
        if (guest.running or policy.include_stopped) and guest.uuid not in elsewhere:
            residents.setdefault(guest.uuid, RememberedGuest(guest.uuid, guest.name))
    return tuple(sorted(residents.values(), key=lambda guest: (guest.name, guest.uuid)))


def _list_units(cluster: Cluster, guests: t.Sequence[PlacementGuest]) -> list[Unit]:
    """Return the guests in the order of placing: the largest first, with those that must be with them."""
    chosen = {guest.uuid: guest for guest in guests}
    groups = {
        tuple(
            sorted(
                cluster.affinities.find_companions(uuid) & set(chosen),
                key=lambda companion: chosen[companion].name,
            )
        )
        for uuid in chosen
    }
    units = [tuple(chosen[uuid] for uuid in group) for group in groups]
    return sorted(
        units, key=lambda unit: (-_measure_unit(cluster, unit), unit[0].name, unit[0].uuid)
    )


def _measure_unit(cluster: Cluster, unit: Unit) -> float:
    """Return the part of the largest host that the unit takes, of its CPU or its memory, whichever is more."""
    vcpus = max((host.vcpus for host in cluster.hosts.values()), default=0) or 1
    memory = max((host.memory_bytes for host in cluster.hosts.values()), default=0) or 1
    return max(
        sum(guest.vcpus for guest in unit) / vcpus,
        sum(guest.memory_bytes for guest in unit) / memory,
    )


def _keep_pending(
    cluster: Cluster, pending: t.Sequence[Move], units: t.Sequence[Unit], leaving: t.Sequence[str]
) -> _Attempt | None:
    """Return the rest of ``pending``, if that still holds and nobody is left out."""
    moves = follow_pending(cluster, pending, leaving)
    if moves is None:
        return None
    moved = {move.uuid for move in moves}
    for unit in units:
        if not moved.issuperset(guest.uuid for guest in unit):
            return None
    return _Attempt(cluster, moves)


def _find_attempt(
    hosts: t.Sequence[HostView],
    policy: PlacementPolicy,
    in_flight: t.Sequence[InFlight],
    units: list[Unit],
    leaving: t.Sequence[str],
) -> _Attempt:
    """Return the first order that leaves nobody out, without moving others if there is such a one."""
    attempts: list[_Attempt] = []
    for may_evict in (False, True):
        order = units
        for _again in range(_ORDERS):
            attempt = _attempt(
                Cluster(hosts, policy, in_flight), order, leaving, may_evict=may_evict
            )
            attempts.append(attempt)
            if not attempt.refused:
                return attempt
            first = [unit for unit, _why in attempt.refused]
            again = first + [unit for unit in order if unit not in first]
            if again == order:
                break
            order = again
    return min(attempts, key=lambda attempt: len(attempt.refused))


def _attempt(
    cluster: Cluster, units: list[Unit], leaving: t.Sequence[str], *, may_evict: bool
) -> _Attempt:
    attempt = _Attempt(cluster)
    for unit in units:
        hosts = cluster.open_hosts(leaving)
        reason = f"{cluster.where[unit[0].uuid]} is drained"
        # once somebody stays out, nothing will be moved, so that looking for ways for the others is pointless
        evict = may_evict and not attempt.refused
        placed = _try_to_place(attempt, unit, hosts, leaving, reason, refuse=not evict)
        if not placed and evict and not _make_room(attempt, unit, hosts, leaving):
            _try_to_place(attempt, unit, hosts, leaving, reason)
    return attempt


def _try_to_place(
    attempt: _Attempt,
    unit: Unit,
    hosts: t.Sequence[HostView],
    leaving: t.Sequence[str],
    reason: str,
    *,
    refuse: bool = True,
) -> bool:
    """Add the moves of a unit to the host that suits it best; without one, note why unless ``refuse`` is False."""
    cluster = attempt.cluster
    lacking = {host.name: explain_refusal(cluster, unit, host, leaving) for host in hosts}
    for host in sorted(hosts, key=lambda host: _rank_host(cluster, unit, host)):
        if lacking[host.name]:
            continue
        if leaving and not keeps_n_plus_one(cluster, unit, host, leaving):
            lacking[host.name] = (
                "could take it, but then not every host could be lost (n_plus_one: hard)"
            )
            continue
        why = f"{reason}; {host.name} {_describe_merits(cluster, unit, host, hosts)}"
        for guest in unit:
            attempt.moves.append(build_move(cluster, guest, host.name, why))
            cluster.move(guest, host.name)
        return True
    if refuse:
        attempt.refused.append((unit, lacking))
    return False


def _rank_host(cluster: Cluster, unit: Unit, host: HostView) -> tuple[int, float, str]:
    broken = sum(
        cluster.affinities.count_violations(guest.uuid, cluster.where[guest.uuid], host.name)
        for guest in unit
    )
    return broken, round(cluster.load(host, unit), 9), host.name


def _describe_merits(
    cluster: Cluster, unit: Unit, host: HostView, hosts: t.Sequence[HostView]
) -> str:
    broken = _rank_host(cluster, unit, host)[0]
    merit = f"would be {format_percent(cluster.load(host, unit))} full with it"
    if broken:
        return f"{merit}, although that breaks soft rules with {format_count(broken, 'guest')}"
    return f"{merit}, the least of all that can take it" if len(hosts) > 1 else merit


def _make_room(
    attempt: _Attempt, unit: Unit, hosts: t.Sequence[HostView], leaving: t.Sequence[str]
) -> bool:
    """Move one guest from one of ``hosts`` to another so that the unit fits; return whether that was possible."""
    cluster = attempt.cluster
    moved = {move.uuid for move in attempt.moves}
    others = itertools.chain.from_iterable(cluster.list_guests(host.name) for host in hosts)
    free = [
        guest
        for guest in others
        if guest.running
        and guest.uuid not in moved
        and guest.uuid not in cluster.busy
        and len(cluster.affinities.find_companions(guest.uuid)) == 1
    ]
    for guest in sorted(
        free, key=lambda guest: (guest.memory_bytes, guest.vcpus, guest.name, guest.uuid)
    ):
        source = cluster.hosts[cluster.where[guest.uuid]]
        if not _fits_without(cluster, unit, guest, source):
            continue
        for host in sorted(hosts, key=lambda host: _rank_host(cluster, (guest,), host)):
            if host.name == source.name or explain_refusal(cluster, (guest,), host, leaving):
                continue
            if not keeps_n_plus_one(cluster, (guest,), host, leaving):
                continue
            evicted = build_move(
                cluster, guest, host.name, f"it makes room on {source.name} for {unit[0].name}"
            )
            cluster.move(guest, host.name)
            attempt.moves.append(evicted)
            reason = f"{cluster.where[unit[0].uuid]} is drained"
            if _try_to_place(attempt, unit, [source], leaving, reason, refuse=False):
                return True
            attempt.moves.pop()
            cluster.take_back(guest, source.name)
    return False


def _fits_without(cluster: Cluster, unit: Unit, leaver: PlacementGuest, host: HostView) -> bool:
    """Return whether CPU and memory of ``host`` suffice for the unit once ``leaver`` has gone."""
    free = cluster.free(host)
    vcpus, memory = sum(guest.vcpus for guest in unit), sum(guest.memory_bytes for guest in unit)
    return free.vcpus + leaver.vcpus >= vcpus and free.memory_bytes + leaver.memory_bytes >= memory


def _list_refusals(cluster: Cluster, attempt: _Attempt) -> tuple[Refusal, ...]:
    refusals = []
    for unit, lacking in attempt.refused:
        refusals += [
            Refusal(guest.name, guest.uuid, cluster.where[guest.uuid], lacking) for guest in unit
        ]
    return tuple(refusals)
