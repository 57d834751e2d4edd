# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Sums over domains. Pure."""

from __future__ import annotations

import collections
import typing as t

from . import fields
from .totals import add, add_up

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
_BESIDE: t.Final[dict[str, tuple[str, ...]]] = {
    "vcpu": ("current", "maximum"),
    "memory": ("used_bytes",),
}


def totals(domains: t.Sequence[Domain]) -> dict[str, t.Any]:
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
        **{group: _sums(group, domains) for group in _TABLES},
        "rates": {group: _rate_sums(group, rated) for group in _TABLES}
        if rated or not domains
        else None,
    }


def totals_by(label: str, domains: t.Sequence[Domain]) -> dict[str, dict[str, t.Any]]:
    """Return the totals of the domains with each value of ``label`` ("fleet"); those without one are in none."""
    parts: dict[str, list[Domain]] = {}
    for domain in domains:
        if domain[label] is not None:
            parts.setdefault(domain[label], []).append(domain)
    return {value: totals(parts[value]) for value in sorted(parts)}


def _sums(group: str, domains: t.Sequence[Domain]) -> dict[str, t.Any] | None:
    known = [domain[group] for domain in domains if domain[group] is not None]
    if domains and not known:
        return None
    table, has_devices = _TABLES[group]
    sums = {name: add(part[name] for part in known) for name in _BESIDE.get(group, ())}
    return {**sums, **add_up(table, [part["total"] for part in known] if has_devices else known)}


def _rate_sums(group: str, rated: t.Sequence[Domain]) -> dict[str, t.Any] | None:
    known = [rates[group] for rates in rated if rates[group] is not None]
    if rated and not known:
        return None
    table, has_devices = _TABLES[group]
    parts = [part["total"] for part in known] if has_devices else known
    return {
        field.rate: add(part[field.rate] for part in parts)
        for field in table
        if field.rate is not None
    }
