# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site to report on: two days of two fleets as they are decided, hosts, guests and tenants.

The site is made up; what it decides is not. What a guest could choose is hostile.
"""

from __future__ import annotations

import math
import random
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.usage import UsageHistory
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import Blend
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.loss import Situation
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.plan import plan_outlook
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.request import (
    HostOutlook,
    OutlookRequest,
    forecast_day,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Member,
    Observation,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
    Standpoint,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOW: t.Final = 1795392000  # 2026-11-23 00:00 UTC
INTERVAL: t.Final = 600
SLOTS: t.Final = 5 * 144
SHOWN: t.Final = 2 * 144
GIB: t.Final = 2**30
HOSTILE: t.Final = "<script>alert(1)</script>{{ 7 * 191 }}"


def wave(seed: int, most: float, crowd: int, width: float) -> list[float | None]:
    """Days with a wave and noise, a gap, and a crowd that comes at the slot `crowd` and stays for about `width`."""
    source = random.Random(seed)  # noqa: S311  # reproducible, not secret
    values: list[float | None] = []
    for slot in range(SLOTS):
        height = (
            0.5
            - 0.4 * math.cos(2 * math.pi * (slot - 20) / 144)
            + 1.1 * math.exp(-(((slot - crowd) / width) ** 2))
        )
        values.append(round(max(0.0, most * height * source.gauss(1, 0.05)), 2))
    values[SLOTS - 190 : SLOTS - 186] = [None] * 4
    return values


def past(name: str, values: Sequence[float | None], rule: Rule) -> dict[str, t.Any]:
    """What demand_history_info would return after the last days: the demand, and what was decided on it."""
    start = NOW - SLOTS * INTERVAL
    running, made = rule.min, []
    forecasts = Blend(rule.risk).forecast(
        Series(INTERVAL, start, tuple(values)), rule.steps, last=SLOTS
    )
    for slot in range(SLOTS - SHOWN - 20, SLOTS):
        series = Series(INTERVAL, start, tuple(values[: slot + 1]))
        members = tuple(
            Member(f"{name}-{number}", f"kvm{number % 3 + 1}") for number in range(1, running + 1)
        )
        rooms = tuple(
            HostRoom(f"kvm{number}", Size(40, 40 * GIB, 400 * GIB)) for number in (1, 2, 3)
        )
        observed = Observation(
            name, start + slot * INTERVAL, series, Size(1, GIB, GIB), members, rooms
        )
        plan = decide(observed, rule, _Made(forecasts[: slot + 1]))
        forecast = plan.requirement.forecast
        told: dict[str, t.Any] = {"value": None, "upper": None, "at": None, "method": None}
        if forecast is not None:
            peak = forecast.steps[forecast.peak]
            at = start + (slot + 1 + forecast.peak) * INTERVAL
            told = {"value": peak.value, "upper": peak.upper, "at": at, "method": forecast.method}
        made.append(decisions.build_decision(observed, rule, plan, told))
        running = plan.target
    history = [
        {"timestamp": start + slot * INTERVAL, "value": values[slot], "whole": True, "reason": None}
        for slot in range(SLOTS - SHOWN, SLOTS)
    ]
    return {"history": history, "decisions": made[20:]}


class _Made:
    """A forecaster that has forecast already."""

    def __init__(self, made: list[t.Any]) -> None:
        self._made = made

    def forecast(self, _series: Series, _steps: int, last: int = 1) -> list[t.Any]:
        return self._made[-last:]


def outlook(fleets: dict[str, tuple[Sequence[float | None], Rule]]) -> dict[str, t.Any]:
    """What provisioning_plan_info foresees of the fleets on three hosts, on which there is little room."""
    start = NOW - SLOTS * INTERVAL
    situations: list[Situation] = []
    for count, (name, (values, rule)) in enumerate(fleets.items(), 3):
        series = Series(INTERVAL, start, tuple(values))
        members = tuple(
            Member(f"{name}-{number}", f"kvm{number % 3 + 1}") for number in range(1, 3 * count)
        )
        rooms = tuple(HostRoom(f"kvm{number}", Size(2, 2 * GIB, 400 * GIB)) for number in (1, 2, 3))
        observed = Observation(name, NOW - 1, series, Size(1, GIB, GIB), members, rooms)
        situations.append(
            Situation(
                observed,
                rule,
                Standpoint(name, "default"),
                (Blend(rule.risk),),
                forecast_day(series, rule),
            )
        )
    hosts = tuple(HostOutlook(f"kvm{number}", tuple(usage(number)), 9) for number in (1, 2, 3))
    request = OutlookRequest(tuple(situations), hosts, ("kvm1", "kvm2", "kvm3"), float(NOW))
    return plan_outlook(request)


def usage(number: int) -> Iterator[UsageHistory]:
    """Forty days of a host, up to what its facts say; the last one has not been there for long."""
    source = random.Random(number)  # noqa: S311  # reproducible, not secret
    hours = 30 if number == 3 else 40 * 24
    pool, memory = 0.0, 0.0
    written, promised = [], []
    for _hour in range(hours):
        pool += source.expovariate(3) - (0.1 if number == 2 else 0.2)
        memory += source.choice((-1, 0, 0, 0, 1)) + number / 200
        written.append(pool)
        promised.append(memory)
    share, used = ((0.42, 52), (0.66, 92), (0.81, 113))[number - 1]
    start = NOW - hours * 3600
    for kind, name, total, target, amounts in (
        ("pool", "default", 800, share * 800, written),
        ("memory", "", 120, used, promised),
    ):
        values = tuple(max(0, round(target + amount - amounts[-1])) * GIB for amount in amounts)
        series = Series(3600, start, values)
        yield UsageHistory(t.cast("t.Any", kind), name, float(total * GIB), series)


def facts(vcpus: int, memory: int, defined: tuple[int, int], disk: float) -> dict[str, t.Any]:
    """What host_info returns, as far as a report goes."""
    return {
        "libvirt_version": "11.3.0",
        "free": {
            "vcpus": vcpus - defined[0],
            "memory_bytes": (memory - defined[1]) * GIB,
            "pools": {"default": int((1 - disk) * 800 * GIB)},
        },
        "committed": {
            "running": {},
            "defined": {"vcpus": defined[0], "memory_bytes": defined[1] * GIB},
        },
        "pools": [
            {
                "name": "default",
                "capacity_bytes": 800 * GIB,
                "available_bytes": int((1 - disk) * 800 * GIB),
            }
        ],
        "domains": {"running": 9, "total": 12},
    }


def guest(
    name: str, cores: float | None, tenant: str | None, state: str = "running"
) -> dict[str, t.Any]:
    """What domain_stats_info returns, as far as a report goes."""
    rate = 1e5 * (cores or 0)
    rates = {
        "cpu": {"used_cores": cores},
        "block": {"total": {"rd_bytes_per_second": rate, "wr_bytes_per_second": 3 * rate}},
        "interface": {"total": {"rx_bytes_per_second": 9 * rate, "tx_bytes_per_second": 40 * rate}},
    }
    return {
        "name": name,
        "state": state,
        "fleet": name.partition("-")[0],
        "tenant": tenant,
        "vcpu": {"maximum": 2},
        "memory": {"maximum_bytes": 2 * GIB},
        "block": {"total": {"capacity_bytes": 10 * GIB}},
        "rates": None if cores is None else rates,
    }


def site() -> dict[str, t.Any]:
    """The options of a report on it."""
    web = Rule(
        capacity=100,
        min=2,
        max=16,
        interval=INTERVAL,
        horizon=1200,
        scale_in_limit=2,
        unit="requests/s",
    )
    api = Rule(
        capacity=12, min=2, max=12, interval=INTERVAL, horizon=600, mode="shadow", unit="cores"
    )
    hosts: list[dict[str, t.Any]] = [
        {"name": "kvm1", "facts": facts(64, 120, (30, 52), 0.42)},
        {"name": "kvm2", "facts": facts(64, 120, (47, 92), 0.66)},
        {"name": "kvm3", "facts": facts(64, 120, (58, 113), 0.81)},
        {"name": "kvm4.a-rather-long-name-of-a-host.example.com", "facts": None},
    ]
    for number in range(1, 19):
        tenant = ("acme", "globex", None)[number % 3]
        kind = ("web", "api", "db")[number % 3]
        domain = (
            guest(f"{kind}-{number}", round(1.9 / number, 3), tenant)
            if number % 7
            else guest(f"{kind}-{number}", None, tenant, "saved")
        )
        hosts[number % 3].setdefault("domains", []).append(domain)
    hosts[0]["domains"].append(guest(HOSTILE, 0.4, "acme"))
    demands = {"web": wave(1, 1000, SLOTS - 40, 5), "api": wave(2, 70, SLOTS, 1)}
    return {
        "title": "Headroom",
        "data": ["json", "csv"],
        "now": float(NOW),
        "fleets": [
            {
                "name": "web",
                "tenant": "acme",
                "past": [past("web", demands["web"], web)],
                "machine": {"vcpus": 4, "memory": "8GiB", "disk": "20GiB"},
            },
            {"name": "api", "tenant": "globex", "past": [past("api", demands["api"], api)]},
        ],
        "hosts": hosts,
        "machine": {"vcpus": 2, "memory": "2GiB", "disk": "10GiB"},
        "quotas": {
            "acme": {"machines": 4, "memory": "16GiB"},
            "globex": {"vcpus": 4, "disk": "100GiB"},
        },
        "transactions": [
            {
                "kind": "clone",
                "subject": "web-12",
                "host": "kvm2",
                "started": NOW - 4000.0,
                "alive": False,
            },
            {
                "kind": "migrate",
                "subject": HOSTILE,
                "host": "kvm1",
                "started": NOW - 60.0,
                "alive": True,
            },
        ],
        "backtest": None,
        "outlook": outlook({"web": (demands["web"], web), "api": (demands["api"], api)}),
    }
