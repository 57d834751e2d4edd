# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that the demo follows: how many visitors come when, and what the fleet is told. Pure."""

from __future__ import annotations

import math
import typing as t

# Requests a second in each interval: calm, a crowd that doubles and doubles and stays for a while, and calm again.
CROWD: t.Final = (1.0, 1.5, 3.0, 6.0, 12.0, 12.0, 12.0, 12.0, 1.5, 1.5)
# Where the machine is slow, the calm goes on for at most so many intervals, until the fleet is where it shall be.
PATIENCE: t.Final = 4
# A machine has to be there within an interval. This is so on two cores that emulate the guests and do nothing else.
_SHORTEST_INTERVAL: t.Final = 24  # seconds
CAPACITY: t.Final = 5.0  # requests a second of one machine
FLEET: t.Final = "web"
OLD, NEW = "1.0", "2.0"


def list_rates() -> list[float]:
    """The visitors a second in each interval, those of the patience included."""
    return [*CROWD, *[CROWD[-1]] * PATIENCE]


def choose_interval(seconds: float) -> int:
    """The seconds of an interval, where making the first machine took so many."""
    return max(_SHORTEST_INTERVAL, math.ceil(seconds))


def choose_version(number: int) -> str:
    """The version that the fleet is told to have at the end of an interval: the new one once the crowd is there."""
    return NEW if number >= CROWD.index(max(CROWD)) else OLD


def describe_fleet(
    version: str,
    interval: int,
    request_bytes: float,
    hooks: t.Mapping[str, str],
    pool: str = "default",
) -> dict[str, t.Any]:
    """The fleet for the role, whose demand is its traffic, `request_bytes` of which are a request."""
    return {
        "name": FLEET,
        "appliance": f"web:{version}",
        "machine": {"pool": pool},
        "demand": {
            "query": "sum(domains[].rates.interface.total.tx_bytes_per_second)",
            "scale": 1 / request_bytes,
        },
        "rule": {
            "capacity": CAPACITY,
            "unit": "requests/s",
            "min": 1,
            "max": 3,
            "interval": interval,
            "cooldown": interval,
            "scale_in_limit": 2,
        },
        "wait_for": "address",
        "health": {"port": 80, "path": "/health"},
        # All that follow the canary come at once, and an old one goes as soon as they are healthy: time is short here.
        "rollout": {"canary": "1", "surge": "100%", "bake": 0},
        "shutdown_timeout": 10,
        **hooks,
    }
