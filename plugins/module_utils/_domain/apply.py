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
from fnmatch import fnmatchcase

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import users
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DefinedMachine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from . import plan, removal

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
        ExportRef,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        ReservationRef,
    )

# Waiting for guests to shut down costs nothing here; the bound is for libvirtd, which serves few calls at once.
_WORKERS = 8


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of the chosen domains; None leaves a property as it is."""

    state: plan.Wanted | None = None
    timeout: float = 60.0
    force: bool = False
    remove_volumes: bool = True
    protected: bool | None = None
    autostart: bool | None = None


@dataclasses.dataclass(frozen=True)
class DomainPlan:
    """What will happen to one domain. Check mode returns it, a real run carries it out."""

    machine: DefinedMachine
    observed: plan.Observed
    steps: tuple[plan.Step, ...]
    volumes: users.OwnedVolumes
    changes: Changes
    request: Request
    reservations: tuple[ReservationRef, ...] = ()
    exports: tuple[ExportRef, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the domain's row of the result."""
        return {
            "name": self.observed.name,
            "uuid": self.observed.uuid,
            "state_before": self.observed.situation,
            "state": self.request.state or self.observed.situation,
            "changed": self.changes.changed,
            "steps": list(self.steps),
            "removed_volumes": [ref._asdict() for ref in self.volumes.remove],
            "kept_volumes": [
                {**ref._asdict(), "reason": reason} for ref, reason in self.volumes.keep.items()
            ],
            "removed_reservations": [ref._asdict() for ref in self.reservations],
        }


def choose(
    connection: Connection, *, names: t.Sequence[str], fleet: str | None, pattern: str | None
) -> tuple[list[DefinedMachine], list[str]]:
    """Return the machines that any of the three choose, by name, and the ``names`` that do not exist.

    ``pattern`` is a shell pattern over names.
    """
    if not fleet and pattern is None:  # names alone need no list of a thousand guests
        found = {name: domains.find(connection, name) for name in names}
        machines = [
            DefinedMachine(connection, domain) for domain in found.values() if domain is not None
        ]
        return machines, [name for name, domain in found.items() if domain is None]
    everything = [DefinedMachine(connection, domain) for domain in domains.list_all(connection)]
    chosen = {
        machine.name: machine
        for machine in everything
        if machine.name in names
        or (pattern is not None and fnmatchcase(machine.name, pattern))
        or (fleet and _is_member(machine, fleet))
    }
    return [chosen[name] for name in sorted(chosen)], [name for name in names if name not in chosen]


def _is_member(machine: DefinedMachine, fleet: str) -> bool:
    try:
        return machine.metadata.fleet == fleet
    except NotFound:  # gone since it was listed
        return False


def plan_all(
    connection: Connection, machines: t.Sequence[DefinedMachine], request: Request
) -> list[DomainPlan]:
    """Return a plan for each machine that still exists; raises Conflict before anything is touched."""
    uses = users.Uses(connection)
    plans = []
    for machine in machines:
        try:
            plans.append(_plan_one(machine, request, uses))
        except NotFound:  # gone since it was listed
            if request.state != "absent":
                raise
    return plans


def _plan_one(machine: DefinedMachine, request: Request, uses: users.Uses) -> DomainPlan:
    observed, changes = machine.observe(), Changes()
    if request.protected is not None:
        changes.add("protected", observed.protected, request.protected)
        observed = dataclasses.replace(observed, protected=request.protected)
    if request.autostart is not None:
        changes.add("autostart", machine.autostart, request.autostart)
    steps = () if request.state is None else plan.steps_to(request.state, observed)
    owned = users.OwnedVolumes()
    if steps:
        changes.add("state", observed.situation, request.state)
    if request.state == "absent" and request.remove_volumes:
        owned = uses.owned_by(machine.definition)
        changes.add("volumes", [f"{ref.pool}/{ref.name}" for ref in owned.remove], [])
    kept = (
        apply.still_there(machine.connection, machine.metadata) if request.state == "absent" else ()
    )
    changes.add("reservations", [f"{ref.network}/{ref.address}" for ref in kept], [])
    read = exports.needed_by(machine.domain) if request.state == "absent" else ()
    changes.add("exports", [ref.helper for ref in read], [])
    return DomainPlan(machine, observed, steps, owned, changes, request, kept, read)


def merged_changes(plans: t.Sequence[DomainPlan]) -> Changes:
    """Return all plans' changes as one, each property under its domain's name."""
    merged = Changes()
    for one in plans:
        diff = one.changes.diff
        merged.add(one.observed.name, diff["before"], diff["after"])
    return merged


def carry_out(
    connection: Connection,
    plans: t.Sequence[DomainPlan],
    journal: Journal,
    warn: t.Callable[[str], None],
) -> None:
    """Carry the plans out, side by side; one that fails does not stop the others. ``warn`` is as for removal.clear().

    Raises the first error when it is the only one, else a HeadroomError that names each.
    """
    act = functools.partial(_carry_out_one, connection, journal, warn)
    errors: dict[str, HeadroomError] = {}
    with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
        running = {pool.submit(act, one): one.observed.name for one in plans if one.changes.changed}
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


def _carry_out_one(
    connection: Connection, journal: Journal, warn: t.Callable[[str], None], one: DomainPlan
) -> None:
    machine, request = one.machine, one.request
    if "protected" in one.changes.diff["after"]:
        machine.metadata = machine.metadata._replace(protected=one.observed.protected)
    if "autostart" in one.changes.diff["after"]:
        machine.autostart = bool(request.autostart)
    belongings = removal.Belongings(
        machine.uuid, tuple(one.volumes.remove), one.reservations, one.exports
    )
    for step in one.steps:
        if step != "undefine":
            _take(step, machine, request)
    with (
        removal.begun(journal, connection, machine.name, belongings)
        if belongings
        else contextlib.nullcontext()
    ):
        if "undefine" in one.steps:
            machine.undefine()  # first: a definition must never point at volumes that are gone
        removal.clear(connection, belongings, warn)


def _take(step: plan.Step, machine: DefinedMachine, request: Request) -> None:
    steps: dict[plan.Step, t.Callable[[], None]] = {
        "start": machine.start,
        "start paused": functools.partial(machine.start, paused=True),
        "resume": machine.resume,
        "wake": machine.wake,
        "pause": machine.pause,
        "save": machine.save,
        "shut down": functools.partial(
            machine.shutdown, timeout=request.timeout, force=request.force
        ),
        "await power-off": functools.partial(
            machine.await_power_off, timeout=request.timeout, force=request.force
        ),
        "power off": machine.power_off,
    }
    steps[step]()
