# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the report shows of a fleet: from histories and decisions to figures, sentences and charts. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Sample, merge
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import charts

Dict = t.Mapping[str, t.Any]
Span = tuple[float, float]

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
class Fleet:
    """A fleet for the templates: ``latest`` is its last decision, ``decided`` the last ones, the newest first."""

    name: str
    tenant: str | None
    latest: Dict | None
    decided: t.Sequence[Dict]
    balance: Dict
    kept: float | None
    demand: t.Mapping[str, str]
    machines: t.Mapping[str, str]
    fits: int | None = None

    @property
    def alert(self) -> str | None:
        """Why the last decision raised an alert."""
        return (
            self.latest["alert"].get("reason")
            if self.latest and self.latest["alert"]["raised"]
            else None
        )


def fleet(given: Dict, now: float) -> Fleet:
    """Return what is known of one fleet; ``given`` is ``{name, tenant, past: [demand_history_info of each host]}``."""
    past = [one for one in given.get("past") or [] if isinstance(one, dict) and "history" in one]
    made = _decisions(past)
    interval = made[-1]["interval"] if made else given.get("interval") or 300
    samples = [
        [Sample(row["timestamp"], row["value"], bool(row["whole"])) for row in one["history"]]
        for one in past
    ]
    series = merge(samples, interval, now)
    known = dict(series.slots())
    span = _span(known, made, interval)
    return Fleet(
        name=given["name"],
        tenant=given.get("tenant"),
        latest=made[-1] if made else None,
        decided=[_told(one) for one in reversed(made[-_LATEST:])],
        balance=decisions.compute_balance(made),
        kept=_kept(made, known),
        demand=_demand_chart(given["name"], known, made, span),
        machines=_machines_chart(given["name"], made, span),
    )


def _decisions(past: t.Sequence[Dict]) -> list[Dict]:
    """Return the decisions of all hosts, each once: every host keeps every one."""
    found = {one["timestamp"]: one for answer in past for one in answer.get("decisions") or []}
    return [found[moment] for moment in sorted(found)]


def _told(decision: Dict) -> Dict:
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


def _kept(made: t.Sequence[Dict], known: t.Mapping[int, float | None]) -> float | None:
    """Return the share of forecasts whose upper value held; None before any came due."""
    due = [
        demand <= forecast["upper"]
        for forecast in (one["forecast"] for one in made)
        if forecast.get("upper") is not None and (demand := known.get(forecast["at"])) is not None
    ]
    return sum(due) / len(due) if due else None


def _span(known: t.Mapping[int, float | None], made: t.Sequence[Dict], interval: int) -> Span:
    """Return from when to when the charts of a fleet go, so that they can be read together."""
    moments = [*known, *(one["timestamp"] for one in made)]
    ahead = [one["forecast"]["at"] for one in made if one["forecast"].get("at") is not None]
    return min(moments, default=0.0), max([*moments, *ahead], default=0.0) + interval


def _demand_chart(
    name: str, known: t.Mapping[int, float | None], made: t.Sequence[Dict], span: Span
) -> t.Mapping[str, str]:
    forecasts = {
        one["forecast"]["at"]: (one["forecast"]["value"], one["forecast"]["upper"])
        for one in made
        if one["forecast"].get("upper") is not None
    }
    outline = charts.band([(moment, *forecasts[moment]) for moment in sorted(forecasts)])
    parts = charts.stretches(known.items())
    return charts.draw(
        f"Demand of {name} and what was forecast for it",
        [
            charts.Line("band", [outline] if len(forecasts) > 1 else [], filled=True, angular=True),
            charts.Line("demand", parts),
        ],
        span,
    )


def _machines_chart(name: str, made: t.Sequence[Dict], span: Span) -> t.Mapping[str, str]:
    running = [(one["timestamp"], float(one["machines"]["current"])) for one in made]
    needed = [(one["timestamp"], one["machines"]["needed"]) for one in made]
    if made:
        running.append(
            (made[-1]["timestamp"] + made[-1]["interval"], float(made[-1]["machines"]["target"]))
        )
    line = [charts.steps(running)] if running else []
    return charts.draw(
        f"Machines of {name}: running and needed",
        [
            charts.Line("area", line, filled=True, angular=True),
            charts.Line("running", line, angular=True),
            charts.Line(
                "needed", [charts.steps(part) for part in charts.stretches(needed)], angular=True
            ),
        ],
        span,
    )
