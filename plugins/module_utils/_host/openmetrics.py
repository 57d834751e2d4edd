# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``render_host``: what host_info returns of a host, and what is watched beside it, as text for Prometheus. Pure.

The rules in ``extensions/prometheus`` and the dashboards in ``extensions/grafana`` ask for these names.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.openmetrics import (
    render_gauge,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import dependency

Host = t.Mapping[str, t.Any]
Samples = t.Iterator[tuple[t.Mapping[str, str], float]]

_STATUSES: t.Final = ("ok", "warning", "error")
# Name (after headroom_host_), where its value is, and what it says.
_VALUES: t.Final = (
    ("cpu_threads", ("cpu", "threads"), "CPU threads that are online."),
    ("memory_bytes", ("memory", "total_bytes"), "The host's memory."),
    (
        "memory_available_bytes",
        ("memory", "available_bytes"),
        "Memory that is free, or only a buffer or cache.",
    ),
    ("allowed_vcpus", ("allowed", "vcpus"), "vCPUs that may be promised in all."),
    ("allowed_memory_bytes", ("allowed", "memory_bytes"), "Memory that may be promised in all."),
    (
        "running_vcpus",
        ("committed", "running", "vcpus"),
        "vCPUs that were promised to running domains.",
    ),
    (
        "running_memory_bytes",
        ("committed", "running", "memory_bytes"),
        "Memory that was promised to running domains.",
    ),
    (
        "defined_vcpus",
        ("committed", "defined", "vcpus"),
        "vCPUs that were promised to all domains.",
    ),
    (
        "defined_memory_bytes",
        ("committed", "defined", "memory_bytes"),
        "Memory that was promised to all domains.",
    ),
    ("free_vcpus", ("free", "vcpus"), "vCPUs that can still be promised."),
    ("free_memory_bytes", ("free", "memory_bytes"), "Memory that can still be promised."),
)
_POOL_VALUES: t.Final = (
    ("capacity_bytes", "The size of the pool."),
    ("allocation_bytes", "What of the pool is written."),
    ("available_bytes", "What of the pool can still be written."),
)


@dataclasses.dataclass(frozen=True)
class Transaction:
    """A transaction that has not ended: its kind, when it began in epoch seconds, and whether a process works on it."""

    kind: str
    started: float
    alive: bool


@dataclasses.dataclass(frozen=True)
class Watch:
    """What is known beside the facts, at ``now``; None of what cannot be known from here.

    ``certificates`` maps the path of each to the epoch seconds at which it expires.
    """

    now: float
    transactions: tuple[Transaction, ...] | None = None
    certificates: t.Mapping[str, float] | None = None


def render_host(host: Host, watch: Watch, *, openmetrics: bool = True) -> str:
    """Return the text about a host whose guests were read as well; what is not known has no sample."""
    lines: list[str] = []
    for name, text, samples in _list_families(host, watch):
        lines += render_gauge(f"headroom_host_{name}", text, samples)
    return "".join(f"{line}\n" for line in (*lines, *(["# EOF"] if openmetrics else [])))


def _list_families(host: Host, watch: Watch) -> t.Iterator[tuple[str, str, Samples]]:
    yield "read_timestamp_seconds", "When the host was read.", iter([({}, watch.now)])
    yield "info", "Always 1, with what the host runs as labels.", _read_versions(host)
    for name, path, text in _VALUES:
        yield name, text, _read_value(host, path)
    yield "domains", "Domains in each state that occurs.", _count_domains(host)
    for name, text in _POOL_VALUES:
        yield f"pool_{name}", text, _read_pools(host, name)
    yield "health", "What was found: 0 for ok, 1 for a warning, 2 for an error.", _read_health(host)
    yield "maintenance", "Whether the host is to stay empty.", _read_maintenance(host)
    yield (
        "guest_incomplete_since_timestamp_seconds",
        "Since when a guest reads from another host what it does not have yet.",
        _read_dependencies(host),
    )
    yield from _list_watched(watch)


def _list_watched(watch: Watch) -> t.Iterator[tuple[str, str, Samples]]:
    yield (
        "unfinished_transactions",
        "Transactions that a run left.",
        _count_transactions(watch.transactions),
    )
    yield (
        "oldest_unfinished_transaction_timestamp_seconds",
        "When the oldest transaction began that a run left.",
        _read_oldest(watch.transactions),
    )
    yield (
        "certificate_expiry_timestamp_seconds",
        "When a certificate of libvirt or QEMU expires.",
        (({"path": path}, moment) for path, moment in (watch.certificates or {}).items()),
    )


def _read_versions(host: Host) -> Samples:
    names = ("hostname", "libvirt_version", "hypervisor", "hypervisor_version")
    yield {name: str(host[name] or "") for name in names}, 1


def _read_value(host: Host, path: tuple[str, ...]) -> Samples:
    value: t.Any = host
    for name in path:
        value = value[name]
    if value is not None:
        yield {}, value


def _count_domains(host: Host) -> Samples:
    yield from (
        ({"state": state}, count) for state, count in host["domains"].items() if state != "total"
    )


def _read_pools(host: Host, name: str) -> Samples:
    yield from (
        ({"pool": pool["name"], "type": pool["type"]}, pool[name])
        for pool in host["pools"]
        if pool[name] is not None
    )


def _read_health(host: Host) -> Samples:
    """Yield the worst finding of each thing that was looked at: two samples of one name would void the whole text."""
    worst: dict[tuple[str, str], int] = {}
    for check in host["health"]:
        place = (check["check"], check["name"] or "")
        worst[place] = max(worst.get(place, 0), _STATUSES.index(check["status"]))
    yield from (({"check": check, "name": name}, value) for (check, name), value in worst.items())


def _read_maintenance(host: Host) -> Samples:
    """Yield nothing where the mark could not be read."""
    checks = {check["check"] for check in host["health"] if check["status"] != "ok"}
    if host["maintenance"] is not None or "maintenance" not in checks:
        yield {}, int(host["maintenance"] is not None)


def _read_dependencies(host: Host) -> Samples:
    for guest in host["guests"]:
        source = guest["dependency"]
        since = None if source is None else dependency.parse_time(source["since"])
        if since is not None:
            labels = {"domain": guest["name"], "uuid": guest["uuid"], "kind": source["kind"]}
            yield labels, since


def _count_transactions(transactions: t.Sequence[Transaction] | None) -> Samples:
    """Yield how many of each kind were left, and a 0 where none was."""
    if transactions is None:
        return
    left = [transaction.kind for transaction in transactions if not transaction.alive]
    yield from (({"kind": kind}, left.count(kind)) for kind in sorted(set(left)))
    if not left:
        yield {"kind": ""}, 0


def _read_oldest(transactions: t.Sequence[Transaction] | None) -> Samples:
    left = [transaction.started for transaction in transactions or () if not transaction.alive]
    if left:
        yield {}, min(left)
