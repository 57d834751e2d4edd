# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares every field that `virsh domstats` prints of a domain with what the module returned of it.

Standard input: `{before: virsh's text, after: the same later, domain: the module's}`. A field that rested in between
has to be equal, and one that went on has to lie between. Fails naming the fields that differ or have no counterpart.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t

NANOSECONDS, KIB = 1_000_000_000, 1024
Unit = t.Union[float, "list[str]", None]

# virsh's names, and the way to the module's with its unit in virsh's. Written down apart from the module's own tables.
FIELDS: dict[str, tuple[str, Unit]] = {
    r"cpu\.time": ("cpu.time_seconds", NANOSECONDS),
    r"cpu\.(user|system)": (r"cpu.\1_seconds", NANOSECONDS),
    r"cpu\.haltpoll\.(success|fail)\.time": (r"cpu.haltpoll_\1_seconds", NANOSECONDS),
    r"balloon\.last-update": ("memory.last_update", 1),
    r"balloon\.(swap_in|swap_out)": (r"memory.\1_bytes", 1 / KIB),
    r"balloon\.(major|minor)_fault": (r"memory.\1_faults", 1),
    r"balloon\.(hugetlb_\w+)": (r"memory.\1", 1),
    r"balloon\.(\w+)": (r"memory.\1_bytes", 1 / KIB),
    r"vcpu\.(current|maximum)": (r"vcpu.\1", 1),
    r"vcpu\.(\d+)\.state": (r"vcpu.devices.\1.state", ["offline", "running", "blocked"]),
    r"vcpu\.(\d+)\.halted": (r"vcpu.devices.\1.halted", None),
    r"vcpu\.(\d+)\.(time|wait|delay)": (r"vcpu.devices.\1.\2_seconds", NANOSECONDS),
    r"net\.(\d+)\.name": (r"interface.devices.\1.name", None),
    r"net\.(\d+)\.([rt]x)\.(\w+)": (r"interface.devices.\1.\2_\3", 1),
    r"block\.(\d+)\.(name|path)": (r"block.devices.\1.\2", None),
    r"block\.(\d+)\.backingIndex": (r"block.devices.\1.backing_index", 1),
    r"block\.(\d+)\.(rd|wr|fl)\.times": (r"block.devices.\1.\2_seconds", NANOSECONDS),
    r"block\.(\d+)\.(rd|wr|fl)\.(\w+)": (r"block.devices.\1.\2_\3", 1),
    r"block\.(\d+)\.(allocation|capacity|physical|threshold)": (r"block.devices.\1.\2_bytes", 1),
    r"iothread\.count": ("iothread.count", 1),
    r"iothread\.(\d+)\.poll-max-ns": (r"iothread.devices.\1.poll_max_seconds", NANOSECONDS),
    r"iothread\.(\d+)\.poll-(grow|shrink)": (r"iothread.devices.\1.poll_\2", 1),
    r"dirtyrate\.calc_status": ("dirty_rate.status", ["unstarted", "measuring", "measured"]),
    r"dirtyrate\.calc_start_time": ("dirty_rate.started_at", 1),
    r"dirtyrate\.calc_period": ("dirty_rate.period_seconds", 1),
    r"dirtyrate\.calc_mode": ("dirty_rate.mode", None),
    r"dirtyrate\.megabytes_per_second": ("dirty_rate.bytes_per_second", 1 / KIB**2),
    r"dirtyrate\.vcpu\.(\d+)\.megabytes_per_second": (
        r"dirty_rate.vcpus.\1.bytes_per_second",
        1 / KIB**2,
    ),
    r"memory\.bandwidth\.monitor\.(\d+)\.(name|vcpus)": (r"memory_bandwidth.monitors.\1.\2", None),
    r"memory\.bandwidth\.monitor\.(\d+)\.node\.(\d+)\.id": (
        r"memory_bandwidth.monitors.\1.nodes.\2.id",
        1,
    ),
    r"memory\.bandwidth\.monitor\.(\d+)\.node\.(\d+)\.bytes\.(\w+)": (
        r"memory_bandwidth.monitors.\1.nodes.\2.\3_bytes",
        1,
    ),
    r"perf\.cmt": ("perf.cache_bytes", 1),
    r"perf\.mbmt": ("perf.memory_total_bytes_per_second", 1),
    r"perf\.mbml": ("perf.memory_local_bytes_per_second", 1),
    r"perf\.(cpu|task)_clock": (r"perf.\1_clock_seconds", NANOSECONDS),
    r"perf\.(\w+)": (r"perf.\1", 1),
    r"(cpu)\.(cache\..*)": (r"other.\1:\2", None),
    r"(vm)\.(.*)": (r"other.\1:\2", None),
    r"(vcpu)\.(\d+\.\w+\.\w+)": (r"other.\1:\2", None),
}
# How many there are: the module returns so many. The state's names are asserted beside this.
APART = re.compile(
    r"state\..*|(net|block|(cpu\.cache|memory\.bandwidth)\.monitor(\.\d+\.(node|bank))?)\.count"
)


def main() -> int:
    """The exit code."""
    given = json.load(sys.stdin)
    before, after = parse(given["before"]), parse(given["after"])
    wrong = [
        line
        for key in before
        for line in judge(key, before[key], after.get(key, ""), given["domain"])
    ]
    print("\n".join(wrong) or f"{len(before)} fields agree")
    return 1 if wrong or len(before) < 40 else 0


def parse(text: str) -> dict[str, str]:
    """The fields by name."""
    return dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)


def judge(key: str, before: str, after: str, domain: dict[str, t.Any]) -> list[str]:
    """What is wrong with the field, as no or one line."""
    if APART.fullmatch(key):
        return []
    path, unit = counterpart(key)
    ours = find(domain, path) if path else None
    if isinstance(unit, list):
        same = ours == unit[int(before)]
    elif unit is None:
        same = str(ours) == before or ours is {"yes": True, "no": False}.get(before, "neither")
    else:
        low, high = sorted((int(before), int(after)))
        if path == "memory.last_update" and low == 0:
            return [] if ours is None else [f"{key}: virsh says never, the module {ours}"]
        same = ours is not None and low <= round(ours * unit) <= high
    return (
        []
        if same
        else [f"{key}: virsh says {before}, then {after}; the module says {ours!r} ({path})"]
    )


def counterpart(key: str) -> tuple[str, Unit]:
    """The way to the module's value, and how many of virsh's units make one of its own, or the names of numbers."""
    for pattern, (path, unit) in FIELDS.items():
        if match := re.fullmatch(pattern, key):
            return match.expand(path), unit
    return "", None


def find(domain: dict[str, t.Any], path: str) -> t.Any:
    """The value at the path."""
    value: t.Any = domain
    if path.startswith("other."):
        group, name = path[len("other.") :].split(":", 1)
        return ((domain["other"] or {}).get(group) or {}).get(name)
    for step in path.split("."):
        if isinstance(value, list):
            value = next((device for device in value if device["index"] == int(step)), {})
        else:
            value = (value or {}).get(step)
    return value


if __name__ == "__main__":
    sys.exit(main())
