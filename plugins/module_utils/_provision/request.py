# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a task asks to be planned: ``read_request`` makes a Request of its options, ``observe_hosts`` what is observed.

For the module and for the action plugin, which plans as far as it takes to know what to ask a filter.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import FLEETS
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

from .inputs import MachineSize, observe
from .options import RULE, Spec, read_rule
from .sharing.ledger import Standpoint
from .upkeep import ROLLOUT, Upkeep, read_upkeep

if t.TYPE_CHECKING:
    from .model import Observation
    from .rule import Rule
    from .sharing.allowance import Allowance

# What one clone takes of its host.
MACHINE: t.Final[Spec] = {
    "vcpus": {"type": "int"},
    "memory": {"type": "str", "aliases": ["memory_bytes"]},
    "disk": {"type": "str", "default": "1GiB", "aliases": ["disk_bytes"]},
    "pool": {"type": "str", "default": "default"},
    "network": {"type": "str"},
}
_HOST: t.Final[Spec] = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
    "refuses": {"type": "str"},
    "sample": {"type": "dict"},
    "observation": {"type": "dict"},
}

_FLEETS: t.Final[dict[str, t.Any]] = {
    **FLEETS,
    "options": {
        **FLEETS["options"],
        "forecasts": {"type": "list", "elements": "raw"},
        "parked_forecasts": {"type": "list", "elements": "raw"},
        "problem": {"type": "str"},
    },
}

# All options of a plan; a backtest has one more.
ARGUMENTS: t.Final = ArgumentSpec(
    options={
        "fleet": {"type": "str"},
        "rule": {"type": "dict", "options": RULE},
        "fleets": _FLEETS,
        "holder": {"type": "str"},
        "quotas": {"type": "dict", "default": {}},
        "mode": {"type": "str", "choices": ["act", "shadow"], "default": "act"},
        "hosts": {"type": "list", "elements": "dict", "default": [], "options": _HOST},
        "machine": {"type": "dict", "default": {}, "options": MACHINE},
        "now": {"type": "float"},
        "gone": {"type": "list", "elements": "str", "default": []},
        "pool_reserve": {"type": "str", "default": "1GiB"},
        "shared_pools": {"type": "list", "elements": "str", "default": []},
        "expected_digest": {"type": "str"},
        "forecast_state": {"type": "path"},
        "forecasts": {"type": "list", "elements": "raw"},
        "parked_forecasts": {"type": "list", "elements": "raw"},
        "appliance": {"type": "str"},
        "health": {"type": "dict", "options": verdict.SPEC},
        "rollout": {"type": "dict", "options": ROLLOUT},
    },
    mutually_exclusive=[("fleet", "fleets")],
    required_one_of=[("fleet", "fleets")],
    required_by={"fleet": "rule"},
)


@dataclasses.dataclass(frozen=True)
class PlanRequest:
    """The fleet, its rule, what the hosts returned (unchecked), the size of one clone, and the time (epoch seconds).

    ``gone`` are hosts that are gone for good, with their machines. ``forecasts`` and ``parked_forecasts`` are what a
    filter has said. ``expected_digest`` is that of the plan that somebody has looked at. ``upkeep`` is how its members
    are looked after. Of the fleets of a run those of a higher ``priority`` are planned for first, and have the room of
    ``best_effort`` ones. ``allowance`` is what its tenant may have, and has.
    """

    fleet: str
    rule: Rule
    hosts: t.Sequence[t.Mapping[str, t.Any]]
    clone: MachineSize
    now: float
    gone: tuple[str, ...] = ()
    expected_digest: str | None = None
    forecasts: t.Sequence[t.Any] | None = None
    parked_forecasts: t.Sequence[t.Any] | None = None
    upkeep: Upkeep = dataclasses.field(default_factory=Upkeep)
    priority: int = 0
    best_effort: bool = False
    allowance: Allowance | None = None

    @property
    def standpoint(self) -> Standpoint:
        """Return what a ledger needs to know of the fleet."""
        tenant = None if self.allowance is None else self.allowance.tenant
        return Standpoint(self.fleet, self.clone.pool, self.priority, self.best_effort, tenant)


def read_request(params: t.Mapping[str, t.Any]) -> PlanRequest:
    """Return what the options ask for, with the clock's time where they name none; raises InvalidInput."""
    now = params["now"]
    clone = dataclasses.replace(
        read_size(params["machine"]),
        pool_reserve_bytes=parse_size("pool_reserve", params["pool_reserve"]),
        pool_is_shared=params["machine"]["pool"] in params["shared_pools"],
    )
    return PlanRequest(
        fleet=check_name("fleet", params["fleet"]),
        rule=read_rule(params["rule"]),
        hosts=params["hosts"],
        clone=clone,
        now=time.time() if now is None else check_moment("now", now),
        gone=tuple(params["gone"]),
        **{name: params[name] for name in ("expected_digest", "forecasts", "parked_forecasts")},
        upkeep=read_upkeep(params["appliance"], params["health"], params["rollout"]),
    )


def observe_hosts(request: PlanRequest, since: float = 0.0) -> Observation:
    """Return what the hosts say, of the demand ``since``; raises InvalidInput without any, and as ``observe`` does."""
    if not request.hosts:
        remedy = (
            "Hand in what is known of each host; a backtest can also read a file (backtest.csv)."
        )
        raise InvalidInput("hosts", request.hosts, "does not name a host", remedy)
    return observe(
        request.fleet,
        request.now,
        request.rule.interval,
        request.hosts,
        request.clone,
        since,
        request.gone,
    )


def read_size(machine: t.Mapping[str, t.Any]) -> MachineSize:
    """Return the size of one clone by the options of ``machine``; raises InvalidInput."""
    vcpus, memory = machine["vcpus"], machine["memory"]
    if vcpus is not None:
        check_positive("machine.vcpus", vcpus, "vCPUs")
    return MachineSize(
        vcpus=vcpus,
        memory_bytes=None if memory is None else parse_size("machine.memory", memory),
        disk_bytes=parse_size("machine.disk", machine["disk"]),
        pool=machine["pool"],
    )
