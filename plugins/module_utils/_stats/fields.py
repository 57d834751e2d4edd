# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which of libvirt's numbers are reported, under which name, in which unit. Pure.

Parsing, totals and rates all follow these tables: a new statistic is a line here, and is parsed, summed and rated.
What libvirt sends is checked for its type: a value of another type is as good as none (None), never a guess.
Source of names and units: https://libvirt.org/html/libvirt-libvirt-domain.html#virConnectGetAllDomainStats
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

Number = t.Union[int, float]
Reader = t.Callable[[object], t.Any]

# libvirt's widest number is no count: QEMU's -1 for "not known", which has lost its sign on the way through libvirt.
_BEYOND: t.Final = 2**64 - 1


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


def read_count(value: object) -> int | None:
    """Return a number that cannot be negative; libvirt's older calls say -1 for "not known"."""
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BEYOND
        else None
    )


def read_nanoseconds(value: object) -> float | None:
    """Return nanoseconds as seconds."""
    number = read_count(value)
    return None if number is None else number / 1_000_000_000


def read_kib(value: object) -> int | None:
    """Return KiB as bytes."""
    number = read_count(value)
    return None if number is None else number * 1024


def read_text(value: object) -> str | None:
    """Return a text."""
    return value if isinstance(value, str) else None


def read_flag(value: object) -> bool | None:
    """Return a truth value."""
    return value if isinstance(value, bool) else None


def read_plain(value: object) -> Number | str | bool | None:
    """Return a value as it is, if it is one that libvirt can give."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, float):
        return value if 0 <= value < _BEYOND else None
    return read_count(value)


def read_mib(value: object) -> int | None:
    """Return MiB as bytes."""
    number = read_count(value)
    return None if number is None else number * 1024**2


def read_moment(value: object) -> int | None:
    """Return seconds since the epoch; libvirt says 0 for "never"."""
    return read_count(value) or None


def read_vcpu_state(value: object) -> str | None:
    """Return the name of a virVcpuState."""
    number = read_count(value)
    names = ("offline", "running", "blocked")
    return names[number] if number is not None and number < len(names) else None


def read_dirty_rate_status(value: object) -> str | None:
    """Return the name of a virDomainDirtyRateStatus."""
    number = read_count(value)
    names = ("unstarted", "measuring", "measured")
    return names[number] if number is not None and number < len(names) else None


def _define_counter(name: str, source: str) -> Field:
    return Field(name, source, read_count, rate=f"{name}_per_second")


def _define_cores(name: str, source: str, rate: str) -> Field:
    return Field(
        name, source, read_nanoseconds, rate=rate
    )  # seconds of processor time a second are cores


def _define_duration(name: str, source: str) -> Field:
    return Field(name, source, read_nanoseconds, rate=f"{name}_per_second")


CPU: t.Final = (
    _define_cores("time_seconds", "time", "used_cores"),
    _define_cores("user_seconds", "user", "user_cores"),
    _define_cores("system_seconds", "system", "system_cores"),
    _define_cores("haltpoll_success_seconds", "haltpoll.success.time", "haltpoll_success_cores"),
    _define_cores("haltpoll_fail_seconds", "haltpoll.fail.time", "haltpoll_fail_cores"),
)

MEMORY: t.Final = (
    Field("current_bytes", "current", read_kib),
    Field("maximum_bytes", "maximum", read_kib),
    Field("rss_bytes", "rss", read_kib),
    Field("available_bytes", "available", read_kib),
    Field("unused_bytes", "unused", read_kib),
    Field("usable_bytes", "usable", read_kib),
    Field("disk_caches_bytes", "disk_caches", read_kib),
    Field("swap_in_bytes", "swap_in", read_kib, rate="swap_in_bytes_per_second"),
    Field("swap_out_bytes", "swap_out", read_kib, rate="swap_out_bytes_per_second"),
    _define_counter("major_faults", "major_fault"),
    _define_counter("minor_faults", "minor_fault"),
    _define_counter("hugetlb_pgalloc", "hugetlb_pgalloc"),
    _define_counter("hugetlb_pgfail", "hugetlb_pgfail"),
    Field("last_update", "last-update", read_moment, summed=False),
)

VCPU: t.Final = (
    Field("state", "state", read_vcpu_state, summed=False),
    Field("halted", "halted", read_flag, summed=False),
    _define_cores("time_seconds", "time", "used_cores"),
    _define_cores("wait_seconds", "wait", "wait_cores"),
    _define_cores("delay_seconds", "delay", "delay_cores"),
)

BLOCK: t.Final = (
    Field("name", "name", read_text, summed=False),
    Field("path", "path", read_text, summed=False),
    Field("backing_index", "backingIndex", read_count, summed=False),
    _define_counter("rd_reqs", "rd.reqs"),
    _define_counter("rd_bytes", "rd.bytes"),
    _define_duration("rd_seconds", "rd.times"),
    _define_counter("wr_reqs", "wr.reqs"),
    _define_counter("wr_bytes", "wr.bytes"),
    _define_duration("wr_seconds", "wr.times"),
    _define_counter("fl_reqs", "fl.reqs"),
    _define_duration("fl_seconds", "fl.times"),
    _define_counter("errors", "errors"),
    Field("allocation_bytes", "allocation", read_count),
    Field("capacity_bytes", "capacity", read_count),
    Field("physical_bytes", "physical", read_count),
    Field("threshold_bytes", "threshold", read_count, summed=False),
)

# Over intervals that the disk's definition sets (<statistics>), by virsh's manual of libvirt 12 (domstats).
_OPERATIONS: t.Final = ("rd", "wr", "zone_append", "flush")


def _define_latencies(operation: str) -> t.Iterator[Field]:
    for kind in ("min", "max", "avg"):
        source = f"{operation}_latency_{kind}"
        yield Field(f"{source}_seconds", source, read_nanoseconds, summed=False)


def _define_queue_depth(operation: str) -> Field:
    source = f"{operation}_queue_depth_avg"
    return Field(source, source, read_plain, summed=False)


TIMED_GROUP: t.Final = (
    Field("interval_seconds", "interval_length", read_count, summed=False),
    *itertools.chain.from_iterable(map(_define_latencies, _OPERATIONS)),
    *map(_define_queue_depth, ("rd", "wr", "zone_append")),
)
HISTOGRAMS: t.Final = ("read", "write", "zone_append", "flush")
HISTOGRAM_BIN: t.Final = (
    Field("start_seconds", "start", read_nanoseconds, summed=False),
    Field("count", "value", read_count, summed=False),
)

INTERFACE: t.Final = (
    Field("name", "name", read_text, summed=False),
    _define_counter("rx_bytes", "rx.bytes"),
    _define_counter("rx_pkts", "rx.pkts"),
    _define_counter("rx_errs", "rx.errs"),
    _define_counter("rx_drop", "rx.drop"),
    _define_counter("tx_bytes", "tx.bytes"),
    _define_counter("tx_pkts", "tx.pkts"),
    _define_counter("tx_errs", "tx.errs"),
    _define_counter("tx_drop", "tx.drop"),
)

IOTHREAD: t.Final = (
    Field("poll_max_seconds", "poll-max-ns", read_nanoseconds, summed=False),
    Field("poll_grow", "poll-grow", read_count, summed=False),
    Field("poll_shrink", "poll-shrink", read_count, summed=False),
)

DIRTY_RATE: t.Final = (
    Field("status", "calc_status", read_dirty_rate_status, summed=False),
    Field("mode", "calc_mode", read_text, summed=False),
    Field("started_at", "calc_start_time", read_count, summed=False),
    Field("period_seconds", "calc_period", read_count, summed=False),
    Field("bytes_per_second", "megabytes_per_second", read_mib),
)
DIRTY_RATE_VCPU: t.Final = (Field("bytes_per_second", "megabytes_per_second", read_mib),)

MONITOR: t.Final = (
    Field("name", "name", read_text, summed=False),
    Field("vcpus", "vcpus", read_text, summed=False),
)
MONITOR_NODE: t.Final = (
    Field("id", "id", read_count, summed=False),
    Field("local_bytes", "bytes.local", read_count),
    Field("total_bytes", "bytes.total", read_count),
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
    Field("cache_bytes", "cmt", read_count),
    Field("memory_total_bytes_per_second", "mbmt", read_count),
    Field("memory_local_bytes_per_second", "mbml", read_count),
    Field("cpu_clock_seconds", "cpu_clock", read_nanoseconds),
    Field("task_clock_seconds", "task_clock", read_nanoseconds),
    *(Field(name, name, read_count) for name in _PERF_COUNTS),
)
