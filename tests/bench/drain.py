# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host is emptied with several moves at once, and one by one, in turns, in a lab of three hosts.

The playbooks are those of operators, with n_plus_one: hard, and each host may promise as much memory as the guests take
together. Meanwhile all hosts are watched: whoever runs or is arriving somewhere counts there, and either of the two
other hosts must be one that may be lost, so that all that both have fits on one. Each guest serves afterwards, as the
machine that it was, and has not booted since.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import subprocess
import time
import typing as t
import urllib.parse

from bench.frame import Race, Row, rows
from crowd.stage import Stage, StageError, set_up
from lab.guest.domain import MEMORY_MIB, domain_xml

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HELP = "A host is emptied with several moves at once, against one by one."

_IMAGES: t.Final = "/var/lib/libvirt/images"
_ONE_BY_ONE: t.Final = {"placement_moves_per_host": 1, "placement_moves_per_link": 1}
# less than a guest: host_info rounds
_SLACK_KIB: t.Final = 32 * 1024
_BOOT_SECONDS: t.Final = 300
_WATCH: t.Final = "while sleep 0.5; do echo $(date +%s.%N) $(virsh -q list --name); done"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--guests", type=int, default=12, help="guests to move (default: 12)")
    parser.add_argument(
        "--rounds", type=int, default=1, help="drains of each kind (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Measure."""
    with set_up(f"bench-drain-{os.getpid()}", 3) as stage:
        site = Site(stage, options.guests)
        site.make_guests()
        site.restore()  # nothing is to be moved: what Ansible does for the first time is not measured
        race = Race(
            {"at once": site.drain, "one by one": lambda: site.drain(**_ONE_BY_ONE)},
            tidy=site.prove_and_restore,
        )
        medians = race.medians(options.rounds, warm_up=False)
    return rows("drain", "off one of three hosts", options.guests, medians, "at once")


@dataclasses.dataclass(frozen=True)
class Sample:
    """What one host said at one moment: the guests that run or arrive there."""

    moment: float
    host: str
    guests: frozenset[str]


class Site:
    """Three hosts, and the guests of the first of them."""

    def __init__(self, stage: Stage, number: int) -> None:
        self._stage = stage
        self.drained, *self.others = stage.hosts
        self._addresses = {
            f"drained-{place}": f"10.77.0.{100 + place}" for place in range(1, number + 1)
        }
        self._identities: dict[str, dict[str, t.Any]] = {}
        total = int(stage.ssh(self.drained, "virsh nodeinfo | awk '/^Memory size/ {print $3}'"))
        self._reserve_kib = total - number * MEMORY_MIB * 1024 - _SLACK_KIB

    def make_guests(self) -> None:
        """Define and start the guests, and wait until they serve."""
        for name, address in self._addresses.items():
            xml = domain_xml(name, "qemu", address=address)
            self._stage.ssh(
                self.drained,
                f"""set -e; cp --sparse=always /var/lib/headroom-lab/guest.qcow2 {_IMAGES}/{name}.qcow2
                virsh -q pool-refresh default
                printf %s "{xml}" | virsh -q define /dev/stdin
                virsh -q start {name}""",
            )
        self._identities = self._ask_all()

    def drain(self, **limits: int) -> None:
        """Empty the first host, and see that either of the others might be lost all the time."""
        with self._watch() as samples:
            self._play("drain", drain_host=self.drained, **limits)
        unseen = list_unseen(samples, self._stage.hosts)
        if unseen:
            raise StageError(f"nothing was seen of {unseen}, so that nobody knows of N+1")
        breaches = list(list_breaches(samples, self.others, len(self._addresses)))
        if breaches:
            raise StageError(f"N+1 was not kept: {breaches}")

    def restore(self) -> None:
        """Give the first host its guests back."""
        self._play("restore", restore_host=self.drained)

    def prove_and_restore(self) -> None:
        """See that no guest was lost, neither by the drain nor by the way back."""
        self.prove(self.others)
        self.restore()
        self.prove([self.drained])

    def _play(self, playbook: str, **variables: t.Any) -> None:
        self._stage.play(f"headroom.libvirt.{playbook}", **self.list_limits(), **variables)

    def list_limits(self) -> dict[str, t.Any]:
        """Return the variables by which either of the other hosts may be lost, and memory is what is short."""
        return {
            "placement_n_plus_one": "hard",
            "placement_cpu_overcommit": len(self._addresses),
            "placement_memory_reserve": f"{self._reserve_kib}KiB",
        }

    def prove(self, hosts: Sequence[str]) -> None:
        """See that each guest runs on one of `hosts` and nowhere else, and is who it was."""
        running = [
            name
            for host in self._stage.hosts
            for name in self._stage.ssh(host, "virsh -q list --name").split()
        ]
        elsewhere = set(self._stage.hosts).difference(hosts)
        misplaced = [
            host for host in elsewhere if self._stage.ssh(host, "virsh -q list --name").split()
        ]
        identities = self._ask_all()
        changed = [
            name
            for name, identity in identities.items()
            if not is_same(self._identities[name], identity)
        ]
        if sorted(running) != sorted(self._addresses) or misplaced or changed:
            raise StageError(
                f"run: {running}; not empty: {misplaced}; booted, or others: {changed}"
            )
        self._identities = identities

    def _ask_all(self) -> dict[str, dict[str, t.Any]]:
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            answers = threads.map(self._ask, self._addresses.values())
            return dict(zip(self._addresses, answers, strict=True))

    def _ask(self, address: str) -> dict[str, t.Any]:
        """What a guest says of itself, once it does."""
        url = urllib.parse.urlunsplit(("http", address, "/identity", "", ""))
        deadline = time.monotonic() + _BOOT_SECONDS
        command = self._stage.in_lab("curl", "-sf", "--max-time", "20", url)
        while time.monotonic() < deadline:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                return dict(json.loads(answer.stdout))
            time.sleep(2)
        raise StageError(f"{address} does not serve")

    @contextlib.contextmanager
    def _watch(self) -> Iterator[list[Sample]]:
        """Yield what is filled at the end: what each host said twice a second."""
        samples: list[Sample] = []
        watchers = {
            host: subprocess.Popen(
                self._stage.in_lab("ssh", host, _WATCH), stdout=subprocess.PIPE, text=True
            )
            for host in self._stage.hosts
        }
        try:
            yield samples
        finally:
            for watcher in watchers.values():
                watcher.terminate()
            for host, watcher in watchers.items():
                text, _errors = watcher.communicate()
                samples += read_samples(host, text)


def is_same(before: Mapping[str, t.Any], after: Mapping[str, t.Any]) -> bool:
    """Whether a guest is the one that it was, and has been running since."""
    facts = ("machine_id", "uuid", "mac", "boot_count")
    same = all(before[fact] == after[fact] for fact in facts)
    return same and float(after["uptime"]) > float(before["uptime"])


def read_samples(host: str, text: str) -> Iterator[Sample]:
    """Read what a watcher printed; the last line may be cut off."""
    for line in text.splitlines(keepends=True):
        moment, *names = line.split()
        if line.endswith("\n"):
            yield Sample(float(moment), host, frozenset(names))


def list_unseen(samples: Iterable[Sample], hosts: Iterable[str]) -> list[str]:
    """Return the hosts whose watcher told nothing, as a broken connection's does: they may have had anything."""
    return sorted(set(hosts) - {sample.host for sample in samples})


def list_breaches(
    samples: Iterable[Sample], others: Sequence[str], capacity: int
) -> Iterator[tuple[float, dict[str, int]]]:
    """Yield each moment at which the guests that `others` have do not fit on one of them, with what each has."""
    latest: dict[str, int] = {}
    for sample in sorted(samples, key=lambda sample: sample.moment):
        latest[sample.host] = len(sample.guests)
        if sum(latest.get(host, 0) for host in others) > capacity:
            yield sample.moment, dict(latest)
