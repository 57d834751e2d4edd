# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Rule says how a fleet turns demand into machines; ``validate`` refuses one that cannot be meant. Pure."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_above,
    check_at_least,
    check_between,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

if t.TYPE_CHECKING:
    from .schedule import Event

Mode = t.Literal["act", "shadow", "scale_out_only"]
OnMissingData = t.Literal["forecast", "hold", "max"]
Spread = t.Literal["even", "pack"]
ParkedAs = t.Literal["saved", "paused"]

# A day of five-minute intervals: the costliest forecast that is still worth a plan's time. Chosen, not measured.
MOST_STEPS: t.Final = 288
# A week of five-minute intervals: each slot of the cooldown is forecast anew in each plan. Chosen, not measured.
_MOST_COOLDOWN_SLOTS: t.Final = 2016
# What goes within six intervals after a fleet grew is a flap (Herbst et al. count them so), and often made again soon.
GROWTH_SLOTS: t.Final = 6
# With 20 machines at the peak and a hysteresis of 0.1, flaps a day fell by it from 4.2 to 2.9 in the mean of 54 hourly
# traces, and from 17.6 to 10.9 in that of 17 in slots of five minutes, and machines cost 1.028 and 1.017 times as much
# (M4, bikes, PJM, NAB, Twitter). With 3, it was 2.7 and 10.5 at 1.036 and 1.019.
GROWTH_FACTOR: t.Final = 2.5


@dataclasses.dataclass(frozen=True)
class Rule:
    """The rule of one fleet.

    ``capacity`` is the demand that one machine carries, in the unit of the demand; with ``measure_capacity`` it counts
    until it is measured, which is where a machine uses the share ``utilization`` of its vCPUs. Times are in seconds;
    ``horizon`` None means one interval, and so does "auto" until it is measured (calibration.py). ``scale_out_limit``
    and ``max_per_host`` None mean none; ``unit`` is the demand's, for sentences. ``hysteresis`` is the share of the
    fleet that may be too much before any of it goes (see tolerated_surplus()), ``protected`` are patterns of names,
    and ``parked`` machines are kept parked at least, ``parked_max`` at most (None: no more than that), in between as
    many as the upper forecast at ``parked_risk`` asks for.
    """

    capacity: float
    max: int
    min: int = 1
    interval: int = 300
    horizon: int | t.Literal["auto"] | None = None
    headroom: float = 0.1
    risk: float = 0.05
    cooldown: int = 900
    scale_out_limit: int | None = None
    scale_in_limit: int = 1
    alert_growth: float = 2.0
    parked: int = 0
    parked_max: int | None = None
    parked_risk: float = 0.01
    parked_as: ParkedAs = "saved"
    unit: str = ""
    forecaster: str = "auto"
    n_plus_one: bool = False
    hysteresis: float = 0.0
    on_missing_data: OnMissingData = "forecast"
    spread: Spread = "even"
    max_per_host: int | None = None
    protected: tuple[str, ...] = ()
    schedule: tuple[Event, ...] = ()
    mode: Mode = "act"
    measure_capacity: bool = False
    utilization: float = 0.7

    @property
    def steps(self) -> int:
        """How many slots ahead demand is forecast."""
        return math.ceil(self.horizon / self.interval) if isinstance(self.horizon, int) else 1

    @property
    def most_parked(self) -> int:
        """How many machines may be parked."""
        return self.parked if self.parked_max is None else self.parked_max

    @property
    def has_varying_parked(self) -> bool:
        """Whether the number of parked machines follows a forecast."""
        return self.most_parked > self.parked

    @property
    def cooldown_slots(self) -> int:
        """How many of the latest slots have to agree before a machine goes."""
        return math.ceil(self.cooldown / self.interval) + 1

    @property
    def slots_looked_at(self) -> int:
        """How many of the latest slots a forecast is made after: those of the cooldown, and at least two."""
        return max(2, self.cooldown_slots)

    def count_machines(self, demand: float) -> int:
        """Return how many machines carry ``demand`` with the headroom kept free, within ``min`` and ``max``."""
        # A quotient such as 3.0000000001 is the arithmetic's error, not a fourth machine's work.
        quotient = demand * (1 + self.headroom) / self.capacity - 1e-9
        return self.limit_machines(self.max if quotient >= self.max else math.ceil(quotient))

    def count_scheduled(self, slot: float) -> tuple[int, tuple[Event, ...]]:
        """Return how many machines the events ask for that are to be ready for in the slot (its start), and which."""
        finish = slot + (self.steps + 1) * self.interval
        events = tuple(event for event in self.schedule if event.overlaps(slot, finish))
        counts = [
            max(event.machines, self.count_machines(event.demand) if event.demand else 0)
            for event in events
        ]
        return (self.limit_machines(max(counts)) if counts else 0), events

    def protects(self, name: str) -> bool:
        """Return whether the machine of this name never goes."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.protected)

    def limit_machines(self, machines: int) -> int:
        """Return ``machines`` held within ``min`` and ``max``."""
        return max(self.min, min(self.max, machines))


def tolerated_surplus(hysteresis: float, machines: int, grew_slots_ago: float) -> float:
    """Return how many of ``machines`` may be too many before any goes, so many slots after the fleet has last grown.

    >>> tolerated_surplus(0.1, 20, 7), tolerated_surplus(0.1, 20, 6), tolerated_surplus(0.1, 2, 6)
    (2.0, 5.0, 1.0)
    >>> tolerated_surplus(0.0, 20, 1)
    0.0
    """
    if not hysteresis or grew_slots_ago > GROWTH_SLOTS:
        return hysteresis * machines
    return max(1.0, GROWTH_FACTOR * hysteresis * machines)


def validate(rule: Rule) -> Rule:
    """Return ``rule``; raises InvalidInput naming the option, what its value must be, and the remedy."""
    remedy = (
        "Write what one machine carries, in the unit of the demand: if one machine serves 200 requests/s and the "
        "demand is in requests/s, write 200."
    )
    check_positive("rule.capacity", rule.capacity, remedy=remedy)
    _validate_counts(rule)
    _validate_limits(rule)
    _validate_times(rule)
    _validate_shares(rule)
    return rule


def _validate_counts(rule: Rule) -> None:
    check_at_least("rule.min", rule.min, 0, "machines", "Write how many machines always run.")
    check_positive(
        "rule.max", rule.max, "machines", "Write how many machines may run at most, 1 or more."
    )
    if rule.min > rule.max:
        remedy = "Lower min or raise max; with both the same the fleet has a fixed size."
        problem = f"must not be above rule.max, which is {rule.max}"
        raise InvalidInput("rule.min", rule.min, problem, remedy)
    remedy = "Write how many machines are kept parked, 0 for none."
    check_at_least("rule.parked", rule.parked, 0, "machines", remedy)
    if rule.most_parked < rule.parked:
        remedy = "Raise parked_max or lower parked; without parked_max always as many as rule.parked are kept."
        problem = f"must not be below rule.parked, which is {rule.parked}"
        raise InvalidInput("rule.parked_max", rule.parked_max, problem, remedy)


def _validate_limits(rule: Rule) -> None:
    if rule.scale_out_limit is not None:
        remedy = (
            "Write how many machines one interval may add, or leave the option out for no limit."
        )
        check_positive("rule.scale_out_limit", rule.scale_out_limit, "machines", remedy)
    remedy = "Write how many machines one run may take away; 0 never takes one away."
    check_at_least("rule.scale_in_limit", rule.scale_in_limit, 0, "machines", remedy)
    if rule.max_per_host is not None:
        remedy = "Write how many of the fleet's machines one host may hold, or leave the option out for no limit."
        check_positive("rule.max_per_host", rule.max_per_host, "machines", remedy)


def _validate_times(rule: Rule) -> None:
    remedy = "Write the seconds from one run of the provisioning to the next, for example 300."
    check_positive("rule.interval", rule.interval, "seconds", remedy)
    if isinstance(rule.horizon, int) and rule.horizon < rule.interval:
        problem = f"must not be shorter than rule.interval, which is {rule.interval}"
        remedy = (
            "Write the seconds that a new machine takes to be ready, at least one interval, or auto, which "
            "measures it."
        )
        raise InvalidInput("rule.horizon", rule.horizon, problem, remedy)
    if rule.steps > MOST_STEPS:
        problem = (
            f"must not be more than {MOST_STEPS} intervals, as no forecast is worth anything beyond"
        )
        remedy = "Shorten horizon or lengthen interval."
        raise InvalidInput("rule.horizon", rule.horizon, problem, remedy)
    remedy = "Write for how many seconds fewer machines must have been enough before one goes, for example 900."
    check_at_least("rule.cooldown", rule.cooldown, 0, "seconds", remedy)
    if rule.cooldown_slots > _MOST_COOLDOWN_SLOTS:
        problem = f"must not be more than {_MOST_COOLDOWN_SLOTS} intervals"
        raise InvalidInput(
            "rule.cooldown", rule.cooldown, problem, "Shorten cooldown or lengthen interval."
        )


def _validate_shares(rule: Rule) -> None:
    remedy = "Write the share to keep free on top of the forecast: 0.2 keeps 20 %."
    check_between("rule.headroom", rule.headroom, 0, 10, remedy)
    remedy = (
        "Write the share of intervals in which demand may exceed the forecast's upper value: 0.05 is one in "
        "twenty."
    )
    check_between("rule.risk", rule.risk, 0, 0.5, remedy, excluded="lowest")
    remedy = (
        "Write the share of intervals in which demand may exceed what running and parked machines carry: 0.01 is one "
        "in a hundred."
    )
    check_between("rule.parked_risk", rule.parked_risk, 0, 0.5, remedy, excluded="lowest")
    remedy = "Write the share of its vCPUs that a full machine uses: 0.7 leaves it 30 %."
    check_between("rule.utilization", rule.utilization, 0, 1, remedy, excluded="lowest")
    remedy = "Write the share of the fleet that may be too much before any of it goes: 0.1 lets a fleet of 20 keep 2."
    check_between("rule.hysteresis", rule.hysteresis, 0, 1, remedy, excluded="highest")
    remedy = "Write a factor: 2 alerts when demand doubles from one interval to the next."
    check_above("rule.alert_growth", rule.alert_growth, 1, remedy)
