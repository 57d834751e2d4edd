# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two fleets on a host that is full, and a crowd that comes to one of them: with priorities and without.

The host has room for six machines. Two serve the crowd's fleet, four are a fleet of builds. The crowd is announced, and
needs more than two. Without priorities there is no room for it; with them, builds are parked ahead of it. Afterwards
the provisioning goes on until they run again, and each has to know of the time before. The rest is as in flashcrowd.
"""

from __future__ import annotations

import functools
import json
import math
import os
import signal
import sys
import time
import typing as t

from bench import flashcrowd
from bench.frame import Row
from crowd import stage as staging
from crowd.balancer import PLAYS, Balancer

if t.TYPE_CHECKING:
    import argparse

HELP = "a crowd on one of two fleets that fill a host: failed and late requests with and without priorities"

_HOST: t.Final = "k1"
_BUILDS: t.Final = "builds"
_BUILD_COUNT: t.Final = 4
_ROOM: t.Final = 6  # machines of one vCPU
_PLAIN: t.Final = "none"
# What the crowd's fleet and the builds are given, by the name of the contender.
RANKS: t.Final[dict[str, tuple[dict[str, t.Any], ...]]] = {
    _PLAIN: ({}, {}),
    "priorities": ({"priority": 10}, {"best_effort": True}),
}
_PEAK_MACHINES: t.Final = math.ceil(flashcrowd.PEAK / flashcrowd.CAPACITY)
# Intervals in which what was parked has to be back: two of cooldown, one to make room and one to wake, and as many to
# spare. Chosen, not measured.
_MOST_INTERVALS: t.Final = 8


table = flashcrowd.table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--interval",
        type=int,
        help="seconds from one run to the next (default: twice what making two machines takes)",
    )


def describe_role(
    interval: int, ranks: tuple[dict[str, t.Any], ...], demand: float, start: float | None
) -> dict[str, t.Any]:
    """The role's variables for both fleets, whose ranks these are."""
    rule = {
        **flashcrowd.rules(interval, "saved")["optimistic"],
        "schedule": [] if start is None else [_announce(interval, start)],
    }
    web = {**flashcrowd.describe_fleet(flashcrowd.FLEET, rule, demand), **flashcrowd.name_hooks()}
    steady = {"capacity": 1, "min": 1, "max": _BUILD_COUNT, "headroom": 0, "interval": interval}
    builds = flashcrowd.describe_fleet(_BUILDS, steady, float(_BUILD_COUNT))
    return {
        "optimistic_provisioning_fleets": [{**web, **ranks[0]}, {**builds, **ranks[1]}],
        "optimistic_provisioning_cpu_overcommit": (_ROOM + 0.5) / (os.cpu_count() or 1),
    }


def _announce(interval: int, start: float) -> dict[str, t.Any]:
    """The event that the fleet's rule is told of: the crowd, from its second doubling on."""
    ramp = math.log2(flashcrowd.PEAK / flashcrowd.BASE)
    begin = start + (flashcrowd.CALM + 1) * interval
    end = start + (flashcrowd.CALM + ramp + flashcrowd.HOLD) * interval
    moments = {"start": _format_moment(begin), "end": _format_moment(end)}
    return {"name": "the crowd", **moments, "machines": _PEAK_MACHINES}


def _format_moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def run(options: argparse.Namespace) -> list[Row]:
    """Measure."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes: dict[str, flashcrowd.Outcome] = {}
    with staging.set_up(f"priorities-{os.getpid()}", hosts=1) as stage:
        stage.play(str(PLAYS / "prepare.yml"), versions=[flashcrowd.VERSION])
        balancer = Balancer(stage, _HOST)
        interval = options.interval or flashcrowd.measure_interval(stage, balancer)
        for name, ranks in RANKS.items():
            describe = functools.partial(describe_role, interval, ranks)
            contest = flashcrowd.Contest(stage, balancer, name, interval, describe)
            contest.begin()
            earlier = _identify_builds(stage)
            outcomes[name] = contest.meet()
            _see_builds_back(stage, contest, interval, earlier)
        stage.play(str(PLAYS / "clear.yml"), fleets=[flashcrowd.FLEET, _BUILDS])
    return flashcrowd.rows("priorities", outcomes, _PLAIN)


def _see_builds_back(
    stage: staging.Stage,
    contest: flashcrowd.Contest,
    interval: int,
    earlier: dict[str, tuple[str, float]],
) -> None:
    """Provision until all builds run again; raises StageError unless they are what they were ``earlier``."""
    later = _identify_builds(stage)
    for _turn in range(_MOST_INTERVALS):
        if later.keys() == earlier.keys():
            break
        time.sleep(interval)
        contest.provision(flashcrowd.BASE)
        later = _identify_builds(stage)
    for name, (boot, uptime) in earlier.items():
        if name not in later or later[name][0] != boot or later[name][1] <= uptime:
            raise staging.StageError(
                f"{name} is not what it was: {earlier[name]}, {later.get(name)}"
            )
    told = ", ".join(
        f"{name} {later[name][1] - uptime:.0f} s" for name, (_boot, uptime) in earlier.items()
    )
    print(f"ran on with their memory: {told}", file=sys.stderr, flush=True)


def _identify_builds(stage: staging.Stage) -> dict[str, tuple[str, float]]:
    """Return the machine-id with the count of boots, and the seconds of uptime, of each build that runs, by name."""
    names = stage.ssh(_HOST, "virsh -q list --name --state-running").split()
    return {name: _identify(stage, name) for name in names if name.startswith(f"{_BUILDS}-")}


def _identify(stage: staging.Stage, name: str) -> tuple[str, float]:
    address = stage.ssh(
        _HOST, f"virsh -q domifaddr {name} | awk '{{print $4}}' | cut -d/ -f1"
    ).strip()
    answer = json.loads(stage.ssh(_HOST, f"curl -s --max-time 20 http://{address}/identity"))
    return f"{answer['machine_id']} {answer['boot_count']}", float(answer["uptime"])
