# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller dies in the midst of a batch of moves; the same playbook, run again, must bring it to an end.

Ansible, and all that it has started on the controller, is killed at a random moment of a drain, and of the restore
that follows. The moves that it began go on on the hosts, or end there. Whatever the next runs say, one of them
succeeds; then every guest runs once, where it should, and has not booted since, and no host has a transaction, a helper
or a port left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import subprocess
import time
import typing as t
from pathlib import Path

from bench.drain import Site
from crowd.stage import Stage, StageError, set_up
from faults.verdict import list_remains
from tools.processes import kill_family

if t.TYPE_CHECKING:
    from collections.abc import Iterator

HELP = "the controller is killed in the midst of a batch of moves, of a drain and of a restore"

_LOOK: t.Final = Path(__file__).with_name("look.py").read_text()
# So slow that a batch lasts.
_SLOWLY: t.Final = {"bandwidth": "6MiB", "pull_bandwidth": "8MiB"}
_PATIENCE_SECONDS: t.Final = 120.0
_MOVES_LAST_SECONDS: t.Final = 8.0
_RUNS: t.Final = 6
_PAUSE_SECONDS: t.Final = 10.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--kills", type=int, default=2, help="drains that are killed (default: %(default)s)"
    )
    parser.add_argument("--guests", type=int, default=4, help="guests to move (default: 4)")
    parser.add_argument(
        "--seed", type=int, help="of the moments, to see the same ones again (default: a new one)"
    )


def run(options: argparse.Namespace) -> int:
    """Kill; 0 when the runs after each made up for it."""
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"seed {seed}: ./dev faults drain --kills {options.kills} --seed {seed}", flush=True)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    problems: list[str] = []
    with set_up(f"faults-drain-{os.getpid()}", 3) as stage:
        site = Site(stage, options.guests)
        site.make_guests()
        for _turn in range(options.kills):
            for playbook, hosts in (("drain", site.others), ("restore", [site.drained])):
                delay = chance.uniform(0, _MOVES_LAST_SECONDS)
                found = list(_provoke(stage, site, playbook, hosts, delay))
                said = "; ".join(found) or "holds"
                print(f"{playbook}, killed {delay:.1f} s into its moves: {said}", flush=True)
                problems += found
    return int(bool(problems))


def _provoke(
    stage: Stage, site: Site, playbook: str, hosts: list[str], delay: float
) -> Iterator[str]:
    """Kill the controller, run the playbook until it succeeds; yield what is wrong then."""
    variables = {
        f"{playbook}_host": site.drained,
        "placement_migrate": _SLOWLY,
        **site.list_limits(),
    }
    name = f"headroom.libvirt.{playbook}"
    running = stage.begin(name, **variables)
    seen = _await_move(stage, running)
    time.sleep(delay)
    kill(running)
    if not seen:
        yield "no move was met"
    yield from _run_again(stage, name, variables)
    try:
        site.prove(hosts)
    except StageError as error:
        yield str(error)
    views = {host: _look(stage, host) for host in stage.hosts}
    yield from list_remains(views)


def _await_move(stage: Stage, running: subprocess.Popen[str]) -> bool:
    """Return once a host sends or receives a guest; False when the playbook ended before."""
    script = (
        "for name in $(virsh -q list --name); do virsh domjobinfo $name | grep -q ^Memory.processed && "
        "echo moving; done; true"
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while running.poll() is None and time.monotonic() < deadline:
        if any("moving" in stage.ssh(host, script) for host in stage.hosts):
            return True
    return False


def _run_again(stage: Stage, name: str, variables: dict[str, t.Any]) -> Iterator[str]:
    """Run the playbook as an operator does that reads what it says; yield what is wrong."""
    for number in range(1, _RUNS + 1):
        began = time.monotonic()
        try:
            stage.play(name, **variables)
        except StageError as error:
            words = [line for line in str(error).splitlines() if '"msg"' in line or "msg:" in line]
            print(f"    run {number} failed: {' '.join(words)[-600:]}", flush=True)
            time.sleep(_PAUSE_SECONDS)
        else:
            print(f"    run {number} went through ({time.monotonic() - began:.0f} s)", flush=True)
            return
    yield f"{_RUNS} runs did not bring it to an end"


def _look(stage: Stage, host: str) -> dict[str, t.Any]:
    text = stage.ssh(host, f"python3 - <<'SCRIPT'\n{_LOOK}\nSCRIPT")
    return dict(json.loads(text.strip().splitlines()[-1]))


def kill(running: subprocess.Popen[str]) -> None:
    """End a process and all that came from it, at once, as a controller does that loses its power."""
    kill_family(running.pid)
    running.communicate()
