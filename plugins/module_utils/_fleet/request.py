# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a task asks to be observed: ``read_request`` makes an ObservationRequest of the options of fleet_observe.

A fleet whose description cannot be used has a ``problem`` in the place of what is to be sampled.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    parse_reference,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_between,
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease, verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import request as sampling
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name

from .definition import DEMAND, read_options

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.request import (
        SamplingRequest,
    )

_INTERVAL: t.Final = 300
_SOURCES: t.Final = ("query", "prometheus", "value")


@dataclasses.dataclass(frozen=True)
class FleetRequest:
    """What is to be sampled of a fleet, or the ``problem`` that is in the way, and what its clones need of a host.

    ``appliance`` is a name and a version (None: the newest), None for a fleet that says none. With ``can_stream``, a
    host need not have it.
    """

    name: str
    sampling: SamplingRequest | None
    problem: HeadroomError | None = None
    appliance: tuple[str, str | None] | None = None
    pool: str = "default"
    appliance_pool: str = "default"
    network: str | None = None
    can_stream: bool = False
    mode: str = "auto"


@dataclasses.dataclass(frozen=True)
class ObservationRequest:
    """All fleets, and the lease that ``holder`` claims of each for ``seconds``; without a holder none is claimed.

    ``begin`` names those of which the history may say something for the first time; None means all. What is older than
    ``keep`` seconds goes. ``usage`` asks how full the host was as well.
    """

    fleets: tuple[FleetRequest, ...]
    timestamp: float
    holder: str | None = None
    seconds: float = 900
    begin: frozenset[str] | None = None
    machine_uri: str | None = None
    keep: int = 7_776_000
    usage: bool = False

    def may_begin(self, fleet: str) -> bool:
        """Return whether a fleet that the history does not know may be written there."""
        return self.begin is None or fleet in self.begin


def read_request(params: t.Mapping[str, t.Any], now: float) -> ObservationRequest:
    """Return what the options ask for, at ``now`` (epoch seconds) where they name no time; raises InvalidInput."""
    timestamp = (
        now if params["timestamp"] is None else check_moment("timestamp", params["timestamp"])
    )
    _check_lease(params)
    names = [check_name(f"fleets[{i}].name", row["name"]) for i, row in enumerate(params["fleets"])]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidInput(
                f"fleets[{index}].name", name, "stands there twice", "Name each fleet once."
            )
    return ObservationRequest(
        fleets=tuple(
            _read_fleet(f"fleets[{index}]", fleet, params, timestamp)
            for index, fleet in enumerate(params["fleets"])
        ),
        timestamp=timestamp,
        holder=params["holder"],
        seconds=params["seconds"],
        begin=None if params["begin"] is None else frozenset(params["begin"]),
        machine_uri=params["machine_uri"],
        keep=params["keep"],
        usage=params["usage"],
    )


def _check_lease(params: t.Mapping[str, t.Any]) -> None:
    if params["holder"] is not None and not params["holder"].strip():
        remedy = "Write a text that is this run's alone."
        raise InvalidInput("holder", params["holder"], "does not name a holder", remedy)
    check_positive("seconds", params["seconds"], "seconds")
    remedy = "Take it for less: it is renewed while a run changes the fleet."
    check_between("seconds", params["seconds"], 0, lease.LONGEST_SECONDS, remedy)


def _read_fleet(
    option: str, fleet: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any], timestamp: float
) -> FleetRequest:
    machine = fleet["machine"] or {}
    pool = str(machine.get("pool") or "default")
    request = FleetRequest(
        name=fleet["name"],
        sampling=None,
        pool=pool,
        appliance_pool=str(machine.get("appliance_pool") or pool),
        network=machine.get("network"),
        mode=str(machine.get("mode") or "auto"),
        can_stream=bool(machine.get("source_uri"))
        and machine.get("mode") in {None, "auto", "streamed"},
    )
    try:
        appliance = fleet["appliance"] and parse_reference(
            f"{option}.appliance", fleet["appliance"]
        )
        request = dataclasses.replace(request, appliance=appliance or None)
        return dataclasses.replace(
            request, sampling=_read_sampling(option, fleet, params, timestamp)
        )
    except HeadroomError as error:
        return dataclasses.replace(request, problem=error)


def _read_sampling(
    option: str, fleet: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any], timestamp: float
) -> SamplingRequest:
    demand = read_options(f"{option}.demand", DEMAND, fleet["demand"])
    sources = [source for source in _SOURCES if demand[source] is not None]
    if len(sources) != 1:
        problem = "names no source of the demand" if not sources else "names more than one source"
        remedy = f"Write one of {', '.join(_SOURCES)}."
        raise InvalidInput(f"{option}.demand", sources, problem, remedy)
    return sampling.read_request(
        {
            **demand,
            "fleet": fleet["name"],
            "demand": demand["query"],
            "interval": _read_interval(option, fleet["rule"]),
            "timestamp": timestamp,
            "keep": params["keep"],
            "machine_uri": None,
            "health": _read_health(option, fleet.get("health")),
        },
        timestamp,
    )


def _read_health(option: str, health: t.Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    return None if health is None else read_options(f"{option}.health", verdict.SPEC, health)


def _read_interval(option: str, rule: t.Mapping[str, t.Any] | None) -> int:
    interval = (rule or {}).get("interval")
    spec = {"interval": {"type": "int", "default": _INTERVAL}}
    seconds: int = read_options(f"{option}.rule", spec, {"interval": interval})["interval"]
    return check_positive(f"{option}.rule.interval", seconds, "seconds")
