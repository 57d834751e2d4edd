# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a task asks to be sampled: ``read_request`` makes a SamplingRequest of the options of demand_sample."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._query import compile_query

from . import prometheus
from .amount import check_demand
from .verdict import read_check

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._query import Query

    from .prometheus import Prometheus
    from .verdict import HealthCheck


@dataclasses.dataclass(frozen=True)
class SamplingRequest:
    """What to sample: ``query`` over the members, the fleet's ``value`` handed in, or what ``prometheus`` knows.

    Times in (epoch) seconds. ``scale`` turns what a query yields into the unit of the demand;
    ``machine_uri`` is as for read_machine_uri(). Members have to pass ``health``.
    """

    fleet: str
    timestamp: float
    interval: int
    query: Query | None = None
    value: float | None = None
    prometheus: Prometheus | None = None
    scale: float = 1.0
    keep: int = 7_776_000
    window: int = 86_400
    machine_uri: str | None = None
    health: HealthCheck | None = None


def read_request(params: t.Mapping[str, t.Any], now: float) -> SamplingRequest:
    """Return what the options ask for, at ``now`` (epoch seconds) where they name no time; raises InvalidInput."""
    check_name("fleet", params["fleet"])
    for option in ("interval", "keep", "window"):
        check_positive(option, params[option], "seconds")
    check_positive("scale", params["scale"])
    timestamp = (
        now if params["timestamp"] is None else check_moment("timestamp", params["timestamp"])
    )
    server = params["prometheus"]
    return SamplingRequest(
        fleet=params["fleet"],
        timestamp=timestamp,
        interval=params["interval"],
        query=None if params["demand"] is None else compile_query("demand", params["demand"]),
        value=None if params["value"] is None else check_demand("value", params["value"]),
        prometheus=server and prometheus.check_server(prometheus.Prometheus(**server)),
        scale=params["scale"],
        keep=params["keep"],
        window=params["window"],
        machine_uri=params["machine_uri"],
        health=None if params["health"] is None else read_check(params["health"]),
    )
