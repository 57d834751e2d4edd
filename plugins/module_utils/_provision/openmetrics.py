# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``render`` writes decisions as text for Prometheus; what is not known has no sample. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.openmetrics import (
    render_gauge,
)

Decision = t.Mapping[str, t.Any]

# Name (after headroom_fleet_), where its value is in a decision, and what it says.
_METRICS: t.Final = (
    ("demand", ("demand",), "The demand of the interval."),
    ("forecast_demand", ("forecast", "value"), "The highest demand expected within the horizon."),
    ("forecast_upper_demand", ("forecast", "upper"), "What that demand should stay under."),
    ("capacity_demand", ("capacity",), "The demand that one machine carries."),
    ("machines", ("machines", "current"), "Machines that ran when it was decided."),
    (
        "machines_needed",
        ("machines", "needed"),
        "Machines that the forecast and known events ask for.",
    ),
    (
        "machines_target",
        ("machines", "target"),
        "Machines that run when the decision has been carried out.",
    ),
    ("surplus_machines", ("error", "surplus_machines"), "Machines that ran and were not needed."),
    ("short_machines", ("error", "short_machines"), "Machines that were needed and did not run."),
    ("unmet_demand", ("error", "unmet"), "The demand beyond what the machines that ran carry."),
    ("unhealthy_machines", ("members", "unhealthy"), "Machines that failed their health check."),
    ("coming_machines", ("members", "coming"), "Machines that ran and did not serve yet."),
    (
        "parked_machines",
        ("members", "parked"),
        "Machines that do not run, and wake when they are needed.",
    ),
    ("alert", ("alert", "raised"), "Whether demand jumped, or something is wrong with machines."),
    ("interval_seconds", ("interval",), "How often the fleet is to be decided about."),
    ("decided_timestamp_seconds", ("timestamp",), "When it was decided."),
)
_VERBS: t.Final = ("create", "wake", "serve", "prepare", "park", "remove")


def render(decisions: t.Sequence[Decision]) -> str:
    """Return the latest decision of each fleet in the format that the node exporter's textfile collector reads."""
    lines: list[str] = []
    for name, path, text in _METRICS:
        lines += render_gauge(f"headroom_fleet_{name}", text, _read_samples(decisions, path))
    lines += render_gauge(
        "headroom_fleet_demand_missing",
        "Whether the demand of the interval is not known.",
        (({"fleet": one["fleet"]}, float(one["demand"] is None)) for one in decisions),
    )
    lines += render_gauge(
        "headroom_fleet_rollout_failed",
        "Whether the version that the fleet asks for has failed, and is not tried again.",
        _read_failures(decisions),
    )
    lines += render_gauge(
        "headroom_fleet_actions", "Machines that the decision acts on.", _count_actions(decisions)
    )
    return "".join(f"{line}\n" for line in lines)


def _read_samples(
    decisions: t.Sequence[Decision], path: tuple[str, ...]
) -> t.Iterator[tuple[dict[str, str], float]]:
    for decision in decisions:
        value: t.Any = decision
        for name in path:
            # A decision of an older release does not have all of them.
            value = None if value is None else value.get(name)
        if value is not None:
            yield {"fleet": decision["fleet"]}, float(value)


def _read_failures(
    decisions: t.Sequence[Decision],
) -> t.Iterator[tuple[dict[str, str], float]]:
    for decision in decisions:
        if decision.get("rollout") is not None:
            yield {"fleet": decision["fleet"]}, float(decision["rollout"].get("failed") is not None)


def _count_actions(decisions: t.Sequence[Decision]) -> t.Iterator[tuple[dict[str, str], float]]:
    for decision in decisions:
        for verb in _VERBS:
            count = sum(action["action"] == verb for action in decision["actions"])
            yield {"fleet": decision["fleet"], "action": verb}, float(count)
