# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliances, clones and moves in each kind of pool that the lab has, against the tools of that storage.

Of a move the seconds are those of the task, its preflight included, and of virsh migrate, without Ansible's own.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import typing as t

from bench import frame, host
from moving.hosts import Hosts, lab, result

HELP = "register and clone in a folder and in Ceph, and move a guest there, against the tools of the storage"
_KINDS = ("dir", "rbd")
_RELEASE = "trixie-storage"
_GUEST = "bench-1"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument("--clones", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument(
        "--copies",
        type=int,
        default=2,
        help="how many full copies are measured, of which the time for all clones follows (default: %(default)s)",
    )
    parser.add_argument(
        "--size", type=int, default=1024, metavar="MIB", help="of the disk (default: %(default)s)"
    )
    parser.add_argument(
        "--moves",
        type=int,
        default=4,
        help="live migrations of each kind between two hosts that have the pool in Ceph (default: %(default)s)",
    )
    parser.add_argument(
        "--kinds", type=_read_kinds, default=",".join(_KINDS), help="default: %(default)s"
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on the host of a lab of its own that has the cluster, too."""
    rows: list[frame.Row] = []
    with host.lab_hosts(_RELEASE, 1) as hosts:
        hosts[0].measure("storage", "prepare", str(options.size))
        for kind in options.kinds:
            print(f"bench: {kind}", file=sys.stderr, flush=True)
            text = hosts[0].measure("storage", kind, str(options.clones), str(options.copies))
            rows += frame.from_json(text)
    if "rbd" in options.kinds and options.moves:
        rows += _measure_moves(options.moves)
    return rows


def _measure_moves(moves: int) -> list[frame.Row]:
    """Move a running clone to and fro between two hosts, by the module and by virsh in turns."""
    ways = {"domain_migrate": _move, "virsh migrate": _move_by_virsh}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with lab(_RELEASE) as hosts:
        _make_guest(hosts)
        there, back = hosts.names, hosts.names[::-1]
        for number in range(moves + 1):
            for name, move in ways.items():
                taken = [move(hosts, *there), move(hosts, *back)]
                seconds[name] += (
                    taken if number else []
                )  # what is done for the first time does not count
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    return frame.rows("storage", "rbd, live migration", 1, medians, "domain_migrate")


def _make_guest(hosts: Hosts) -> None:
    """Have a clone in Ceph run on the first host, booted."""
    image = {"file": "/var/lib/headroom-lab/guest.qcow2"}
    appliance = {"name": "bench", "version": "1", "source": image, "min_ram": "64MiB"}
    clone = {"appliance": "bench", "prefix": "bench", "count": 1, "wait_for": "address"}
    for module, options in (("appliance", appliance), ("appliance_clone", clone)):
        _run(hosts, hosts.names[0], module, pool="ceph", **options)


def _move(hosts: Hosts, source: str, target: str) -> float:
    said = _run(hosts, source, "domain_migrate", name=_GUEST, destination_uri=_uri(target))
    return float(said["domains"][0]["elapsed_seconds"])


def _move_by_virsh(hosts: Hosts, source: str, target: str) -> float:
    words = f"virsh -q migrate --live --persistent --undefinesource --p2p {_GUEST} {_uri(target)}"
    program = f"""import subprocess, time
began = time.monotonic()
subprocess.run({words.split()}, check=True)
print(time.monotonic() - began)"""
    return float(hosts.ssh(source, shlex.join(["python3", "-c", program])))


def _uri(host: str) -> str:
    return f"qemu+ssh://root@{host}/system"


def _run(hosts: Hosts, host: str, module: str, **options: t.Any) -> dict[str, t.Any]:
    said = result(hosts.module(host, module, **options))
    if said["failed"]:
        raise RuntimeError(f"{module} on {host}: {said['msg']}")
    return said


def _read_kinds(text: str) -> list[str]:
    unknown = sorted(set(text.split(",")) - set(_KINDS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_KINDS)}")
    return text.split(",")
