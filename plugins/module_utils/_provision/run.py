# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``plan_fleet`` plans for one fleet, ``plan_fleets`` for many, one after the other on what is left of the hosts.

The more important ones come first, and have the room of best-effort ones.

For the module: forecasts go on from where a file on the machine where it runs has them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from . import forecasters
from .calibration import apply_calibration
from .plan import check_unchanged, decide
from .request import observe_hosts
from .result import (
    build_result,
    describe_errors,
    describe_rivals,
    describe_view,
    group_work,
    group_yield,
)
from .sharing.joint import FleetView, assess_together, explain_joint_risk
from .sharing.ledger import Ledger
from .sharing.loans import Loan, list_loans
from .sharing.view import view_from
from .sharing.yielding import explain_claims

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
    from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
        HostRoom,
    )

    from .fleets import FleetEntry
    from .model import Observation, Plan
    from .request import PlanRequest
    from .rule import Rule

# Four weeks: no forecast looks back farther.
_FARTHEST_SECONDS: t.Final = 28 * 86_400

_NOTHING_TAKEN: t.Final = Ledger()
# In the place of a fleet's name, where the reasons are about all of them.
_ALL_FLEETS: t.Final = "all fleets"

Warn = t.Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A plan and what it was made of; ``rooms`` are the hosts as they were before any other plan."""

    observed: Observation
    rule: Rule
    plan: Plan
    rooms: tuple[HostRoom, ...] = ()

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
    rooms = observed.rooms
    rule, notes = apply_calibration(request.rule, observed.calibration, observed.size.vcpus)
    observed = dataclasses.replace(observed, notes=(*notes, *observed.notes))
    observed = view_from(request.standpoint, observed, request.allowance, ledger)
    chosen = forecasters.choose_forecasters(rule, request)
    if database is not None:
        chosen = forecasters.resume_forecasters(observed.fleet, chosen, database, warn)
    unlikely = chosen[1] if rule.has_varying_parked else None
    claims = ledger.yields.get(observed.fleet, {})
    plan = decide(observed, rule, chosen[0], unlikely, upkeep=request.upkeep, claims=claims)
    if database is not None:
        forecasters.keep_states(observed.fleet, chosen, database, warn)
    if request.expected_digest is not None:
        check_unchanged(request.expected_digest, plan)
    return Outcome(observed, rule, plan, rooms)


def plan_fleets(
    entries: t.Sequence[FleetEntry], mode: str, database: Database | None, warn: Warn
) -> dict[str, t.Any]:
    """Return a row of each fleet, in their order, and by host what is to be done, in the order in which to do it.

    With the ``mode`` shadow nothing is to be done. A fleet that cannot be planned for has a row that says why.
    """
    run = _Run(mode, database, warn, Ledger(loans=_list_all_loans(entries, mode)))
    with contextlib.nullcontext() if database is None else database.keep_open():
        for entry in sorted(entries, key=_find_rank):
            run.plan(entry)
    rows = [run.rows[entry.name] for entry in entries]
    planned = list(run.rows.values())
    # Room is made before anything takes it.
    work = [*map(group_yield, planned), *map(group_work, planned)]
    busy = {item["fleet"] for item in work if item["hosts"]}
    problems: list[tuple[str, t.Any]] = []
    for row in rows:
        problems += [(row["fleet"], problem) for problem in row["problems"]]
    joint = assess_together(run.views)
    together = explain_joint_risk(joint, run.views)
    return {
        "changed": False,
        "fleets": rows,
        "work": [item for item in work if item["hosts"]],
        "idle": [row["fleet"] for row in rows if row["fleet"] not in busy],
        "decisions": [row["decision"] for row in rows if row["decision"] and not row["new"]],
        "reasons": {
            **{row["fleet"]: row["reasons"] for row in rows},
            **({_ALL_FLEETS: together} if together else {}),
        },
        "joint_risk": joint and joint.as_dict(),
        "problems": [f"{fleet}: {problem}" for fleet, problem in problems],
    }


def _find_rank(entry: FleetEntry) -> int:
    return 0 if entry.request is None else -entry.request.priority


def _list_all_loans(entries: t.Sequence[FleetEntry], mode: str) -> tuple[Loan, ...]:
    """Return what best-effort fleets lend; nothing where none of them is less important than another fleet."""
    requests = [entry.request for entry in entries if entry.request is not None]
    highest = max((request.priority for request in requests), default=0)
    loans: list[Loan] = []
    for entry in entries:
        request = entry.request
        if request is None or not request.best_effort or request.priority >= highest:
            continue
        with contextlib.suppress(HeadroomError):  # which is told where the fleet is planned for
            # Its machines matter here, and not what was asked of it.
            observed = observe_hosts(request, request.now)
            loans += list_loans(
                observed, request.rule, request.priority, may_park=_may_park(entry, mode)
            )
    return tuple(loans)


def _may_park(entry: FleetEntry, mode: str) -> bool:
    """Return whether this run may park machines of the fleet: it has it, and its rule lets machines go."""
    request, view = entry.request, entry.view
    if request is None or view.rivals or view.is_new or not request.rule.scale_in_limit:
        return False
    return request.rule.mode == "act" or mode == "shadow"


class _Run:
    """Plans for one fleet after the other; ``rows`` and ``views`` are of those planned so far."""

    def __init__(self, mode: str, database: Database | None, warn: Warn, ledger: Ledger) -> None:
        self._mode, self._database, self._warn, self._ledger = mode, database, warn, ledger
        self.rows: dict[str, dict[str, t.Any]] = {}
        self.views: list[FleetView] = []

    def plan(self, entry: FleetEntry) -> None:
        """Plan for one more fleet."""
        self.rows[entry.name] = self._describe(entry)

    def _describe(self, entry: FleetEntry) -> dict[str, t.Any]:
        if entry.view.rivals:
            return describe_rivals(entry)
        if entry.request is None:
            return describe_errors(entry, entry.errors)
        try:
            outcome = plan_fleet(entry.request, self._database, self._warn, self._ledger)
        except HeadroomError as error:
            return describe_errors(entry, [error])
        acts = outcome.rule.mode != "shadow" and not entry.view.is_new
        if acts:
            outcome = self._take(entry.request, outcome)
        row = outcome.as_result()
        if self._mode == "shadow":
            row["mode"] = row["decision"]["mode"] = self._mode
        self.views.append(
            FleetView(
                outcome.rooms,
                outcome.observed,
                outcome.rule,
                outcome.plan,
                entry.request.best_effort,
            )
        )
        del row["changed"], row["demand"]["series"]
        return {**describe_view(entry), "error": None, **row}

    def _take(self, request: PlanRequest, outcome: Outcome) -> Outcome:
        """Return the outcome with the machines that are parked for it, once the ledger has what it takes."""
        plan, fleet = outcome.plan, request.fleet
        self._ledger = self._ledger.add(outcome.observed, plan, request.standpoint)
        claims = self._ledger.list_claims_of(fleet)
        reasons = (*plan.reasons, *explain_claims(claims))
        return dataclasses.replace(
            outcome, plan=dataclasses.replace(plan, claims=claims, reasons=reasons)
        )
