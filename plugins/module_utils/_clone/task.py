# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A task that makes clones: what an earlier run left, what is missing, and what was waited for, as a result."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    MACHINE,
    MACHINE_URI,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.provenance import (
    open_provenance,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    MachineRef,
    read_machine_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

from . import tenants
from .apply import Maker, describe_existing
from .origin import choose_strategy, open_origin, settle_tls
from .ready import Readiness, Watch, check_readiness, read_addresses
from .recover import find_leftovers, undo_leftovers
from .request import fill_options, read_request
from .stream.watch import StreamWatch, describe_streaming
from .survey import make_plan

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .apply import Row
    from .plan import CloneRequest
    from .stream.watch import Course
    from .survey import ClonePlan

_DEFAULT_POOL: t.Final = "default"
# What the journal need not know to do the task again: how the host was reached, and for whom. Nor does it keep the
# password of consoles: what is made again without it listens to its host alone.
_NOT_RECORDED: t.Final = {
    *CONNECTION.options,
    *MACHINE.options,
    *MACHINE_URI.options,
    "console_password",
}


@dataclasses.dataclass(frozen=True)
class CloneTask:
    """The module's ``options``, and how they are carried out; ``act`` is False in check mode."""

    options: t.Mapping[str, t.Any]
    journal: Journal
    warn: t.Callable[[str], None]
    act: bool = True
    clock: Clock = SYSTEM_CLOCK


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What a task planned and made. ``started`` says when each clone was started; ``notes`` tell of dead runs."""

    plan: ClonePlan
    made: list[Row]
    notes: tuple[str, ...]
    streams: t.Mapping[str, Course] = dataclasses.field(default_factory=dict)
    started: t.Mapping[str, float] = dataclasses.field(default_factory=dict)


def make_more_like(
    connection: Connection, definition: domain_xml.Definition, task: CloneTask
) -> dict[str, t.Any]:
    """Make more of what a clone on the connection's host was made from, and return the module's result."""
    options = fill_options(task.options, definition)
    return make_clones(connection, dataclasses.replace(task, options=options))


def make_clones(connection: Connection, task: CloneTask) -> dict[str, t.Any]:
    """Make what is missing on the connection's host, and return the module's result."""
    options = {**task.options, "pool": task.options["pool"] or _DEFAULT_POOL}
    task, request = dataclasses.replace(task, options=options), read_request(options)
    wish = Readiness(options["wait_for"], options["timeout"], options["port"])
    streams = StreamWatch(connection, task.clock, options["connect_timeout"], act=task.act)
    with tenants.hold_count(request, wish.timeout, task.clock, check_mode=not task.act):
        outcome = _make_missing(connection, task, request, wish, streams)
    plan, changes = outcome.plan, Changes()
    for name, course in outcome.streams.items():
        if course.is_changed:
            changes.add(
                f"{name} streaming", course.before.state, course.after and course.after.state
            )
    for clone in plan.clones:
        changes.add(clone.name, None, plan.summarise(clone))
    rows = [
        *(describe_existing(connection, name) for name in plan.selection.existing),
        *outcome.made,
    ]
    if task.act:
        rows = _await(connection, rows, outcome.started, wish, task.clock)
        if wish.wait_for == "local":
            for row in rows:
                streams.await_local(row["name"], wish.timeout)
    return {
        **changes.as_result(),
        "appliance": str(plan.manifest.id),
        "clones": _add_changing(connection, rows, options["machine_uri"]),
        "mode": plan.choice.mode,
        "mode_reason": plan.choice.reason,
        "notes": [*outcome.notes, *plan.notes],
    }


def _make_missing(
    connection: Connection,
    task: CloneTask,
    request: CloneRequest,
    wish: Readiness,
    streams: StreamWatch,
) -> _Outcome:
    """Plan, and make what is missing; in check mode the rows are those that there would be."""
    journal = task.journal
    leftovers = find_leftovers(journal, connection)
    if task.act:
        leftovers = undo_leftovers(
            journal, connection, request, task.clock, wish.timeout, task.warn
        )
    courses = streams.settle_all(request)
    with open_origin(connection, task.options, request) as origin:
        notes = open_provenance(journal.path)
        plan = make_plan(origin.catalogue, origin.request, leftovers, connection, notes)
        check_readiness(wish, plan.manifest.template)
        options = {name: value for name, value in task.options.items() if name not in _NOT_RECORDED}
        settled, tls_notes = settle_tls(plan, origin, connection)
        strategy = choose_strategy(plan, settled, connection, options, task.clock, journal)
        all_notes = (*leftovers.notes, *tls_notes)
        if not task.act:
            return _Outcome(
                plan, [plan.predict_row(clone) for clone in plan.clones], all_notes, courses
            )
        created = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        maker = Maker(
            connection, plan, created, task.clock, secrets.token_bytes, journal, options, strategy
        )
        return _Outcome(plan, maker.make(), all_notes, courses, maker.started)


def _await(
    connection: Connection,
    rows: list[Row],
    started: t.Mapping[str, float],
    wish: Readiness,
    clock: Clock,
) -> list[Row]:
    """Wait, and return the rows with the seconds that each thing took."""
    watch = Watch(
        connection,
        _macs_by_name([row for row in rows if row["state"] == "running"]),
        started,
        clock,
    )
    watch.wait_for(wish)
    return [
        {**row, "seconds": {**row["seconds"], **watch.seconds.get(row["name"], {})}}
        if row["created"]
        else row
        for row in rows
    ]


def _add_changing(
    connection: Connection, rows: t.Sequence[Row], machine_uri: str | None
) -> list[Row]:
    """Return the rows with what changes by itself."""
    addresses, uri = (
        read_addresses(connection, _macs_by_name(rows)),
        read_machine_uri(connection, machine_uri),
    )
    return [
        {
            **row,
            "machine": MachineRef(uri, row["name"], row["uuid"]).as_dict(),
            "addresses": addresses[row["name"]],
            "streaming": describe_streaming(connection, row["name"]),
        }
        for row in rows
    ]


def _macs_by_name(rows: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    return {row["name"]: row["macs"] or [] for row in rows}
