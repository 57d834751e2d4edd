# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task of domain_info over many simulated guests, against what Ansible needs for as large a result."""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from bench import frame, simulated_info
from tools.checkout import ROOT, collections_path

HELP = "one task of domain_info over simulated guests of ten hosts, against Ansible's floor"
OURS = "headroom.libvirt.domain_info"
FLOOR = "Ansible floor"
_TESTS = ROOT / "tests"
_HOSTS = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--guests", type=int, default=10000, help="guests on ten hosts (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="turns of each contender (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure whole runs of ansible-playbook, and the memory of the module's process by itself."""
    each = max(1, options.guests // _HOSTS)
    number = each * _HOSTS
    words = [sys.executable, "-m", "bench.simulated_info", str(_HOSTS), str(each)]
    done = subprocess.run(words, check=True, env=_environment(), stdout=subprocess.PIPE)
    alone = json.loads(done.stdout)
    size = f"result {alone['result_bytes'] / 2**20:.0f} MiB"
    peak = f"peak +{alone['peak_bytes'] / 2**20:.0f} MiB"
    medians = {OURS: alone["seconds"], FLOOR: alone["floor_seconds"]}
    rows = frame.rows(
        "domain_info", f"module's process, CPU, {size}, {peak}", number, medians, OURS
    )
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as name:
        contenders = make_contenders(Path(name), each)
        medians = frame.Race(contenders).medians(options.rounds)
    return [*frame.rows("domain_info", "whole ansible-playbook", number, medians, OURS), *rows]


def make_contenders(folder: Path, guests: int) -> dict[str, frame.Contender]:
    """Make a playbook of one task for each; fail unless both tasks list so many guests on each of ten hosts."""
    (folder / "one").mkdir()
    uris = simulated_info.make_hosts(folder, _HOSTS, guests)
    single = simulated_info.make_hosts(folder / "one", 1, 1)
    sample = _read_sample(folder, {OURS: {"uris": single}})
    tasks: dict[str, dict[str, t.Any]] = {
        OURS: {OURS: {"uris": uris}},
        FLOOR: {"floor_rows": {"number": guests * _HOSTS, "row": json.dumps(sample)}},
    }
    contenders: dict[str, frame.Contender] = {}
    for name, task in tasks.items():
        _play(folder / "check.yml", task, _check(guests * _HOSTS))
        contenders[name] = functools.partial(_play, folder / "play.yml", task)
    return contenders


def _check(number: int) -> dict[str, t.Any]:
    return {"ansible.builtin.assert": {"that": [f"listing.domains | length == {number}"]}}


def _read_sample(folder: Path, task: dict[str, t.Any]) -> dict[str, t.Any]:
    """One of the domains that a task lists."""
    copy = {"content": "{{ listing.domains | first | to_json }}", "dest": f"{folder}/sample.json"}
    _play(folder / "sample.yml", task, {"ansible.builtin.copy": {**copy, "mode": "0600"}})
    return t.cast("dict[str, t.Any]", json.loads((folder / "sample.json").read_text()))


def _play(path: Path, task: dict[str, t.Any], *then: dict[str, t.Any]) -> None:
    """Run a play of one task, and of those that look at what it has listed."""
    tasks = [{**task, "register": "listing"}, *then]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    path.write_text(json.dumps([play]))
    words = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", str(path)]
    subprocess.run(words, check=True, env=_environment(), stdout=sys.stderr)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(_TESTS),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
        "ANSIBLE_LIBRARY": str(_TESTS / "bench/library"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_NOCOLOR": "true",
    }
