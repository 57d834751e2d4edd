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
import re
import typing as t

from . import fields

Values = t.Mapping[str, t.Any]
Stats = dict[str, t.Any]

# A count above it is no count of devices: libvirt's own limit on what one message carries is far lower.
_MOST_DEVICES: t.Final = 4096
_EXTRA: t.Final = ("iothread", "dirtyrate", "memory", "perf", "vm")
_DIRTY_VCPU: t.Final = re.compile(r"vcpu\.(\d{1,9})\.(.+)")
_MONITOR: t.Final = re.compile(
    r"bandwidth\.monitor\.(\d{1,9})\.(?:node\.(\d{1,9})\.)?(.+)", re.ASCII
)
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
    present = {name: groups[name] for name in _EXTRA if name in groups}
    # KVM counts some sixty things of each vCPU, which few want to know of every guest at every reading.
    beside = ("cpu", "vcpu") if "vm" in present else ("cpu",)
    return {
        **nothing,
        **{
            name: read(present[group])
            for group, (name, read) in _READERS.items()
            if group in present
        },
        "other": _read_rest(
            {**present, **{name: groups[name] for name in beside if name in groups}}
        ),
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
_KNOWN: t.Final = {
    "dirtyrate": {field.source for field in fields.DIRTY_RATE},
    "perf": {field.source for field in fields.PERF},
}
_KNOWN_OF_DEVICE: t.Final = {
    "iothread": {field.source for field in fields.IOTHREAD},
    "vcpu": {field.source for field in fields.VCPU},
}


def _read_rest(groups: Groups) -> Stats | None:
    """Return what no table has of these groups, by libvirt's names."""
    unknown = {group: _read_unknown(group, values) for group, values in groups.items()}
    return {group: values for group, values in unknown.items() if values} or None


def _read_unknown(group: str, values: GroupValues) -> Stats:
    own = {name: value for name, value in values.own.items() if not _is_known(group, name)}
    fields_of_device = _KNOWN_OF_DEVICE.get(group, set())
    for index, device in sorted(values.devices.items()):
        for name, value in device.items():
            if name not in fields_of_device:
                own[f"{index}.{name}"] = value
    return {name: fields.read_plain(value) for name, value in own.items()}


def _is_known(group: str, name: str) -> bool:
    if name in _KNOWN.get(group, ()) or _COUNTS.fullmatch(name):
        return True
    if group in ("cpu", "vcpu"):
        return not name.startswith("cache.")  # the monitors of caches (resctrl)
    if group == "dirtyrate":
        match = _DIRTY_VCPU.fullmatch(name)
        return match is not None and match[2] == "megabytes_per_second"
    return group == "memory" and _is_known_of_monitor(name)


def _is_known_of_monitor(name: str) -> bool:
    match = _MONITOR.fullmatch(name)
    if match is None:
        return False
    table = fields.MONITOR if match[2] is None else fields.MONITOR_NODE
    return match[3] == "node.count" or match[3] in {field.source for field in table}
