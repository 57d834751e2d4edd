# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A flash crowd on real guests: reactive provisioning, optimistic, and optimistic with parked machines.

Each contender meets the same visitors, from a fleet of the same size, under the same rule but for what makes it what it
is. A guest answers one request after the other, each for a fixed time, so that a machine carries the same however busy
the processor is that emulates it. Machines go on from the memory of their appliance. An interval is at least twice as
long as it takes to make some: whoever looks more often measures only how fast machines are made. The visitors come
through HAProxy, whose counter is the demand of all contenders. In the rows, `seconds` and `peer_seconds` hold the
measure that the case names.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from bench.frame import Row
from crowd import stage as staging
from crowd import visitors
from crowd.balancer import PLAYS, Balancer
from demo import story

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from crowd.load import Tally

HELP = "a flash crowd on real guests: failed and late requests with reactive, optimistic and parked provisioning"

FLEET: t.Final = "web"
VERSION: t.Final = "1.0"
CAPACITY: t.Final = 5.0  # requests a second of one machine
TURN_MS: t.Final = (
    180  # what a guest takes for a request; the rest of the fifth of a second is for taking it in
)
BASE, PEAK = 2.0, 20.0  # requests a second
CALM, HOLD, FALL = (
    1.0,
    2.0,
    0.5,
)  # intervals before the crowd comes, while all of it is there, after it has gone
STEPS: t.Final = 4  # of the rate, an interval
INTERVAL: t.Final = 20  # seconds
PEER: t.Final = "reactive"
TARGET: t.Final = 0.7  # to which share a reactive autoscaler uses its machines
CASES: t.Final = (
    "requests",
    "failed",
    "late",
    "failed or late",
    "machine-seconds",
    "parked machine-seconds",
)

# The role's variables by the demand and by when the crowd begins to come (epoch seconds; None: nobody knows yet).
Describe = t.Callable[[float, float | None], dict[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one contender came to; times are machine-seconds, from the first visitor to the last."""

    requests: int
    failed: int
    late: int
    running_seconds: float
    parked_seconds: float

    @property
    def share(self) -> float:
        """The share of requests that failed or were late."""
        return (self.failed + self.late) / self.requests

    def measures(self) -> tuple[float, ...]:
        """The measures in the order of CASES."""
        return (
            self.requests,
            self.failed,
            self.late,
            self.share,
            self.running_seconds,
            self.parked_seconds,
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--interval",
        type=int,
        help=f"seconds from one run to the next (default: twice what making two machines takes, at least {INTERVAL})",
    )
    parser.add_argument(
        "--parked-as",
        choices=["paused", "saved"],
        default="paused",
        help="how machines are parked (default: paused)",
    )


def rules(interval: int, parked_as: str) -> dict[str, dict[str, t.Any]]:
    """The rule of each contender."""
    common = {
        "capacity": CAPACITY,
        "unit": "requests/s",
        "min": 2,
        "max": 6,
        "interval": interval,
        "cooldown": 2 * interval,
        "scale_in_limit": 4,
    }
    ahead = {**common, "horizon": 2 * interval}
    return {
        PEER: {**common, "forecaster": "last_value", "headroom": 1 / TARGET - 1},
        "optimistic": ahead,
        "parked": {**ahead, "parked": 4, "parked_as": parked_as},
    }


def crowd() -> list[float]:
    """The rates of the visitors, `STEPS` an interval: they double each interval until all are there."""
    ramp = math.log2(PEAK / BASE)
    moments = [
        (step + 0.5) / STEPS - CALM for step in range(round((CALM + ramp + HOLD + FALL) * STEPS))
    ]
    return [
        BASE if moment < 0 or moment > ramp + HOLD else min(PEAK, round(BASE * 2**moment, 2))
        for moment in moments
    ]


def run(options: argparse.Namespace) -> list[Row]:
    """Measure."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes: dict[str, Outcome] = {}
    with staging.set_up(f"flashcrowd-{os.getpid()}", hosts=1) as stage:
        stage.play(str(PLAYS / "prepare.yml"), versions=[VERSION])
        balancer = Balancer(stage, "k1")
        interval = options.interval or measure_interval(stage, balancer)
        for name, rule in rules(interval, options.parked_as).items():
            describe = functools.partial(describe_role, rule)
            outcomes[name] = Contest(stage, balancer, name, interval, describe).run()
    return rows("flashcrowd", outcomes, PEER)


def describe_role(rule: dict[str, t.Any], demand: float, _start: float | None) -> dict[str, t.Any]:
    """The role's variables for the fleet alone."""
    fleet = {**describe_fleet(FLEET, rule, demand), **name_hooks()}
    return {"optimistic_provisioning_fleets": [fleet]}


def describe_fleet(name: str, rule: dict[str, t.Any], demand: float) -> dict[str, t.Any]:
    """A fleet of the role whose machines go on from the memory of their appliance."""
    return {
        "name": name,
        "appliance": f"web:{VERSION}",
        "demand": {"value": demand},
        "rule": rule,
        "machine": {"mode": "warm"},
        "wait_for": "address",
        "shutdown_timeout": 10,
    }


def name_hooks() -> dict[str, str]:
    """The hooks by which a machine gets behind the balancer, and leaves it."""
    hooks = ("after_create", "before_park", "before_remove")
    return {hook: str(PLAYS / f"{hook}.yml") for hook in hooks}


def measure_interval(stage: staging.Stage, balancer: Balancer) -> int:
    """Twice the seconds in which this machine makes the smallest fleet, at least INTERVAL."""
    rule = rules(INTERVAL, "paused")[PEER]
    describe = functools.partial(describe_role, rule)
    rehearsal = Contest(stage, balancer, "rehearsal", INTERVAL, describe)
    rehearsal.begin()  # boots the appliance, too, whose memory is kept from then on
    seconds = rehearsal.begin()
    interval = max(INTERVAL, math.ceil(2 * seconds))
    told = f"making two machines takes {seconds:.1f} s here; the interval is {interval} s"
    print(told, file=sys.stderr, flush=True)
    return interval


class Contest:
    """One contender's encounter with the crowd: ``describe`` returns the role's variables by demand and its start."""

    def __init__(
        self,
        stage: staging.Stage,
        balancer: Balancer,
        name: str,
        interval: int,
        describe: Describe,
    ) -> None:
        self._stage = stage
        self._balancer = balancer
        self._name = name
        self._interval = interval
        self._describe = describe
        self._start: float | None = None

    def begin(self) -> float:
        """Leave nothing of who came before, and make the smallest fleet, with the machines parked that belong to it.

        Returns the seconds that making it took.
        """
        described = self._describe(BASE, None)["optimistic_provisioning_fleets"]
        self._stage.play(str(PLAYS / "clear.yml"), fleets=[fleet["name"] for fleet in described])
        self._balancer.set_up()
        began = time.monotonic()
        self.provision(BASE)
        return time.monotonic() - began

    def run(self) -> Outcome:
        """Begin, and meet the crowd."""
        self.begin()
        return self.meet()

    def meet(self) -> Outcome:
        """Let the crowd come, and provision at the end of each interval."""
        # Slots of the history begin at multiples of the interval.
        start = self._start = (time.time() // self._interval + 1) * self._interval
        url = f"{self._balancer.url}/turn?ms={TURN_MS}"
        rates = crowd()
        came = visitors.come(self._stage, url, start, self._interval / STEPS, rates)
        watch = self._watch()
        try:
            self._intervals(start, math.ceil(len(rates) / STEPS))
            came.process.wait(timeout=120)
        finally:
            came.stop()
            watch.terminate()
            watched, _errors = watch.communicate()
        # What it was just writing when it was ended is no line.
        counts = [
            json.loads(line) for line in watched.splitlines(keepends=True) if line.endswith("\n")
        ]
        return outcome(came.tallies(), counts, start, start + len(rates) * self._interval / STEPS)

    def _intervals(self, start: float, count: int) -> None:
        seen, since = self._balancer.requests, start
        for number in range(1, count):
            time.sleep(max(0.0, start + number * self._interval - time.time()))
            requests, now = self._balancer.requests, time.time()
            demand = (requests - seen) / (now - since)
            seen, since = requests, now
            decided = self.provision(demand)
            took = time.time() - now
            print(
                f"{self._name:10}  {demand:5.1f} requests/s  {decided}  ({took:.0f} s)",
                file=sys.stderr,
                flush=True,
            )

    def provision(self, demand: float) -> str:
        """Run the provisioning once with this demand; return what was decided for the fleet, in words."""
        decisions = self._stage.folder / "decisions.jsonl"
        self._stage.play(
            "headroom.libvirt.provision",
            balancer=self._balancer.host,
            optimistic_provisioning_decisions=str(decisions),
            optimistic_provisioning_memory_reserve="256MiB",
            **self._describe(demand, self._start),
        )
        plans = map(json.loads, decisions.read_text().splitlines())
        *_earlier, plan = (plan for plan in plans if plan["fleet"] == FLEET)
        return story.decision(plan["actions"])

    def _watch(self) -> subprocess.Popen[str]:
        script = Path(visitors.__file__).with_name("watch.py")
        with script.open() as source:
            return subprocess.Popen(
                self._stage.in_lab("ssh", self._balancer.host, "python3", "-"),
                stdin=source,
                stdout=subprocess.PIPE,
                text=True,
            )


def outcome(
    tallies: dict[int, Tally],
    watched: Iterable[dict[str, float]],
    start: float,
    end: float,
) -> Outcome:
    """The Outcome of what visitors saw, and of the machines that were counted within `start` … `end`."""
    counts = [count for count in watched if start <= count["at"] <= end]
    until = [count["at"] for count in counts[1:]] + [end]
    spans = [(count, after - count["at"]) for count, after in zip(counts, until, strict=True)]
    return Outcome(
        requests=sum(tally.sent for tally in tallies.values()),
        failed=sum(tally.failed for tally in tallies.values()),
        late=sum(tally.late for tally in tallies.values()),
        running_seconds=sum(count["running"] * seconds for count, seconds in spans),
        parked_seconds=sum(count["parked"] * seconds for count, seconds in spans),
    )


def rows(bench: str, outcomes: dict[str, Outcome], peer_name: str) -> list[Row]:
    """A row a measure for each contender, one of which is the peer of all."""
    peer = dict(zip(CASES, outcomes[peer_name].measures(), strict=True))
    return [
        Row(
            bench,
            case,
            one.requests,
            name,
            value,
            peer_name,
            peer[case],
            value / peer[case] if peer[case] else 0.0,
        )
        for name, one in outcomes.items()
        for case, value in zip(CASES, one.measures(), strict=True)
    ]


def table(comparisons: Sequence[Row]) -> str:
    """A line for each contender."""
    lines: list[tuple[str, ...]] = [
        (
            "provisioning",
            "requests",
            "failed",
            "late",
            "share",
            f"of {comparisons[0].peer}'s",
            "machine-s",
            "parked machine-s",
        )
    ]
    for name in dict.fromkeys(row.subject for row in comparisons):
        own = {row.case: row for row in comparisons if row.subject == name}
        share = own["failed or late"]
        whole = [f"{own[case].seconds:.0f}" for case in ("requests", "failed", "late")]
        times = [
            f"{own[case].seconds:.0f}" for case in ("machine-seconds", "parked machine-seconds")
        ]
        lines.append((name, *whole, f"{share.seconds:.2%}", f"{share.ratio:.3f}", *times))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        [cell.rjust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    )
    return "\n".join("  ".join([cells[0].strip().ljust(widths[0]), *cells[1:]]) for cells in padded)
