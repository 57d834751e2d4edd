# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``compute_rates``: the difference of two samples over their true interval. Pure.

A counter that fell was reset, and a device or domain that is new has no past: their rates are None, not negative
and not measured from zero.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import (
    UnreadableShape,
    build,
)

from . import fields
from .sample import DomainSample
from .totals import add_complete

if t.TYPE_CHECKING:
    from .fields import Field

Values = t.Mapping[str, t.Any]
Table = t.Sequence["Field"]


def read_sample(data: t.Any) -> DomainSample | None:
    """Return the sample that an earlier run has kept; None for one that no rates can be counted from.

    Another release may have written it, with more in it or less, or a bad disk.
    """
    try:
        sample = build(DomainSample, data, "a sample")
        after = dataclasses.replace(sample, taken_at=sample.taken_at + 1.0)
        compute_rates(sample, after)
        is_whole = isinstance(sample.stats["timed_out"], bool) and isinstance(data["uuid"], str)
    except (UnreadableShape, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return None
    return sample if is_whole else None


def compute_rates(previous: DomainSample | None, current: DomainSample) -> dict[str, t.Any] | None:
    """Return ``{interval_seconds, cpu, vcpu, memory, block, interface}`` of changes a second.

    None without a previous sample, and when the domain was started again in between (its ``id`` is another one):
    then all counters began anew, even those that have passed their old values meanwhile. A group is None where either
    sample lacks it. The samples must be of one domain, ``taken_at`` of one clock.
    """
    if previous is None or previous.uuid != current.uuid or previous.id != current.id:
        return None
    interval = current.taken_at - previous.taken_at
    if interval <= 0:
        return None
    before, after = previous.stats, current.stats
    return {
        "interval_seconds": interval,
        "cpu": _compare_groups(fields.CPU, before["cpu"], after["cpu"], interval),
        "vcpu": _compare_devices(fields.VCPU, before["vcpu"], after["vcpu"], interval),
        "memory": _compare_groups(fields.MEMORY, before["memory"], after["memory"], interval),
        "block": _compare_devices(fields.BLOCK, before["block"], after["block"], interval),
        "interface": _compare_devices(
            fields.INTERFACE, before["interface"], after["interface"], interval
        ),
    }


def compute_all_rates(
    previous: t.Iterable[DomainSample], current: t.Iterable[DomainSample]
) -> dict[str, t.Any]:
    """Return the ``compute_rates`` of each current sample, by the domain's UUID."""
    past = {sample.uuid: sample for sample in previous}
    return {sample.uuid: compute_rates(past.get(sample.uuid), sample) for sample in current}


def _compare_groups(
    table: Table, before: Values | None, after: Values | None, interval: float
) -> dict[str, t.Any] | None:
    if before is None or after is None:
        return None
    return _compare_values(table, before, after, interval)


def _compare_devices(
    table: Table, before: Values | None, after: Values | None, interval: float
) -> dict[str, t.Any] | None:
    if before is None or after is None:
        return None
    past = _identify_devices(before["devices"])
    nothing: Values = {}
    devices = [
        {
            **{name: device[name] for name in ("index", "name", "layer") if name in device},
            **_compare_values(table, past.get(key, nothing), device, interval),
        }
        for key, device in _identify_devices(after["devices"]).items()
    ]
    return {"devices": devices, "total": _add_rates(table, after["devices"], devices)}


def _compare_values(
    table: Table, before: Values, after: Values, interval: float
) -> dict[str, t.Any]:
    return {
        field.rate: _compute_rate(before.get(field.name), after.get(field.name), interval)
        for field in table
        if field.rate is not None
    }


def _compute_rate(before: float | None, after: float | None, interval: float) -> float | None:
    if before is None or after is None or after < before:
        return None
    return (after - before) / interval


def _add_rates(
    table: Table, devices: t.Sequence[Values], rates: t.Sequence[Values]
) -> dict[str, t.Any]:
    """Return the sums of the devices' rates; a device that counts but has no rate leaves the sum unknown.

    As in the totals of the counters, what lies beneath a disk does not count: the guest's own I/O is that of the top.
    """
    return {
        field.rate: add_complete(
            rate[field.rate]
            for device, rate in zip(devices, rates)
            if device.get(field.name) is not None and not device.get("layer")
        )
        for field in table
        if field.rate is not None
    }


def _identify_devices(devices: t.Iterable[Values]) -> dict[tuple[t.Any, int], Values]:
    """Return the devices by what stays the same when another one is plugged or unplugged: the name.

    Names repeat (the layers below a disk) and may be missing (vCPUs, passed-through NICs): then the occurrence, or
    the index, tells them apart.
    """
    by_identity: dict[tuple[t.Any, int], Values] = {}
    occurrences: dict[str, int] = {}
    for device in devices:
        name = device.get("name")
        if name is None:
            by_identity[None, device["index"]] = device
        else:
            occurrence = occurrences.get(name, 0)
            by_identity[name, occurrence] = device
            occurrences[name] = occurrence + 1
    return by_identity
