# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Decisions: ``build_decision`` of a plan, ``record`` it in a history, ``read_…`` them again, ``compute_balance``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_moment
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import rollouts, roster
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.roster import RosterEntry
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import slot_start
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from .model import MAKING

if t.TYPE_CHECKING:
    import sqlite3

    from .model import Observation, Plan
    from .rule import Rule

Decision = dict[str, t.Any]

_REMEDY: t.Final = "Hand in `decision` of what headroom.libvirt.provisioning_plan_info returned."
_NUMBER: t.Final = (int, float)
_MAYBE: t.Final = (int, float, type(None))
_SHAPE: t.Final[dict[str, t.Any]] = {
    "timestamp": _NUMBER,
    "interval": int,
    "fleet": str,
    "demand": _MAYBE,
    "capacity": _NUMBER,
    "forecast": {"value": _MAYBE, "upper": _MAYBE},
    "alert": {"raised": bool},
    "machines": {"current": int, "needed": _MAYBE, "target": int},
    "actions": [{"action": str, "host": str, "name": str}],
}
_OPTIONAL: t.Final[dict[str, t.Any]] = {
    "error": {"surplus_machines": int, "short_machines": int, "unmet": _NUMBER},
    "roster": [{"host": str, "name": str, "uuid": (str, type(None))}],
    "rollout": {},
}


def build_decision(
    observed: Observation, rule: Rule, plan: Plan, forecast: t.Mapping[str, t.Any]
) -> Decision:
    """Return the decision of one run without the history that led to it, for JSON."""
    return {
        "timestamp": observed.now,
        "interval": rule.interval,
        "fleet": observed.fleet,
        "mode": rule.mode,
        "demand": observed.series.current,
        "unit": rule.unit,
        "capacity": rule.capacity,
        "forecast": dict(forecast),
        "alert": dataclasses.asdict(plan.alert),
        "machines": {
            "current": plan.running,
            "needed": plan.requirement.machines,
            "target": plan.target,
        },
        "actions": [dataclasses.asdict(action) for action in plan.actions],
        "reasons": list(plan.reasons),
        "error": _measure_error(observed.series.current, plan.running, rule),
        "digest": plan.digest,
        "roster": _list_machines(observed),
        "members": {
            "unhealthy": sum(member.healthy is False for member in observed.members),
            "coming": len(observed.coming),
            "parked": sum(member.can_wake for member in observed.members),
        },
        "phase": plan.phase,
        "rollout": plan.memory.as_dict(),
    }


def _list_machines(observed: Observation) -> list[dict[str, t.Any]]:
    """Return every machine of the fleet with its host, those on hosts that are not known as the history has them."""
    present = [RosterEntry(member.host, member.name, member.uuid) for member in observed.members]
    return [
        dataclasses.asdict(entry) for entry in sorted({*present, *observed.absent}, key=_sort_key)
    ]


def _sort_key(entry: RosterEntry) -> tuple[str, str]:
    return entry.host, entry.name


def _measure_error(demand: float | None, running: int, rule: Rule) -> dict[str, t.Any] | None:
    """Return how far this interval's machines, to which the decisions before led, were from what it needed.

    ``unmet`` is the demand beyond what they carry. None while the demand is not known.
    """
    if demand is None:
        return None
    needed = dataclasses.replace(rule, headroom=0.0).count_machines(demand)
    return {
        "surplus_machines": max(0, running - needed),
        "short_machines": max(0, needed - running),
        "unmet": max(0.0, demand - rule.capacity * running),
    }


def check_decision(option: str, decision: t.Mapping[str, t.Any]) -> Decision:
    """Return a decision that came through a playbook; raises InvalidInput for what is none."""
    optional = {name: shape for name, shape in _OPTIONAL.items() if decision.get(name) is not None}
    shapes = {**_SHAPE, **optional}
    wrong = [name for name, shape in shapes.items() if not _fits(decision.get(name), shape)]
    if wrong:
        raise InvalidInput(
            option, sorted(decision), f"is not a decision (look at {', '.join(wrong)})", _REMEDY
        )
    check_moment(f"{option}.timestamp", decision["timestamp"])
    return dict(decision)


def _fits(value: t.Any, shape: t.Any) -> bool:
    """Return whether ``value`` is of the type(s) ``shape``, or a dictionary or list of what ``shape`` holds."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(
            _fits(value.get(name), part) for name, part in shape.items()
        )
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(item, shape[0]) for item in value)
    return isinstance(value, shape)


def _read_all(texts: t.Iterable[str]) -> list[Decision]:
    """Return what is kept of decisions; one that cannot be read, or lacks what every release writes, is left out."""
    decisions = []
    for text in texts:
        with contextlib.suppress(InvalidInput, ValueError, AttributeError, RecursionError):
            decisions.append(check_decision("decision", json.loads(text)))
    return decisions


def read_latest(connection: sqlite3.Connection) -> list[Decision]:
    """Return the latest decision of each fleet, by name."""
    rows = connection.execute(
        "SELECT decision FROM decision AS one "
        "WHERE slot = (SELECT max(slot) FROM decision WHERE fleet = one.fleet) ORDER BY fleet"
    )
    return _read_all(text for (text,) in rows)


def record(connection: sqlite3.Connection, decision: Decision, keep: int) -> bool:
    """Keep the decision unless its interval has one already; return whether it was kept.

    Its roster, and what it remembers of a rollout, are kept in any case, and instead of those before. Decisions older
    than ``keep`` seconds go.
    """
    fleet, slot = decision["fleet"], slot_start(decision["timestamp"], decision["interval"])
    if decision.get("roster") is not None:
        roster.write(connection, fleet, _build_roster(decision))
    if decision.get("rollout") is not None and decision.get("mode") != "shadow":
        rollouts.write(connection, fleet, decision["timestamp"], decision["rollout"])
    decision = {name: value for name, value in decision.items() if name != "roster"}
    done = connection.execute(
        "INSERT OR IGNORE INTO decision (fleet, slot, decision) VALUES (?, ?, ?)",
        (fleet, slot, json.dumps(decision, separators=(",", ":"))),
    )
    connection.execute("DELETE FROM decision WHERE fleet = ? AND slot < ?", (fleet, slot - keep))
    return done.rowcount == 1


def _build_roster(decision: Decision) -> roster.Roster:
    """Return what there may be once the decision is carried out: what there is, and what it makes."""
    entries = [
        RosterEntry(machine["host"], machine["name"], machine["uuid"])
        for machine in decision["roster"]
    ]
    if decision.get("mode") != "shadow":
        entries += [
            RosterEntry(action["host"], action["name"])
            for action in decision["actions"]
            if action["action"] in MAKING
        ]
    return roster.Roster(decision["timestamp"], tuple(entries))


def read_between(
    connection: sqlite3.Connection, fleet: str, since: float, until: float
) -> list[Decision]:
    """Return the decisions of the intervals that start within ``since`` … ``until``, oldest first."""
    rows = connection.execute(
        "SELECT decision FROM decision WHERE fleet = ? AND slot BETWEEN ? AND ? ORDER BY slot",
        (fleet, since, until),
    )
    return _read_all(text for (text,) in rows)


def compute_balance(decisions: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return what the decisions came to: machine-hours too many and too few, and the share of the demand unmet."""
    rows = [
        (decision["error"], decision["interval"] / 3600, decision["demand"])
        for decision in decisions
        if decision["error"] is not None
    ]
    demand = sum(demand for _unused, _hours, demand in rows)
    return {
        "decisions": len(decisions),
        "surplus_machine_hours": sum(
            error["surplus_machines"] * hours for error, hours, _unused in rows
        ),
        "short_machine_hours": sum(
            error["short_machines"] * hours for error, hours, _unused in rows
        ),
        "unmet_share": sum(error["unmet"] for error, _hours, _unused in rows) / demand
        if demand
        else None,
    }
