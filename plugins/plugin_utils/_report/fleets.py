# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_fleet``: what the report shows of a fleet, from histories and decisions to figures and charts. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.amount import require_amount
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Sample,
    check_span,
    merge,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_moment,
    format_number,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import charts

Dict = t.Mapping[str, t.Any]
Slots = t.Mapping[int, t.Optional[float]]

_LATEST: t.Final = 25
_PARTICIPLES: t.Final = {
    "create": "created",
    "wake": "woken",
    "prepare": "prepared",
    "park": "parked",
    "remove": "removed",
}
_COLOURS: t.Final = {
    "create": "up",
    "wake": "up",
    "prepare": "up",
    "park": "down",
    "remove": "down",
}


@dataclasses.dataclass(frozen=True)
class Rollout:
    """How far a rollout is, the version that the fleet last had as a whole, and the one whose machines failed."""

    phase: str
    stable: str | None
    failed: str | None
    failed_at: float | None
    reason: str | None

    @property
    def level(self) -> str:
        """How worrying that is."""
        return "bad" if self.failed else "warn" if self.phase in ("paused", "returning") else ""


class Peak(t.NamedTuple):
    """The highest demand, and when it was."""

    moment: float
    value: float


@dataclasses.dataclass(frozen=True)
class ReportFleet:
    """A fleet for the templates: ``latest`` is its last decision, ``decided`` the last ones, the newest first.

    ``slots`` and ``decisions`` are all that its charts are drawn of, the oldest first.
    """

    name: str
    tenant: str | None
    latest: Dict | None
    decided: t.Sequence[Dict]
    balance: Dict
    kept: float | None
    demand: t.Mapping[str, str]
    machines: t.Mapping[str, str]
    slots: Slots = dataclasses.field(default_factory=dict)
    decisions: t.Sequence[Dict] = ()
    rollout: Rollout | None = None

    @property
    def alert(self) -> str | None:
        """Why the last decision raised an alert."""
        return (
            self.latest["alert"].get("reason")
            if self.latest and self.latest["alert"]["raised"]
            else None
        )

    @property
    def peak(self) -> Peak | None:
        """The highest demand of the time that is shown; None where none is known."""
        return max(self._list_values(), key=lambda peak: peak.value, default=None)

    @property
    def last(self) -> Peak | None:
        """The newest demand that is known."""
        return max(self._list_values(), default=None)

    def _list_values(self) -> list[Peak]:
        return [Peak(moment, value) for moment, value in self.slots.items() if value is not None]


def read_fleet(row: Dict, now: float, zone: dt.tzinfo = dt.timezone.utc) -> ReportFleet:
    """Return what the report shows of one fleet; ``row`` is ``{name, tenant, past: [demand_history_info, …]}``."""
    past = [
        answer
        for answer in row.get("past") or []
        if isinstance(answer, dict) and "history" in answer
    ]
    decided = _collect_decisions(past)
    interval = decided[-1]["interval"] if decided else row.get("interval") or 300
    samples = [
        [
            Sample(
                slot["timestamp"],
                _read_demand(slot["value"]),
                bool(slot["whole"]),
                slot.get("reason"),
            )
            for slot in answer["history"]
        ]
        for answer in past
    ]
    check_span(f"fleets ({row['name']})", samples, interval, now)
    series = merge(samples, interval, now)
    demand = dict(series.slots())
    axis = _measure_axis(demand, decided, interval, zone)
    return ReportFleet(
        name=row["name"],
        tenant=row.get("tenant"),
        latest=decided[-1] if decided else None,
        decided=[_describe_decision(decision) for decision in reversed(decided[-_LATEST:])],
        balance=decisions.compute_balance(decided),
        kept=_compute_held_share(decided, demand),
        demand=_draw_demand(row["name"], demand, decided, axis),
        machines=_draw_machines(row["name"], decided, axis),
        slots=demand,
        decisions=decided,
        rollout=_read_rollout(decided[-1]) if decided else None,
    )


def _read_rollout(decision: Dict) -> Rollout | None:
    """Return what a decision says of a rollout; None where there is none and none has failed."""
    memory = decision.get("rollout") or {}
    phase = decision.get("phase") or "none"
    if phase == "none" and not memory.get("failed"):
        return None
    names = ("stable", "failed", "failed_at", "reason")
    return Rollout(phase, *(memory.get(name) for name in names))


def _read_demand(value: float | None) -> float | None:
    """Return a demand, None for what is none: a history that somebody wrote into keeps nobody from a report."""
    try:
        return None if value is None else require_amount(float(value))
    except (TypeError, ValueError):
        return None


def _collect_decisions(past: t.Sequence[Dict]) -> list[Dict]:
    """Return the decisions of all hosts, each once: every host keeps every one."""
    by_moment = {}
    for answer in past:
        for decision in answer.get("decisions") or []:
            by_moment[decision["timestamp"]] = decision
    return [by_moment[moment] for moment in sorted(by_moment)]


def _describe_decision(decision: Dict) -> Dict:
    counts: dict[str, int] = {}
    for action in decision["actions"]:
        counts[action["action"]] = counts.get(action["action"], 0) + 1
    chips = [
        {"text": f"{count} {_PARTICIPLES.get(verb, verb)}", "kind": _COLOURS.get(verb, "")}
        for verb, count in counts.items()
    ]
    names = [
        f"{action['action']} {action['name']} on {action['host']}" for action in decision["actions"]
    ]
    return {**decision, "chips": chips, "names": names}


def _compute_held_share(
    decided: t.Sequence[Dict], demand: t.Mapping[int, float | None]
) -> float | None:
    """Return the share of forecasts whose upper value held; None before any came due."""
    due = []
    for decision in decided:
        upper, at = decision["forecast"].get("upper"), decision["forecast"].get("at")
        value = None if upper is None else demand.get(at)
        if value is not None:
            due.append(value <= upper)
    return sum(due) / len(due) if due else None


def _measure_axis(
    demand: Slots, decided: t.Sequence[Dict], interval: int, zone: dt.tzinfo
) -> charts.Axis:
    """Return from when to when the charts of a fleet go, so that they can be read together."""
    moments = [*demand, *(decision["timestamp"] for decision in decided)]
    forecasts = [decision["forecast"] for decision in decided]
    ahead = [forecast["at"] for forecast in forecasts if forecast.get("at") is not None]
    first, last = min(moments, default=0.0), max([*moments, *ahead], default=0.0)
    return charts.Axis(first, last + interval, zone)


def _draw_demand(
    name: str, demand: Slots, decided: t.Sequence[Dict], axis: charts.Axis
) -> t.Mapping[str, str]:
    forecasts = {
        decision["forecast"]["at"]: (decision["forecast"]["value"], decision["forecast"]["upper"])
        for decision in decided
        if decision["forecast"].get("upper") is not None
    }
    outline = charts.outline_band([(moment, *forecasts[moment]) for moment in sorted(forecasts)])
    parts = charts.split_at_gaps(demand.items())
    return charts.draw(
        f"Demand of {name} and what was forecast for it",
        [
            charts.Line("band", [outline] if len(forecasts) > 1 else [], filled=True, angular=True),
            charts.Line("demand", parts),
        ],
        axis,
        _read_demands(demand, {at: upper for at, (_value, upper) in forecasts.items()}, axis.zone),
    )


def _read_demands(
    demand: Slots, uppers: t.Mapping[float, float], zone: dt.tzinfo
) -> list[charts.Reading]:
    """Return what the demand was, and at most was expected to be, of each moment of which one is known."""
    readings = []
    for moment in sorted({*demand, *uppers}):
        value, upper = demand.get(int(moment)), uppers.get(moment)
        words = [] if value is None else [f"demand {format_number(value)}"]
        words += [] if upper is None else [f"expected at most {format_number(upper)}"]
        if words:
            text = f"{format_moment(moment, zone)}: {', '.join(words)}"
            readings.append(charts.Reading(moment, value or 0.0, text))
    return readings


def _draw_machines(name: str, decided: t.Sequence[Dict], axis: charts.Axis) -> t.Mapping[str, str]:
    running = [(row["timestamp"], float(row["machines"]["current"])) for row in decided]
    needed = [(row["timestamp"], row["machines"]["needed"]) for row in decided]
    if decided:
        last = decided[-1]
        running.append((last["timestamp"] + last["interval"], float(last["machines"]["target"])))
    line = [charts.draw_steps(running)] if running else []
    return charts.draw(
        f"Machines of {name}: running and needed",
        [
            charts.Line("area", line, filled=True, angular=True),
            charts.Line("running", line, angular=True),
            charts.Line(
                "needed",
                [charts.draw_steps(part) for part in charts.split_at_gaps(needed)],
                angular=True,
            ),
        ],
        axis,
        [_read_machines(row, axis.zone) for row in decided],
    )


def _read_machines(decision: Dict, zone: dt.tzinfo) -> charts.Reading:
    machines, moment = decision["machines"], decision["timestamp"]
    needed = "not known" if machines["needed"] is None else format_number(machines["needed"])
    text = f"{format_moment(moment, zone)}: {machines['current']} running, {needed} needed"
    return charts.Reading(moment, float(machines["current"]), text)
