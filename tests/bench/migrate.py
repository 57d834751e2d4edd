# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""domain_migrate's streaming against `virsh migrate --copy-storage-all`, side by side, over a throttled link.

One guest with 128 MiB of memory writes a ledger full of blocks that look random, reads it back and serves it, while it
is moved to and fro. Seconds are counted from the move's beginning on the source; Ansible's own start is in neither.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
import typing as t

from bench import frame
from moving.guest import Guest, needs_one_disk
from moving.hosts import Hosts, lab, result
from moving.service import Service, watched

HELP = "switch-over, downtime and time to fully local of streaming against virsh migrate --copy-storage-all"
CASES = ("switch-over", "downtime", "fully local", "gap in service")


@dataclasses.dataclass(frozen=True)
class Figures:
    """What one move took, in seconds; `gap` is the longest time that the guest's clients waited for an answer."""

    switch_over: float
    downtime: float
    fully_local: float
    gap: float

    def of(self, case: str) -> float:
        values = dict(zip(CASES, dataclasses.astuple(self), strict=True))
        return float(values[case])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--sizes",
        default="1024",
        help="of the random disk, in MiB, with commas (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", default="100mbit", help="of the link between the hosts (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="moves of each contender (default: %(default)s)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the hosts' Debian release (default: %(default)s)"
    )
    parser.add_argument("--lab", help="a lab that is up, in place of one of its own")


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure."""
    rows: list[frame.Row] = []
    with lab(options.release, name=options.lab) as hosts:
        for size in map(int, options.sizes.split(",")):
            rows += _measure(hosts, size, options.rate, options.rounds)
    return rows


def _measure(hosts: Hosts, size_mib: int, rate: str, rounds: int) -> list[frame.Row]:
    guest = Guest(hosts, "bench-moving", "10.77.0.211", one_disk=needs_one_disk(hosts.releases))
    guest.remove()
    figures: dict[str, list[Figures]] = {"streaming": [], "virsh --copy-storage-all": []}
    try:
        guest.create(hosts.names[0], size_mib)
        with watched(hosts, guest.address) as service:
            service.await_answer()
            for host in hosts.names:
                hosts.link(host, "--rate", rate)
            for _round in range(rounds):
                for name, move in (("streaming", _stream), ("virsh --copy-storage-all", _virsh)):
                    figures[name].append(_one_move(move, guest, service))
    finally:
        for host in hosts.names:
            hosts.link(host, "--rate", "none")
        guest.remove()
    rows: list[frame.Row] = []
    for case in CASES:
        medians = {
            name: statistics.median(one.of(case) for one in taken)
            for name, taken in figures.items()
        }
        rows += frame.rows("migrate", case, size_mib, medians, "streaming")
    return rows


def _one_move(
    move: t.Callable[[Guest, str, str], tuple[float, float, float]], guest: Guest, service: Service
) -> Figures:
    """Move the guest, and prove that nothing of it was lost."""
    (source,) = guest.running_on()
    target = next(name for name in guest.hosts.names if name != source)
    began = time.monotonic()
    switch_over, downtime, fully_local = move(guest, source, target)
    service.await_answer()
    figures = Figures(switch_over, downtime, fully_local, service.longest_gap_seconds(began))
    service.await_growth()
    found = guest.check(target, service.acked)
    if found["lost"] or found["changed"] or service.troubles():
        raise RuntimeError(f"data was lost: {found}, {service.troubles()} errors in the guest")
    return figures


def _stream(guest: Guest, source: str, target: str) -> tuple[float, float, float]:
    task = {
        "name": guest.name,
        "destination_uri": f"qemu+ssh://root@{target}/system",
        "mode": "streaming",
    }
    said = result(guest.hosts.module(source, "domain_migrate", **task))
    if said["failed"]:
        raise RuntimeError(said["msg"])
    row = said["domains"][0]
    print(
        f"streaming to {target}: {row['bytes']} bytes, seconds a stage: {row['stages']}",
        file=sys.stderr,
    )
    return row["switch_over_seconds"], row["downtime_ms"] / 1000, row["elapsed_seconds"]


def _virsh(guest: Guest, source: str, target: str) -> tuple[float, float, float]:
    """virsh wants the destination's volumes to be there, or their pool; afterwards the source keeps its own."""
    flags = "--live --persistent --undefinesource --copy-storage-all --p2p"
    seconds = guest.hosts.ssh(
        source,
        f"""python3 - <<'SCRIPT'
import subprocess, time
began = time.monotonic()
virsh = "virsh -q migrate {flags} {guest.name} qemu+ssh://root@{target}/system tcp://{target}"
subprocess.run(virsh.split(), check=True)
print(time.monotonic() - began)
SCRIPT
cd /var/lib/libvirt/images && rm -f {guest.name}.qcow2 {guest.name}-data.qcow2; virsh -q pool-refresh default""",
    )
    info = guest.hosts.ssh(
        target, f"virsh domjobinfo {guest.name} --completed | awk '/^Total downtime/ {{print $3}}'"
    )
    taken = float(seconds.split()[0])
    return taken, float(info) / 1000, taken
