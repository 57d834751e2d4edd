# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Sums. Pure.

``add_up`` is over devices, as a sample is parsed; ``summarise_domains`` and ``summarise_by_label`` are over domains.
"""

from __future__ import annotations

import collections
import math
import typing as t

from . import fields

if t.TYPE_CHECKING:
    from .fields import Field, Number

Values = t.Mapping[str, t.Any]
Domain = t.Mapping[str, t.Any]

# The groups with devices have their sums under "total".
_TABLES: t.Final[dict[str, tuple[t.Sequence[fields.Field], bool]]] = {
    "cpu": (fields.CPU, False),
    "vcpu": (fields.VCPU, True),
    "memory": (fields.MEMORY, False),
    "block": (fields.BLOCK, True),
    "interface": (fields.INTERFACE, True),
}
# What a group has beside the table's fields.
GROUPS: t.Final = tuple(_TABLES)
_BESIDE: t.Final[dict[str, tuple[str, ...]]] = {
    "vcpu": ("current", "maximum"),
    "memory": ("used_bytes",),
}


def add_known(numbers: t.Iterable[Number | None]) -> Number | None:
    """Return the sum of what is known: 0 for no numbers at all, None where there are some and none is known."""
    everything = list(numbers)
    values = [number for number in everything if number is not None]
    if everything and not values:
        return None
    if all(isinstance(value, int) for value in values):
        return sum(values)
    return math.fsum(values)


def add_complete(numbers: t.Iterable[Number | None]) -> Number | None:
    """Return the sum, None if any number is not known: for what would be wrong without it."""
    everything = list(numbers)
    return None if any(number is None for number in everything) else add_known(everything)


def add_up(table: t.Iterable[Field], items: t.Sequence[Values]) -> dict[str, t.Any]:
    """Return the sums over ``items`` of what a sum means something for, by the table's names."""
    if len(items) == 1:  # as most guests have of each device
        return {field.name: items[0][field.name] for field in table if field.summed}
    return {
        field.name: _round(add_known(item[field.name] for item in items))
        for field in table
        if field.summed
    }


def _round(total: Number | None) -> Number | None:
    # libvirt counts time in nanoseconds: no digit beyond them is real.
    return round(total, 9) if isinstance(total, float) else total


def summarise_domains(domains: t.Sequence[Domain]) -> dict[str, t.Any]:
    """Return ``{domains, cpu, vcpu, memory, block, interface, rates}`` over what the module returns of each domain.

    Every number is the sum of what is known; ``domains`` says of how many: ``{count, states: {name: n}, timed_out,
    rated}``. A group is None when no domain has it, ``rates`` when no domain has rates. Over no domains at all every
    sum is 0.
    """
    rated = [domain["rates"] for domain in domains if domain["rates"] is not None]
    return {
        "domains": {
            "count": len(domains),
            "states": dict(collections.Counter(domain["state"] for domain in domains)),
            "timed_out": sum(domain["timed_out"] for domain in domains),
            "rated": len(rated),
        },
        **{group: _add_group(group, domains) for group in _TABLES},
        "rates": {group: _add_group_rates(group, rated) for group in _TABLES}
        if rated or not domains
        else None,
    }


def summarise_by_label(label: str, domains: t.Sequence[Domain]) -> dict[str, dict[str, t.Any]]:
    """Return the totals of the domains with each value of ``label`` ("fleet"); those without one are in none."""
    parts: dict[str, list[Domain]] = {}
    for domain in domains:
        if domain[label] is not None:
            parts.setdefault(domain[label], []).append(domain)
    return {value: summarise_domains(parts[value]) for value in sorted(parts)}


def _add_group(group: str, domains: t.Sequence[Domain]) -> dict[str, t.Any] | None:
    parts = [domain[group] for domain in domains if domain[group] is not None]
    if domains and not parts:
        return None
    table, has_devices = _TABLES[group]
    sums = {name: add_known(part[name] for part in parts) for name in _BESIDE.get(group, ())}
    return {**sums, **add_up(table, [part["total"] for part in parts] if has_devices else parts)}


def _add_group_rates(group: str, rated: t.Sequence[Domain]) -> dict[str, t.Any] | None:
    parts = [rates[group] for rates in rated if rates[group] is not None]
    if rated and not parts:
        return None
    table, has_devices = _TABLES[group]
    if has_devices:
        parts = [part["total"] for part in parts]
    return {
        field.rate: add_known(part[field.rate] for part in parts)
        for field in table
        if field.rate is not None
    }
