# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``assess_together`` says whether the hosts have room for all fleets at once, and at what risk they have not. Pure.

Of each fleet a forecast says what is expected, and what is exceeded at its rule's risk. Taken for normal, the demands
of all together lie between two cases: fleets that have nothing to do with each other, whose deviations partly cancel,
and fleets that peak together, as those of one site do, whose deviations add up.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_number,
    join_names,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
        HostRoom,
        Size,
    )

    from ..model import Observation, Plan
    from ..rule import Rule

_NORMAL: t.Final = statistics.NormalDist()
_PERCENT: t.Final = 100
_GIB: t.Final = 1024**3
_FEWEST: t.Final = 2


@dataclasses.dataclass(frozen=True)
class Peak:
    """What a fleet is expected to take of its hosts, in bytes of memory or in vCPUs, and by how much that varies."""

    fleet: str
    expected: float
    deviation: float
    upper: float


@dataclasses.dataclass(frozen=True)
class JointRisk:
    """``limit`` is what the fleets may have together, ``expected`` what they are expected to take, ``upper`` what they
    take if each is at its upper forecast. ``independent`` and ``together`` are the shares of intervals in which they
    would need more than there is.
    """

    resource: t.Literal["memory", "vcpus"]
    limit: float
    expected: float
    upper: float
    independent: float
    together: float

    def as_dict(self) -> dict[str, t.Any]:
        """Return it for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class FleetView:
    """A fleet that has been planned for; ``rooms`` are the hosts as they were before any plan."""

    rooms: tuple[HostRoom, ...]
    observed: Observation
    rule: Rule
    plan: Plan
    best_effort: bool = False


def assess_together(views: t.Sequence[FleetView]) -> JointRisk | None:
    """Return the joint risk in the resource that is scarcer; None for fewer than two fleets with a forecast."""
    forecast_views = [view for view in views if view.plan.requirement.forecast is not None]
    if len(forecast_views) < _FEWEST:
        return None
    risks = [_assess("memory", views, forecast_views), _assess("vcpus", views, forecast_views)]
    return max(risks, key=lambda risk: (risk.together, risk.upper / max(1.0, risk.limit)))


def explain_joint_risk(risk: JointRisk | None, views: t.Sequence[FleetView]) -> list[str]:
    """Say it, and who would give way."""
    if risk is None:
        return []
    limit, expected, upper = (
        _format(risk.resource, amount) for amount in (risk.limit, risk.expected, risk.upper)
    )
    what = f"The fleets are expected to need {expected} together, of {limit} that the hosts have for them"
    if risk.upper <= risk.limit:
        return [f"{what}; even if all peak at once ({upper}), there is room."]
    lesser = sorted(view.observed.fleet for view in views if view.best_effort)
    give_way = f" {join_names(lesser)} would give way." if lesser else ""
    return [
        f"{what}, and {upper} if all peak at once, for which there is no room: that happens in "
        f"{_share(risk.independent)} of the intervals if their peaks have nothing to do with each other, in "
        f"{_share(risk.together)} if they come together.{give_way}"
    ]


def compute_risks(peaks: t.Sequence[Peak], limit: float) -> tuple[float, float]:
    """Return the risk that the peaks exceed the limit, independent of each other and together."""
    expected = sum(peak.expected for peak in peaks)
    independent = math.sqrt(sum(peak.deviation**2 for peak in peaks))
    together = sum(peak.deviation for peak in peaks)
    return _exceed(expected, independent, limit), _exceed(expected, together, limit)


def _exceed(expected: float, deviation: float, limit: float) -> float:
    if deviation <= 0:
        return float(expected > limit)
    return 1 - _NORMAL.cdf((limit - expected) / deviation)


def _assess(
    resource: t.Literal["memory", "vcpus"],
    views: t.Sequence[FleetView],
    forecast_views: t.Sequence[FleetView],
) -> JointRisk:
    peaks = [_describe_peak(view, _read(view.observed.size, resource)) for view in forecast_views]
    limit = _find_limit(views, resource)
    independent, together = compute_risks(peaks, limit)
    return JointRisk(
        resource=resource,
        limit=limit,
        expected=sum(peak.expected for peak in peaks),
        upper=sum(peak.upper for peak in peaks),
        independent=independent,
        together=together,
    )


def _describe_peak(view: FleetView, size: float) -> Peak:
    forecast = view.plan.requirement.forecast
    if forecast is None:
        raise AssertionError("only fleets with a forecast are asked for")
    step = forecast.steps[forecast.peak]
    upper = max(step.upper, step.value)
    each = size * (1 + view.rule.headroom) / view.rule.capacity
    most = size * view.rule.max
    deviation = (upper - step.value) / _NORMAL.inv_cdf(1 - min(view.rule.risk, 0.49))
    return Peak(
        fleet=view.observed.fleet,
        expected=min(most, step.value * each),
        deviation=deviation * each,
        upper=min(most, upper * each),
    )


def _find_limit(views: t.Sequence[FleetView], resource: str) -> float:
    """Return what the fleets have of the hosts already, and what of these nobody has."""
    rooms: dict[str, HostRoom] = {}
    for view in views:
        rooms.update({room.name: room for room in view.rooms if not room.closed})
    free = sum(_read(room.free, resource) for room in rooms.values())
    return free + sum(_sum_members(view.observed, resource) for view in views)


def _sum_members(observed: Observation, resource: str) -> int:
    return sum(_read(member.size or observed.size, resource) for member in observed.members)


def _read(size: Size, resource: str) -> int:
    return size.memory_bytes if resource == "memory" else size.vcpus


def _format(resource: str, amount: float) -> str:
    if resource == "memory":
        return f"{format_number(round(amount / _GIB, 1))} GiB of memory"
    return f"{format_number(amount)} vCPUs"


def _share(probability: float) -> str:
    if probability < 0.001:
        return "less than 0.1 %"
    return f"{format_number(round(probability * _PERCENT, 1))} %"
