# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Where new clones go, on the hosts that moves are planned for. Pure."""

from __future__ import annotations

import collections
import fnmatch
import typing as t

from .cluster import Cluster
from .plan import Host, Placement, Size, spread

if t.TYPE_CHECKING:
    from .model import HostView, InFlight, Policy

Options = t.Mapping[str, t.Any]


def place(
    hosts: t.Sequence[HostView],
    clones: Options,
    size: Size,
    policy: Policy,
    in_flight: t.Sequence[InFlight],
) -> Placement:
    """Return the host of each of ``clones`` (the options), each of ``size``; not on hosts in maintenance."""
    cluster = Cluster(hosts, policy, in_flight)
    rooms = [_room(cluster, host, clones) for host in cluster.hosts.values()]
    return spread(
        rooms,
        size,
        clones["count"],
        n_plus_one=policy.n_plus_one == "hard",
        pack=clones["spread"] == "pack",
        most=_most(clones, policy),
    )


def as_result(placement: Placement, silent: t.Sequence[str]) -> dict[str, t.Any]:
    """Return the placement as JSON-able data."""
    counts = collections.Counter(placement.hosts)
    told = [f"{count} of them go to {name}." for name, count in sorted(counts.items())]
    if placement.missing:
        told.append(f"{placement.missing} find no place: {placement.shortage}.")
    told += [f"{name} takes no clones: it did not answer." for name in silent]
    return {
        "possible": placement.missing == 0,
        "placed": list(placement.hosts),
        "missing": placement.missing,
        "reasons": told,
    }


def _room(cluster: Cluster, host: HostView, clones: Options) -> Host:
    free, running = cluster.free(host), cluster.running(host)
    space = [cluster.pool_free(host, pool) for pool in host.pools if pool.name == clones["pool"]]
    return Host(
        name=host.name,
        free=Size(max(0, free.vcpus), max(0, free.memory_bytes), max(0, *space, 0)),
        members=sum(guest.fleet == clones["fleet"] for guest in cluster.on(host.name))
        if clones["fleet"]
        else 0,
        running=Size(running.vcpus, running.memory_bytes),
        closed=host.maintenance is not None,
    )


def _most(clones: Options, policy: Policy) -> int | None:
    """Return how many of the fleet one host may have: one where a hard rule keeps its members apart."""
    fleet = clones["fleet"]
    apart = fleet is not None and any(
        rule.kind == "anti_affinity"
        and rule.strength == "hard"
        and fnmatch.fnmatchcase(fleet, pattern)
        for rule in policy.rules
        for pattern in rule.fleets
    )
    limits = [
        limit for limit in (clones["max_per_host"], 1 if apart else None) if limit is not None
    ]
    return min(limits, default=None)
