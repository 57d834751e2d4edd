# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Many fleets in one task: ``read_fleets`` makes an entry of each of what every host has seen by fleet_observe.

What is wrong with one fleet is that fleet's ``problem``, and the others are planned for.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    Value,
    check_at_least,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    InvalidInput,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import (
    SHARING,
    read_options,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.row import unpack_row
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names

from .model import Peer
from .options import RULE, read_rule
from .request import MACHINE, PlanRequest, read_request, read_size
from .sharing.allowance import Allowance, Usage
from .upkeep import ROLLOUT

T = t.TypeVar("T")
Host = t.Mapping[str, t.Any]
Fleet = t.Mapping[str, t.Any]
# What a host has seen of a fleet; None of a host that did not answer.
Row = t.Optional[t.Mapping[str, t.Any]]

# What a plan for one fleet has as options of its own.
_OWN: t.Final = ("expected_digest", "forecasts", "parked_forecasts")

_USAGE: t.Final = tuple(field.name for field in dataclasses.fields(Usage))

_QUOTA: t.Final[dict[str, dict[str, t.Any]]] = {
    "machines": {"type": "int"},
    "vcpus": {"type": "int"},
    "memory": {"type": "str"},
}

# In these a host that lacks the appliance may have machines for all that.
_STREAMING_MODES: t.Final = frozenset({None, "auto", "streamed"})

_REMEDY: t.Final = "Hand in what headroom.libvirt.fleet_observe returned on the host."
_BATCHES: t.Final = (
    "A play that takes its hosts in batches (serial), or lets each go at its own pace (strategy: free, host_pinned), "
    "cannot plan for all of them at once. Take `serial` and `strategy` out of the play, or give the role a play of its "
    "own, as the playbook headroom.libvirt.provision does; throttle and any number of forks are fine."
)


@dataclasses.dataclass(frozen=True)
class FleetView:
    """What hosts have seen of a fleet beside its demand and its machines.

    ``leases`` says since when this run has had it on each host, and ``recorded`` whether the histories say so.
    ``rivals`` are the hosts on which another run has it. ``problems`` are sentences on what else is wrong with it.
    One that ``is_new`` somewhere has nothing written about it there, not even that this run has it.
    """

    leases: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    recorded: bool = False
    rivals: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    is_new: bool = False


@dataclasses.dataclass(frozen=True)
class FleetEntry:
    """A fleet of the task: what is to be planned for it, None where there are ``errors``, of which all are told."""

    name: str
    request: PlanRequest | None
    errors: tuple[HeadroomError, ...] = ()
    view: FleetView = dataclasses.field(default_factory=FleetView)


def read_fleets(params: t.Mapping[str, t.Any]) -> list[FleetEntry]:
    """Return an entry of each fleet; raises what is wrong with all of them, or with a host."""
    _check_names(params["fleets"])
    rows = [_index_rows(index, host) for index, host in enumerate(params["hosts"])]
    _check_run(params, rows)
    return [
        _read_fleet(index, fleet, params, [by_fleet.get(fleet["name"]) for by_fleet in rows])
        for index, fleet in enumerate(params["fleets"])
    ]


def _check_names(fleets: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    names: set[str] = set()
    for index, fleet in enumerate(fleets):
        if fleet["name"] in names:
            raise InvalidInput(
                f"fleets[{index}].name",
                fleet["name"],
                "stands there twice",
                "Name each fleet once.",
            )
        names.add(fleet["name"])


def has_answered(host: Host) -> bool:
    """Return whether the host's look at the fleets succeeded."""
    observation = host.get("observation")
    return isinstance(observation, dict) and not any(
        map(observation.get, ("failed", "unreachable", "skipped", "left_out"))
    )


def _index_rows(index: int, host: Host) -> dict[str, t.Any]:
    """Return the rows of a host's observation by fleet; none of a host that did not answer."""
    if not has_answered(host):
        return {}
    rows = host["observation"].get("fleets", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(
            f"hosts[{index}].observation.fleets", rows, "must be a list of dictionaries", _REMEDY
        )
    return {row.get("fleet"): row for row in rows}


def _check_run(params: t.Mapping[str, t.Any], rows: t.Sequence[t.Container[str]]) -> None:
    """Raise Conflict unless each host that takes part has been looked at by this very run, at all fleets."""
    names = [fleet["name"] for fleet in params["fleets"]]
    others = [
        host["name"]
        for host, by_fleet in zip(params["hosts"], rows)
        if has_answered(host)
        and (
            params["holder"] != host["observation"].get("holder")
            or any(name not in by_fleet for name in names)
        )
    ]
    if others:
        raise Conflict(
            f"hosts: {join_names(others)} {'was' if len(others) == 1 else 'were'} not looked at by this run yet. "
            f"{_BATCHES}",
            hosts=others,
        )


def _read_fleet(
    index: int, fleet: Fleet, params: t.Mapping[str, t.Any], rows: t.Sequence[Row]
) -> FleetEntry:
    option = f"fleets[{index}]"
    attempts = _Attempts()
    peer = _find_peer(fleet, params["hosts"], rows)
    view = attempts.run(lambda: _read_view(params["hosts"], rows)) or FleetView()
    attempts.run(lambda: _check_problem(fleet))
    attempts.run(lambda: _check_equipment(fleet, rows))
    attempts.run(lambda: read_rule(read_options(f"{option}.rule", RULE, fleet["rule"])))
    machine = attempts.run(lambda: _read_machine(option, fleet, rows))
    attempts.run(lambda: machine and read_size(machine))
    upkeep = attempts.run(lambda: _read_upkeep(option, fleet))
    sharing = attempts.run(lambda: read_options(option, SHARING, _pick(fleet, SHARING)))
    if attempts.errors:
        return FleetEntry(fleet["name"], None, tuple(attempts.errors), view)
    request = attempts.run(
        lambda: read_request(
            {
                "fleet": fleet["name"],
                "rule": read_options(f"{option}.rule", RULE, fleet["rule"]),
                "machine": machine,
                "appliance": _choose_version(fleet, rows),
                **(upkeep or {}),
                "hosts": [
                    _select_host(place, host, row, peer)
                    for place, (host, row) in enumerate(zip(params["hosts"], rows))
                ],
                **{name: params[name] for name in ("now", "gone", "pool_reserve", "shared_pools")},
                **{name: fleet[name] for name in _OWN},
            }
        )
    )
    if request is not None:
        allowance = attempts.run(lambda: _find_allowance(fleet, params))
        request = dataclasses.replace(request, **(sharing or {}), allowance=allowance)
    if attempts.errors:
        return FleetEntry(fleet["name"], None, tuple(attempts.errors), view)
    return FleetEntry(fleet["name"], request, tuple(attempts.errors), view)


def _find_allowance(fleet: Fleet, params: t.Mapping[str, t.Any]) -> Allowance | None:
    """Return what the fleet's tenant may have on all hosts, and has on those that told it; None for no quota."""
    tenant = fleet.get("tenant")
    quotas = params.get("quotas") or {}
    if tenant is None or tenant not in quotas:
        return None
    allowance = _read_allowance(tenant, quotas[tenant])
    for index, host in enumerate(params["hosts"]):
        if has_answered(host):
            path = f"hosts[{index}].observation.tenants.{tenant}"
            told = Value(path, host["observation"].get("tenants", {}).get(tenant, {}), _REMEDY)
            allowance = allowance.add(
                Usage(*(told[name].read_optional(Value.require_count) or 0 for name in _USAGE))
            )
    return allowance


def _read_allowance(tenant: str, options: t.Mapping[str, t.Any] | None) -> Allowance:
    option = f"quotas.{check_name('quotas', tenant)}"
    limits = read_options(option, _QUOTA, options)
    for name, unit in (("machines", "machines"), ("vcpus", "vCPUs")):
        check_at_least(f"{option}.{name}", limits[name] or 0, 0, unit)
    memory = limits["memory"]
    return Allowance(
        tenant=tenant,
        machines=limits["machines"],
        vcpus=limits["vcpus"],
        memory_bytes=None if memory is None else parse_size(f"{option}.memory", memory),
    )


def _pick(fleet: Fleet, names: t.Iterable[str]) -> dict[str, t.Any]:
    return {name: fleet.get(name) for name in names}


class _Attempts:
    """Runs one thing after the other, and keeps what is wrong with each: all of it is told at once."""

    def __init__(self) -> None:
        self.errors: list[HeadroomError] = []

    def run(self, call: t.Callable[[], T]) -> T | None:
        try:
            return call()
        except HeadroomError as error:
            self.errors.append(error)
            return None


def _read_view(hosts: t.Sequence[Host], rows: t.Sequence[Row]) -> FleetView:
    by_host = {host["name"]: row for host, row in zip(hosts, rows) if row is not None}
    leases = {name: row["lease"] for name, row in by_host.items() if row.get("lease")}
    held = {name: lease for name, lease in leases.items() if lease["held"]}
    places: dict[str, list[str]] = {}
    for name, row in by_host.items():
        if row.get("problem"):
            places.setdefault(row["problem"]["message"], []).append(name)
    return FleetView(
        leases={name: lease["since"] for name, lease in held.items()},
        recorded=bool(leases) and all(lease["recorded"] for lease in leases.values()),
        rivals=tuple(name for name in leases if name not in held),
        problems=tuple(f"{message} (on {join_names(names)})" for message, names in places.items()),
        is_new=any(row.get("new") for row in by_host.values()),
    )


def _find_peer(fleet: Fleet, hosts: t.Sequence[Host], rows: t.Sequence[Row]) -> Peer | None:
    """Return a host from which others that lack the fleet's appliance can have it streamed; None for none.

    That is the first that has it, and says how others reach it, unless machines are made in another way.
    """
    if (fleet["machine"] or {}).get("mode") not in _STREAMING_MODES:
        return None
    for host, row in zip(hosts, rows):
        uri = _find_uri(host)
        appliance = None if row is None or row.get("refuses") else row.get("appliance")
        if appliance and uri:
            return Peer(host["name"], uri, appliance["id"])
    return None


def _find_uri(host: Host) -> str | None:
    uri = has_answered(host) and host["observation"].get("peer_uri")
    return uri if isinstance(uri, str) and uri else None


def _select_host(index: int, host: Host, row: Row, peer: Peer | None) -> dict[str, t.Any]:
    """Return what the host says of one fleet, as a plan of one fleet takes it."""
    if row is None:
        return {"name": host["name"], "facts": None, "sample": host.get("observation")}
    streams = peer is not None and bool(row.get("lacks"))
    return {
        "name": host["name"],
        "facts": host["observation"].get("host"),
        "refuses": None if streams else row.get("refuses"),
        "peer": peer if streams else None,
        "sample": unpack_row(f"hosts[{index}].observation.fleets", row),
    }


def _read_machine(
    option: str,
    fleet: Fleet,
    rows: t.Sequence[Row],
) -> dict[str, t.Any]:
    """Return what one clone takes: as the fleet says, else as its appliance does."""
    appliances = [row["appliance"] for row in rows if row is not None and row.get("appliance")]
    size = (
        {"vcpus": appliances[0].get("vcpus"), "memory": appliances[0].get("memory_bytes")}
        if appliances
        else {}
    )
    said = {name: value for name, value in (fleet["machine"] or {}).items() if name in MACHINE}
    return read_options(f"{option}.machine", MACHINE, {**size, **said})


def _choose_version(fleet: Fleet, rows: t.Sequence[Row]) -> str | None:
    """Return the version that members shall be of: as the fleet says, else what all hosts have for the newest.

    None while hosts have different ones: then none is rolled.
    """
    said: str | None = fleet["appliance"]
    if said is None or ":" in said:
        return said
    newest = {row["appliance"]["id"] for row in rows if row is not None and row.get("appliance")}
    return newest.pop() if len(newest) == 1 else None


def _read_upkeep(option: str, fleet: Fleet) -> dict[str, t.Any]:
    specs = {"health": verdict.SPEC, "rollout": ROLLOUT}
    return {
        name: None
        if fleet.get(name) is None
        else read_options(f"{option}.{name}", spec, fleet[name])
        for name, spec in specs.items()
    }


def _check_problem(fleet: Fleet) -> None:
    if fleet["problem"] is not None:
        raise HeadroomError(fleet["problem"])


def _check_equipment(fleet: Fleet, rows: t.Sequence[Row]) -> None:
    """Raise NotFound for a fleet without machines that no host can make any for: it is described wrongly."""
    known = [row for row in rows if row is not None]
    if not known or any(row.get("members") or not row.get("refuses") for row in known):
        return
    reasons = join_names(sorted({row["refuses"] for row in known}))
    raise NotFound(
        f"no host can make machines for it: {reasons}. Correct this on the hosts, or the description of the fleet.",
        fleet=fleet["name"],
    )
