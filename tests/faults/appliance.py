# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that registers, captures, flattens or warms an appliance is killed; the next one must make up for it.

Each is killed at every step that it records and at random moments. Then the same task leaves what an undisturbed one
leaves: no stray volume and no helper, guests that start, entries that are whole, and a third run changes nothing.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import secrets
import typing as t

from bench import host
from faults.on_host.names import GOLDEN, OPERATION_NAMES
from lab.guest.domain import domain_xml
from moving.hosts import lab

if t.TYPE_CHECKING:
    from collections.abc import Iterator

HELP = (
    "kill -9 at every step and at random moments of registering, capturing, flattening and warming an appliance, "
    "each followed by a second run"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the test's own options."""
    parser.add_argument(
        "--kills",
        type=int,
        default=30,
        help="how many runs of each operation are killed (default: %(default)s)",
    )
    parser.add_argument(
        "--operation",
        choices=OPERATION_NAMES["default"],
        action="append",
        help="only this one (default: all of them, one after the other)",
    )
    parser.add_argument(
        "--seed", type=int, help="of the moments, to see the same ones again (default: a new one)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the host's Debian release (default: %(default)s)"
    )
    parser.add_argument(
        "--pool",
        choices=tuple(OPERATION_NAMES),
        default="default",
        help="where the guest lies: in a folder, or in a Ceph cluster on the host (default: %(default)s)",
    )
    parser.add_argument("--lab", help="a lab that is up, in place of one of its own")


def run(options: argparse.Namespace) -> int:
    """Kill, on one host; 0 when every second run was as an undisturbed one."""
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    kills: list[dict[str, t.Any]] = []
    guest = base64.b64encode(domain_xml(GOLDEN, "qemu").encode()).decode()
    with _open_host(options) as tried:
        for name in options.operation or OPERATION_NAMES[options.pool]:
            words = (
                f"--pool {options.pool} --operation {name} --kills {options.kills} --seed {seed}"
            )
            print(f"seed {seed}: ./dev faults appliance {words}", flush=True)
            facts = (options.pool, name, str(options.kills), str(seed), guest)
            text = tried.measure("appliance", *facts)
            rows = json.loads(text)
            kills += rows
            print(table(rows), flush=True)
    return int(not kills or any(kill["wrong"] for kill in kills))


@contextlib.contextmanager
def _open_host(options: argparse.Namespace) -> Iterator[host.Host]:
    release = options.release + ("-storage" if options.pool == "ceph" else "")
    if options.lab is None:
        with host.lab_host(release, "faults") as tried:
            yield tried
        return
    with lab(release, 1, options.lab) as hosts:
        yield host.Host(options.lab, hosts.names[0], "faults")


def table(kills: list[dict[str, t.Any]]) -> str:
    """One line a kill, and how many came out well."""
    lines = [
        f"{kill['operation']:15}  {kill['at']:9}  {kill['found']:60}  "
        + ("; ".join(kill["wrong"]) or "as undisturbed")
        for kill in kills
    ]
    well = sum(not kill["wrong"] for kill in kills)
    return "\n".join([*lines, f"{well} of {len(kills)} as undisturbed"])
