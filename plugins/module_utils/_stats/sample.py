# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``parse_record``: one domain's statistics, out of libvirt's flat dictionary of typed parameters. Pure.

A number that libvirt does not give, or gives in another type, is None: never 0, never a guess. Unknown keys are passed
on by their own names, so that a newer libvirt neither breaks an older collection nor loses anything.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    reason_name,
    state_name,
)

from . import extras, fields
from .extras import GroupValues, read_devices
from .totals import add_up

Values = t.Mapping[str, t.Any]
_NOTHING: t.Final[Values] = {}
Stats = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class DomainSample:
    """The statistics of one domain at one instant.

    ``stats`` is what ``parse_record`` returns. ``taken_at`` are seconds of the sampler's clock. ``id`` is libvirt's
    number of this run of the domain (another one after each start), None when it is off.
    """

    name: str
    uuid: str
    id: int | None
    taken_at: float
    stats: Stats

    def as_dict(self) -> dict[str, t.Any]:
        """Return ``{name, uuid, id, **stats}``, JSON-able."""
        return {"name": self.name, "uuid": self.uuid, "id": self.id, **self.stats}


def parse_record(record: Values, now: float | None = None) -> Stats:
    """Return ``{state, state_reason, timed_out, cpu, vcpu, memory, block, interface, …, other}`` of one domain.

    ``record`` are the typed parameters that libvirt's bulk call gives for the domain, ``now`` (seconds since the epoch)
    when it gave them. A group is None when the record has nothing of it. Units are in the names; devices have ``index``
    (libvirt's own, may have holes). The groups between ``interface`` and ``other`` are those of extras.py.
    """
    groups = _split(record)
    state = state_name(fields.read_count(record.get("state.state")))
    stats: Stats = {
        "state": state,
        "state_reason": reason_name(state, fields.read_count(record.get("state.reason"))),
        # For a domain that is off libvirt (9.0 to 11.3) gives the processor time of its own daemon.
        "cpu": None if state == "shutoff" else _read_values(fields.CPU, groups["cpu"].own),
        "vcpu": _read_vcpus(groups["vcpu"]),
        "memory": _read_memory(groups["balloon"].own, now),
        "block": _read_block(groups["block"]),
        "interface": _read_interfaces(groups["net"]),
        **extras.parse_groups(
            {name: group for name, group in groups.items() if (name, state) != ("cpu", "shutoff")}
        ),
    }
    stats["timed_out"] = state in ACTIVE_STATES and _was_busy(stats)
    return stats


def _split(record: Values) -> dict[str, GroupValues]:
    groups: dict[str, GroupValues] = collections.defaultdict(GroupValues)
    for key, value in record.items():
        prefix, index, name = _parse_key(key)
        if index is None:
            groups[prefix].own[name] = value
        else:
            groups[prefix].devices.setdefault(index, {})[name] = value
    return groups


@functools.lru_cache(maxsize=4096)  # every domain has the same names
def _parse_key(key: str) -> tuple[str, int | None, str]:
    """Return group, device and name: "block.0.rd.reqs" is ("block", 0, "rd.reqs")."""
    prefix, _dot, rest = key.partition(".")
    index, dot, name = rest.partition(".")
    if dot and index.isascii() and index.isdigit() and len(index) < 10:
        return prefix, int(index), name
    return prefix, None, rest


def _read_values(table: t.Iterable[fields.Field], source: Values) -> Stats | None:
    """Return every value of the table, None if none of them is known."""
    values = {field.name: field.read(source.get(field.source)) for field in table}
    return values if any(value is not None for value in values.values()) else None


def _read_vcpus(group: GroupValues) -> Stats | None:
    if not group.own and not group.devices:
        return None
    # An offline vCPU is not reported, so that indices have holes: ``maximum`` says how many there could be.
    vcpus = read_devices(fields.VCPU, group, sorted(group.devices))
    return {
        "current": fields.read_count(group.own.get("current")),
        "maximum": fields.read_count(group.own.get("maximum")),
        "devices": vcpus,
        "total": add_up(fields.VCPU, vcpus),
    }


def _read_memory(source: Values, now: float | None) -> Stats | None:
    memory = _read_values(fields.MEMORY, source)
    if memory is not None:
        memory["used_bytes"] = _compute_used_bytes(memory)
        updated_at = memory["last_update"]
        # The guest's host may have another clock than the machine that asks.
        memory["age_seconds"] = (
            None if updated_at is None or now is None else max(0.0, round(now - updated_at, 3))
        )
    return memory


def _compute_used_bytes(memory: Values) -> int | None:
    """Return the memory that the guest cannot give up.

    Caches can be dropped, which is why ``usable`` is looked at first; guests without it report only ``unused``.
    """
    available, free = memory["available_bytes"], memory["usable_bytes"]
    if free is None:
        free = memory["unused_bytes"]
    if available is None or free is None or free > available:
        return None
    return t.cast(int, available - free)


def _read_block(group: GroupValues) -> Stats | None:
    if not group.own and not group.devices:
        return None
    images = read_devices(fields.BLOCK, group, group.list_indices())
    occurrences: dict[str | None, int] = {}
    for image in images:
        # libvirt lists a disk's image first and then, under the same name, what lies beneath it.
        name = image["name"]
        layer = occurrences.get(name, 0)
        image["layer"] = 0 if name is None else layer
        disk = group.devices.get(image["index"], _NOTHING)
        image["timed_groups"] = extras.read_timed_groups(disk)
        image["latency_histograms"] = extras.read_histograms(disk)
        occurrences[name] = layer + 1
    return {
        "devices": images,
        "total": add_up(fields.BLOCK, [image for image in images if image["layer"] == 0]),
    }


def _read_interfaces(group: GroupValues) -> Stats | None:
    if not group.own and not group.devices:
        return None
    nics = read_devices(fields.INTERFACE, group, group.list_indices())
    return {"devices": nics, "total": add_up(fields.INTERFACE, nics)}


def _was_busy(stats: Stats) -> bool:
    """Return whether libvirt left out what it has to ask QEMU for, because something else was asking.

    It does not say so: the resident size and the disks' counters are what is there for every running QEMU otherwise.
    """
    memory, block = stats["memory"], stats["block"]
    if memory is not None and memory["current_bytes"] is not None and memory["rss_bytes"] is None:
        return True
    disks = [] if block is None else [disk for disk in block["devices"] if disk["path"] is not None]
    return bool(disks) and all(disk["rd_reqs"] is None for disk in disks)
