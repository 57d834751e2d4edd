# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A plan as tasks return it: ``build_result`` is for JSON, and says nothing of the history but its latest day.

``group_work`` is what of it is to be done, by host. ``describe_errors`` and ``describe_rivals`` are rows without plan.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names

from . import decisions

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

    from .fleets import FleetEntry
    from .model import Claim, Member, Observation, Plan
    from .rule import Rule

_SHOWN_SECONDS: t.Final = 86_400
_VERBS: t.Final = ("wake", "serve", "create", "prepare", "park", "remove")
_LEAVING: t.Final = ("park", "remove")


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
        "claims": _group_claims(plan.claims),
        "streams": {host: dataclasses.asdict(peer) for host, peer in observed.peers.items()},
        "wake": plan.group_by_host("wake"),
        "serve": plan.group_by_host("serve"),
        "prepare": plan.group_by_host("prepare"),
        "park": plan.group_by_host("park"),
        "remove": plan.group_by_host("remove"),
        "rollout": {"phase": plan.phase, **plan.memory.as_dict()},
        "members": [_describe_member(member) for member in observed.members],
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


def _group_claims(claims: t.Iterable[Claim]) -> dict[str, list[dict[str, str]]]:
    """Return what is parked for the fleet, by host."""
    by_host: dict[str, list[dict[str, str]]] = {}
    for claim in claims:
        by_host.setdefault(claim.host, []).append({"fleet": claim.fleet, "name": claim.name})
    return by_host


def _describe_member(member: Member) -> dict[str, t.Any]:
    names = (
        "name",
        "host",
        "parked_for",
        "state",
        "version",
        "labelled",
        "in_service",
        "healthy",
        "health_reason",
    )
    return {**{name: getattr(member, name) for name in names}, "serves": member.serves}


def group_work(row: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what is to be done for a fleet, by host, with a list for each kind of action; no host for none.

    That is never anything for one that is new to a host, as nothing there says that this run has it. ``coming`` are the
    machines that are to serve, woken and new, and ``batches`` the same by what they are clones of. ``leaving`` are the
    actions on those that go, and ``parking`` those that are parked. ``appliances`` says what a machine is a clone of,
    where that is not what the fleet says. ``claims`` are machines of other fleets, which have been parked before.
    """
    actions = [action for action in _list_actions(row) if action["parked_for"] is None]
    return _group(row, actions, row["parked_as"])


def group_yield(row: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Likewise, return what the fleet parks for others, which comes before anything else; their memory is saved."""
    actions = [action for action in _list_actions(row) if action["parked_for"] is not None]
    return {**_group(row, actions, "saved"), "claims": {}}


def _list_actions(row: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    return [] if row["mode"] == "shadow" or row["new"] else row["actions"]


def _group(
    row: t.Mapping[str, t.Any], actions: t.Sequence[dict[str, t.Any]], parked_as: str | None
) -> dict[str, t.Any]:
    hosts: dict[str, dict[str, list[t.Any]]] = {}
    for action in actions:
        work = hosts.setdefault(action["host"], {verb: [] for verb in (*_VERBS, "leaving")})
        work[action["action"]].append(action["name"])
        if action["action"] in _LEAVING:
            work["leaving"].append(action)
    return {
        "fleet": row["fleet"],
        "hosts": {
            host: {
                **work,
                "coming": (coming := work["wake"] + work["serve"] + work["create"]),
                "batches": _group_by(coming, "appliance", actions),
                "parking": _group_by(work["park"], "parked_for", actions),
                "stream": row["streams"].get(host) if work["create"] + work["prepare"] else None,
            }
            for host, work in hosts.items()
        },
        "appliances": {
            action["name"]: action["appliance"] for action in actions if action["appliance"]
        },
        "removes": any(work["leaving"] for work in hosts.values()),
        "parked_as": parked_as,
        "claims": row["claims"],
        **{name: row[name] for name in ("leases", "recorded")},
    }


def _group_by(
    names: t.Sequence[str], key: str, actions: t.Iterable[t.Mapping[str, t.Any]]
) -> list[dict[str, t.Any]]:
    """Return the machines by what their actions say under the key."""
    values = {action["name"]: action[key] for action in actions}
    groups: dict[str | None, list[str]] = {}
    for name in names:
        groups.setdefault(values[name], []).append(name)
    return [{key: value, "names": group} for value, group in groups.items()]


def describe_errors(entry: FleetEntry, errors: t.Sequence[HeadroomError]) -> dict[str, t.Any]:
    """Return the row of a fleet that is not planned for, since ``errors`` are in the way, the first of which is its."""
    messages = [error.message for error in errors]
    return {
        **_describe_nothing(entry, f"Nothing is done: {' '.join(messages)}"),
        "error": {**errors[0].as_result(), "message": messages[0]},
        "problems": [*messages, *entry.view.problems],
    }


def describe_rivals(entry: FleetEntry) -> dict[str, t.Any]:
    """Return the row of a fleet that another run has."""
    hosts = join_names(entry.view.rivals)
    return _describe_nothing(
        entry,
        f"Another run is provisioning the fleet {entry.name} (it holds {hosts}), so this one leaves it alone.",
    )


def describe_view(entry: FleetEntry) -> dict[str, t.Any]:
    """Return what a fleet's row has of what hosts have seen beside its demand and its machines."""
    view = entry.view
    return {
        "fleet": entry.name,
        "new": view.is_new,
        "problems": list(view.problems),
        "rivals": list(view.rivals),
        "leases": dict(view.leases),
        "recorded": view.recorded,
    }


def _describe_nothing(entry: FleetEntry, reason: str) -> dict[str, t.Any]:
    return {
        **describe_view(entry),
        "error": None,
        "demand": None,
        "forecast": None,
        "alert": None,
        "machines": None,
        "mode": None,
        "parked_as": None,
        "actions": [],
        **{verb: {} for verb in _VERBS},
        "rollout": None,
        "members": [],
        "claims": {},
        "streams": {},
        "reasons": [reason],
        "digest": None,
        "measured": None,
        "decision": None,
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
