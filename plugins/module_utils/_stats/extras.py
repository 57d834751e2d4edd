# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The groups beside the usual six: what is known of them by name and unit, all else by libvirt's own names. Pure."""

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
class Group:
    """The values of one group by name, and those of its devices by index and name."""

    own: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    devices: dict[int, dict[str, t.Any]] = dataclasses.field(default_factory=dict)

    def indices(self) -> list[int]:
        """Return the devices' indices: those counted, even if nothing is known of one, and those seen."""
        counted = fields.count(self.own.get("count")) or 0
        return sorted({*range(counted if counted <= _MOST_DEVICES else 0), *self.devices})


Groups = t.Mapping[str, Group]


def devices(table: t.Sequence[fields.Field], group: Group, indices: t.Iterable[int]) -> list[Stats]:
    """Return the table's values of each device, its ``index`` beside them."""
    empty: dict[str, t.Any] = {}
    return [
        {"index": index, **{field.name: field.read(source.get(field.source)) for field in table}}
        for index in indices
        for source in (group.devices.get(index, empty),)
    ]


def parse(groups: Groups) -> Stats:
    """Return ``{iothread, dirty_rate, memory_bandwidth, perf, other}``, each None where there is nothing of it."""
    nothing: Stats = dict.fromkeys(("iothread", "dirty_rate", "memory_bandwidth", "perf", "other"))
    found = {name: groups[name] for name in _EXTRA if name in groups}
    # KVM counts some sixty things of each vCPU, which few want to know of every guest at every reading.
    beside = ("cpu", "vcpu") if "vm" in found else ("cpu",)
    return {
        **nothing,
        **{name: read(found[group]) for group, (name, read) in _READERS.items() if group in found},
        "other": _other({**found, **{name: groups[name] for name in beside if name in groups}}),
    }


def _iothread(group: Group) -> Stats:
    # IOThreads are numbered as the definition says, so that a count says nothing of the numbers.
    return {
        "count": fields.count(group.own.get("count")),
        "devices": devices(fields.IOTHREAD, group, sorted(group.devices)),
    }


def _dirty_rate(group: Group) -> Stats:
    vcpus = Group()
    for key, value in group.own.items():
        if match := _DIRTY_VCPU.fullmatch(key):
            vcpus.devices.setdefault(int(match[1]), {})[match[2]] = value
    return {
        **{field.name: field.read(group.own.get(field.source)) for field in fields.DIRTY_RATE},
        "vcpus": devices(fields.DIRTY_RATE_VCPU, vcpus, sorted(vcpus.devices)),
    }


def _memory_bandwidth(group: Group) -> Stats:
    monitors = Group()
    nodes: dict[int, Group] = {}
    for key, value in group.own.items():
        if match := _MONITOR.fullmatch(key):
            index, node, name = int(match[1]), match[2], match[3]
            monitors.devices.setdefault(index, {})
            if node is None:
                monitors.devices[index][name] = value
            else:
                nodes.setdefault(index, Group()).devices.setdefault(int(node), {})[name] = value
    listed = devices(fields.MONITOR, monitors, sorted(monitors.devices))
    for monitor in listed:
        own = nodes.get(monitor["index"], Group())
        monitor["nodes"] = devices(fields.MONITOR_NODE, own, sorted(own.devices))
    return {"monitors": listed}


def _perf(group: Group) -> Stats:
    # Which events are counted is the definition's choice: the others are no part of it.
    return {
        field.name: field.read(group.own[field.source])
        for field in fields.PERF
        if field.source in group.own
    }


_READERS: t.Final[dict[str, tuple[str, t.Callable[[Group], Stats]]]] = {
    "iothread": ("iothread", _iothread),
    "dirtyrate": ("dirty_rate", _dirty_rate),
    "memory": ("memory_bandwidth", _memory_bandwidth),
    "perf": ("perf", _perf),
}
_KNOWN: t.Final = {
    "dirtyrate": {field.source for field in fields.DIRTY_RATE},
    "perf": {field.source for field in fields.PERF},
}
_KNOWN_OF_DEVICE: t.Final = {
    "iothread": {field.source for field in fields.IOTHREAD},
    "vcpu": {field.source for field in fields.VCPU},
}


def _other(groups: Groups) -> Stats | None:
    """Return what no table knows of these groups, by libvirt's names."""
    named = {group: _unknown(group, values) for group, values in groups.items()}
    return {group: rest for group, rest in named.items() if rest} or None


def _unknown(group: str, values: Group) -> Stats:
    own = {name: value for name, value in values.own.items() if not _is_known(group, name)}
    known = _KNOWN_OF_DEVICE.get(group, set())
    of_devices = {
        f"{index}.{name}": value
        for index, device in sorted(values.devices.items())
        for name, value in device.items()
        if name not in known
    }
    return {name: fields.plain(value) for name, value in {**own, **of_devices}.items()}


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
