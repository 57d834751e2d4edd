# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a task asks to be foreseen: ``read_request`` makes an OutlookRequest of the options of provisioning_plan_info.

What is wrong with one fleet is told, and the others are looked at.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value, check_moment
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import usage
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Series,
    bridge_gaps,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.beginning import (
    ENOUGH_SLOTS,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import (
    LONGEST_SECONDS,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.online import Tracker
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    is_filter,
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    apply_calibration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.fleets import (
    has_answered,
    read_fleets,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
    observe_hosts,
)

from .loss import Path, Situation
from .runway import find_highest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
        Forecast,
        Forecaster,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.options import Spec
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
        PlanRequest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

Options = t.Mapping[str, t.Any]

_DAY_SECONDS: t.Final = 86_400
_OBSERVATION: t.Final = (
    "Hand in what headroom.libvirt.fleet_observe returned on it, or null if it did not answer."
)

# The option `outlook` of provisioning_plan_info.
OUTLOOK: t.Final[Spec] = {"lost": {"type": "list", "elements": "str"}}


@dataclasses.dataclass(frozen=True)
class HostOutlook:
    """A host that answered: what was recorded of it, and how many guests run there, those of fleets among them."""

    name: str
    histories: tuple[usage.UsageHistory, ...]
    running: int


@dataclasses.dataclass(frozen=True)
class OutlookRequest:
    """The fleets, the hosts that answered, and those of them whose loss is looked at, at ``now`` (epoch seconds).

    ``problems`` are sentences on the fleets that nothing can be said of.
    """

    situations: tuple[Situation, ...]
    hosts: tuple[HostOutlook, ...]
    lost: tuple[str, ...]
    now: float
    problems: tuple[str, ...] = ()


def read_request(params: Options, now: float) -> OutlookRequest:
    """Return what the options ask for, ``now`` where they name no time; raises InvalidInput, and as read_fleets()."""
    moment = now if params["now"] is None else check_moment("now", params["now"])
    entries = read_fleets({**params, "now": moment})
    hosts = tuple(
        _read_host(index, host) for index, host in enumerate(params["hosts"]) if has_answered(host)
    )
    requests = [entry.request for entry in entries]
    return OutlookRequest(
        situations=tuple(_read_situation(request) for request in requests if request is not None),
        hosts=hosts,
        lost=_read_lost(params["outlook"]["lost"], [host.name for host in hosts]),
        now=moment,
        problems=tuple(
            f"{entry.name}: {' '.join(error.message for error in entry.errors)}"
            for entry in entries
            if entry.errors
        ),
    )


def _read_host(index: int, host: Options) -> HostOutlook:
    path = f"hosts[{index}].observation"
    observation = Value(path, host["observation"], _OBSERVATION)
    text = observation["usage"].value
    running = observation["host"]["domains"]["running"].read_optional(Value.require_count)
    histories = [] if text is None else usage.unpack(f"{path}.usage", text)
    return HostOutlook(host["name"], tuple(histories), running or 0)


def _read_lost(names: t.Sequence[str] | None, hosts: t.Sequence[str]) -> tuple[str, ...]:
    for name in names or ():
        if name not in hosts:
            remedy = f"Name one of: {', '.join(sorted(hosts)) or 'none'}."
            raise InvalidInput("outlook.lost", name, "is not one of `hosts` that answered", remedy)
    return tuple(hosts if names is None else dict.fromkeys(names))


def _read_situation(request: PlanRequest) -> Situation:
    observed = observe_hosts(request)
    rule, _notes = apply_calibration(request.rule, observed.calibration, observed.size.vcpus)
    risks = (rule.risk, rule.parked_risk)
    return Situation(
        observed=observed,
        rule=rule,
        standpoint=request.standpoint,
        forecasters=tuple(_Remembering(_make_forecaster(rule, risk)) for risk in risks),
        path=forecast_day(observed.series, rule),
        upkeep=request.upkeep,
        allowance=request.allowance,
    )


def _make_forecaster(rule: Rule, risk: float) -> Forecaster:
    """Return the rule's forecaster; the usual one in the place of a filter, which only the controller could ask."""
    return make_forecaster("auto" if is_filter(rule.forecaster) else rule.forecaster, risk)


def forecast_day(series: Series, rule: Rule) -> Path:
    """Return what is expected of each hour (or interval, if longer) of a day; nothing while too few are known.

    What an hour asks for is its highest interval, and each is forecast by itself.
    """
    size = max(1, usage.HOUR_SECONDS // rule.interval)
    seconds = size * rule.interval
    values = find_highest(bridge_gaps(series).values, size)[-LONGEST_SECONDS // seconds :]
    ahead = range(1, max(1, _DAY_SECONDS // seconds) + 1)
    tracker = Tracker(seconds, len(ahead), [1 - rule.risk], anchors=ahead)
    for value in values:
        tracker.observe(value)
    forecast = tracker.forecast() if tracker.known_count >= ENOUGH_SLOTS else None
    end = series.start + len(series.values) * series.interval
    return Path(end, seconds, () if forecast is None else forecast.steps)


class _Remembering:
    """A Forecaster that asks another one each question once: a plan is made for every host that may be lost."""

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster
        self._answers: dict[tuple[Series, int, int], list[Forecast | None]] = {}

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        question = (series, steps, last)
        if question not in self._answers:
            self._answers[question] = self._forecaster.forecast(series, steps, last)
        return self._answers[question]
