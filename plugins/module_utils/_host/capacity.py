# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a host has, has promised, and can still take; the parts of survey.py that are sums and judgements. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    State,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.node_xml import (
        HostNetwork,
        HostPool,
    )

Status = t.Literal["ok", "warning", "error"]

# A pool with a smaller part free is worth a look: thin volumes grow into it.
_LEAST_FREE_SHARE: t.Final = 0.05


@dataclasses.dataclass(frozen=True)
class Resources:
    """vCPUs and bytes of memory."""

    vcpus: int = 0
    memory_bytes: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Return the sum."""
        return Resources(self.vcpus + other.vcpus, self.memory_bytes + other.memory_bytes)


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of its host that one domain may use: its vCPUs and the most that its memory may grow to."""

    state: State
    resources: Resources


@dataclasses.dataclass(frozen=True)
class Committed:
    """The shares of the domains that run, and of all domains that are defined or run."""

    running: Resources
    defined: Resources


@dataclasses.dataclass(frozen=True)
class CapacityPolicy:
    """How much of the host may be promised. ``memory_reserve_bytes`` stays with the host itself."""

    cpu_overcommit: float
    memory_overcommit: float
    memory_reserve_bytes: int


@dataclasses.dataclass(frozen=True)
class Check:
    """One finding about the host's health; ``name`` is the pool, network or file that it is about."""

    check: t.Literal[
        "cpu", "memory", "pool", "network", "storage", "networks", "maintenance", "certificate"
    ]
    status: Status
    detail: str
    name: str | None = None


def add_shares(shares: t.Iterable[Share]) -> Committed:
    """Return the sums of the shares."""
    all_shares = list(shares)
    running = (share.resources for share in all_shares if share.state in ACTIVE_STATES)
    return Committed(
        running=sum(running, Resources()),
        defined=sum((share.resources for share in all_shares), Resources()),
    )


def count_states(shares: t.Iterable[Share]) -> dict[str, int]:
    """Return how many domains are in each state, of the states that occur, and ``total``."""
    states = collections.Counter(share.state for share in shares)
    return {**{state: states[state] for state in sorted(states)}, "total": sum(states.values())}


def compute_budget(total: Resources, policy: CapacityPolicy) -> Resources:
    """Return what of the host may be promised to domains in all.

    The reserve is real memory, so it is taken off before the rest is overcommitted.
    """
    memory = max(0, total.memory_bytes - policy.memory_reserve_bytes)
    return Resources(
        vcpus=int(total.vcpus * policy.cpu_overcommit),
        memory_bytes=int(memory * policy.memory_overcommit),
    )


def compute_free(allowed: Resources, promised: Resources) -> Resources:
    """Return what of ``allowed`` is not promised yet, never less than nothing."""
    return Resources(
        vcpus=max(0, allowed.vcpus - promised.vcpus),
        memory_bytes=max(0, allowed.memory_bytes - promised.memory_bytes),
    )


def list_free_bytes(pools: t.Iterable[HostPool]) -> dict[str, int]:
    """Return the bytes that can still be written in each pool that runs."""
    return {pool.name: pool.available_bytes for pool in pools if pool.available_bytes is not None}


def check_memory(
    committed: Committed, allowed: Resources, available_bytes: int | None, reserve_bytes: int
) -> Check:
    """Compare the memory that running domains may take, and what the host has left, with what was meant."""
    if committed.running.memory_bytes > allowed.memory_bytes:
        over = committed.running.memory_bytes - allowed.memory_bytes
        return Check(
            "memory",
            "warning",
            f"the running domains may take {over} bytes more than the host may promise",
        )
    if available_bytes is not None and available_bytes < reserve_bytes:
        return Check(
            "memory",
            "warning",
            f"{available_bytes} bytes are available, less than the reserve of {reserve_bytes}",
        )
    return Check("memory", "ok", "the running domains fit")


def check_cpu(committed: Committed, allowed: Resources) -> Check:
    """Compare the vCPUs of the running domains with what was meant."""
    if committed.running.vcpus > allowed.vcpus:
        return Check(
            "cpu",
            "warning",
            f"{committed.running.vcpus} vCPUs run where {allowed.vcpus} may be promised",
        )
    return Check("cpu", "ok", "the running domains fit")


def check_pool(pool: HostPool) -> Check:
    """Judge the state and the filling of one pool."""
    if pool.state in {"degraded", "inaccessible"}:
        return Check("pool", "error", f"the pool is {pool.state}", pool.name)
    if pool.available_bytes is None:
        return Check("pool", "warning", f"the pool is {pool.state}", pool.name)
    kind = kinds.find_kind(pool.type)
    if kind is None:
        detail = f"the type {pool.type!r} of the pool is none that this release knows"
        return Check("pool", "warning", detail, pool.name)
    capacity = pool.capacity_bytes or 0
    # where volumes have all of their room from the beginning, or are made elsewhere, nothing grows
    if kind.allocation == "grows" and pool.available_bytes < capacity * _LEAST_FREE_SHARE:
        return Check(
            "pool",
            "warning",
            f"{pool.available_bytes} of {capacity} bytes are left for volumes to grow",
            pool.name,
        )
    return Check("pool", "ok", "the pool runs", pool.name)


def check_network(network: HostNetwork) -> Check:
    """Judge the state of one network."""
    if network.active:
        return Check("network", "ok", "the network runs", network.name)
    return Check("network", "warning", "the network is inactive", network.name)
