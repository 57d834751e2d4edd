# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run costs in which nothing is to be done, by fleets and hosts, in a lab; and the plan of a large site.

Each fleet has a running machine on each host, which nobody may remove, and its demand is measured of these. Every run
is in an interval of its own, so that each measures and records. Tasks are what Ansible's recap counts. The large site
is simulated: the module as the role runs it, on observations with a day of history each. Its seconds are those of the
processor, which others on the machine do not lengthen, and its memory is the highest.
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.row import pack_past

from bench.frame import Row
from bench.planning import run_module
from crowd.stage import Stage, set_up

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

HELP = "A run of the provisioning with nothing to do: seconds and tasks by fleets and hosts; the plan of a large site."

_PLAYS: t.Final = Path(__file__).parent / "plays"
_INTERVAL: t.Final = 300
_SLOTS: t.Final = 86_400 // _INTERVAL
_START: t.Final = 1_795_392_000  # epoch seconds
_GIB: t.Final = 1024**3
_LIMITS: t.Final = {"many": 12.0, "ratio": 1.5, "plan": 60.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--hosts", type=int, default=4, help="hosts in the lab (default: 4)")
    parser.add_argument("--fleets", type=int, default=20, help="how many are many (default: 20)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="runs of which the median counts (default: 5)"
    )
    parser.add_argument(
        "--site",
        type=int,
        nargs=2,
        default=(100, 50),
        metavar=("FLEETS", "HOSTS"),
        help="the simulated site (default: 100 50)",
    )
    parser.add_argument("--no-lab", action="store_true", help="only the simulated site")


def run(options: argparse.Namespace) -> list[Row]:
    """Measure in the lab, and the plan of the large site."""
    rows = [] if options.no_lab else _measure_runs(options)
    return rows + _measure_site(*options.site)


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':<56} {'n':>6} {'measured':>9} {'limit':>7}"]
    lines += [
        f"{row.case:<56} {row.n:>6} {row.seconds:>9.3g} "
        f"{'' if row.peer_seconds == row.seconds else format(row.peer_seconds, '.3g'):>7}"
        for row in rows
    ]
    return "\n".join(lines)


def _measure_runs(options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    seconds: dict[int, float] = {}
    with set_up(f"bench-run-{os.getpid()}", options.hosts) as stage:
        names = [f"fleet{number}" for number in range(options.fleets)]
        stage.play(str(_PLAYS / "idle_fleets.yml"), fleets=names)
        for count in (1, options.fleets):
            times, tasks = _time_runs(stage, names[:count], options.rounds)
            seconds[count] = statistics.median(times)
            case = f"{count} fleets, {options.hosts} hosts, nothing to do"
            limit = _LIMITS["many"] if count == options.fleets else seconds[count]
            rows.append(_row(f"{case}: seconds", count, seconds[count], limit))
            rows += [
                _row(f"{case}: tasks, {host}", count, number, number)
                for host, number in tasks.items()
            ]
    ratio = seconds[options.fleets] / seconds[1]
    rows.append(
        _row(f"{options.fleets} fleets against 1: ratio", options.fleets, ratio, _LIMITS["ratio"])
    )
    return rows


def _time_runs(
    stage: Stage, names: Sequence[str], rounds: int
) -> tuple[list[float], dict[str, int]]:
    """The seconds of the runs after one that does not count, and the tasks of the last one by host."""
    fleets = [
        {
            "name": name,
            "appliance": "idle:1",
            "demand": {"query": "length(domains)"},
            "rule": {"capacity": 1, "max": 9, "headroom": 0, "interval": 1, "cooldown": 1},
        }
        for name in names
    ]
    times: list[float] = []
    output = ""
    for _turn in range(rounds + 1):
        started = time.perf_counter()
        output = stage.play(
            "headroom.libvirt.provision",
            optimistic_provisioning_fleets=fleets,
            optimistic_provisioning_forecast_state=str(stage.folder / "forecasts.sqlite"),
        )
        times.append(time.perf_counter() - started)
    recap = re.findall(r"^(k\d+) +: ok=(\d+) .* skipped=(\d+)", output, re.MULTILINE)
    return times[1:], {host: int(ok) for host, ok, _skipped in recap}


def _measure_site(fleets: int, hosts: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "forecasts.sqlite"
        rows: list[Row] = []
        for turn, name in enumerate(("first run", "a later run")):
            arguments = describe_site(fleets, hosts, turn, state)
            size = len(json.dumps(arguments)) / 1024**2
            seconds, memory = run_module(Path(folder), arguments)
            case = f"{fleets} fleets, {hosts} hosts, {name}"
            rows.append(_row(f"{case}: seconds of the plan", fleets, seconds, _LIMITS["plan"]))
            rows.append(_row(f"{case}: MB of memory", fleets, memory, memory))
            rows.append(_row(f"{case}: MB of observations", fleets, size, size))
    return rows


def describe_site(
    fleets: int, hosts: int, turn: int = 0, state: Path | None = None
) -> dict[str, t.Any]:
    """The options of a plan for so many fleets, each with a machine on each host."""
    source = random.Random(turn)  # noqa: S311  # reproducible, not secret
    now = _START + turn * _INTERVAL
    names = [f"fleet{number}" for number in range(fleets)]
    return {
        "fleets": [
            {"name": name, "rule": {"capacity": 10, "max": 4 * hosts, "interval": _INTERVAL}}
            for name in names
        ],
        "holder": "bench",
        "now": now,
        **({} if state is None else {"forecast_state": str(state)}),
        "hosts": [
            {"name": f"kvm{number}", "observation": _observe(names, f"kvm{number}", now, source)}
            for number in range(hosts)
        ],
    }


def _observe(names: Sequence[str], host: str, now: int, source: random.Random) -> dict[str, t.Any]:
    return {
        "holder": "bench",
        "host": {
            "free": {"vcpus": 64, "memory_bytes": 256 * _GIB, "pools": {"default": 2000 * _GIB}},
            "committed": {"running": {"vcpus": 200, "memory_bytes": 256 * _GIB}},
        },
        "fleets": [_observe_fleet(name, host, now, source) for name in names],
    }


def _observe_fleet(name: str, host: str, now: int, source: random.Random) -> dict[str, t.Any]:
    moments = range(now - _SLOTS * _INTERVAL, now, _INTERVAL)
    past = {
        "history": [
            {"timestamp": moment + 3.5, "value": source.uniform(4, 9), "whole": False}
            for moment in moments
        ],
        "loads": [
            {"timestamp": moment + 3.5, "used_cores": source.uniform(0.5, 1.5), "vcpus": 2}
            for moment in moments
        ],
        "readiness": [{"machines": 1, "seconds": 41.5}] * 5,
        "roster": {
            "moment": now - _INTERVAL,
            "machines": [{"host": host, "name": f"{name}-{host[3:]}", "uuid": f"{name} {host}"}],
        },
    }
    return {
        "fleet": name,
        "new": False,
        "lease": {"held": True, "by": "bench", "since": 1.0, "until": 2.0, "recorded": True},
        "sample": {"timestamp": now, "value": 6.5, "reason": None},
        "members": [
            {
                "name": f"{name}-{host[3:]}",
                "uuid": f"{name} {host}",
                "state": "running",
                "activity": 0.5,
                "vcpus": 2,
                "memory_bytes": 2 * _GIB,
            }
        ],
        "appliance": {"id": "web:1", "vcpus": 2, "memory_bytes": 2 * _GIB, "disk_bytes": _GIB},
        "refuses": None,
        "problem": None,
        "past": pack_past(past),
    }


def _row(case: str, count: int, measured: float, limit: float) -> Row:
    return Row("run", case, count, "role", measured, "limit", limit, measured / limit)
