# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_host``, ``read_guests``, ``group_guests`` and ``read_tenants``: what the report shows of them. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

Dict = t.Mapping[str, t.Any]

_MOST_GUESTS: t.Final = 400
# A clone whose size is not in the options: the smallest that is of use.
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


class Fits(t.NamedTuple):
    """How many more machines of a fleet a host takes, and what sets the limit."""

    fleet: str
    number: int
    limited_by: str


@dataclasses.dataclass(frozen=True)
class ReportHost:
    """A host for the templates; without ``facts`` it did not answer.

    ``fits`` counts clones of the task's own size, ``by_fleet`` those of the fleets whose size is known.
    """

    name: str
    facts: Dict | None
    bars: tuple[Bar, ...] = ()
    fits: int = 0
    limited_by: str = ""
    running: int = 0
    by_fleet: tuple[Fits, ...] = ()


@dataclasses.dataclass(frozen=True)
class ReportGuest:
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
class GuestGroup:
    """The guests of one fleet; ``fleet`` is None for those of none."""

    fleet: str | None
    guests: t.Sequence[ReportGuest]

    @property
    def running(self) -> int:
        """How many of them run."""
        return sum(guest.state == "running" for guest in self.guests)

    @property
    def used_cores(self) -> float:
        """What those use of whom that is known."""
        return sum(guest.used_cores or 0 for guest in self.guests)


@dataclasses.dataclass(frozen=True)
class ReportTenant:
    """What a tenant has, with a bar for each limit of its quota on each host."""

    name: str
    machines: int
    running: int
    vcpus: int
    memory_bytes: int
    disk_bytes: int
    bars: tuple[Bar, ...]


def read_host(row: Dict, size: Size, fleets: t.Mapping[str, Size] | None = None) -> ReportHost:
    """Return what the report shows of a host; ``row`` is ``{name, facts: host_info's host}``.

    ``fleets`` are the sizes of their machines.
    """
    facts = row.get("facts")
    if not facts:
        return ReportHost(row["name"], None)
    free, committed = facts["free"], facts["committed"]["defined"]
    pools = [pool for pool in facts["pools"] if pool.get("capacity_bytes")]
    fits, limited_by = _count_fits(free, size)
    return ReportHost(
        name=row["name"],
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
                Bar(f"Pool {pool['name']}", _count_used(pool), pool["capacity_bytes"], "bytes")
                for pool in pools
            ),
        ),
        fits=fits,
        limited_by=limited_by,
        running=facts["domains"].get("running", 0),
        by_fleet=tuple(Fits(name, *_count_fits(free, own)) for name, own in (fleets or {}).items()),
    )


def _count_fits(free: Dict, size: Size) -> tuple[int, str]:
    """Return how many machines of a size fit into what is free, and what they run out of first."""
    room = {
        "vCPUs": (free["vcpus"], size.vcpus),
        "memory": (free["memory_bytes"], size.memory_bytes),
        "disk": (max(free["pools"].values(), default=0), size.disk_bytes),
    }
    fits = {what: have // need for what, (have, need) in room.items() if need}
    least = min(fits, key=lambda what: fits[what]) if fits else ""
    return max(0, fits.get(least, 0)), least


def _count_used(pool: Dict) -> float:
    return float(pool["capacity_bytes"] - (pool.get("available_bytes") or 0))


def read_guests(hosts: t.Sequence[Dict]) -> list[ReportGuest]:
    """Return the guests of all hosts, the busiest first; ``hosts`` are ``{name, domains: domain_stats_info's}``."""
    rows = []
    for host in hosts:
        rows += [_read_guest(host["name"], domain) for domain in host.get("domains") or []]
    return sorted(
        rows, key=lambda guest: (-(guest.used_cores or 0), guest.state != "running", guest.name)
    )


def limit_guests(guests: t.Sequence[ReportGuest]) -> tuple[list[ReportGuest], int]:
    """Return the guests that a page shows, and how many it leaves out."""
    return list(guests[:_MOST_GUESTS]), max(0, len(guests) - _MOST_GUESTS)


def group_guests(guests: t.Sequence[ReportGuest]) -> list[GuestGroup]:
    """Return the guests by their fleets, the busiest first, and at last those of none."""
    names = dict.fromkeys(guest.fleet or None for guest in guests)
    groups = [
        GuestGroup(name, [guest for guest in guests if (guest.fleet or None) == name])
        for name in names
    ]
    return sorted(groups, key=lambda group: (group.fleet is None, -group.used_cores))


def _read_guest(host: str, domain: Dict) -> ReportGuest:
    def pick(group: str, *names: str) -> t.Any:
        value = domain.get(group)
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return ReportGuest(
        name=domain["name"],
        host=host,
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


def read_tenants(
    guests: t.Sequence[ReportGuest], quotas: t.Mapping[str, Dict]
) -> list[ReportTenant]:
    """Return the tenants that have guests or a quota; ``quotas`` are what each may have on a host."""
    by_name = {str(name): quota or {} for name, quota in quotas.items()}  # YAML makes numbers of 7
    names = {guest.tenant for guest in guests if guest.tenant} | set(by_name)
    return [
        _read_tenant(
            name, [guest for guest in guests if guest.tenant == name], by_name.get(name, {})
        )
        for name in sorted(names)
    ]


def _read_tenant(name: str, own: t.Sequence[ReportGuest], quota: Dict) -> ReportTenant:
    bars: list[Bar] = []
    for host in sorted({guest.host for guest in own}):
        on_host = [guest for guest in own if guest.host == host]
        used = {"machines": len(on_host), **_add_up(on_host)}
        bars += [
            Bar(f"{label} on {host}", used[key], limit, unit)
            for label, key, limit, unit in _read_limits(name, quota)
        ]
    running = sum(guest.state == "running" for guest in own)
    return ReportTenant(name, len(own), running, **_add_up(own), bars=tuple(bars))


def _add_up(own: t.Sequence[ReportGuest]) -> dict[str, int]:
    return {
        key: sum(getattr(guest, key) or 0 for guest in own)
        for key in ("vcpus", "memory_bytes", "disk_bytes")
    }


def _read_limits(name: str, quota: Dict) -> t.Iterator[tuple[str, str, float, str]]:
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


def read_clone_size(machine: Dict, option: str = "machine") -> Size:
    """Return the size of the clones that the report counts; raises InvalidInput naming ``option`` for what is none."""
    return Size(
        vcpus=int(machine.get("vcpus") or _USUAL.vcpus),
        memory_bytes=parse_size(f"{option}.memory", machine["memory"])
        if machine.get("memory")
        else _USUAL.memory_bytes,
        disk_bytes=parse_size(f"{option}.disk", machine["disk"])
        if machine.get("disk")
        else _USUAL.disk_bytes,
    )
