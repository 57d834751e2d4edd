# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``take_sample`` reads a host's part of a fleet's demand, measures it against the sample before, and records it.

For many fleets at once, its steps: ``fetch_history``, ``read_members`` and ``record_sample``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import collect
from ansible_collections.headroom.libvirt.plugins.module_utils._times import parse_time
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    MachineRef,
    read_machine_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

from . import evaluate, health, prometheus, rollouts, roster
from .amount import check_demand
from .history import History, Record
from .series import slot_start

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .database import Database
    from .request import SamplingRequest
    from .series import Sample
    from .verdict import Finding, HealthCheck


_SCALE: t.Final = (
    "Write by what the number is multiplied to be a demand in the unit of rule.capacity."
)
# What machines used is returned of so many intervals: with those of five minutes, of a day.
_LOADS: t.Final = 288


class WallClock:
    """The host's clock. Counters are compared over runs, and a monotonic clock ends with the boot."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)


@dataclasses.dataclass(frozen=True)
class FleetMember:
    """A machine of a fleet as it was just read; ``state`` is libvirt's, or ``saved`` with its memory saved."""

    machine: evaluate.MemberSample
    metadata: Metadata
    state: str

    def as_dict(self, used_cores: float | None) -> dict[str, t.Any]:
        """Return what tasks tell of it."""
        stats = self.machine.sample.stats
        return {
            "name": self.machine.sample.name,
            "uuid": self.machine.sample.uuid,
            "state": self.state,
            "state_reason": stats.get("state_reason"),
            "protected": self.metadata.protected,
            "created": self.metadata.created,
            "appliance": self.metadata.appliance,
            "labelled": not self.metadata.is_member,
            "parked_for": self.metadata.parked_for,
            "in_service": self.metadata.standing and self.metadata.standing.in_service,
            "in_service_since": self.metadata.standing and (self.metadata.standing.since or None),
            "activity": used_cores,
            "vcpus": None if stats["vcpu"] is None else stats["vcpu"]["maximum"],
            "memory_bytes": None if stats["memory"] is None else stats["memory"]["maximum_bytes"],
        }

    def as_target(self) -> health.Target:
        """Return what a health check needs to know of it."""
        standing = self.metadata.standing
        times = (self.metadata.created, standing and standing.since)
        began = [moment for moment in map(_parse_moment, times) if moment is not None]
        sample = self.machine.sample
        return health.Target(
            uuid=sample.uuid,
            name=sample.name,
            state=self.state,
            state_reason=sample.stats.get("state_reason"),
            began=max(began, default=None),
        )


def take_sample(
    connection: Connection, request: SamplingRequest, database: Database, clock: Clock
) -> dict[str, t.Any]:
    """Sample the fleet's members on the host and record their demand; return the result of the task.

    A slot that has a row already keeps it. Raises InvalidInput for an expression that yields no demand, and what
    Database.run and the statistics raise.
    """
    fetched = fetch_history(request)
    members = read_members(connection, [request.fleet], clock)[request.fleet]
    findings = probe_members(connection, {request.fleet: request.health}, {request.fleet: members})

    def record(opened: sqlite3.Connection) -> dict[str, t.Any]:
        result = record_sample(opened, request, members, clock.now(), fetched)
        found = findings.get(request.fleet, {})
        return keep_verdicts(opened, request, members, found, clock.now(), result)

    result, warnings = database.run(record, clock.now())
    uri = read_machine_uri(connection, request.machine_uri)
    rows = name_machines(uri, result["members"])
    return {**result, "members": rows, "fleet": request.fleet, "warnings": warnings}


def name_machines(uri: str, rows: t.Iterable[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the rows of members with what names each on any host; ``uri`` leads to its host."""
    return [{**row, "machine": MachineRef(uri, row["name"], row["uuid"]).as_dict()} for row in rows]


def fetch_history(request: SamplingRequest) -> list[Sample] | None:
    """Return the history as Prometheus knows it; None where the database keeps it."""
    if request.prometheus is None:
        return None
    samples = prometheus.fetch(
        request.prometheus, request.timestamp, request.interval, request.window
    )
    return [dataclasses.replace(sample, value=_scale(request, sample.value)) for sample in samples]


def read_members(
    connection: Connection, fleets: t.Collection[str], clock: Clock
) -> dict[str, list[FleetMember]]:
    """Return the machines of each of the ``fleets`` on the host, with one bulk call for all of their statistics."""
    members: dict[str, list[FleetMember]] = {fleet: [] for fleet in fleets}
    for reading in collect.collect(connection, collect.StatsRequest(fleets=fleets), clock):
        member = _identify_member(connection, reading)
        if member is not None and member.metadata.fleet is not None:
            members[member.metadata.fleet].append(member)
    return members


def _identify_member(connection: Connection, reading: collect.Reading) -> FleetMember | None:
    """Return the member; None if it vanished meanwhile."""
    metadata = reading.metadata or Metadata()
    state = reading.sample.stats["state"]
    if state == "shutoff":
        try:
            domain = domains.look_up_uuid(connection, reading.sample.uuid)
            state = "saved" if domains.has_saved_memory(domain) else state
        except NotFound:
            return None
    return FleetMember(
        evaluate.MemberSample(reading.sample, _parse_moment(metadata.created)), metadata, state
    )


def _parse_moment(text: str | None) -> float | None:
    with contextlib.suppress(ValueError):
        return parse_time(text or "")
    return None


def probe_members(
    connection: Connection,
    checks: t.Mapping[str, HealthCheck | None],
    members: t.Mapping[str, t.Sequence[FleetMember]],
) -> dict[str, dict[str, Finding]]:
    """Return what the ``members`` of each fleet that has a check show, by fleet and UUID."""
    return health.probe_fleets(
        connection,
        {
            fleet: (check, [member.as_target() for member in members[fleet]])
            for fleet, check in checks.items()
            if check is not None
        },
    )


def keep_verdicts(
    connection: sqlite3.Connection,
    request: SamplingRequest,
    members: t.Sequence[FleetMember],
    findings: t.Mapping[str, Finding],
    now: float,
    result: t.Mapping[str, t.Any],
) -> dict[str, t.Any]:
    """Return the ``result`` with the verdict in each member's row, and keep what the next run counts on."""
    if request.health is None:
        return dict(result)
    targets = [member.as_target() for member in members]
    verdicts = health.keep(connection, request.fleet, request.health, targets, findings, now)
    rows = [{**row, **verdicts[row["uuid"]].as_dict()} for row in result["members"]]
    return {**result, "members": rows}


def record_sample(
    connection: sqlite3.Connection,
    request: SamplingRequest,
    members: t.Sequence[FleetMember],
    now: float,
    fetched: list[Sample] | None,
) -> dict[str, t.Any]:
    """Measure the demand of the ``members``, which were read by ``now``, and record it; return what a task returns.

    ``fetched`` is the history as Prometheus knows it. Raises InvalidInput for an expression that yields no demand, with
    nothing written.
    """
    taken_at = max((member.machine.sample.taken_at for member in members), default=now)
    history = History(connection, request.fleet)
    slot = slot_start(request.timestamp, request.interval)
    changes, record = Changes(), history.find(slot)
    if record is None:
        machines = [member.machine for member in members]
        record = _record(history, request, machines, taken_at, fetched)
        changes.add("sample", None, {"timestamp": record.timestamp, "value": record.value})
    return {
        **changes.as_result(),
        "sample": {"timestamp": record.timestamp, "value": record.value, "reason": record.reason},
        **describe_past(connection, request, members, fetched),
    }


def _record(
    history: History,
    request: SamplingRequest,
    machines: list[evaluate.MemberSample],
    taken_at: float,
    fetched: list[Sample] | None,
) -> Record:
    slot = slot_start(request.timestamp, request.interval)
    counted = history.find_last_counted(slot)
    previous = (
        None
        if counted is None or counted.taken_at is None
        else evaluate.PreviousSample(counted.taken_at, history.read_counters())
    )
    rates = evaluate.compute_rates(previous, machines)
    record = (
        _adopt(request, slot, fetched[-1], taken_at)
        if fetched
        else _measure(request, slot, machines, previous, taken_at)
    )
    used_cores, vcpus = evaluate.compute_load(machines, rates) or (None, None)
    record = dataclasses.replace(record, used_cores=used_cores, vcpus=vcpus)
    history.add(record)
    history.keep_counters((machine.sample for machine in machines), _read_used_cores(rates))
    history.forget_before(slot - request.keep, slot)
    return record


def describe_past(
    connection: sqlite3.Connection,
    request: SamplingRequest,
    members: t.Sequence[FleetMember],
    fetched: list[Sample] | None = None,
) -> dict[str, t.Any]:
    """Return what a task does of all that is recorded of the fleet, and of its ``members``."""
    history = History(connection, request.fleet)
    slot = slot_start(request.timestamp, request.interval)
    used_by_uuid = history.read_used_cores()
    return {
        "history": [
            _describe_row(row)
            for row in _choose_rows(fetched)
            or (row for row in history.read_since(slot - request.window) if row.slot <= slot)
        ],
        # A second run in the slot knows what the first one measured.
        "members": [
            member.as_dict(used_by_uuid.get(member.machine.sample.uuid)) for member in members
        ],
        "roster": _read_roster(connection, request.fleet),
        "rollout": rollouts.read(connection, request.fleet),
        **_read_calibration(history, request, slot),
    }


def _choose_rows(fetched: list[Sample] | None) -> list[Sample] | None:
    """Return what the server knows; of an answer that is not whole nothing counts, but what earlier runs were told."""
    return fetched if any(sample.value is not None for sample in fetched or ()) else None


def _describe_row(row: Record | Sample) -> dict[str, t.Any]:
    fields = {"timestamp": row.timestamp, "value": row.value, "whole": row.fleet_wide}
    return fields if row.reason is None else {**fields, "reason": row.reason}


def _read_roster(connection: sqlite3.Connection, fleet: str) -> dict[str, t.Any] | None:
    latest = roster.read(connection, fleet)
    return None if latest is None else latest.as_dict()


def _read_used_cores(rates: t.Mapping[str, t.Any]) -> dict[str, float | None]:
    """Return the cores that each machine used by its ``rates``, None where these are not known."""
    return {
        uuid: None if rate is None or rate["cpu"] is None else rate["cpu"]["used_cores"]
        for uuid, rate in rates.items()
    }


def _read_calibration(history: History, request: SamplingRequest, slot: int) -> dict[str, t.Any]:
    """Return what measuring goes by (_provision/calibration.py)."""
    return {
        "loads": [
            {"timestamp": row.timestamp, "used_cores": row.used_cores, "vcpus": row.vcpus}
            for row in history.read_loads(slot - _LOADS * request.interval, slot)
        ],
        "readiness": [readiness.as_dict() for readiness in history.read_readiness()],
    }


def _adopt(request: SamplingRequest, slot: int, sample: Sample, taken_at: float) -> Record:
    return Record(slot, request.timestamp, sample.value, sample.reason, taken_at, fleet_wide=True)


def _measure(
    request: SamplingRequest,
    slot: int,
    machines: list[evaluate.MemberSample],
    previous: evaluate.PreviousSample | None,
    taken_at: float,
) -> Record:
    if request.query is None:
        return Record(slot, request.timestamp, request.value, taken_at=taken_at, fleet_wide=True)
    measured = evaluate.evaluate(request.query, machines, previous, request.interval, taken_at)
    return Record(
        slot, request.timestamp, _scale(request, measured.value), measured.reason, taken_at
    )


def _scale(request: SamplingRequest, value: float | None) -> float | None:
    return None if value is None else check_demand("scale", value * request.scale, _SCALE)
