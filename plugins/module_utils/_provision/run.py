# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``plan_fleet`` plans for one fleet, ``plan_fleets`` for many, one after the other on what is left of the hosts.

For the module: forecasts go on from where a file on the machine where it runs has them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from . import forecasters
from .calibration import apply_calibration
from .ledger import Ledger
from .plan import check_unchanged, decide
from .request import observe_hosts
from .result import build_result, describe_errors, describe_rivals, describe_view, group_work

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database

    from .fleets import FleetEntry
    from .model import Observation, Plan
    from .request import PlanRequest
    from .rule import Rule

# Four weeks: no forecast looks back farther.
_FARTHEST_SECONDS: t.Final = 28 * 86_400

_NOTHING_TAKEN: t.Final = Ledger()

Warn = t.Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A plan and what it was made of."""

    observed: Observation
    rule: Rule
    plan: Plan

    def as_result(self) -> dict[str, t.Any]:
        """Return what a task returns of it."""
        return build_result(self.observed, self.rule, self.plan)


def plan_fleet(
    request: PlanRequest, database: Database | None, warn: Warn, ledger: Ledger = _NOTHING_TAKEN
) -> Outcome:
    """Return the plan of one fleet on what the ``ledger`` leaves of the hosts; ``database`` keeps its forecasts.

    Raises Conflict if the machines are not those of ``expected_digest``, and InvalidInput.
    """
    observed = observe_hosts(request, request.now - _FARTHEST_SECONDS)
    rule, notes = apply_calibration(request.rule, observed.calibration, observed.size.vcpus)
    observed = dataclasses.replace(
        observed,
        notes=(*notes, *observed.notes),
        rooms=ledger.subtract(observed.rooms, request.clone.pool),
    )
    chosen = forecasters.choose_forecasters(rule, request)
    if database is not None:
        chosen = forecasters.resume_forecasters(observed.fleet, chosen, database, warn)
    unlikely = chosen[1] if rule.has_varying_parked else None
    plan = decide(observed, rule, chosen[0], unlikely, upkeep=request.upkeep)
    if database is not None:
        forecasters.keep_states(observed.fleet, chosen, database, warn)
    if request.expected_digest is not None:
        check_unchanged(request.expected_digest, plan)
    return Outcome(observed, rule, plan)


def plan_fleets(
    entries: t.Sequence[FleetEntry], mode: str, database: Database | None, warn: Warn
) -> dict[str, t.Any]:
    """Return a row of each fleet, and grouped by host what is to be done; the order of the fleets is that of the plans.

    With the ``mode`` shadow nothing is to be done. A fleet that cannot be planned for has a row that says why.
    """
    ledger = _NOTHING_TAKEN
    rows: list[dict[str, t.Any]] = []
    with contextlib.nullcontext() if database is None else database.keep_open():
        for entry in entries:
            row, ledger = _plan_entry(entry, mode, database, warn, ledger)
            rows.append(row)
    work = [group_work(row) for row in rows]
    problems: list[tuple[str, t.Any]] = []
    for row in rows:
        problems += [(row["fleet"], problem) for problem in row["problems"]]
    return {
        "changed": False,
        "fleets": rows,
        "work": [item for item in work if item["hosts"]],
        "idle": [item["fleet"] for item in work if not item["hosts"]],
        "decisions": [row["decision"] for row in rows if row["decision"] and not row["new"]],
        "reasons": {row["fleet"]: row["reasons"] for row in rows},
        "problems": [f"{fleet}: {problem}" for fleet, problem in problems],
    }


def _plan_entry(
    entry: FleetEntry, mode: str, database: Database | None, warn: Warn, ledger: Ledger
) -> tuple[dict[str, t.Any], Ledger]:
    if entry.view.rivals:
        return describe_rivals(entry), ledger
    if entry.request is None:
        return describe_errors(entry, entry.errors), ledger
    try:
        outcome = plan_fleet(entry.request, database, warn, ledger)
    except HeadroomError as error:
        return describe_errors(entry, [error]), ledger
    row = outcome.as_result()
    if mode == "shadow":
        row["mode"] = row["decision"]["mode"] = mode
    if row["mode"] != "shadow":
        ledger = ledger.add(outcome.observed, outcome.plan, entry.request.clone.pool)
    del row["changed"], row["demand"]["series"]
    return {
        **describe_view(entry),
        "error": None,
        **row,
    }, ledger
