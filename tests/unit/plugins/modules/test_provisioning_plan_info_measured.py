# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from tools.planned import GIB, HOUR, START, call, host


def measured_host(hours: int = 8) -> dict[str, t.Any]:
    """A host with a machine that uses a core for 20 requests, where two runs made machines."""
    busy = host("kvm1", *[20.0] * hours, machines=["web-1"])
    busy["sample"]["members"][0] |= {"vcpus": 2, "memory_bytes": GIB}
    busy["sample"]["loads"] = [
        {"timestamp": START + hour * HOUR + 60, "used_cores": 1.0, "vcpus": 2}
        for hour in range(hours)
    ]
    busy["sample"]["readiness"] = [
        {"machines": 1, "seconds": 60.0},
        {"machines": 2, "seconds": 5400.0},
    ]
    return busy


def test_what_was_measured_is_told_and_made_use_of_where_the_rule_says_so() -> None:
    params: dict[str, t.Any] = {"hosts": [measured_host()], "now": START + 7 * HOUR + 60}
    told = call(**params)
    assert told["measured"] == {"capacity": 28.0, "utilization": 0.5, "ready_seconds": 5400.0}
    assert told["decision"]["capacity"] == 10
    assert told["machines"]["needed"] == 2
    used = call(
        **params,
        rule={"measure_capacity": True, "capacity": 19, "utilization": 0.5, "horizon": "auto"},
    )
    assert used["measured"]["capacity"] == 20
    assert used["decision"]["capacity"] == 20
    assert used["machines"]["needed"] == 1
    assert [reason for reason in used["reasons"] if "measured" in reason or "took" in reason] == [
        "New machines took up to 1 h 30 min in nine of ten runs (rule.horizon=auto).",
        "A machine carries 20 with 50% of its vCPUs, as measured where machines used 50% of theirs.",
    ]


def test_a_horizon_is_a_number_of_seconds_or_measured() -> None:
    rising: dict[str, t.Any] = {
        "hosts": [measured_host(), host("kvm2", *[0.0] * 5, 5, 10, 20)],
        "now": START + 7 * HOUR + 60,
    }
    del rising["hosts"][0]["sample"]["loads"]
    assert call(**rising)["forecast"]["at"] == START + 8 * HOUR
    assert call(**rising, rule={"horizon": "auto"})["forecast"]["at"] == START + 9 * HOUR
    assert call(**rising, rule={"horizon": str(3 * HOUR)})["forecast"]["at"] == START + 10 * HOUR
    assert call(**rising, rule={"horizon": "7199.5"})["forecast"]["at"] == START + 9 * HOUR
    for wrong in ("soon", "inf", "nan", "True"):
        with pytest.raises(
            InvalidInput,
            match=rf"rule\.horizon: '{wrong}' must be a number of seconds\. .* or auto",
        ):
            call(**rising, rule={"horizon": wrong})


def test_nothing_is_measured_of_a_fleet_whose_hosts_do_not_all_tell() -> None:
    hosts = [measured_host(), {"name": "kvm2", "facts": None, "sample": None}]
    params: dict[str, t.Any] = {"now": START + 7 * HOUR + 60}
    # What that host's machines used is unknown, and so is their part of the demand.
    assert call(**params, hosts=hosts)["measured"]["capacity"] == 28.0
    for row in hosts[0]["sample"]["history"]:
        row["whole"] = True
    assert call(**params, hosts=hosts)["measured"] == {
        "capacity": None,
        "utilization": None,
        "ready_seconds": 5400.0,
    }


def test_a_backtest_replays_what_was_measured() -> None:
    rule = {"measure_capacity": True, "capacity": 25, "horizon": "auto"}
    params: dict[str, t.Any] = {
        "hosts": [measured_host(14)],
        "now": START + 13 * HOUR + 60,
        "backtest": {},
    }
    assert call(**params, rule=rule) == call(**params, rule={"capacity": 28, "horizon": "5400"})
