# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``plan_outlook``: the value ``outlook`` of a result, out of what is asked for. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import RUNNING

from . import explain
from .loss import HostLoss, Situation, find_peak, foresee_loss, foresee_loss_at_peak
from .runway import SHARE, Runway, find_runway

if t.TYPE_CHECKING:
    from .request import HostOutlook, OutlookRequest

Row = dict[str, t.Any]


def plan_outlook(request: OutlookRequest) -> dict[str, t.Any]:
    """Return when limits are reached, the soonest first, and what the loss of each host takes, as JSON-able data."""
    runways = [*_list_host_runways(request.hosts), *map(_describe_fleet, request.situations)]
    return {
        "timestamp": request.now,
        "share": SHARE,
        "runways": sorted(runways, key=_sort_soonest_first),
        "losses": _list_losses(request),
        "problems": list(request.problems),
    }


def _list_host_runways(hosts: t.Iterable[HostOutlook]) -> t.Iterator[Row]:
    for host in hosts:
        for history in host.histories:
            if history.total_bytes > 0:
                runway = find_runway(history.series, history.total_bytes)
                yield _describe(history.kind, host.name, history.name, "bytes", runway)


def _describe_fleet(situation: Situation) -> Row:
    """Return when the fleet's demand asks for more machines than its rule allows."""
    rule, observed = situation.rule, situation.observed
    limit = rule.max * rule.capacity / (1 + rule.headroom)
    return _describe("fleet", None, observed.fleet, rule.unit, find_runway(observed.series, limit))


def _describe(kind: str, host: str | None, name: str, unit: str, runway: Runway) -> Row:
    row = {
        "kind": kind,
        "host": host,
        "name": name,
        "unit": unit,
        **dataclasses.asdict(runway),
        "reached": runway.is_reached,
    }
    return {**row, "message": explain.explain_runway(row)}


def _sort_soonest_first(row: Row) -> tuple[t.Any, ...]:
    dates = [row[name] for name in ("median", "low")]
    known = [date is not None for date in dates]
    return (
        not row["reached"],
        not any(known),
        next((date for date in dates if date is not None), 0),
        row["until"] is None,
        row["kind"],
        row["host"] or "",
        row["name"],
    )


def _list_losses(request: OutlookRequest) -> list[Row]:
    situations, peak = request.situations, find_peak(request.situations)
    others = _count_others(request)
    rows: list[Row] = []
    for host in request.lost:
        rows.append(_describe_loss("now", foresee_loss(situations, host, request.now), others))
        if peak is not None:
            loss = foresee_loss_at_peak(situations, host, peak)
            rows.append(_describe_loss("peak", loss, others))
    return rows


def _count_others(request: OutlookRequest) -> dict[str, int]:
    """Return how many guests run on each host that belong to none of the fleets."""
    observations = [situation.observed for situation in request.situations]
    members = itertools.chain.from_iterable(observed.members for observed in observations)
    ours = [member.host for member in members if member.state in RUNNING]
    return {host.name: max(0, host.running - ours.count(host.name)) for host in request.hosts}


def _describe_loss(when: str, loss: HostLoss, others: t.Mapping[str, int]) -> Row:
    fleets = [
        {**dataclasses.asdict(fleet), "replaced": dict(fleet.replaced), "short": fleet.short}
        for fleet in loss.fleets
    ]
    row = {
        "host": loss.host,
        "when": when,
        "timestamp": loss.moment,
        "lost": sum(fleet.lost for fleet in loss.fleets),
        "short": sum(fleet.short for fleet in loss.fleets),
        "lasting": sum(fleet.lasting for fleet in loss.fleets),
        "others": others.get(loss.host, 0),
    }
    described = [{**fleet, "message": explain.explain_fleet_loss(fleet)} for fleet in fleets]
    return {**row, "fleets": described, "message": explain.explain_loss(row)}
