# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A plan as tasks return it: ``build_result`` is for JSON, and says nothing of the history but its latest day. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series

from . import decisions

if t.TYPE_CHECKING:
    from .model import Observation, Plan
    from .rule import Rule

_SHOWN_SECONDS: t.Final = 86_400


def build_result(observed: Observation, rule: Rule, plan: Plan) -> dict[str, t.Any]:
    """Return ``plan`` as the module returns it, with the decision that is to be recorded."""
    series, forecast = observed.series, _describe_forecast(observed, rule, plan)
    return {
        "changed": False,
        "demand": {
            "current": series.current,
            "series": [
                {"timestamp": start, "value": value}
                for start, value in _take_latest_day(series).slots()
            ],
        },
        "forecast": forecast,
        "alert": dataclasses.asdict(plan.alert),
        "machines": {
            "current": plan.running,
            "needed": plan.requirement.machines,
            "target": plan.target,
        },
        "mode": rule.mode,
        "parked_as": rule.parked_as,
        "actions": [dataclasses.asdict(action) for action in plan.actions],
        "create": plan.group_by_host("create"),
        "wake": plan.group_by_host("wake"),
        "prepare": plan.group_by_host("prepare"),
        "park": plan.group_by_host("park"),
        "remove": plan.group_by_host("remove"),
        "reasons": list(plan.reasons),
        "digest": plan.digest,
        "measured": {
            "capacity": observed.calibration.estimate_capacity(
                observed.size.vcpus, rule.utilization
            ),
            "utilization": observed.calibration.work and observed.calibration.work.utilization,
            "ready_seconds": observed.calibration.ready_seconds,
        },
        "decision": decisions.build_decision(observed, rule, plan, forecast),
    }


def _take_latest_day(series: Series) -> Series:
    left_out = max(0, len(series.values) - _SHOWN_SECONDS // series.interval)
    return Series(
        series.interval, series.start + left_out * series.interval, series.values[left_out:]
    )


def _describe_forecast(observed: Observation, rule: Rule, plan: Plan) -> dict[str, t.Any]:
    forecast = plan.requirement.forecast
    if forecast is None:
        return {"value": None, "upper": None, "at": None, "method": None}
    series, peak = observed.series, forecast.peak
    at = series.start + (len(series.values) + peak) * rule.interval
    return {
        "value": forecast.steps[peak].value,
        "upper": forecast.steps[peak].upper,
        "at": at,
        "method": forecast.method,
    }
