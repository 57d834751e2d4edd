# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Read libvirt's bulk statistics: one call a function, whatever the number of domains."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain

Record = tuple["Domain", t.Mapping[str, t.Any]]
Group = t.Literal[
    "state",
    "cpu-total",
    "balloon",
    "vcpu",
    "interface",
    "block",
    "iothread",
    "memory",
    "perf",
    "dirtyrate",
    "vm",
]

GROUPS: t.Final[tuple[Group, ...]] = ("state", "cpu-total", "balloon", "vcpu", "interface", "block")
ALL_GROUPS: t.Final[tuple[Group, ...]] = (*GROUPS, "iothread", "memory", "perf", "dirtyrate", "vm")


def read_all(
    connection: Connection,
    groups: t.Collection[Group],
    *,
    backing: bool = False,
    inactive: bool = True,
) -> list[Record]:
    """Return the statistics of every domain (of every active one without ``inactive``)."""
    flags = _choose_flags(backing)
    if not inactive:
        flags |= libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
    with translate_errors("read the statistics of the domains"):
        return t.cast(
            "list[Record]", connection.handle.getAllDomainStats(_combine_groups(groups), flags)
        )


def read_some(
    connection: Connection,
    domains: t.Sequence[Domain],
    groups: t.Collection[Group],
    *,
    backing: bool = False,
) -> list[Record]:
    """Return the statistics of ``domains``; one that is gone by now is left out."""
    if not domains:  # libvirt refuses an empty list
        return []
    with translate_errors(f"read the statistics of {len(domains)} domains"):
        return t.cast(
            "list[Record]",
            connection.handle.domainListGetStats(
                list(domains), _combine_groups(groups), _choose_flags(backing)
            ),
        )


def _choose_flags(backing: bool) -> int:
    # A guest that is busy (migrating, its monitor hung) must not hold up the others.
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    if backing:
        flags |= libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING
    return flags


def _combine_groups(groups: t.Collection[Group]) -> int:
    bits: int = (
        libvirt.VIR_DOMAIN_STATS_STATE
    )  # nothing else can be understood without it, and it costs nothing
    for group in groups:
        number = getattr(libvirt, f"VIR_DOMAIN_STATS_{group.upper().replace('-', '_')}", None)
        if number is None:
            raise Unsupported(
                f"groups: this machine's libvirt has no statistics of the group {group}. Leave it out, or upgrade.",
                option="groups",
                value=group,
            )
        bits |= number
    return bits
