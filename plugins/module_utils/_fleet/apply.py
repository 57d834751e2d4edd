# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``observe_fleets`` claims, measures and records all fleets of a host in one transaction of its history.

What is in the way of one fleet is that fleet's ``problem``: of it nothing is recorded, and the others go on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease, sampling, usage
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import History
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from .row import pack_past

if t.TYPE_CHECKING:
    import sqlite3

    from .request import FleetRequest, ObservationRequest
    from .survey import FleetSurvey, HostSurvey

_NOTHING: t.Final[dict[str, t.Any]] = {
    "history": [],
    "loads": [],
    "readiness": [],
    "roster": None,
    "rollout": None,
}


def observe_fleets(
    opened: sqlite3.Connection, request: ObservationRequest, survey: HostSurvey, *, keep: bool
) -> dict[str, t.Any]:
    """Return ``changed``, ``diff``, a row of each fleet, and the names of those that are ``new`` to the history.

    How full the host is is recorded where any fleet is, and what is recorded of that returned where it is asked for.
    A fleet that the history does not know is written there only if it may begin, and one that somebody else holds is
    not written at all: their rows say what would be. Without ``keep`` the transaction is undone by who runs it.
    """
    changes = Changes()
    rows = []
    for fleet in request.fleets:
        row, recorded = _observe_fleet(opened, request, fleet, survey, keep=keep)
        if recorded is not None:
            changes.add(fleet.name, None, recorded)
        rows.append(row)
    result = changes.as_result()
    if result["changed"]:
        usage.record(opened, survey.usages, request.timestamp, request.keep)
    histories = usage.read(opened, request.timestamp) if request.usage else None
    return {
        **result,
        "fleets": rows,
        "new": [row["fleet"] for row in rows if row["new"]],
        "usage": None if histories is None else usage.pack(histories),
    }


def _observe_fleet(
    opened: sqlite3.Connection,
    request: ObservationRequest,
    fleet: FleetRequest,
    survey: HostSurvey,
    *,
    keep: bool,
) -> tuple[dict[str, t.Any], dict[str, t.Any] | None]:
    """Return the fleet's row, and the sample that was recorded."""
    view = survey.fleets[fleet.name]
    is_new = History(opened, fleet.name).is_empty()
    may_write = not is_new or request.may_begin(fleet.name)
    with _savepoint(opened) as undo:
        claim = _claim(opened, request, fleet, survey.now)
        sample, problem = _sample(opened, fleet, view, survey.now)
        if fleet.sampling is not None:
            sample = sampling.keep_verdicts(
                opened, fleet.sampling, view.members, view.findings, survey.now, sample
            )
        held = claim is None or claim.holder == request.holder
        if not may_write or not held:
            undo()
    recorded = sample.get("diff", {}).get("after", {}).get("sample") if may_write and held else None
    error = view.problem or problem
    row = {
        "fleet": fleet.name,
        "new": is_new and not (may_write and held),
        "lease": _describe_lease(claim, request, recorded=keep and may_write),
        "sample": sample["sample"],
        "members": sampling.name_machines(survey.uri, sample["members"]),
        "appliance": view.appliance,
        "refuses": view.refuses,
        "lacks": view.lacks,
        "problem": None if error is None else {**error.as_result(), "message": error.message},
        "past": pack_past(sample),
    }
    return row, recorded


def _claim(
    opened: sqlite3.Connection, request: ObservationRequest, fleet: FleetRequest, now: float
) -> lease.Lease | None:
    """Return the lease that is in force afterwards; None where nobody claims any."""
    if request.holder is None:
        return None
    return lease.acquire(opened, fleet.name, request.holder, request.seconds, now)


def _describe_lease(
    claim: lease.Lease | None, request: ObservationRequest, *, recorded: bool
) -> dict[str, t.Any] | None:
    if claim is None:
        return None
    held = claim.holder == request.holder
    return {
        "held": held,
        "by": claim.holder,
        "since": claim.since,
        "until": claim.until,
        "recorded": held and recorded,
    }


def _sample(
    opened: sqlite3.Connection, fleet: FleetRequest, view: FleetSurvey, now: float
) -> tuple[dict[str, t.Any], HeadroomError | None]:
    """Return the fleet's sample with all that is recorded of it, and what was in the way of measuring its demand."""
    if fleet.sampling is None:
        members = [member.as_dict(None) for member in view.members]
        return {**_NOTHING, "sample": None, "members": members}, view.problem
    problem = view.problem
    try:
        if problem is None:
            with _savepoint(opened):
                sample = sampling.record_sample(
                    opened, fleet.sampling, view.members, now, view.fetched
                )
                return sample, None
    except HeadroomError as error:
        problem = error
    unknown = {"timestamp": fleet.sampling.timestamp, "value": None, "reason": problem.message}
    past = sampling.describe_past(opened, fleet.sampling, view.members)
    return {**past, "sample": unknown}, problem


@contextlib.contextmanager
def _savepoint(opened: sqlite3.Connection) -> t.Iterator[t.Callable[[], None]]:
    """Undo what the block wrote where it raises, and where it calls what this yields."""
    undone = _Flag()
    opened.execute("SAVEPOINT fleet")
    try:
        yield undone.set
    except BaseException:
        undone.set()
        raise
    finally:
        if undone.value:
            opened.execute("ROLLBACK TO fleet")
        opened.execute("RELEASE fleet")


@dataclasses.dataclass
class _Flag:
    value: bool = False

    def set(self) -> None:
        self.value = True
