# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's collection against `virsh domstats`, the plain loop and community.libvirt, over real guests.

And over guests that are made up, where there are too many of them for one machine: there against what Ansible itself
does with such a result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from bench import frame, host, peer
from tools.checkout import ROOT, collections_path

OURS = "domain_stats_info"
HELP = (
    "domain_stats_info's collection against virsh domstats, one call a device and community.libvirt; guests have one "
    "disk and one NIC"
)


_PEER_ROUNDS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--domains",
        type=_numbers,
        default="1,20,100",
        help="how many guests (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=11, help="turns of each contender (default: %(default)s)"
    )
    parser.add_argument(
        "--round-trips",
        type=_numbers,
        default="10,50",
        metavar="MS",
        help="also through a proxy that delays by so many ms (default: %(default)s)",
    )
    parser.add_argument(
        "--simulated",
        type=_numbers,
        default="1000,10000",
        metavar="N",
        help="also over so many guests that are made up, in a process each (default: %(default)s)",
    )
    parser.add_argument(
        "--release", default="trixie", help="the host's Debian release (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on a lab host of its own, then over guests that are made up."""
    python = peer.python()
    with host.lab_host(options.release) as measured:
        numbers = (",".join(map(str, listed)) for listed in (options.domains, options.round_trips))
        rows = frame.from_json(measured.measure("stats", *numbers, str(options.rounds)))
        if python is not None:
            rows += _community(str(python), measured, max(options.domains), options.rounds)
    return [*rows, *(row for number in options.simulated for row in _simulated(number))]


def _community(python: str, measured: host.Host, number: int, rounds: int) -> list[frame.Row]:
    """Against community.libvirt's `virt`, from outside of the host, over its socket."""
    print(f"bench: {number} guests, community.libvirt", file=sys.stderr, flush=True)
    measured.measure("fleet", "peer", str(number))
    job = {
        "uri": host.uri_of(measured.socket),
        "rounds": min(rounds, _PEER_ROUNDS),
        "number": number,
    }
    done = _run(python, "-m", "bench.stats_race", json.dumps(job))
    return frame.rows("stats", "six usual groups, theirs: `info`, asks no QEMU", number, done, OURS)


def _simulated(number: int) -> list[frame.Row]:
    """Our own part, in a process of its own for the sake of its peak."""
    print(f"bench: {number} simulated guests", file=sys.stderr, flush=True)
    done = _run(sys.executable, "-m", "bench.simulated_stats", str(number))
    case = f"simulated, peak +{done['peak_bytes'] / 2**20:.0f} MiB, result included"
    medians = {OURS: done["seconds"], "Ansible floor": done["floor_seconds"]}
    return frame.rows("stats", case, number, medians, OURS)


def _run(*words: str) -> dict[str, float]:
    paths = {"PYTHONPATH": str(ROOT / "tests"), "ANSIBLE_COLLECTIONS_PATH": str(collections_path())}
    done = subprocess.run(words, check=True, env={**os.environ, **paths}, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(number) for number in text.split(",")})
    if numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write whole numbers from 1 on")
    return numbers
