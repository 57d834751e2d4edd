# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that makes machines is killed at random moments; the next run must leave what an undisturbed one leaves."""

from __future__ import annotations

import argparse
import json
import secrets
import typing as t
from pathlib import Path

from bench import host

HELP = "kill -9 at random moments of cloning 5 machines, each followed by a second run: five clones, and nothing else"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the test's own options."""
    parser.add_argument(
        "--kills", type=int, default=30, help="how many runs are killed (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, help="of the moments, to see the same ones again (default: a new one)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the host's Debian release (default: %(default)s)"
    )
    parser.add_argument(
        "--pool",
        choices=("default", "ceph"),
        default="default",
        help="where the clones lie: in a folder, or in a Ceph cluster on the host (default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write what came of each there"
    )


def run(options: argparse.Namespace) -> int:
    """Kill, on a lab host of its own; 0 when every second run was as an undisturbed one."""
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(
        f"seed {seed}: ./dev faults clone --kills {options.kills} --seed {seed} --release {options.release} "
        f"--pool {options.pool}"
    )
    release = options.release + ("-storage" if options.pool == "ceph" else "")
    with host.lab_host(release, "faults") as tried:
        text = tried.measure("clone", str(options.kills), str(seed), options.pool)
    kills: list[dict[str, t.Any]] = json.loads(text)
    if options.json:
        options.json.write_text(text)
    print(table(kills))
    return int(any(kill["wrong"] for kill in kills))


def table(kills: list[dict[str, t.Any]]) -> str:
    """One line a kill, and how many came out well."""
    lines = [
        f"{kill['at_seconds']:6.2f} s  {kill['mode']:7}  {kill['found']:42}  "
        + ("; ".join(kill["wrong"]) or "as undisturbed")
        for kill in kills
    ]
    well = sum(not kill["wrong"] for kill in kills)
    return "\n".join([*lines, f"{well} of {len(kills)} as undisturbed"])
