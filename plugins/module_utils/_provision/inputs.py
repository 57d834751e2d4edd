# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``observe`` makes of what tasks returned on the hosts what a plan is made of. Pure.

The hosts' results come through a playbook, so anything may be in them: each value is checked, and an error says where
it stands, what it is and what belongs there.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.amount import (
    LARGEST,
    read_demand,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import (
    RolloutMemory,
    build_memory,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Sample,
    Series,
    check_span,
    merge,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
    measure_clone_room,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import identify
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names
from ansible_collections.headroom.libvirt.plugins.module_utils._times import (
    LATEST_SECONDS,
    check_seconds,
    parse_time,
)

from . import absent
from .calibration import (
    Calibration,
    Load,
    estimate_ready_seconds,
    estimate_work,
    is_partial,
)
from .model import RUNNING, Member, Observation

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._storage.identity import (
        PoolKey,
    )

_SAMPLE: t.Final = "Hand in what headroom.libvirt.demand_sample returned on the host, or null if it did not answer."
_LEFT_OUT: t.Final = "it has no part in this run"
_FACTS: t.Final = "Hand in the `host` that headroom.libvirt.host_info returned on the host, or null if it did not answer."  # noqa: E501


@dataclasses.dataclass(frozen=True)
class MachineSize:
    """What is known of one clone's size before it is made; None where only its appliance knows.

    Of its ``pool`` the reserve is left alone; ``pool_is_shared`` says that the pools of this name are one.
    """

    vcpus: int | None = None
    memory_bytes: int | None = None
    disk_bytes: int = 0
    pool: str = "default"
    pool_reserve_bytes: int = 0
    pool_is_shared: bool = False


def observe(
    fleet: str,
    now: float,
    interval: int,
    hosts: t.Sequence[t.Mapping[str, t.Any]],
    clone: MachineSize,
    since: float = 0.0,
    gone: t.Collection[str] = (),
) -> Observation:
    """Return what the ``hosts`` (``{name, facts, sample}`` each) say of ``fleet`` at ``now``, of the demand ``since``.

    Machines of one name are told in the notes, and left alone. Hosts that only the history has are as unknown as those
    that the run leaves out, but for those that are ``gone``. Raises InvalidInput for what is no host, no sample or no
    facts.
    """
    _check_hosts(hosts)
    samples = _select_by_host(hosts, "sample", _has_answered, _SAMPLE)
    facts = _select_by_host(hosts, "facts", lambda facts: facts is not None, _FACTS)
    refusals = {host["name"]: host["refuses"] for host in hosts if host.get("refuses")}
    for sample in samples.values():
        _check_fleet(sample, fleet)
    members, doubles = _mark_doubles(
        list(itertools.chain(*(_read_members(sample, name) for name, sample in samples.items())))
    )
    size, notes = _choose_size(clone, samples)
    histories = [_read_history(sample, since) for sample in samples.values()]
    check_span("hosts", histories, interval, now)
    series = merge(histories, interval, now)
    left_out = {host["name"] for host in hosts if _is_left_out(host.get("sample"))} - {*gone}
    unknown = {
        host["name"]: _LEFT_OUT if host["name"] in left_out else "it did not answer"
        for host in hosts
        if host["name"] not in samples and host["name"] not in gone
    }
    missing = absent.list_absent(samples, members, gone, now)
    elsewhere = absent.describe_absent(missing, {host["name"] for host in hosts})
    unknown.update(elsewhere)
    # Of a demand that is the whole fleet's, the hosts that did not answer have met a part.
    all_met = not unknown or not any(map(_has_fleet_wide, histories))
    return Observation(
        fleet=fleet,
        now=now,
        series=series,
        size=size,
        members=members,
        rooms=tuple(
            dataclasses.replace(
                _read_room(name, facts[name], clone, members), takes_clones=name not in refusals
            )
            for name in samples
            if name in facts
        ),
        peers={host["name"]: host["peer"] for host in hosts if host.get("peer")},
        unknown=unknown,
        left_out=frozenset(left_out.union(elsewhere)),
        absent=missing,
        measured_elsewhere=any(map(_has_fleet_wide, histories)),
        memory=_read_memory(samples.values(), now),
        notes=(
            *notes,
            *doubles,
            *_explain_broken(members),
            *_explain_gaps(samples, facts, refusals),
        ),
        calibration=_calibrate(samples.values(), series if all_met else None),
    )


def _select_by_host(
    hosts: t.Sequence[t.Mapping[str, t.Any]],
    key: str,
    holds: t.Callable[[t.Any], bool],
    remedy: str,
) -> dict[str, Value]:
    """Return what the hosts have under ``key``, by their names, of those for which it ``holds``."""
    return {
        host["name"]: Value(f"hosts[{index}].{key}", host.get(key), remedy)
        for index, host in enumerate(hosts)
        if holds(host.get(key))
    }


def _has_fleet_wide(history: t.Sequence[Sample]) -> bool:
    return any(sample.fleet_wide for sample in history)


def _has_answered(sample: t.Any) -> bool:
    """Whether the task that took the sample succeeded."""
    if not isinstance(sample, dict):
        return sample is not None
    return not any(map(sample.get, ("failed", "unreachable", "skipped", "left_out")))


def _is_left_out(sample: t.Any) -> bool:
    """Whether the host has no part in the run, as with --limit: it may well be fine."""
    return isinstance(sample, dict) and bool(sample.get("left_out"))


def _check_hosts(hosts: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    names: set[str] = set()
    for index, host in enumerate(hosts):
        if host["name"] in names:
            raise InvalidInput(
                f"hosts[{index}].name", host["name"], "stands there twice", "Name each host once."
            )
        names.add(host["name"])


def _check_fleet(sample: Value, fleet: str) -> None:
    sampled_fleet = sample["fleet"].value
    if sampled_fleet is not None and sampled_fleet != fleet:
        raise InvalidInput(
            f"{sample.path}.fleet",
            sampled_fleet,
            f"is not the fleet {fleet!r}",
            "Hand in samples of one fleet.",
        )


def _read_history(sample: Value, since: float) -> list[Sample]:
    """Return the rows from ``since`` on; all are checked, the older ones as well.

    A text is taken for CSV: of months of rows Ansible takes a second to make options, but of a text no time.
    """
    rows = sample["history"]
    if isinstance(rows.value, str):
        return [Sample(*row) for row in csv.read_rows(rows.path, rows.value) if row[0] >= since]
    samples = [
        _read_plain_sample(row) or _check_sample(rows, index)
        for index, row in enumerate(rows.require_list())
    ]
    return [sample_row for sample_row in samples if sample_row.timestamp >= since]


def _read_plain_sample(row: t.Any) -> Sample | None:
    """Return the sample of a row that is as it should be, at a tenth of the price of finding out what is wrong."""
    if not isinstance(row, dict):
        return None
    timestamp, value = row.get("timestamp"), row.get("value")
    if (
        isinstance(timestamp, bool)
        or not isinstance(timestamp, (int, float))
        or not 0 <= timestamp < LATEST_SECONDS
    ):
        return None
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST
    ):
        return None
    reason = row.get("reason")
    if reason is not None and not isinstance(reason, str):
        return None
    return Sample(
        float(timestamp),
        None if value is None else float(value),
        bool(row.get("whole")),
        reason,
    )


def _check_sample(rows: Value, index: int) -> Sample:
    row = rows.require_items()[index]
    return Sample(
        _read_timestamp(row["timestamp"]),
        row["value"].read_optional(read_demand),
        bool(row["whole"].value),
        row["reason"].read_optional(Value.require_text),
    )


def _read_timestamp(value: Value) -> float:
    """Return epoch seconds; what is later than any of them is no future, but in another unit."""
    number = value.require_number()
    if 0 <= number < LATEST_SECONDS:
        return number
    try:
        return check_seconds(number)
    except ValueError as error:
        raise value.error(f"a time in seconds since 1970, and it {error}") from None


def _calibrate(samples: t.Collection[Value], met: Series | None) -> Calibration:
    """Return what the samples show of machines; ``met`` is the demand that those of their hosts have met alone."""
    runs = itertools.chain.from_iterable(map(_read_readiness, samples))
    loads = [_read_loads(sample) for sample in samples]
    work = None if met is None else estimate_work(met, loads)
    partial = met is not None and work is None and is_partial(met, loads)
    return Calibration(estimate_ready_seconds(runs), work, partial)


def _read_readiness(sample: Value) -> list[float]:
    """Return the seconds that new machines took; none of what an older version returned."""
    rows = sample["readiness"]
    return (
        []
        if rows.value is None
        else [row["seconds"].require_amount() for row in rows.require_items()]
    )


def _read_loads(sample: Value) -> list[Load]:
    """Likewise, what machines used."""
    rows = sample["loads"]
    if rows.value is None:
        return []
    return [
        _read_plain_load(row) or _check_load(rows, index)
        for index, row in enumerate(rows.require_list())
    ]


def _read_plain_load(row: t.Any) -> Load | None:
    """Return the load of a row that is as it should be, at a tenth of the price of finding out what is wrong."""
    if not isinstance(row, dict):
        return None
    values: list[t.Any] = [row.get(name) for name in ("timestamp", "used_cores", "vcpus")]
    if not all(map(_is_amount, values)):
        return None
    timestamp, used_cores, vcpus = values
    return Load(float(timestamp), float(used_cores), int(vcpus))


def _is_amount(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _check_load(rows: Value, index: int) -> Load:
    row = rows.require_items()[index]
    return Load(
        row["timestamp"].require_number(),
        row["used_cores"].require_amount(),
        row["vcpus"].require_count(),
    )


def _read_members(sample: Value, host: str) -> list[Member]:
    return [
        Member(
            name=member["name"].require_text(),
            host=host,
            state=member["state"].require_text(),
            state_reason=member["state_reason"].read_optional(Value.require_text),
            uuid=member["uuid"].read_optional(Value.require_text),
            protected=bool(member["protected"].value),
            created=member["created"].read_optional(_read_moment),
            activity=member["activity"].read_optional(Value.require_number),
            machine=member["machine"].read_optional(Value.require_machine),
            version=member["appliance"].read_optional(Value.require_text),
            labelled=bool(member["labelled"].value),
            in_service=member["in_service"].value is not False,
            healthy=_read_health(member["healthy"]),
            health_reason=member["health_reason"].read_optional(Value.require_text),
            health_kind=member["health_kind"].read_optional(Value.require_text),
            awaited=bool(member["awaited"].value),
            has_passed=bool(member["has_passed"].value),
            since=member["in_service_since"].read_optional(_read_moment),
            size=_read_size(member),
            parked_for=member["parked_for"].read_optional(Value.require_text),
        )
        for member in sample["members"].require_items()
    ]


def _read_size(member: Value) -> Size | None:
    vcpus = member["vcpus"].read_optional(Value.require_count)
    memory_bytes = member["memory_bytes"].read_optional(Value.require_count)
    return Size(vcpus, memory_bytes) if vcpus and memory_bytes else None


def _read_memory(samples: t.Iterable[Value], now: float) -> RolloutMemory:
    """Return what the latest decision remembered of rollouts."""
    kept = [sample["rollout"] for sample in samples if sample["rollout"].value is not None]
    if not kept:
        return RolloutMemory()
    # One of a run whose clock was ahead is no newer than the others for that.
    latest = max(kept, key=lambda row: ((moment := row["moment"].require_number()) <= now, moment))
    return build_memory(latest["memory"].value)


def _read_health(value: Value) -> bool | None:
    return None if value.value is None else bool(value.value)


def _read_moment(value: Value) -> float:
    if isinstance(value.value, str):
        try:
            return parse_time(value.value)
        except ValueError:
            raise value.error("a time in ISO 8601") from None
    return value.require_number()


def _mark_doubles(members: t.Sequence[Member]) -> tuple[tuple[Member, ...], list[str]]:
    """Return the members, those of one name as doubles, and sentences on these.

    A machine that moves is on two hosts with one UUID: it counts once, where it runs.
    """
    by_name: dict[str, list[Member]] = {}
    for member in members:
        by_name.setdefault(member.name, []).append(member)
    marked: list[Member] = []
    sentences: list[str] = []
    for name, namesakes in by_name.items():
        if len(namesakes) == 1:
            marked += namesakes
            continue
        hosts = join_names(sorted({member.host for member in namesakes}))
        if len({member.uuid for member in namesakes}) == 1 and namesakes[0].uuid is not None:
            doubles = sorted(namesakes, key=lambda member: member.state not in RUNNING)[:1]
            sentences.append(
                f"{name} is on {hosts}, and one machine by its UUID: it is left alone."
            )
        else:
            doubles = namesakes
            sentences.append(
                f"{name} is a machine on {hosts}: all are left alone. Rename or remove the others."
            )
        marked += [dataclasses.replace(member, double=True) for member in doubles]
    return tuple(marked), sentences


def _explain_broken(members: t.Iterable[Member]) -> list[str]:
    return [
        f"{member.name} on {member.host} is broken: it is paused ({member.state_reason}), and is left alone."
        for member in members
        if member.is_broken
    ]


def _choose_size(clone: MachineSize, samples: t.Mapping[str, Value]) -> tuple[Size, list[str]]:
    """Return a clone's size: as the rule says, else as the fleet's largest machine; and a note when nobody knows."""
    members = list(
        itertools.chain(*(sample["members"].require_items() for sample in samples.values()))
    )
    vcpus = [
        count for member in members if (count := member["vcpus"].read_optional(Value.require_count))
    ]
    memory = [
        count
        for member in members
        if (count := member["memory_bytes"].read_optional(Value.require_count))
    ]
    size = Size(
        vcpus=max(vcpus, default=1) if clone.vcpus is None else clone.vcpus,
        memory_bytes=max(memory, default=0) if clone.memory_bytes is None else clone.memory_bytes,
        disk_bytes=clone.disk_bytes,
    )
    if size.memory_bytes:
        return size, []
    return size, [
        "How much memory a machine takes is not known yet, so memory was not looked at (set machine.memory)."
    ]


def _read_room(
    name: str, facts: Value, clone: MachineSize, members: t.Iterable[Member]
) -> HostRoom:
    free, running = facts["free"], facts["committed"]["running"]
    disk_bytes, storage = _read_pool(name, facts, clone) if clone.disk_bytes else (0, None)
    overdraft = _read_overdraft(facts)
    return HostRoom(
        name=name,
        free=Size(
            vcpus=free["vcpus"].require_count() - overdraft.vcpus,
            memory_bytes=free["memory_bytes"].require_count() - overdraft.memory_bytes,
            disk_bytes=disk_bytes,
        ),
        members=sum(member.host == name for member in members),
        running=Size(running["vcpus"].require_count(), running["memory_bytes"].require_count()),
        closed=_is_closed(facts),
        storage=storage,
    )


def _read_pool(host: str, facts: Value, clone: MachineSize) -> tuple[int, PoolKey | None]:
    """Return the bytes for clones in their pool, and what identifies it where other hosts may have it too."""
    free = facts["free"]["pools"][clone.pool]
    if free.value is None:
        return 0, None
    rows = [] if facts["pools"].value is None else facts["pools"].require_items()
    row = next((row for row in rows if row["name"].value == clone.pool), None)
    kind, source = (
        (None, None)
        if row is None
        else (row[name].read_optional(Value.require_text) for name in ("type", "source"))
    )
    room = measure_clone_room(free.require_count() - clone.pool_reserve_bytes, kind)
    if source is None and not clone.pool_is_shared:
        return room, None
    return room, identify(host, clone.pool, source, is_declared=clone.pool_is_shared)


def _read_overdraft(facts: Value) -> Size:
    """Return what more is promised than may be: machines that are parked for others take no room, and yet count."""
    allowed, defined = facts["allowed"], facts["committed"]["defined"]
    if allowed.value is None or defined.value is None:
        return Size()
    return Size(
        max(0, defined["vcpus"].require_count() - allowed["vcpus"].require_count()),
        max(0, defined["memory_bytes"].require_count() - allowed["memory_bytes"].require_count()),
    )


def _is_closed(facts: Value) -> bool:
    return facts["maintenance"].value is not None


def _explain_gaps(
    samples: t.Mapping[str, Value], facts: t.Mapping[str, Value], refusals: t.Mapping[str, str]
) -> list[str]:
    """Return sentences on hosts that take no clones, or whose demand is not known."""
    sentences: list[str] = []
    for name, sample in samples.items():
        if name not in facts:
            sentences.append(f"{name} takes no clones: its resources are not known.")
        elif _is_closed(facts[name]):
            reason = facts[name]["maintenance"]["reason"].value or "without a reason"
            sentences.append(
                f"{name} takes no clones, and none is woken there: it is in maintenance ({reason})."
            )
        elif name in refusals:
            sentences.append(f"{name} takes no clones: {refusals[name]}.")
        current = sample["sample"]
        if current.value is not None and current["value"].value is None:
            sentences.append(
                f"The demand on {name} is not known: {current['reason'].value or 'it did not say why'}."
            )
    return sentences
