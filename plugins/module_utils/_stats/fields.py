# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which of libvirt's numbers are reported, under which name, in which unit. Pure.

Parsing, totals and rates all follow these tables, so a number that is added here is parsed, summed and rated.
What libvirt sends is checked for its type: a value of another type is as good as none (None), never a guess.
Source of names and units: https://libvirt.org/html/libvirt-libvirt-domain.html#virConnectGetAllDomainStats
"""

from __future__ import annotations

import dataclasses
import typing as t

Number = t.Union[int, float]
Reader = t.Callable[[object], t.Any]

_BEYOND: t.Final = 2**64  # libvirt's widest number


@dataclasses.dataclass(frozen=True)
class Field:
    """One value of a group or device.

    ``source`` is libvirt's name after the prefix of the group or device. ``rate`` is the name of its change a second,
    None for what is no counter. ``summed`` says whether a sum over devices and domains means anything.
    """

    name: str
    source: str
    read: Reader
    rate: str | None = None
    summed: bool = True


def count(value: object) -> int | None:
    """Return a number that cannot be negative; libvirt's older calls say -1 for "not known"."""
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BEYOND
        else None
    )


def seconds(value: object) -> float | None:
    """Return nanoseconds as seconds."""
    number = count(value)
    return None if number is None else number / 1_000_000_000


def from_kib(value: object) -> int | None:
    """Return KiB as bytes."""
    number = count(value)
    return None if number is None else number * 1024


def text(value: object) -> str | None:
    """Return a text."""
    return value if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    """Return a truth value."""
    return value if isinstance(value, bool) else None


def plain(value: object) -> Number | str | bool | None:
    """Return a value as it is, if it is one that libvirt can give."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, float):
        return value if 0 <= value < _BEYOND else None
    return count(value)


def from_mib(value: object) -> int | None:
    """Return MiB as bytes."""
    number = count(value)
    return None if number is None else number * 1024**2


def moment(value: object) -> int | None:
    """Return seconds since the epoch; libvirt says 0 for "never"."""
    return count(value) or None


def vcpu_state(value: object) -> str | None:
    """Return the name of a virVcpuState."""
    number = count(value)
    names = ("offline", "running", "blocked")
    return names[number] if number is not None and number < len(names) else None


def dirty_rate_status(value: object) -> str | None:
    """Return the name of a virDomainDirtyRateStatus."""
    number = count(value)
    names = ("unstarted", "measuring", "measured")
    return names[number] if number is not None and number < len(names) else None


def _counter(name: str, source: str) -> Field:
    return Field(name, source, count, rate=f"{name}_per_second")


def _cores(name: str, source: str, rate: str) -> Field:
    return Field(name, source, seconds, rate=rate)  # seconds of processor time a second are cores


def _busy(name: str, source: str) -> Field:
    return Field(name, source, seconds, rate=f"{name}_per_second")


CPU: t.Final = (
    _cores("time_seconds", "time", "used_cores"),
    _cores("user_seconds", "user", "user_cores"),
    _cores("system_seconds", "system", "system_cores"),
    _cores("haltpoll_success_seconds", "haltpoll.success.time", "haltpoll_success_cores"),
    _cores("haltpoll_fail_seconds", "haltpoll.fail.time", "haltpoll_fail_cores"),
)

MEMORY: t.Final = (
    Field("current_bytes", "current", from_kib),
    Field("maximum_bytes", "maximum", from_kib),
    Field("rss_bytes", "rss", from_kib),
    Field("available_bytes", "available", from_kib),
    Field("unused_bytes", "unused", from_kib),
    Field("usable_bytes", "usable", from_kib),
    Field("disk_caches_bytes", "disk_caches", from_kib),
    Field("swap_in_bytes", "swap_in", from_kib, rate="swap_in_bytes_per_second"),
    Field("swap_out_bytes", "swap_out", from_kib, rate="swap_out_bytes_per_second"),
    _counter("major_faults", "major_fault"),
    _counter("minor_faults", "minor_fault"),
    _counter("hugetlb_pgalloc", "hugetlb_pgalloc"),
    _counter("hugetlb_pgfail", "hugetlb_pgfail"),
    Field("last_update", "last-update", moment, summed=False),
)

VCPU: t.Final = (
    Field("state", "state", vcpu_state, summed=False),
    Field("halted", "halted", flag, summed=False),
    _cores("time_seconds", "time", "used_cores"),
    _cores("wait_seconds", "wait", "wait_cores"),
    _cores("delay_seconds", "delay", "delay_cores"),
)

BLOCK: t.Final = (
    Field("name", "name", text, summed=False),
    Field("path", "path", text, summed=False),
    Field("backing_index", "backingIndex", count, summed=False),
    _counter("rd_reqs", "rd.reqs"),
    _counter("rd_bytes", "rd.bytes"),
    _busy("rd_seconds", "rd.times"),
    _counter("wr_reqs", "wr.reqs"),
    _counter("wr_bytes", "wr.bytes"),
    _busy("wr_seconds", "wr.times"),
    _counter("fl_reqs", "fl.reqs"),
    _busy("fl_seconds", "fl.times"),
    _counter("errors", "errors"),
    Field("allocation_bytes", "allocation", count),
    Field("capacity_bytes", "capacity", count),
    Field("physical_bytes", "physical", count),
    Field("threshold_bytes", "threshold", count, summed=False),
)

INTERFACE: t.Final = (
    Field("name", "name", text, summed=False),
    _counter("rx_bytes", "rx.bytes"),
    _counter("rx_pkts", "rx.pkts"),
    _counter("rx_errs", "rx.errs"),
    _counter("rx_drop", "rx.drop"),
    _counter("tx_bytes", "tx.bytes"),
    _counter("tx_pkts", "tx.pkts"),
    _counter("tx_errs", "tx.errs"),
    _counter("tx_drop", "tx.drop"),
)

IOTHREAD: t.Final = (
    Field("poll_max_seconds", "poll-max-ns", seconds, summed=False),
    Field("poll_grow", "poll-grow", count, summed=False),
    Field("poll_shrink", "poll-shrink", count, summed=False),
)

DIRTY_RATE: t.Final = (
    Field("status", "calc_status", dirty_rate_status, summed=False),
    Field("mode", "calc_mode", text, summed=False),
    Field("started_at", "calc_start_time", count, summed=False),
    Field("period_seconds", "calc_period", count, summed=False),
    Field("bytes_per_second", "megabytes_per_second", from_mib),
)
DIRTY_RATE_VCPU: t.Final = (Field("bytes_per_second", "megabytes_per_second", from_mib),)

MONITOR: t.Final = (
    Field("name", "name", text, summed=False),
    Field("vcpus", "vcpus", text, summed=False),
)
MONITOR_NODE: t.Final = (
    Field("id", "id", count, summed=False),
    Field("local_bytes", "bytes.local", count),
    Field("total_bytes", "bytes.total", count),
)

# https://libvirt.org/formatdomain.html#performance-monitoring-events
_PERF_COUNTS: t.Final = (
    "cache_misses",
    "cache_references",
    "instructions",
    "cpu_cycles",
    "branch_instructions",
    "branch_misses",
    "bus_cycles",
    "stalled_cycles_frontend",
    "stalled_cycles_backend",
    "ref_cpu_cycles",
    "page_faults",
    "context_switches",
    "cpu_migrations",
    "page_faults_min",
    "page_faults_maj",
    "alignment_faults",
    "emulation_faults",
)
PERF: t.Final = (
    Field("cache_bytes", "cmt", count),
    Field("memory_total_bytes_per_second", "mbmt", count),
    Field("memory_local_bytes_per_second", "mbml", count),
    Field("cpu_clock_seconds", "cpu_clock", seconds),
    Field("task_clock_seconds", "task_clock", seconds),
    *(Field(name, name, count) for name in _PERF_COUNTS),
)
