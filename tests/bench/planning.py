# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What planning costs: the module as the role runs it, a Python of its own for each fleet, on months of history.

Cold is the first run, and kept goes on from the state of the run before, for which a day of history is enough. Months
are handed in as demand_history_info has them with `csv`, a day as rows. Of one fleet, seconds are those of the
processor, which others on the machine do not lengthen; of many they are the clock's, one after the other and as many at
once as there are processors, as Ansible's forks do. Memory is the highest.
"""

from __future__ import annotations

import functools
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv

from bench.frame import Row
from tools.checkout import collections_path

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

HELP = "What a plan costs: seconds and memory on 28 and 90 days of history, for one fleet and for many."

_INTERVAL: t.Final = 300
_DAY: t.Final = 86_400
_MODULE: t.Final = "ansible_collections.headroom.libvirt.plugins.modules.provisioning_plan_info"
_LIMITS: t.Final = {"one": 2.0, "many": 60.0, "memory": 200.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--fleets", type=int, default=100, help="how many fleets are many (default: 100)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="runs of one fleet, of which the median counts (default: 3)",
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Measure one fleet and many."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for days in (28, 90):
            rows += _one(Path(folder), days, options.rounds)
        rows += _many(Path(folder), options.fleets)
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':<56} {'n':>6} {'measured':>9} {'limit':>7}"]
    lines += [
        f"{row.case:<56} {row.n:>6} {row.seconds:>9.3g} {row.peer_seconds:>7.3g}" for row in rows
    ]
    return "\n".join(lines)


def _one(folder: Path, days: int, rounds: int) -> list[Row]:
    measured: list[Row] = []
    for name in ("trend", "blend, cold", "blend, cold, of rows", "blend, kept"):
        state = folder / f"one-{days}.sqlite" if name.endswith("kept") else None
        spent, memory = [], 0.0
        for turn in range(rounds + 1):
            # The round that does not count writes the state, and each one after it has one more slot.
            window = _DAY // _INTERVAL if state and turn else None
            arguments = _arguments(
                "web", days, name.partition(",")[0], state, turn, window, rows=name.endswith("rows")
            )
            seconds, memory = run_module(folder, arguments)
            spent.append(seconds)
        slots = days * _DAY // _INTERVAL
        measured.append(
            _row(
                f"{days} days, {name}: seconds", slots, statistics.median(spent[1:]), _LIMITS["one"]
            )
        )
        measured.append(_row(f"{days} days, {name}: MB", slots, memory, _LIMITS["memory"]))
    return measured


def _many(folder: Path, fleets: int) -> list[Row]:
    rows: list[Row] = []
    for at_once in sorted({1, os.cpu_count() or 1}):
        for turn, (name, window) in enumerate((("cold", None), ("kept", _DAY // _INTERVAL))):
            state = folder / f"many-{at_once}.sqlite"
            arguments = [
                _arguments(f"web{number}", 90, "blend", state, turn, window)
                for number in range(fleets)
            ]
            started = time.monotonic()
            with ThreadPoolExecutor(at_once) as pool:
                list(pool.map(functools.partial(run_module, folder), arguments))
            elapsed = time.monotonic() - started
            case = f"{fleets} fleets, 90 days, blend, {name}: seconds, {at_once} at once"
            rows.append(_row(case, fleets, elapsed, _LIMITS["many"]))
    return rows


def _row(case: str, count: int, measured: float, limit: float) -> Row:
    return Row("planning", case, count, "module", measured, "limit", limit, measured / limit)


def _arguments(
    fleet: str,
    days: int,
    forecaster: str,
    state: Path | None,
    more: int,
    window: int | None = None,
    rows: bool = False,
) -> dict[str, t.Any]:
    slots = days * _DAY // _INTERVAL + more
    first = 0 if window is None else slots - window
    source = random.Random(7)  # noqa: S311  # reproducible, not secret
    past = [
        (slot * _INTERVAL, _demand(slot) * source.gauss(1, 0.05)) for slot in range(first, slots)
    ]
    history = (
        [{"timestamp": moment, "value": value, "whole": False} for moment, value in past]
        if rows or window is not None
        else csv.write(past)
    )
    sample = {"fleet": fleet, "history": history, "members": []}
    rule = {
        "capacity": 10,
        "max": 40,
        "interval": _INTERVAL,
        "horizon": 2 * _INTERVAL,
        "forecaster": forecaster,
    }
    return {
        "fleet": fleet,
        "rule": rule,
        "hosts": [{"name": "kvm1", "sample": sample}],
        "now": (slots - 1) * _INTERVAL,
        **({} if state is None else {"forecast_state": str(state)}),
    }


def _demand(slot: int) -> float:
    return 100 - 60 * math.cos(2 * math.pi * slot * _INTERVAL / _DAY)


def run_module(folder: Path, arguments: dict[str, t.Any]) -> tuple[float, float]:
    """Seconds and the highest MB of one run; raises what it said if it failed."""
    environment = {**os.environ, "PYTHONPATH": str(collections_path())}
    with tempfile.TemporaryFile("w+", dir=folder) as stdin:
        json.dump({"ANSIBLE_MODULE_ARGS": arguments}, stdin)
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, _MODULE)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
