# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``replay`` says what a fleet would have been like under a way of planning recorded demand. Pure.

The measures are the elasticity metrics of Herbst et al. (SPEC RG Cloud, "Ready for rain? A view from SPEC research on
the future of cloud metrics", 2016).
"""

from __future__ import annotations

import collections
import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import (
    tolerated_surplus,
)

Table = t.Sequence[t.Sequence[float]]

# As the bench's protocol has it: half an hour of five-minute slots.
_FLAP_WITHIN: t.Final = 6


@dataclasses.dataclass(frozen=True)
class FleetTerms:
    """The fleet that is replayed; slots are intervals of the demand.

    ``capacity`` is the demand that one machine carries. A machine is of use ``delay`` slots after it was asked for.
    One goes when that many were too many in each of the last ``hold`` plans. A plan within ``out_tolerance`` above the
    fleet's size, or ``in_tolerance`` below, changes nothing (both are shares of the size). ``hysteresis`` is a rule's
    (tolerated_surplus() in _provision/rule.py).
    """

    capacity: float
    delay: int = 1
    fewest: int = 1
    most: int = 1_000_000
    hold: int = 1
    out_tolerance: float = 0.0
    in_tolerance: float = 0.0
    hysteresis: float = 0.0

    def count_machines(self, demand: float) -> int:
        """Return how many machines carry ``demand``, without limits."""
        quotient = demand / self.capacity - 1e-9
        return self.most if quotient >= self.most else math.ceil(quotient)


@dataclasses.dataclass(frozen=True)
class Slot:
    """One slot of a replay; ``demand`` and ``needed`` are None where the history has a gap."""

    demand: float | None
    needed: int | None
    ready: int
    alive: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A replay and its measures.

    ``tau_u``/``tau_o`` are the shares of slots with too few/too many machines ready, ``theta_u``/``theta_o`` by how
    much on average (relative to the need), ``unmet`` the share of the demand that found no machine. ``cost`` is
    machines alive over machines needed, ``machine_slots`` over ``needed_slots``. A flap is a change of direction within
    six slots.
    """

    tau_u: float
    tau_o: float
    theta_u: float
    theta_o: float
    unmet: float
    machine_slots: int
    needed_slots: int
    actions_a_day: float
    flaps_a_day: float
    slots: tuple[Slot, ...] = dataclasses.field(repr=False)

    @property
    def cost(self) -> float:
        """Machines paid for by machines needed: 1 is as cheap as it gets without being short."""
        return self.machine_slots / max(1, self.needed_slots)


class _Fleet:
    """Machines that are ready, and those that boot: ``booting[i]`` are ready in ``i + 1`` slots."""

    def __init__(self, ready: int, delay: int) -> None:
        self.ready = ready
        self.booting = collections.deque([0] * delay)

    @property
    def alive(self) -> int:
        return self.ready + sum(self.booting)

    def remove(self, count: int) -> None:
        """Let ``count`` machines go, the youngest first."""
        for index in range(len(self.booting) - 1, -1, -1):
            gone = min(count, self.booting[index])
            self.booting[index] -= gone
            count -= gone
        self.ready -= count

    def tick(self, launched: int) -> None:
        """Let a slot pass after launching."""
        self.booting[-1] += launched
        self.ready += self.booting.popleft()
        self.booting.append(0)


class _Turns:
    """Counts actions and flaps, and knows when the fleet last grew."""

    def __init__(self) -> None:
        self.actions = self.flaps = 0
        self._last: tuple[int, int] | None = None
        self.grown_at = -math.inf

    def add(self, slot: int, direction: int) -> None:
        if self._last and self._last[0] != direction and slot - self._last[1] <= _FLAP_WITHIN:
            self.flaps += 1
        self.actions += 1
        self._last = direction, slot
        if direction > 0:
            self.grown_at = slot


def replay(
    demand: t.Sequence[float | None],
    uppers: Table,
    terms: FleetTerms,
    interval: int,
    start: int = 0,
) -> Outcome:
    """Return what would have come of planning on ``uppers`` from slot ``start`` on.

    ``uppers[i]`` holds the upper forecasts made after slot i for the slots i + 1 … i + ``delay``; a single one counts
    for all of them. At the end of slot i machines are launched for the last of them, and as many kept as the largest
    of them asks for. Raises ValueError if the lengths do not fit.
    """
    if len(uppers) != len(demand) or not start < len(demand):
        raise ValueError("every slot needs its forecasts, and the replay at least one slot")
    first = demand[start]
    fleet = _Fleet(max(terms.fewest, terms.count_machines(first or 0.0)), terms.delay)
    turns = _Turns()
    floors = collections.deque([0], maxlen=terms.hold)
    slots: list[Slot] = []
    for index in range(start, len(demand)):
        value = demand[index]
        alive = fleet.alive
        needed = None if value is None else max(terms.fewest, terms.count_machines(value))
        slots.append(Slot(value, needed, fleet.ready, alive))
        target = min(terms.most, max(terms.fewest, terms.count_machines(uppers[index][-1])))
        floors.append(max(terms.fewest, *map(terms.count_machines, uppers[index])))
        floor = max(target, *floors)
        launched = 0
        if target > alive * (1 + terms.out_tolerance):
            launched = target - alive
            turns.add(index, 1)
        elif floor < alive * (1 - terms.in_tolerance) and alive - floor > tolerated_surplus(
            terms.hysteresis, alive, index - turns.grown_at
        ):
            fleet.remove(alive - floor)
            turns.add(index, -1)
        fleet.tick(launched)
    return _measure(slots, terms, turns, days=len(slots) * interval / 86_400)


class _KnownSlot(t.NamedTuple):
    """A slot whose demand is known."""

    demand: float
    needed: int
    ready: int
    alive: int


def _measure(slots: list[Slot], terms: FleetTerms, turns: _Turns, days: float) -> Outcome:
    rows = [
        _KnownSlot(slot.demand, slot.needed, slot.ready, slot.alive)
        for slot in slots
        if slot.demand is not None and slot.needed is not None
    ]
    count = max(1, len(rows))
    demand = sum(row.demand for row in rows)
    lost = sum(max(0.0, row.demand - terms.capacity * row.ready) for row in rows)
    return Outcome(
        tau_u=sum(row.ready < row.needed for row in rows) / count,
        tau_o=sum(row.ready > row.needed for row in rows) / count,
        theta_u=sum(max(0, row.needed - row.ready) / max(1, row.needed) for row in rows) / count,
        theta_o=sum(max(0, row.ready - row.needed) / max(1, row.needed) for row in rows) / count,
        unmet=lost / demand if demand else 0.0,
        machine_slots=sum(row.alive for row in rows),
        needed_slots=sum(row.needed for row in rows),
        actions_a_day=turns.actions / days,
        flaps_a_day=turns.flaps / days,
        slots=tuple(slots),
    )
