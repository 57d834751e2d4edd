# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the report shows of hosts, guests and tenants. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

Dict = t.Mapping[str, t.Any]

_MOST_GUESTS: t.Final = 400
# A clone of a size that nobody has said: the smallest that is of use.
_USUAL: t.Final = Size(vcpus=1, memory_bytes=2**30, disk_bytes=2**30)


@dataclasses.dataclass(frozen=True)
class Bar:
    """How much of something is taken; ``share`` is of 1, more where it is promised twice."""

    label: str
    used: float
    total: float
    unit: str = ""

    @property
    def share(self) -> float:
        """What is taken of the whole."""
        return self.used / self.total if self.total else 0.0

    @property
    def level(self) -> str:
        """How worrying that is."""
        return "full" if self.share >= 0.9 else "busy" if self.share >= 0.7 else "fine"


@dataclasses.dataclass(frozen=True)
class Host:
    """A host for the templates; without ``facts`` it did not answer."""

    name: str
    facts: Dict | None
    bars: tuple[Bar, ...] = ()
    fits: int = 0
    limited_by: str = ""
    running: int = 0


@dataclasses.dataclass(frozen=True)
class Guest:
    """A guest's figures; None where they are not known."""

    name: str
    host: str
    state: str
    fleet: str | None
    tenant: str | None
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes: int | None
    used_cores: float | None
    read: float | None
    written: float | None
    received: float | None
    sent: float | None


@dataclasses.dataclass(frozen=True)
class Tenant:
    """What a tenant has, with a bar for each limit of its quota on each host."""

    name: str
    machines: int
    running: int
    vcpus: int
    memory_bytes: int
    disk_bytes: int
    bars: tuple[Bar, ...]


def host(given: Dict, size: Size) -> Host:
    """Return what is known of a host; ``given`` is ``{name, facts: host_info's host}``."""
    facts = given.get("facts")
    if not facts:
        return Host(given["name"], None)
    free, committed = facts["free"], facts["committed"]["defined"]
    pools = [pool for pool in facts["pools"] if pool.get("capacity_bytes")]
    room = {
        "vCPUs": (free["vcpus"], size.vcpus),
        "memory": (free["memory_bytes"], size.memory_bytes),
        "disk": (max(free["pools"].values(), default=0), size.disk_bytes),
    }
    fits = {what: have // need for what, (have, need) in room.items() if need}
    least = min(fits, key=lambda what: fits[what]) if fits else ""
    return Host(
        name=given["name"],
        facts=facts,
        bars=(
            Bar("vCPUs promised", committed["vcpus"], committed["vcpus"] + free["vcpus"]),
            Bar(
                "Memory promised",
                committed["memory_bytes"],
                committed["memory_bytes"] + free["memory_bytes"],
                "bytes",
            ),
            *(
                Bar(f"Pool {pool['name']}", _taken(pool), pool["capacity_bytes"], "bytes")
                for pool in pools
            ),
        ),
        fits=max(0, fits.get(least, 0)),
        limited_by=least,
        running=facts["domains"].get("running", 0),
    )


def _taken(pool: Dict) -> float:
    return float(pool["capacity_bytes"] - (pool.get("available_bytes") or 0))


def guests(given: t.Sequence[Dict]) -> list[Guest]:
    """Return the guests of all hosts, the busiest first; ``given`` are ``{name, domains: domain_stats_info's}``."""
    found = [_guest(one["name"], domain) for one in given for domain in one.get("domains") or []]
    return sorted(
        found, key=lambda guest: (-(guest.used_cores or 0), guest.state != "running", guest.name)
    )


def shown(found: t.Sequence[Guest]) -> tuple[list[Guest], int]:
    """Return the guests that a page shows, and how many it leaves out."""
    return list(found[:_MOST_GUESTS]), max(0, len(found) - _MOST_GUESTS)


def _guest(where: str, domain: Dict) -> Guest:
    def pick(group: str, *names: str) -> t.Any:
        value = domain.get(group)
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return Guest(
        name=domain["name"],
        host=where,
        state=domain["state"],
        fleet=domain.get("fleet"),
        tenant=domain.get("tenant"),
        vcpus=pick("vcpu", "maximum"),
        memory_bytes=pick("memory", "maximum_bytes"),
        disk_bytes=pick("block", "total", "capacity_bytes"),
        used_cores=pick("rates", "cpu", "used_cores"),
        read=pick("rates", "block", "total", "rd_bytes_per_second"),
        written=pick("rates", "block", "total", "wr_bytes_per_second"),
        received=pick("rates", "interface", "total", "rx_bytes_per_second"),
        sent=pick("rates", "interface", "total", "tx_bytes_per_second"),
    )


def tenants(found: t.Sequence[Guest], quotas: t.Mapping[str, Dict]) -> list[Tenant]:
    """Return the tenants that have guests or a quota; ``quotas`` are what each may have on a host."""
    names = {guest.tenant for guest in found if guest.tenant} | set(quotas)
    return [
        _tenant(name, [one for one in found if one.tenant == name], quotas.get(name) or {})
        for name in sorted(names)
    ]


def _tenant(name: str, own: t.Sequence[Guest], quota: Dict) -> Tenant:
    bars: list[Bar] = []
    for where in sorted({guest.host for guest in own}):
        there = [guest for guest in own if guest.host == where]
        used = {"machines": len(there), **_sums(there)}
        bars += [
            Bar(f"{label} on {where}", used[key], limit, unit)
            for label, key, limit, unit in _limits(name, quota)
        ]
    running = sum(guest.state == "running" for guest in own)
    return Tenant(name, len(own), running, **_sums(own), bars=tuple(bars))


def _sums(own: t.Sequence[Guest]) -> dict[str, int]:
    return {
        key: sum(getattr(guest, key) or 0 for guest in own)
        for key in ("vcpus", "memory_bytes", "disk_bytes")
    }


def _limits(name: str, quota: Dict) -> t.Iterator[tuple[str, str, float, str]]:
    for option, key, label in (("machines", "machines", "Machines"), ("vcpus", "vcpus", "vCPUs")):
        if quota.get(option) is not None:
            yield label, key, float(quota[option]), ""
    for option, label in (("memory", "Memory"), ("disk", "Disk")):
        if quota.get(option) is not None:
            yield (
                label,
                f"{option}_bytes",
                float(parse_size(f"quotas.{name}.{option}", quota[option])),
                "bytes",
            )


def clone_size(given: Dict) -> Size:
    """Return the size of which it is told how many more fit; raises InvalidInput for what is no size."""
    return Size(
        vcpus=int(given.get("vcpus") or _USUAL.vcpus),
        memory_bytes=parse_size("machine.memory", given["memory"])
        if given.get("memory")
        else _USUAL.memory_bytes,
        disk_bytes=parse_size("machine.disk", given["disk"])
        if given.get("disk")
        else _USUAL.disk_bytes,
    )
