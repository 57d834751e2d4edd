# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``survey_host`` asks a host once for all fleets: their machines, what Prometheus says, and what their clones need.

It writes nothing. What is in the way of one fleet is told of that fleet, and does not cost the others.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    Catalogue,
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    Manifest,
    machine_size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import sampling, usage
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.request import (
        SamplingRequest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.sampling import (
        FleetMember,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Sample
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.verdict import Finding
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .request import FleetRequest, ObservationRequest

# A server that does not answer holds up its own fleet only, and all of these for one time-out. Chosen, not measured.
_MOST_QUESTIONS: t.Final = 32


@dataclasses.dataclass(frozen=True)
class FleetSurvey:
    """What the host says of one fleet.

    ``findings`` are what its members show in their health check, by UUID. ``fetched`` is the history as Prometheus
    knows it. ``problem`` is why the demand cannot be known, and ``refuses`` why the host can make no clones, in words;
    ``appliance`` is the one that they would be made of, and ``lacks`` its name where nothing but it is missing.
    """

    members: tuple[FleetMember, ...] = ()
    findings: t.Mapping[str, Finding] = dataclasses.field(default_factory=dict)
    fetched: list[Sample] | None = None
    problem: HeadroomError | None = None
    appliance: t.Mapping[str, t.Any] | None = None
    refuses: str | None = None
    lacks: str | None = None


@dataclasses.dataclass(frozen=True)
class HostSurvey:
    """What the host says of each fleet, when its machines were read by (epoch seconds), and what leads to it.

    ``usages`` are how full it is.
    """

    fleets: t.Mapping[str, FleetSurvey]
    now: float
    uri: str
    usages: tuple[usage.Usage, ...] = ()


def survey_host(
    connection: Connection,
    request: ObservationRequest,
    facts: t.Mapping[str, t.Any],
    clock: Clock,
) -> HostSurvey:
    """Return what the host says; ``facts`` are its pools and networks, as read_facts() returns them.

    Raises what one bulk call for the machines does.
    """
    answers = _ask_servers(request.fleets)
    members = sampling.read_members(connection, [fleet.name for fleet in request.fleets], clock)
    checks = {
        fleet.name: None if fleet.sampling is None else fleet.sampling.health
        for fleet in request.fleets
    }
    findings = sampling.probe_members(connection, checks, members)
    equipment = _Equipment(connection, facts)
    fleets = {
        fleet.name: dataclasses.replace(
            _describe_answer(fleet, answers.get(fleet.name)),
            members=tuple(members[fleet.name]),
            findings=findings.get(fleet.name, {}),
            **equipment.find(fleet),
        )
        for fleet in request.fleets
    }
    uri = read_machine_uri(connection, request.machine_uri)
    return HostSurvey(fleets, clock.now(), uri, usage.measure(facts))


Answer = t.Union["list[Sample]", HeadroomError, None]


def _ask_servers(fleets: t.Sequence[FleetRequest]) -> dict[str, Answer]:
    """Return what Prometheus says of each fleet, or why it says nothing; all are asked side by side."""
    requests = {fleet.name: fleet.sampling for fleet in fleets if fleet.sampling is not None}
    names = [name for name, request in requests.items() if request.prometheus is not None]
    if not names:
        return {}
    calls = [functools.partial(_ask_server, requests[name]) for name in names]
    return dict(zip(names, run_all(calls, min(len(calls), _MOST_QUESTIONS))))


def _ask_server(request: SamplingRequest) -> Answer:
    try:
        return sampling.fetch_history(request)
    except HeadroomError as error:
        return error


def _describe_answer(fleet: FleetRequest, answer: Answer) -> FleetSurvey:
    if fleet.problem is not None or isinstance(answer, HeadroomError):
        problem = fleet.problem or answer
        return FleetSurvey(problem=t.cast("HeadroomError", problem))
    return FleetSurvey(fetched=answer)


class _Equipment:
    """What clones need of the host. Each pool is opened, and refreshed, at most once for all fleets."""

    def __init__(self, connection: Connection, facts: t.Mapping[str, t.Any]) -> None:
        self._connection = connection
        self._pools = {pool["name"]: pool for pool in facts["pools"]}
        self._networks = {network["name"]: network for network in facts["networks"]}
        self._catalogues: dict[str, Catalogue] = {}
        self._refreshed: set[str] = set()
        self._appliances: dict[tuple[str, str, str | None], Manifest | None] = {}

    def find(self, fleet: FleetRequest) -> dict[str, t.Any]:
        """Return the fields of FleetSurvey on it; all that is missing is told at once."""
        row, missing, lacks = self._judge_appliance(fleet)
        refusals = [
            self._judge_pool(fleet.pool) or self._judge_kind(fleet),
            self._judge_network(fleet),
            missing,
        ]
        # a pool that is not there holds no appliance either
        sentences = list(dict.fromkeys(refusal for refusal in refusals if refusal is not None))
        return {
            "appliance": row,
            "refuses": "; ".join(sentences) or None,
            "lacks": lacks if len(sentences) == 1 else None,
        }

    def _judge_appliance(
        self, fleet: FleetRequest
    ) -> tuple[dict[str, t.Any] | None, str | None, str | None]:
        """Return the appliance that clones would be made of, why none can be, and its name if it is not there."""
        if fleet.appliance is None:
            return None, None, None
        try:
            row = self._describe_appliance(fleet.appliance_pool, *fleet.appliance)
        except ConnectionFailed:
            raise
        except HeadroomError as error:
            return None, error.message.rstrip("."), None
        if row is None and not fleet.can_stream:
            name = ":".join(filter(None, fleet.appliance))
            remedy = "headroom.libvirt.appliance brings it there"
            return (
                None,
                f"it has not the appliance {name} in its pool {fleet.appliance_pool} ({remedy})",
                name,
            )
        return row, None, None

    def _judge_pool(self, name: str) -> str | None:
        pool = self._pools.get(name)
        if pool is None:
            names = ", ".join(sorted(self._pools)) or "none"
            return (
                f"it has no pool {name} (it has: {names}; define it there, or correct machine.pool)"
            )
        if pool["state"] != "running":
            return f"its pool {name} is {pool['state']} (virsh pool-start {name})"
        return None

    def _judge_kind(self, fleet: FleetRequest) -> str | None:
        """Return why no clone can be made in the fleet's pool, in the words of whoever would make it."""
        kind = self._pools[fleet.pool]["type"]
        names = ("linked", "reflink", "full") if fleet.mode == "auto" else (fleet.mode,)
        operations = [f"clone {name}" for name in names]
        refusals = [
            kinds.find_refusal(fleet.pool, kind, operation)
            for operation in kinds.OPERATIONS
            if operation in operations
        ]
        if not refusals or None in refusals:
            return None
        return f"pool: {refusals[0]}".rstrip(".")

    def _judge_network(self, fleet: FleetRequest) -> str | None:
        if fleet.network is None:
            return None
        network = self._networks.get(fleet.network)
        if network is None:
            names = ", ".join(sorted(self._networks)) or "none"
            return f"it has no network {fleet.network} (it has: {names}; define it there, or correct machine.network)"
        if not network["active"]:
            return f"its network {fleet.network} is inactive (virsh net-start {fleet.network})"
        return None

    def _describe_appliance(
        self, pool_name: str, name: str, version: str | None
    ) -> dict[str, t.Any] | None:
        """Return the appliance's id and size, None for one that is not there; raises where it cannot be known."""
        key = (pool_name, name, version)
        if key not in self._appliances:
            self._appliances[key] = self._find_appliance(pool_name, name, version)
        appliance = self._appliances[key]
        if appliance is None:
            return None
        return {"id": str(appliance.id), **machine_size(appliance)}

    def _find_appliance(self, pool_name: str, name: str, version: str | None) -> Manifest | None:
        refusal = self._judge_pool(pool_name)
        if refusal is not None:
            raise HeadroomError(refusal)
        if pool_name not in self._catalogues:
            self._catalogues[pool_name] = open_catalogue(self._connection, pool_name)
        catalogue = self._catalogues[pool_name]
        appliance = catalogue.find_known(name, version)
        if appliance is None and pool_name not in self._refreshed:
            self._refreshed.add(pool_name)
            storage.try_to_refresh(catalogue.pool)
            appliance = catalogue.find_known(name, version)
        if appliance is None and version is not None:
            catalogue.require_readable(ApplianceId(name, version))
        return appliance
