# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurements of `./dev bench stats`, on the host.

"connected" cases begin with a connection (and a virsh) that is open already; the others open one in every turn, as a
module does and as `virsh` on a command line does. Ansible's own time is in none of them.

The "plain loop" is what one writes first: listAllDomains(), and for each guest XMLDesc() to find its devices,
blockStatsFlags() for each disk and interfaceStats() for each NIC. It yields the counters that the bulk call yields,
but for the sizes of the disks. "plain loop, 4 counters" calls blockStats() instead: requests and bytes only, for which
QEMU is asked once a guest where the bulk call and `virsh domstats` ask it twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import sys
import typing as t
from xml.etree import ElementTree as ET

import libvirt

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import (
    StatsRequest,
    collect,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.totals import (
    summarise_domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.stats import GROUPS, Group

from bench import delay, frame
from bench.on_host import virsh
from bench.on_host.guests import guests

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OURS = "domain_stats_info"
_DELAYED_ROUNDS = 3  # the plain loop takes many seconds then, and what differs is no noise
CONNECTED = ", connected"
DEVICES: tuple[Group, ...] = ("block", "interface")


def run(domains: str, round_trips: str, rounds: str) -> list[frame.Row]:
    """Rows for each number of guests in `domains` (ascending, separated by commas), and each round trip in ms."""
    rows: list[frame.Row] = []
    with contextlib.ExitStack() as stack:
        roads = [Road("", virsh.URI, int(rounds))]
        for milliseconds in map(int, round_trips.split(",")):
            uri = stack.enter_context(delay.delayed(milliseconds / 1000))
            roads.append(Road(f", {milliseconds} ms", uri, _DELAYED_ROUNDS))
        local = stack.enter_context(open_connection(virsh.URI))
        started = stack.enter_context(guests(local.handle))
        for number in map(int, domains.split(",")):
            started.grow_to(number)
            for road in roads:
                print(f"bench: {number} guests{road.suffix}", file=sys.stderr, flush=True)
                rows += measure(road, number)
    return rows


@dataclasses.dataclass(frozen=True)
class Road:
    """A way to the host: what its cases are called, its URI, how many turns each contender has."""

    suffix: str
    uri: str
    rounds: int


def measure(road: Road, number: int) -> list[frame.Row]:
    """Rows of all cases on one way to the host."""
    rows: list[frame.Row] = []
    with open_connection(road.uri) as connection, virsh.Shell(road.uri) as shell:
        check(connection, shell, number)
        for case, contenders in cases(road.uri, connection, shell):
            if (
                road.suffix and CONNECTED in case
            ):  # what a connection costs is nothing beside a plain loop's calls
                continue
            medians = frame.Race(contenders).medians(road.rounds, warm_up=not road.suffix)
            rows += frame.rows("stats", f"{case}{road.suffix}", number, medians, OURS)
    return rows


def cases(
    uri: str, connection: Connection, shell: virsh.Shell
) -> Iterator[tuple[str, dict[str, frame.Contender]]]:
    """The contenders of each case."""
    for name, groups in (("six usual groups", GROUPS), ("block+interface", DEVICES)):
        command = domstats(groups)
        fresh: dict[str, frame.Contender] = {
            OURS: functools.partial(ours_from_scratch, uri, groups),
            "virsh domstats": functools.partial(virsh.output, uri, *command),
        }
        connected: dict[str, frame.Contender] = {
            OURS: functools.partial(ours, connection, groups),
            "virsh domstats": functools.partial(shell.output, *command),
        }
        if groups == DEVICES:
            for peer, of_disk in (
                ("plain loop", all_counters),
                ("plain loop, 4 counters", four_counters),
            ):
                fresh[peer] = functools.partial(loop_from_scratch, uri, of_disk)
                connected[peer] = functools.partial(plain_loop, connection.handle, of_disk)
        yield name, fresh
        yield f"{name}{CONNECTED}", connected


def domstats(groups: Sequence[Group]) -> list[str]:
    """The virsh command that reads the same."""
    return ["domstats", *(f"--{group}" for group in groups)]


def ours(connection: Connection, groups: Sequence[Group]) -> dict[str, t.Any]:
    """What the module does between its connection and its output, output included."""
    domains = [
        reading.as_dict(connection.uri)
        for reading in collect(connection, StatsRequest(groups=groups))
    ]
    data = {"domains": domains, "totals": summarise_domains(domains)}
    json.dumps(data)
    return data


def ours_from_scratch(uri: str, groups: Sequence[Group]) -> None:
    """The same, with a connection of its own."""
    with open_connection(uri) as connection:
        ours(connection, groups)


@dataclasses.dataclass
class Sums:
    """What the plain loop adds up."""

    devices: int = 0
    bytes: int = 0


def all_counters(domain: libvirt.virDomain, target: str) -> int:
    """Bytes read of a disk, with the call that gives what the bulk call gives too: requests, bytes, times, flushes."""
    return domain.blockStatsFlags(target)["rd_bytes"]


def four_counters(domain: libvirt.virDomain, target: str) -> int:
    """Bytes read of a disk, with the older call that gives requests and bytes only, for half the work in QEMU."""
    return domain.blockStats(target)[1]


OfDisk = t.Callable[["libvirt.virDomain", str], int]


def plain_loop(handle: libvirt.virConnect, of_disk: OfDisk) -> Sums:
    """What one writes first: for each guest its XML, then one call for each device in it."""
    sums = Sums()
    for domain in handle.listAllDomains(0):
        root = ET.fromstring(domain.XMLDesc(0))  # noqa: S314 (it is libvirt's own)
        for target in root.iterfind("devices/disk/target"):
            sums.bytes += of_disk(domain, target.get("dev", ""))
            sums.devices += 1
        for target in root.iterfind("devices/interface/target"):
            sums.bytes += domain.interfaceStats(target.get("dev", ""))[0]
            sums.devices += 1
    return sums


def loop_from_scratch(uri: str, of_disk: OfDisk) -> None:
    """The same, with a connection of its own."""
    handle = libvirt.open(uri)
    try:
        plain_loop(handle, of_disk)
    finally:
        handle.close()


def check(connection: Connection, shell: virsh.Shell, number: int) -> None:
    """Raise RuntimeError unless all contenders see the same guests and devices: else the race is about nothing."""
    data = ours(connection, DEVICES)
    seen = {
        "domains": len(data["domains"]),
        "virsh's domains": shell.output(*domstats(DEVICES)).count("Domain: "),
        "devices": sum(
            len(domain[group]["devices"]) for domain in data["domains"] for group in DEVICES
        ),
        "the loop's devices": plain_loop(connection.handle, all_counters).devices,
    }
    if list(seen.values()) != [number, number, 2 * number, 2 * number]:
        raise RuntimeError(f"the contenders do not read the same {number} guests: {seen}")
