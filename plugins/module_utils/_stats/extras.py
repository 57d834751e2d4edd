# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``parse_groups``: the groups of statistics beside the usual six, called by ``sample.parse_record``. Pure.

What is known of them gets its name and unit of fields.py, all else keeps libvirt's own name.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from . import fields

Values = t.Mapping[str, t.Any]
Stats = dict[str, t.Any]

# A count above it is no count of devices: libvirt's own limit on what one message carries is far lower.
_MOST_DEVICES: t.Final = 4096
_DIRTY_VCPU: t.Final = re.compile(r"vcpu\.(\d{1,9})\.(.+)")
_MONITOR: t.Final = re.compile(
    r"bandwidth\.monitor\.(\d{1,9})\.(?:node\.(\d{1,9})\.)?(.+)", re.ASCII
)
_TIMED: t.Final = re.compile(r"timed_group\.(\d{1,9})\.(.+)", re.ASCII)
_BIN: t.Final = re.compile(
    rf"latency_histogram\.({'|'.join(fields.HISTOGRAMS)})\.bin\.(\d{{1,9}})\.(.+)", re.ASCII
)
_COUNTS_OF_DISK: t.Final = frozenset(
    ("timed_group.count", *(f"latency_histogram.{name}.bin.count" for name in fields.HISTOGRAMS))
)
# What KVM counts of each vCPU is called so.
_OF_KVM: t.Final = re.compile(r".+\.(?:cur|sum|max)")
_COUNTS: t.Final = re.compile(r"(?:(?:bandwidth|cache)\.monitor\.(?:\d+\.(?:node|bank)\.)?)?count")


@dataclasses.dataclass
class GroupValues:
    """The values of one group by name, and those of its devices by index and name."""

    own: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    devices: dict[int, dict[str, t.Any]] = dataclasses.field(default_factory=dict)

    def list_indices(self) -> list[int]:
        """Return the devices' indices: those that were counted, even without any value, and those with one."""
        counted = fields.read_count(self.own.get("count")) or 0
        return sorted({*range(counted if counted <= _MOST_DEVICES else 0), *self.devices})


Groups = t.Mapping[str, GroupValues]


def read_devices(
    table: t.Sequence[fields.Field], group: GroupValues, indices: t.Iterable[int]
) -> list[Stats]:
    """Return the table's values of each device, its ``index`` beside them."""
    empty: dict[str, t.Any] = {}
    rows = []
    for index in indices:
        source = group.devices.get(index, empty)
        values = {field.name: field.read(source.get(field.source)) for field in table}
        rows.append({"index": index, **values})
    return rows


def parse_groups(groups: Groups) -> Stats:
    """Return ``{iothread, dirty_rate, memory_bandwidth, perf, other}``, each None where there is nothing of it."""
    nothing: Stats = dict.fromkeys(("iothread", "dirty_rate", "memory_bandwidth", "perf", "other"))
    return {
        **nothing,
        **{
            name: read(groups[group]) for group, (name, read) in _READERS.items() if group in groups
        },
        "other": _read_rest(groups),
    }


def read_timed_groups(disk: Values) -> list[Stats] | None:
    """Return what QEMU measured of a disk over each interval that its definition sets; None where it sets none."""
    if "timed_group.count" not in disk:
        return None
    intervals = GroupValues()
    for key, value in disk.items():
        if match := _TIMED.fullmatch(key):
            intervals.devices.setdefault(int(match[1]), {})[match[2]] = value
    return read_devices(fields.TIMED_GROUP, intervals, sorted(intervals.devices))


def read_histograms(disk: Values) -> dict[str, list[Stats]] | None:
    """Return {kind of operation: bins} of how long a disk's took; None where its definition asks for none."""
    kinds = [name for name in fields.HISTOGRAMS if f"latency_histogram.{name}.bin.count" in disk]
    if not kinds:
        return None
    bins = {name: GroupValues() for name in kinds}
    for key, value in disk.items():
        match = _BIN.fullmatch(key)
        if match and match[1] in bins:
            bins[match[1]].devices.setdefault(int(match[2]), {})[match[3]] = value
    return {
        name: read_devices(fields.HISTOGRAM_BIN, group, sorted(group.devices))
        for name, group in bins.items()
    }


def _read_iothreads(group: GroupValues) -> Stats:
    # IOThreads are numbered as the definition says, so that a count says nothing of the numbers.
    return {
        "count": fields.read_count(group.own.get("count")),
        "devices": read_devices(fields.IOTHREAD, group, sorted(group.devices)),
    }


def _read_dirty_rate(group: GroupValues) -> Stats:
    vcpus = GroupValues()
    for key, value in group.own.items():
        if match := _DIRTY_VCPU.fullmatch(key):
            vcpus.devices.setdefault(int(match[1]), {})[match[2]] = value
    return {
        **{field.name: field.read(group.own.get(field.source)) for field in fields.DIRTY_RATE},
        "vcpus": read_devices(fields.DIRTY_RATE_VCPU, vcpus, sorted(vcpus.devices)),
    }


def _read_memory_bandwidth(group: GroupValues) -> Stats:
    monitors = GroupValues()
    nodes: dict[int, GroupValues] = {}
    for key, value in group.own.items():
        if match := _MONITOR.fullmatch(key):
            index, node, name = int(match[1]), match[2], match[3]
            monitors.devices.setdefault(index, {})
            if node is None:
                monitors.devices[index][name] = value
            else:
                nodes.setdefault(index, GroupValues()).devices.setdefault(int(node), {})[name] = (
                    value
                )
    rows = read_devices(fields.MONITOR, monitors, sorted(monitors.devices))
    for monitor in rows:
        own = nodes.get(monitor["index"], GroupValues())
        monitor["nodes"] = read_devices(fields.MONITOR_NODE, own, sorted(own.devices))
    return {"monitors": rows}


def _read_perf_events(group: GroupValues) -> Stats:
    # Which events are counted is the definition's choice: the others are no part of it.
    return {
        field.name: field.read(group.own[field.source])
        for field in fields.PERF
        if field.source in group.own
    }


_READERS: t.Final[dict[str, tuple[str, t.Callable[[GroupValues], Stats]]]] = {
    "iothread": ("iothread", _read_iothreads),
    "dirtyrate": ("dirty_rate", _read_dirty_rate),
    "memory": ("memory_bandwidth", _read_memory_bandwidth),
    "perf": ("perf", _read_perf_events),
}


def _list_sources(table: t.Iterable[fields.Field]) -> frozenset[str]:
    return frozenset(field.source for field in table)


_KNOWN: t.Final = {
    "state": frozenset(("state", "reason")),
    "cpu": _list_sources(fields.CPU),
    "balloon": _list_sources(fields.MEMORY),
    "vcpu": frozenset(("current", "maximum")),
    "dirtyrate": _list_sources(fields.DIRTY_RATE),
    "perf": _list_sources(fields.PERF),
}
_KNOWN_OF_DEVICE: t.Final = {
    "iothread": _list_sources(fields.IOTHREAD),
    "vcpu": _list_sources(fields.VCPU),
    "net": _list_sources(fields.INTERFACE),
    "block": _list_sources(fields.BLOCK) | _COUNTS_OF_DISK,
}
_SOURCES_OF_TIMED: t.Final = _list_sources(fields.TIMED_GROUP)
_SOURCES_OF_BIN: t.Final = _list_sources(fields.HISTOGRAM_BIN)


def _read_rest(groups: Groups) -> Stats | None:
    """Return what no table has, by libvirt's names: a newer libvirt tells more than this release knows."""
    with_kvm = "vm" in groups
    unknown = {
        group: _read_unknown(group, values, with_kvm=with_kvm) for group, values in groups.items()
    }
    return {group: values for group, values in unknown.items() if values} or None


def _read_unknown(group: str, values: GroupValues, *, with_kvm: bool) -> Stats:
    own = {name: value for name, value in values.own.items() if not _is_known(group, name)}
    known_names = _KNOWN_OF_DEVICE.get(group, frozenset())
    for index, device in sorted(values.devices.items()):
        for name, value in device.items():
            if name not in known_names and not _is_known_of_device(group, name, with_kvm):
                own[f"{index}.{name}"] = value
    return {name: fields.read_plain(value) for name, value in own.items()}


@functools.lru_cache(maxsize=4096)  # every domain has the same names
def _is_known(group: str, name: str) -> bool:
    if name in _KNOWN.get(group, ()) or _COUNTS.fullmatch(name):
        return True
    if group == "dirtyrate":
        match = _DIRTY_VCPU.fullmatch(name)
        return match is not None and match[2] == "megabytes_per_second"
    return group == "memory" and _is_known_of_monitor(name)


@functools.lru_cache(maxsize=4096)
def _is_known_of_device(group: str, name: str, with_kvm: bool) -> bool:
    """Return whether a name that is in no table of the group's devices is told elsewhere, or not asked for."""
    if group == "vcpu":
        # KVM counts some sixty things of each vCPU, which few want to know of every guest at every reading.
        return not with_kvm and _OF_KVM.fullmatch(name) is not None
    if group == "block":
        timed, bins = _TIMED.fullmatch(name), _BIN.fullmatch(name)
        return (timed is not None and timed[2] in _SOURCES_OF_TIMED) or (
            bins is not None and bins[3] in _SOURCES_OF_BIN
        )
    return False


def _is_known_of_monitor(name: str) -> bool:
    match = _MONITOR.fullmatch(name)
    if match is None:
        return False
    table = fields.MONITOR if match[2] is None else fields.MONITOR_NODE
    return match[3] == "node.count" or match[3] in _list_sources(table)
