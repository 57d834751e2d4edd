# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Bringing domains into a state: retrieve, plan, act."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import users
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

from . import plan, power, recover, survey
from .defined import DefinedDomain

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .model import Step
    from .plan import DomainPlan
    from .request import DomainRequest

# Waiting for guests to shut down costs nothing here; the bound is for libvirtd, which serves few calls at once.
_WORKERS: t.Final = 8


@dataclasses.dataclass(frozen=True)
class DomainTask:
    """How a request is carried out on a host.

    ``act`` is False in check mode; ``warn`` is as for recover.clear(), ``machine_uri`` as for read_machine_uri().
    """

    journal: Journal
    warn: t.Callable[[str], None]
    act: bool = True
    machine_uri: str | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What happened to the chosen domains, or would: a plan each, and removals that an earlier run left unfinished.

    ``uri`` leads to their host from elsewhere; ``missing`` are names of domains that are not there.
    """

    uri: str
    plans: tuple[DomainPlan, ...]
    unfinished: tuple[Record, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def changes(self) -> Changes:
        """All changes as one, each property under its domain's name."""
        changes = plan.combine_changes(self.plans)
        for record in self.unfinished:
            changes.add(
                f"what a run that broke off left of {record.subject}",
                recover.describe_recovery(record, "resume"),
                [],
            )
        return changes

    def as_rows(self) -> list[dict[str, t.Any]]:
        """Return a row of the result for each domain."""
        return [plan.as_row(self.uri) for plan in self.plans]


def bring_into_state(
    connection: Connection,
    chosen: t.Sequence[DefinedDomain],
    request: DomainRequest,
    task: DomainTask,
) -> Outcome:
    """Bring the chosen domains of the host into the request's state, side by side.

    Raises Conflict before anything is touched when one cannot get there. One that fails later does not stop the others;
    then this raises its error, or a HeadroomError that names each.
    """
    surveys = survey.inspect_all(connection, chosen, request)
    plans = tuple(plan.plan_domain(each, request) for each in surveys)
    unfinished = (
        recover.find_unfinished(task.journal, connection) if request.state == "absent" else []
    )
    if task.act:
        recover.finish(task.journal, connection, unfinished, task.warn)
        _apply_plans(connection, plans, task)
    return Outcome(read_machine_uri(connection, task.machine_uri), plans, tuple(unfinished))


def _apply_plans(connection: Connection, plans: t.Sequence[DomainPlan], task: DomainTask) -> None:
    look = users.SharedLook(lambda: users.Uses(connection).index)
    act = functools.partial(_apply_plan, connection, task, look)
    errors: dict[str, HeadroomError] = {}
    with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
        running = {pool.submit(act, plan): plan.name for plan in plans if plan.changes.changed}
        for future in concurrent.futures.as_completed(running):
            error = future.exception()
            if isinstance(error, HeadroomError):
                errors[running[future]] = error
            elif error is not None:
                raise error
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        raise HeadroomError(
            f"{len(errors)} of {len(plans)} domains failed: "
            + "; ".join(error.message for error in errors.values()),
            failed={name: error.as_result() for name, error in sorted(errors.items())},
        )


def _record_before(domain: DefinedDomain, plan: DomainPlan) -> None:
    """Record that the domain is out of service, and for whom it is parked, before anything is done to it."""
    if plan.leaves_service:
        domain.put_standing(in_service=False)
    if plan.changes_claim and plan.request.parked_for:
        domain.put_claim(plan.request.parked_for)


def _record_after(domain: DefinedDomain, plan: DomainPlan) -> None:
    """Record that the domain is in service, and parked for nobody, only once it is in its state."""
    if plan.enters_service:
        domain.put_standing(in_service=True)
    if plan.changes_claim and not plan.request.parked_for:
        domain.put_claim(None)


def _apply_plan(
    connection: Connection, task: DomainTask, look: users.SharedLook, plan: DomainPlan
) -> None:
    survey, request = plan.survey, plan.request
    uuid = t.cast(str, survey.observed.uuid)
    domain = DefinedDomain(connection, domains.look_up_uuid(connection, uuid))
    if "protected" in plan.changes.diff["after"]:
        domain.metadata = domain.metadata._replace(protected=bool(request.protected))
    if "autostart" in plan.changes.diff["after"]:
        domain.autostart = bool(request.autostart)
    if request.labels is not None:
        domain.put_labels(request.labels)
    _record_before(domain, plan)
    for step in plan.steps:
        if step != "undefine":
            _take_step(step, domain.domain, request)
    _record_after(domain, plan)
    belongings = recover.Belongings(
        uuid, survey.volumes.remove, survey.reservations, survey.exports
    )
    with (
        recover.record_removal(task.journal, connection, plan.name, belongings)
        if belongings
        else contextlib.nullcontext()
    ):
        if "undefine" in plan.steps:
            domains.undefine(
                domain.domain
            )  # first: a definition must never point at volumes that are gone
        recover.clear(connection, belongings, task.warn, look, task.journal)


def _take_step(step: Step, domain: domains.Domain, request: DomainRequest) -> None:
    timeout, force = request.timeout, request.force
    steps: dict[Step, t.Callable[[], None]] = {
        "start": functools.partial(domains.start, domain),
        "start paused": functools.partial(domains.start, domain, paused=True),
        "resume": functools.partial(domains.resume, domain),
        "wake": functools.partial(domains.wake, domain),
        "pause": functools.partial(domains.suspend, domain),
        "save": functools.partial(domains.save, domain),
        "shut down": functools.partial(power.shut_down, domain, timeout=timeout, force=force),
        "await power-off": functools.partial(
            power.await_power_off, domain, timeout=timeout, force=force
        ),
        "power off": functools.partial(domains.power_off, domain),
    }
    steps[step]()
