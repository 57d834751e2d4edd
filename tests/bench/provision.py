# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Provisioning on recorded demand, as a rule does it by default, against target tracking and the gap rule.

All is exact but for the times.

Each method has one knob (the risk, or the target utilisation), which is swept: what a method costs is read where it is
short of machines for 5 % of the time, and how long it is short where it costs as much as target tracking at 0.7.
Between two settings both are read from the line. In the rows, `seconds` and `peer_seconds` hold the measure that the
case names: only times are in seconds. The rows whose peer is `goal` come last and sum up all traces, where a ratio of
at most 1 is what was asked for.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import time
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._backtest import baselines
from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.replay import (
    FleetTerms,
    Outcome,
    Table,
    replay,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import Auto

from bench import alerts, goals, traces
from bench.frame import Row

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

HELP = "Provisioning on recorded demand: under-provisioned time and cost against target tracking and the gap rule."

_RISKS: t.Final = (
    0.6,
    0.5,
    0.4,
    0.3,
    0.25,
    0.2,
    0.17,
    0.15,
    0.13,
    0.1,
    0.08,
    0.07,
    0.06,
    0.05,
    0.04,
    0.03,
    0.02,
)
_TAILS: t.Final = (
    0.01,
    0.007,
    0.005,
    0.004,
    0.003,
    0.0025,
    0.002,
    0.0018,
    0.0015,
    0.001,
    0.0005,
    0.0001,
)
_TARGETS: t.Final = (
    *(step / 20 for step in range(6, 14)),
    *(step / 100 for step in range(70, 90)),
    0.9,
    0.95,
    1.0,
)
_SHORT: t.Final = 0.05
_TOLERANCE: t.Final = 0.1
_SUBJECT: t.Final = "auto"

Points = list[tuple[float, float]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--trace",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"a CSV file timestamp,demand; may be repeated (default: all in {traces.DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--quick", action="store_true", help="only 20 machines and the shorter boot time"
    )
    parser.add_argument(
        "--windows",
        type=Path,
        metavar="FILE",
        help='JSON {"trace": [["begin", "end"], …]}: known events, of which alerts should tell',
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Measure all traces."""
    windows = alerts.read_windows(options.windows) if options.windows else {}
    rows: list[Row] = []
    facts: list[goals.Facts] = []
    for trace in traces.find(options.trace):
        seconds = _decision_seconds(trace)
        rows.append(_decision_row(trace, *seconds))
        for delay, machines in [(trace.delay, (20,))] if options.quick else _settings(trace):
            contest = _Contest(trace, delay)
            rows += list(contest.rows(machines))
            if delay == trace.delay:
                facts.append(contest.facts(windows, *seconds))
    return rows + list(goals.rows(facts))


def table(rows: Sequence[Row]) -> str:
    """The rows for people, columns aligned, the goals below."""
    reached = [row for row in rows if row.peer == goals.GOAL]
    compared = [row for row in rows if row.peer != goals.GOAL]
    header = ("case", "n", "ours", "peer", "peer's", "ratio")
    cells = [
        (
            row.case,
            str(row.n),
            f"{row.seconds:.4g}",
            row.peer,
            f"{row.peer_seconds:.4g}",
            f"{row.ratio:.3f}",
        )
        for row in compared
    ]
    judged = [
        (
            row.case,
            "met" if row.ratio <= 1 else "missed",
            f"{row.seconds:.4g}",
            "at most",
            f"{row.peer_seconds:.4g}",
            "",
        )
        for row in reached
    ]
    return f"{_aligned([header, *cells])}\n\n{_aligned([('goal', '', 'reached', '', 'asked', ''), *judged])}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = {1, 2, 4, 5}
    text = [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(text)


def _settings(trace: traces.Trace) -> list[tuple[int, tuple[int, ...]]]:
    return [(trace.delay, (20, 6)), (3 * trace.delay, (20,))]


class _Contest:
    """The methods on one trace with one boot time; the tables are made once, for fleets of every size."""

    def __init__(self, trace: traces.Trace, delay: int) -> None:
        self._trace, self._delay = trace, delay
        demand = trace.demand
        risks = _RISKS + _TAILS
        self._ours = dict(
            zip(risks, baselines.plan_auto(demand, trace.interval, delay, risks), strict=True)
        )
        self._reactive = {target: baselines.plan_reactive(demand, target) for target in _TARGETS}
        self._gap = {target: baselines.plan_gap_rule(demand, delay, target) for target in _TARGETS}

    def rows(self, fleets: Iterable[int]) -> Iterator[Row]:
        """The rows of fleets that need so many machines at the peak."""
        for machines in fleets:
            yield from self._rows(machines)

    def _rows(self, machines: int) -> Iterator[Row]:
        terms = self._terms(machines)
        patient = dataclasses.replace(terms, out_tolerance=_TOLERANCE, in_tolerance=_TOLERANCE)
        blend = {risk: self._replay(made, terms) for risk, made in self._ours.items()}
        peers = {
            "reactive": {
                target: self._replay(made, patient) for target, made in self._reactive.items()
            },
            "gap rule": {target: self._replay(made, terms) for target, made in self._gap.items()},
        }
        case = f"{self._trace.name} K={machines} D={self._delay}"
        same_cost = peers["reactive"][0.7].cost
        ours = short_at(points(blend.values()), same_cost)
        for peer, outcomes in peers.items():
            theirs = (
                peers["reactive"][0.7].tau_u
                if peer == "reactive"
                else short_at(points(outcomes.values()), same_cost)
            )
            yield from self._row(
                f"{case}: short of machines, % of time, at reactive 0.7's cost",
                ours,
                peer,
                theirs,
                100,
            )
        cost = cost_at(points(blend.values()), _SHORT)
        yield from self._row(f"{case}: cost where 5 % of time is short", cost, "need", 1.0)
        for peer, outcomes in peers.items():
            theirs = cost_at(points(outcomes.values()), _SHORT)
            yield from self._row(f"{case}: cost where 5 % of time is short", cost, peer, theirs)
        for risk in (0.1, 0.05):
            yield from self._row(
                f"{case}: short, % of time", blend[risk].tau_u, f"risk {risk:.0%}", risk, 100
            )
        first = self._first_days(terms).tau_u
        yield from self._row(f"{case}: short in the first 48 h, %", first, "risk 5%", 0.05, 100)
        yield from self._calm(case, terms, blend[0.05], peers["reactive"][0.8])

    def facts(
        self, windows: alerts.Windows, cold_seconds: float, kept_seconds: float
    ) -> goals.Facts:
        """What the goals are about."""
        terms = self._terms(20)
        patient = dataclasses.replace(terms, out_tolerance=_TOLERANCE, in_tolerance=_TOLERANCE)
        ours = {risk: self._replay(made, terms) for risk, made in self._ours.items()}
        reactive, eager = (self._replay(self._reactive[target], patient) for target in (0.7, 0.8))
        calm = self._replay(self._ours[0.05], calmer(terms))
        called = alerts.pages(alerts.raised(self._trace, self._delay), self._trace.interval)
        return goals.Facts(
            trace=self._trace.name,
            short={risk: ours[risk].tau_u for risk in (0.1, 0.05)},
            at_equal_cost=short_at(points(ours.values()), reactive.cost),
            reactive=reactive.tau_u,
            cost=cost_at(points(ours.values()), _SHORT),
            first_days=self._first_days(terms).tau_u,
            flaps=calm.flaps_a_day,
            reactive_flaps=eager.flaps_a_day,
            calm_cost=calm.cost / ours[0.05].cost,
            pages=len(called),
            days=len(self._trace.demand) * self._trace.interval / 86_400,
            events=alerts.verdict(self._trace, called, windows) if windows else None,
            cold_seconds=cold_seconds,
            kept_seconds=kept_seconds,
        )

    def _terms(self, machines: int) -> FleetTerms:
        hold = 1 if self._trace.interval >= 1800 else 2
        return FleetTerms(self._trace.capacity(machines), self._delay, 1, 3 * machines, hold)

    def _replay(self, made: Table, terms: FleetTerms) -> Outcome:
        return replay(self._trace.demand, made, terms, self._trace.interval, self._trace.start)

    def _first_days(self, terms: FleetTerms) -> Outcome:
        slots = 2 * 86_400 // self._trace.interval
        return replay(
            self._trace.demand[:slots], self._ours[0.05][:slots], terms, self._trace.interval
        )

    def _calm(
        self, case: str, terms: FleetTerms, plain: Outcome, reactive: Outcome
    ) -> Iterator[Row]:
        """What it costs to let machines go only when it is worth it, and what flaps are left."""
        calm = self._replay(self._ours[0.05], calmer(terms))
        yield from self._row(
            f"{case}: flaps a day, calm", calm.flaps_a_day, "reactive", reactive.flaps_a_day
        )
        yield from self._row(f"{case}: cost, calm", calm.cost, "not calm", plain.cost)

    def _row(
        self, case: str, ours: float | None, peer: str, theirs: float | None, scale: float = 1
    ) -> Iterator[Row]:
        """A row; none where a method does not get there with any setting."""
        if ours is None or theirs is None:
            return
        ratio = ours / theirs if theirs else 1.0 if not ours else ours / 1e-4
        yield Row(
            "provision",
            case,
            len(self._trace.demand),
            _SUBJECT,
            scale * ours,
            peer,
            scale * theirs,
            ratio,
        )


def calmer(terms: FleetTerms) -> FleetTerms:
    """The same fleet under a rule whose hysteresis is a tenth."""
    return dataclasses.replace(terms, hysteresis=0.1)


def points(outcomes: Iterable[Outcome]) -> Points:
    """(share of time short of machines, cost) of each outcome."""
    return [(outcome.tau_u, outcome.cost) for outcome in outcomes]


def cost_at(swept: Points, short: float) -> float | None:
    """The least cost at which no more than the share `short` of time is short; None if that is out of reach."""
    return _read(sorted(swept), short)


def short_at(swept: Points, cost: float) -> float | None:
    """The least share of time that is short at no more than `cost`; None if that is out of reach."""
    return _read(sorted((paid, short) for short, paid in swept), cost)


def _read(ordered: Points, limit: float) -> float | None:
    within = [value for place, value in ordered if place <= limit]
    within += [
        value + (after - value) * (limit - place) / (beyond - place)
        for (place, value), (beyond, after) in itertools.pairwise(ordered)
        if place <= limit < beyond
    ]
    return min(within, default=None)


def _decision_row(trace: traces.Trace, cold: float, kept: float) -> Row:
    slots = min(len(trace.demand), 28 * 86_400 // trace.interval)
    case = f"{trace.name}: seconds a decision"
    return Row("provision", case, slots, "kept state", kept, "from scratch", cold, kept / cold)


def _decision_seconds(trace: traces.Trace) -> tuple[float, float]:
    """How long one decision takes on at most 28 days of history: from scratch, and from kept state."""
    slots = min(len(trace.demand), 28 * 86_400 // trace.interval)
    series = Series(trace.interval, 0, trace.demand[:slots])
    earlier = dataclasses.replace(series, values=series.values[:-1])
    kept = json.dumps(Auto().resume(earlier, trace.delay, last=4)[1])
    cold = _median_seconds(lambda: Auto().forecast(series, trace.delay, last=4))
    warm = _median_seconds(
        lambda: json.dumps(Auto().resume(series, trace.delay, 4, json.loads(kept))[1])
    )
    return cold, warm


def _median_seconds(work: t.Callable[[], object]) -> float:
    """The processor's seconds, which others on the machine do not lengthen."""
    times: list[float] = []
    for _unused in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)
