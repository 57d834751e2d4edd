# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults in each phase of each mode of domain_migrate: one running guest, no data lost, and the command that recovers.

A guest that writes a ledger and serves it is moved to and fro between two hosts. In every cell a fault is provoked in
one phase; when the module has ended, and again after the documented command (the task, once more), the hosts are asked
who runs the guest. Then every block of its ledger is read.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shlex
import subprocess
import threading
import time
import typing as t
from pathlib import Path

from faults.matrix import IMAGES, Cell, cells
from moving.guest import Guest, needs_one_disk
from moving.hosts import Hosts, lab, result
from moving.service import Service, watched

HELP = "faults in every phase of a migration: exactly one running guest, no data lost, and it is recovered"

_AT_STEP = Path(__file__).with_name("at_step.py").read_text()
_NEVER_CAME = 86  # at_step.py passes it on
_SETTLE_SECONDS = 60.0
# What `virsh domstate --reason` says on the target in the states that the guide names, beside `running`.
_DOCUMENTED: t.Final = {
    "running": "running",
    "off": "shut off",
    "paused": "paused (I/O error)",
    "split": "paused (post-copy",
}


@dataclasses.dataclass
class Verdict:
    """What became of a cell."""

    cell: Cell
    said: str = ""
    running_after: list[str] = dataclasses.field(default_factory=list)
    state_after: str = ""
    recovered_by: str = ""
    running: list[str] = dataclasses.field(default_factory=list)
    ledger: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    gap_seconds: float = 0.0
    left_behind: list[str] = dataclasses.field(default_factory=list)
    problem: str = ""

    @property
    def holds(self) -> bool:
        """One running guest, nothing lost or changed, nothing left behind."""
        after = len(self.running_after)
        # between its copy and its undefinition a guest that is off is defined on both hosts
        documented = after == 1 or self.cell.is_offline
        documented |= after == 0 and self.state_after.startswith(
            _DOCUMENTED[self.cell.fault.leaves]
        )
        one = len(self.running) == 1 and documented
        whole = self.ledger.get("changed") == 0 and self.ledger.get("lost") == 0
        return one and whole and not self.left_behind and not self.problem


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--mode", help="only modes with this word in their name")
    parser.add_argument("--phase", help="only phases with this word in their name")
    parser.add_argument("--fault", help="only faults with this word in their name")
    parser.add_argument(
        "--mib", type=int, default=256, help="the size of the ledger (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", default="400mbit", help="of the link between the hosts (default: %(default)s)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the hosts' Debian release (default: %(default)s)"
    )
    parser.add_argument("--lab", help="a lab that is up, in place of one of its own")


def run(options: argparse.Namespace) -> int:
    """Run the cells, print each as it ends and the table at the end; 1 unless every cell holds."""
    chosen = cells(options.mode, options.phase, options.fault)
    verdicts = []
    with lab(options.release, name=options.lab) as hosts:
        guest = Guest(hosts, "moving", "10.77.0.210", one_disk=needs_one_disk(hosts.releases))
        guest.remove()
        try:
            for host in hosts.names:
                hosts.link(host, "--rate", options.rate, "--up")
            guest.create(hosts.names[0], options.mib)
            with watched(hosts, guest.address) as service:
                service.await_answer()
                for cell in chosen:
                    verdicts.append(_run_cell(cell, hosts, guest, service, options.mib))
                    print(_line(verdicts[-1]), flush=True)
        finally:
            for host in hosts.names:
                hosts.link(host, "--rate", "none", "--up")
            guest.remove()
    print(table(verdicts))
    return 0 if verdicts and all(verdict.holds for verdict in verdicts) else 1


def _run_cell(cell: Cell, hosts: Hosts, guest: Guest, service: Service, mib: int) -> Verdict:
    verdict = Verdict(cell)
    try:
        source = guest.running_on()[0]
        target = next(name for name in hosts.names if name != source)
        began = time.monotonic()
        hosts.ssh(target, cell.fault.prepare.format(mib=2 * mib + 128))
        if cell.is_offline:
            hosts.ssh(source, f"virsh -q destroy {guest.name}")
        task: dict[str, t.Any] = {
            "name": guest.name,
            "destination_uri": f"qemu+ssh://root@{target}/system",
        }
        task |= {"mode": cell.mode, "remove_source_volumes": True, **dict(cell.phase.options)}
        said = _provoke(cell, hosts, guest, (source, target), task)
        verdict.said = str(said.get("error", {}).get("kind", "died") if said["failed"] else "moved")
        states = _settled(guest, cell)
        verdict.running_after, verdict.state_after = _holders(states, cell), states[target]
        verdict.recovered_by = _recover(hosts, guest, (source, target), task, verdict)
        verdict.running = _holders(_settled(guest, cell), cell)
        if cell.is_offline:
            hosts.ssh(verdict.running[0], f"virsh -q start {guest.name}")
        service.await_growth()
        verdict.gap_seconds = service.longest_gap_seconds(began)
        verdict.ledger = guest.check(verdict.running[0], service.acked)
        verdict.left_behind = guest.left_behind()
        if service.troubles():
            verdict.problem = f"the guest saw {service.troubles()} errors of its disk"
        _leave(cell, hosts, guest, (source, target))
    except (RuntimeError, TimeoutError, IndexError, subprocess.SubprocessError) as error:
        verdict.problem = f"{verdict.problem} {type(error).__name__}: {error}"[-2000:]
    return verdict


def _provoke(
    cell: Cell, hosts: Hosts, guest: Guest, places: tuple[str, str], task: dict[str, t.Any]
) -> dict[str, t.Any]:
    """Run the module with its fault; what it returned."""
    source, target = places
    fault = cell.fault
    script = f"{cell.phase.when} || exit {_NEVER_CAME}; {fault.script}".format(
        target=target, name=guest.name
    )
    awaiting = (
        f"python3 - {guest.name} {shlex.quote(cell.phase.step)} {shlex.quote(script)} "
        f"<<'SCRIPT'\n{_AT_STEP}\nSCRIPT"
    )
    ended = threading.Event()
    missed: list[str] = []

    def act() -> None:
        try:
            hosts.ssh(source, awaiting)
        except RuntimeError as error:
            missed.append(str(error).strip().splitlines()[-1])
            return
        cut = dict(zip(("source", "target"), places, strict=True)).get(fault.cuts or "")
        if cut is not None:
            hosts.link(cut, "--down")
        if cut is not None or fault.seconds is not None:
            ended.wait(fault.seconds)
        if cut is not None:
            hosts.link(cut, "--up")
        hosts.ssh(target, fault.heal)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    said = result(hosts.module(source, "domain_migrate", **task))
    if fault.seconds is None:
        ended.set()
    thread.join()
    if missed:
        raise RuntimeError(f"nothing was provoked: {missed[0]}")
    return said


def _recover(
    hosts: Hosts, guest: Guest, places: tuple[str, str], task: dict[str, t.Any], verdict: Verdict
) -> str:
    """Do what the guide says: run the task again, which also brings a guest back that died with its QEMU."""
    source, target = places
    again = result(hosts.module(source, "domain_migrate", **task))
    done = ["task"]
    if (
        again["failed"] and verdict.cell.fault.leaves == "split"
    ):  # the memory is lost; the disks are on the target
        for host in places:
            hosts.ssh(host, f"virsh -q destroy {guest.name}", check=False)
        hosts.ssh(target, f"virsh -q start {guest.name}", check=False)
        done.append("power cut")
        again = result(hosts.module(source, "domain_migrate", **task))
    if again["failed"]:
        verdict.problem = f"the task, run again, failed: {again['msg']}"
    return ", ".join(done)


def _leave(cell: Cell, hosts: Hosts, guest: Guest, places: tuple[str, str]) -> None:
    """Take the guest from what was mounted for the cell."""
    source, target = places
    if cell.fault.prepare == "true":
        return
    back = {
        "name": guest.name,
        "destination_uri": f"qemu+ssh://root@{source}/system",
        "mode": "precopy",
    }
    said = result(hosts.module(target, "domain_migrate", **back, remove_source_volumes=True))
    if said["failed"]:
        raise RuntimeError(f"it could not be moved back: {said['msg']}")
    hosts.ssh(target, f"umount {IMAGES} && virsh -q pool-refresh default")


def _settled(guest: Guest, cell: Cell) -> dict[str, str]:
    """What each host says of the guest, once a migration that goes on without its module has ended.

    A guest that stands in a state that the guide names stays in it until its operator comes.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    for _turn in itertools.count():
        states = guest.states()
        holders = _holders(states, cell)
        stands = not holders and any(
            state.startswith(_DOCUMENTED[cell.fault.leaves]) for state in states.values()
        )
        if len(holders) == 1 or stands or time.monotonic() > deadline:
            return states
        time.sleep(1)
    raise AssertionError


def _holders(states: t.Mapping[str, str], cell: Cell) -> list[str]:
    """The hosts that run the guest; or that have it, if it is off."""
    return [
        host
        for host, state in states.items()
        if state and (cell.is_offline or state.startswith("running"))
    ]


def _line(verdict: Verdict) -> str:
    return "  ".join(_row(verdict)) + (f"\n    {verdict.problem}" if verdict.problem else "")


def _row(verdict: Verdict) -> tuple[str, ...]:
    ledger = verdict.ledger
    return (
        verdict.cell.mode,
        verdict.cell.phase.name,
        verdict.cell.fault.name,
        verdict.said,
        ",".join(verdict.running_after) or verdict.state_after or "none",
        verdict.recovered_by,
        ",".join(verdict.running) or "none",
        f"{ledger.get('lost', '?')} lost, {ledger.get('changed', '?')} changed of {ledger.get('acked', '?')}",
        f"{verdict.gap_seconds:.1f}",
        ",".join(verdict.left_behind) or "-",
        "holds" if verdict.holds else "FAILS",
    )


def table(verdicts: t.Sequence[Verdict]) -> str:
    """The verdicts for people, columns aligned."""
    head = (
        "mode",
        "phase",
        "fault",
        "module",
        "ran on",
        "recovered by",
        "runs on",
        "ledger",
        "gap s",
        "left",
        "verdict",
    )
    lines = [head, *(_row(verdict) for verdict in verdicts)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
