# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a fleet has shown of its machines: how long new ones take, and how much one carries. Pure.

What one carries follows from the utilisation law (Denning and Buzen, 1978): the processor time that a unit of demand
costs is the time used over the demand met, and a machine is full where its processors are.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import slot_start
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_quantity,
)

from .rule import MOST_STEPS

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

    from .rule import Rule

# In how many runs of ten new machines are ready within the time that is reckoned with.
_IN_TIME: t.Final = 0.9
# Below it, what a machine does without any demand counts for too much.
_LEAST_UTILIZATION: t.Final = 0.1
# Half an hour of five-minute slots, and the busiest tenth of a day of them is 29. Chosen, not measured.
_FEWEST_SLOTS: t.Final = 6
_BUSIEST: t.Final = 0.1
# A service that runs out of something else than its processors must not be taken for one with room.
_FARTHEST: t.Final = 2.0


@dataclasses.dataclass(frozen=True)
class Load:
    """What a host's machines used at ``timestamp`` (epoch seconds) of their ``vcpus``, in cores."""

    timestamp: float
    used_cores: float
    vcpus: int


@dataclasses.dataclass(frozen=True)
class Work:
    """The demand that a core met where machines carried the most, and the share of their vCPUs that they used."""

    demand_per_core: float
    utilization: float


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is known: ``ready_seconds`` is None before a machine was made, ``work`` before there was enough demand.

    ``is_partial`` says that ``work`` would be known, had not a host lost what its machines used.
    """

    ready_seconds: float | None = None
    work: Work | None = None
    is_partial: bool = False

    def estimate_capacity(self, vcpus: int, utilization: float) -> float | None:
        """Return the demand that a machine of ``vcpus`` carries while it uses the share ``utilization`` of them."""
        return None if self.work is None else self.work.demand_per_core * vcpus * utilization


def estimate_ready_seconds(runs: t.Iterable[float]) -> float | None:
    """Return within how many seconds new machines were of use in nine of ten ``runs``; None without any.

    >>> estimate_ready_seconds([30.0, 90.0, 40.0]), estimate_ready_seconds([])
    (90.0, None)
    """
    ordered = sorted(runs)
    return ordered[math.ceil(_IN_TIME * len(ordered)) - 1] if ordered else None


def estimate_work(series: Series, hosts: t.Sequence[t.Sequence[Load]]) -> Work | None:
    """Return what the demand of ``series`` took of the ``hosts``' machines, of the slots of which every host tells.

    Those in which a vCPU met the most demand count, and not those in which it was busiest, as a machine that boots is
    busy, too. None where fewer than six slots tell. A host whose first row is of no machine had none before.
    """
    demands = dict(series.slots())
    columns = [_align(series, loads) for loads in hosts]
    rows: list[tuple[float, float, float]] = []
    for slot in set(demands).intersection(*columns) if columns else ():
        demand = demands[slot]
        used = sum(column[slot].used_cores for column in columns)
        vcpus = sum(column[slot].vcpus for column in columns)
        if demand and vcpus and used >= _LEAST_UTILIZATION * vcpus:
            rows.append((demand / vcpus, demand / used, used / vcpus))
    if len(rows) < _FEWEST_SLOTS:
        return None
    most = sorted(rows, reverse=True)[: max(_FEWEST_SLOTS, round(_BUSIEST * len(rows)))]
    _unused, per_core, utilization = (statistics.median(column) for column in zip(*most))
    return Work(per_core, utilization)


def is_partial(series: Series, hosts: t.Sequence[t.Sequence[Load]]) -> bool:
    """Return whether some of the ``hosts`` tell of enough slots to measure by, and others do not."""
    counts = [len(_align(series, loads)) for loads in hosts]
    return bool(counts) and min(counts) < _FEWEST_SLOTS <= max(counts)


def _align(series: Series, loads: t.Sequence[Load]) -> dict[int, Load]:
    """Return what a host says of slots; before its first row it had no machine if it had none then."""
    by_slot = {slot_start(load.timestamp, series.interval): load for load in loads}
    first = min(by_slot, default=0)
    if by_slot and by_slot[first].vcpus == 0:
        before = (slot for slot, _demand in series.slots() if slot < first)
        by_slot.update({slot: Load(slot, 0.0, 0) for slot in before})
    return by_slot


def apply_calibration(rule: Rule, calibration: Calibration, vcpus: int) -> tuple[Rule, list[str]]:
    """Return ``rule`` with what is to be measured put in, for machines of ``vcpus``, and sentences that say so."""
    sentences: list[str] = []
    if rule.horizon == "auto":
        rule, sentence = _set_horizon(rule, calibration)
        sentences.append(sentence)
    if rule.measure_capacity:
        rule, sentence = _set_capacity(rule, calibration, vcpus)
        sentences.append(sentence)
    return rule, sentences


def _set_horizon(rule: Rule, calibration: Calibration) -> tuple[Rule, str]:
    if calibration.ready_seconds is None:
        ahead = format_count(rule.steps, "interval")
        return (
            rule,
            f"How long a new machine takes is not measured yet, so demand is looked at {ahead} ahead.",
        )
    seconds = min(
        max(rule.interval, math.ceil(calibration.ready_seconds)), MOST_STEPS * rule.interval
    )
    took = format_duration(calibration.ready_seconds)
    sentence = f"New machines took up to {took} in nine of ten runs (rule.horizon=auto)."
    return dataclasses.replace(rule, horizon=seconds), sentence


def _set_capacity(rule: Rule, calibration: Calibration, vcpus: int) -> tuple[Rule, str]:
    capacity = calibration.estimate_capacity(vcpus, rule.utilization)
    if capacity is None or calibration.work is None:
        written = format_quantity(rule.capacity, rule.unit)
        return (
            rule,
            f"What a machine carries is not measured yet, so the {written} of rule.capacity count.",
        )
    within = max(rule.capacity / _FARTHEST, min(rule.capacity * _FARTHEST, capacity))
    bound = (
        ""
        if within == capacity
        else f"; rule.capacity bounds it to {format_quantity(within, rule.unit)}"
    )
    return dataclasses.replace(rule, capacity=within), (
        f"A machine carries {format_quantity(capacity, rule.unit)} with {rule.utilization:.0%} of its vCPUs, as "
        f"measured where machines used {calibration.work.utilization:.0%} of theirs{bound}."
    )
