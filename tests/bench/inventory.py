# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin against community.libvirt's, and against what Ansible itself needs for as many hosts."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from bench import delay, frame, host, peer
from tools.checkout import ROOT, collections_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

HELP = (
    "the inventory plugin against community.libvirt's over real guests, and against "
    "Ansible's floor over simulated ones"
)
OURS = "headroom.libvirt.domains"
THEIRS = "community.libvirt.libvirt"
PEER = "community.libvirt"
FLOOR = "Ansible floor"
_TESTS = ROOT / "tests"
_SIMULATED_ROUNDS = 3  # each takes most of a minute
_COMMAND_TURNS = (
    5  # for each round: a second of Python's start-up spreads wider than what the two differ by
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--hosts", type=int, default=2, help="how many hosts (default: %(default)s)"
    )
    parser.add_argument(
        "--guests", type=int, default=50, help="guests on each (default: %(default)s)"
    )
    parser.add_argument(
        "--simulated",
        type=int,
        default=10000,
        help="guests on ten hosts (default: %(default)s; 0: none)",
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="turns of each contender (default: %(default)s)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the hosts' Debian release (default: %(default)s)"
    )
    parser.add_argument(
        "--round-trip",
        type=float,
        default=0.010,
        help="of a distant host, seconds (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on lab hosts of its own, then on simulated ones."""
    rows: list[frame.Row] = []
    python = peer.python()
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as name:
        if options.guests and python is not None:
            with host.lab_hosts(options.release, options.hosts) as hosts:
                rows += _real(options, python, hosts, Path(name))
        if options.simulated:
            rows += _simulated(options, Path(name))
    return rows


@dataclasses.dataclass(frozen=True)
class Course:
    """The inventory files of both contenders for the same hosts."""

    ours: Path
    theirs: list[Path]

    @property
    def contenders(self) -> dict[str, list[tuple[str, str]]]:
        """Plugin and file of each."""
        return {OURS: [(OURS, str(self.ours))], PEER: [(THEIRS, str(path)) for path in self.theirs]}


def course(folder: Path, uris: dict[str, str]) -> Course:
    """Write the files for the hosts with these names and URIs; the peer needs one for each."""
    ours = folder / "headroom.yml"
    listed = [{"name": name, "uri": uri} for name, uri in uris.items()]
    ours.write_text(json.dumps({"plugin": OURS, "uris": listed}))
    theirs = [folder / f"{name}.libvirt.yml" for name in uris]
    for path, uri in zip(theirs, uris.values(), strict=True):
        path.write_text(json.dumps({"plugin": THEIRS, "uri": uri}))
    return Course(ours, theirs)


def _real(
    options: argparse.Namespace, python: Path, hosts: list[host.Host], folder: Path
) -> list[frame.Row]:
    for one in hosts:
        print(f"bench: starting {options.guests} guests on {one.name}", file=sys.stderr, flush=True)
        one.measure("fleet", one.name, str(options.guests))
    number = options.guests * len(hosts)
    rows: list[frame.Row] = []
    sockets = {one.name: one.socket for one in hosts}
    for case, round_trip in (
        ("local", 0.0),
        (f"{options.round_trip * 1000:g} ms", options.round_trip),
    ):
        with _reached(sockets, round_trip) as uris:
            rows += _plugin(python, f"plugin {case}", course(folder, uris), options.rounds, number)
            if not round_trip:
                rows += _command(python, course(folder, uris), options.rounds, number)
    ssh = course(folder, {one.name: f"qemu+ssh://root@{one.name}/system" for one in hosts})
    return rows + _plugin(python, "plugin ssh", ssh, options.rounds, number, hosts[0].command())


@contextlib.contextmanager
def _reached(sockets: dict[str, Path], round_trip: float) -> Iterator[dict[str, str]]:
    """Yield the hosts' URIs over their sockets, or over such that answer late."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(delay.delayed(round_trip, str(socket)))
            if round_trip
            else host.uri_of(socket)
            for name, socket in sockets.items()
        }


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(_TESTS),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "ANSIBLE_INVENTORY_PLUGINS": str(_TESTS / "bench/inventory_plugins"),
        "ANSIBLE_NOCOLOR": "true",
    }


def _plugin(
    python: Path, case: str, hosts: Course, rounds: int, number: int, prefix: t.Sequence[str] = ()
) -> list[frame.Row]:
    """The plugins' own time: both in one process, Ansible's start not counted."""
    print(f"bench: {case}", file=sys.stderr, flush=True)
    job = json.dumps({"contenders": hosts.contenders, "rounds": rounds, "number": number})
    environment = _environment()
    words = [str(python), "-m", "bench.inventory_race", job]
    if prefix:  # what runs in the lab's network gets a fresh environment
        words = [
            "env",
            *(f"{name}={environment[name]}" for name in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH")),
            *words,
        ]
    done = subprocess.run(
        [*prefix, *words], check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    return frame.rows("inventory", case, number, json.loads(done.stdout), OURS)


def _command(python: Path, hosts: Course, rounds: int, number: int) -> list[frame.Row]:
    """The whole of `ansible-inventory --list`."""
    print("bench: command", file=sys.stderr, flush=True)

    def listing(files: list[Path]) -> None:
        sources = [word for path in files for word in ("-i", str(path))]
        _listing([str(python), "-m", "ansible", "inventory", *sources, "--list"], number)

    contenders: dict[str, frame.Contender] = {
        OURS: functools.partial(listing, [hosts.ours]),
        PEER: functools.partial(listing, hosts.theirs),
    }
    medians = frame.Race(contenders).medians(rounds * _COMMAND_TURNS)
    return frame.rows("inventory", "command", number, medians, OURS)


def _listing(words: list[str], number: int) -> None:
    done = subprocess.run(
        words,
        check=True,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found = len(json.loads(done.stdout)["_meta"]["hostvars"])
    if found != number:
        raise RuntimeError(f"{words} lists {found} guests instead of {number}")


def _simulated(options: argparse.Namespace, folder: Path) -> list[frame.Row]:
    """`ansible-inventory --list` over ten hosts that are made up, against a plugin that adds as much from nothing."""
    number = options.simulated // 10 * 10
    print(f"bench: {number} simulated guests", file=sys.stderr, flush=True)
    path = folder / "simulated.headroom.yml"
    hosts = [{"name": f"h{index}", "uri": f"qemu+ssh://{index}/system"} for index in range(10)]
    path.write_text(json.dumps({"plugin": OURS, "uris": hosts}))
    words = [sys.executable, "-m", "bench.simulated", "10", str(number // 10)]
    sample = subprocess.run(
        [*words[:-1], "1", "-i", str(path), "--list"],
        check=True,
        env=_environment(),
        stdout=subprocess.PIPE,
    )
    # as the plugin sets them: without the marks for what Ansible must not evaluate
    listed = json.loads(
        sample.stdout, object_hook=lambda found: found.get("__ansible_unsafe", found)
    )
    variables = listed["_meta"]["hostvars"]["h0-web-0"]
    floor = folder / "floor.yml"
    floor.write_text(json.dumps({"plugin": "floor", "number": number, "variables": variables}))
    contenders: dict[str, frame.Contender] = {
        OURS: lambda: _listing([*words, "-i", str(path), "--list"], number),
        FLOOR: lambda: _listing([*words, "-i", str(floor), "--list"], number),
    }
    medians = frame.Race(contenders).medians(min(options.rounds, _SIMULATED_ROUNDS))
    return frame.rows("inventory", "simulated", number, medians, OURS)
