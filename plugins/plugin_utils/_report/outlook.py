# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_outlook``: what the report shows of what is foreseen. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

Dict = t.Mapping[str, t.Any]

_DAY_SECONDS: t.Final = 86_400
# A week: as long as it takes to order a disk. Chosen, not measured.
_SOON_SECONDS: t.Final = 7 * _DAY_SECONDS
_NAMES: t.Final = {"pool": "Pool {name}", "memory": "Memory", "fleet": "Fleet {name}"}


@dataclasses.dataclass(frozen=True)
class ReportRunway:
    """A limit: ``row`` is as provisioning_plan_info told it, ``level`` how worrying that is."""

    label: str
    row: Dict
    level: str


@dataclasses.dataclass(frozen=True)
class ReportOutlook:
    """What is foreseen at ``timestamp``: limits that are ``near``, those that are not, and the loss of each host.

    ``exposed`` are the hosts without which a fleet stays short. ``share`` is what intervals promise.
    """

    timestamp: float
    share: float
    near: tuple[ReportRunway, ...]
    far: tuple[ReportRunway, ...]
    losses: tuple[Dict, ...]
    exposed: tuple[str, ...]
    problems: tuple[str, ...]


def read_outlook(outlook: Dict | None) -> ReportOutlook | None:
    """Return what the report shows of an ``outlook`` of provisioning_plan_info; None where nothing was looked at."""
    if not outlook:
        return None
    now = float(outlook["timestamp"])
    runways = [
        ReportRunway(_NAMES[row["kind"]].format(name=row["name"]), row, _judge(row, now))
        for row in outlook["runways"]
    ]
    exposed = [loss["host"] for loss in outlook["losses"] if loss["lasting"]]
    return ReportOutlook(
        timestamp=now,
        share=outlook["share"],
        near=tuple(runway for runway in runways if runway.level != "good"),
        far=tuple(runway for runway in runways if runway.level == "good"),
        losses=tuple(outlook["losses"]),
        exposed=tuple(dict.fromkeys(exposed)),
        problems=tuple(outlook["problems"]),
    )


def _judge(row: Dict, now: float) -> str:
    if row["reached"] or (row["median"] is not None and row["median"] < now + _SOON_SECONDS):
        return "bad"
    return "good" if row["low"] is None else "warn"
