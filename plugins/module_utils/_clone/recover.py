# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What interrupted runs left of clones: undone, or made anew, and runs that are at work waited for."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.undo import undo_steps
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion, users
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    ensure_alive,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    ReservationRef,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from . import plan
from .warm import recover as warm_recovery
from .warm import warm
from .warm.image import find_image

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .plan import CloneRequest

KIND: t.Final = "clone"
SHAPE: t.Final = Shape(
    steps={
        "volume": ("pool", "name"),
        "reservation": ("network", "mac", "address"),
        "domain": ("name", "uuid"),
        "start": ("name", "uuid"),
        "finish": ("names",),
        "export": ("uri", "name"),
        "image": ("name", "pool", "targets"),
    }
)

_UNDOING: t.Final = {
    "volume": "Delete the volume {name} of the pool {pool}.",
    "reservation": "Give the address {address} of the network {network} back.",
    "domain": "Undefine the domain {name} ({uuid}).",
    "export": "Stop the export {name} on {uri}.",
    "image": "Remove the warm image {name}, unless it is whole.",
    "start": "Power off the domain {name} ({uuid}).",
}


@dataclasses.dataclass(frozen=True)
class CloneRecovery:
    """Undoes what ways and clones are made of; ``again`` makes the clones of a record anew.

    By the ``journal`` it is known who is making a warm image.
    """

    connection: Connection
    again: t.Callable[[Record], None] | None = None
    clock: Clock = SYSTEM_CLOCK
    journal: Journal | None = None

    def resume(self, record: Record) -> None:
        """Undo what was begun, and make the clones anew: copies that broke off cannot be gone on with."""
        if self.again is None:
            raise Unsupported("clones are made anew, not resumed, by the task that is to make them")
        self.roll_back(record)
        self.again(record)

    def roll_back(self, record: Record) -> None:
        """Undo the steps, over a new connection if this one broke; what another machine uses by now stays."""
        with ensure_alive(self.connection) as connection:
            dataclasses.replace(self, connection=connection)._undo(record)

    def _undo(self, record: Record) -> None:
        SHAPE.check(record)
        # One look for all volumes; the domains of the record go before the volumes that were made for them.
        uses = users.Uses(self.connection)
        own = frozenset(step.arguments["uuid"] for step in record.steps if step.name == "domain")
        undo: dict[str, t.Callable[[t.Mapping[str, t.Any]], None]] = {
            "volume": lambda step: self._delete_volume(step, uses, own),
            "reservation": self._release,
            "domain": self._remove_domain,
            "start": self._power_off,
            "export": self._stop_export,
            "image": self._remove_image,
            "finish": lambda _step: None,  # what undoes a start undoes that too
        }
        undo_steps(record, lambda step: undo[step.name](step.arguments))

    def _power_off(self, step: t.Mapping[str, t.Any]) -> None:
        with contextlib.suppress(NotFound):
            domain = domains.look_up_uuid(self.connection, step["uuid"])
            if domains.is_active(domain):
                domains.power_off(domain)

    def _remove_domain(self, step: t.Mapping[str, t.Any]) -> None:
        with contextlib.suppress(NotFound):
            domains.undefine(domains.look_up_uuid(self.connection, step["uuid"]))

    def _release(self, step: t.Mapping[str, t.Any]) -> None:
        apply.release(
            self.connection, ReservationRef(step["network"], step["mac"], step["address"])
        )
        apply.restore(self.connection, step["network"], step.get("replaced", {}))

    def _delete_volume(
        self, step: t.Mapping[str, t.Any], uses: users.Uses, own: frozenset[str]
    ) -> None:
        if (
            step["pool"] not in uses.index.storage.pools
        ):  # what lies in it is there, and out of sight
            raise NotFound(
                f"the storage pool {step['pool']!r} is not there any more, so that its volume {step['name']!r} cannot "
                "be removed. Define and start it again.",
                pool=step["pool"],
            )
        deletion.delete_volumes(
            self.connection,
            [VolumeRef(step["pool"], step["name"])],
            index=uses.index,
            without=own,
            delete=lambda volume: deletion.delete_written(volume, self.clock),
        )

    def _stop_export(self, step: t.Mapping[str, t.Any]) -> None:
        with open_connection(step["uri"]) as source:
            serve.stop(source, step["name"])

    def _remove_image(self, step: t.Mapping[str, t.Any]) -> None:
        """Remove what a release whose images had no records left of one, unless a run makes it anew just now."""
        name, maker = step["name"], None
        if self.journal is not None:
            maker = warm_recovery.find_alive(self.journal, self.connection, name)
        if maker is None and find_image(self.connection, name) is None:
            pool = storage.look_up_pool(self.connection, step["pool"])
            warm.remove(self.connection, pool, step["name"], step["targets"])


def undo_leftovers(
    journal: Journal,
    connection: Connection,
    request: CloneRequest,
    clock: Clock,
    timeout: float,
    warn: t.Callable[[str], None],
) -> plan.Leftovers:
    """Let the host be as if no run had broken off, and none were at work on the same clones; return what then is gone.

    Waits up to ``timeout`` seconds for a run that makes clones of the names that are asked for; raises Conflict naming
    it when it takes longer. What dead runs left is undone; where that fails, it is an error if it is in the way of the
    request, and else something to ``warn`` of.
    """
    await_others(journal, connection, request, clock, timeout)
    warm_recovery.settle(journal, connection, warn)
    notes = []
    for record in _find_of_host(journal, connection):
        if record.alive:
            continue
        try:
            recovered = journal.recover(
                record, CloneRecovery(connection, clock=clock, journal=journal)
            )
            if recovered and not record.is_complete:
                notes.append(_note(record))
        except HeadroomError as error:
            if is_about(record, request):
                raise
            warn(f"{record} broke off, and what it left cannot be undone: {error.message}")
    return plan.Leftovers(notes=tuple(notes))


def find_leftovers(journal: Journal, connection: Connection) -> plan.Leftovers:
    """Return what runs that broke off have left and a run of now would undo first.

    What is not understood of an earlier run is not undone: it stays, and its names are taken.
    """
    dead = [
        record
        for record in _find_of_host(journal, connection)
        if not record.alive and not record.is_complete and _is_understood(record)
    ]
    steps = list(itertools.chain.from_iterable(record.steps for record in dead))
    uuids = {step.arguments["uuid"] for step in steps if step.name == "domain"}
    return plan.Leftovers(
        domains=frozenset(
            domain.name()
            for domain in domains.list_all(connection)
            if uuids and domain.UUIDString() in uuids
        ),
        volumes=frozenset(
            VolumeRef(step.arguments["pool"], step.arguments["name"])
            for step in steps
            if step.name == "volume"
        ),
        addresses=frozenset(
            step.arguments["address"] for step in steps if step.name == "reservation"
        ),
        notes=tuple(_note(record) for record in dead),
    )


def _is_understood(record: Record) -> bool:
    try:
        SHAPE.check(record)
    except UnreadableShape:
        return False
    return True


def _note(record: Record) -> str:
    return f"A run that made {record.subject} broke off; what it left is removed (transaction {record.id})."


def await_others(
    journal: Journal, connection: Connection, request: CloneRequest, clock: Clock, timeout: float
) -> None:
    """Return when no run is at work on clones that are asked for; raises Conflict after ``timeout`` seconds."""
    latest: list[Record] = []

    def is_nobody_at_work() -> bool:
        latest[:] = [
            record
            for record in _find_of_host(journal, connection)
            if record.alive and is_about(record, request)
        ]
        return not latest

    if not Waiter(timeout, clock, first_pause=0.1).holds(is_nobody_at_work):
        raise Conflict(
            f"{latest[0]} is still at work after {timeout:g} s, in the process {latest[0].process}. Wait until it has "
            "ended, or end that process, and run the task again.",
            transaction=latest[0].id,
            process=latest[0].process,
        )


def is_about(record: Record, request: CloneRequest) -> bool:
    """Return whether the record is of clones that the request may mean."""
    if request.count is None:
        return not record.subjects.isdisjoint(request.names)
    numbered = re.compile(re.escape(request.prefix or "") + r"-[1-9][0-9]*")
    return any(numbered.fullmatch(name) for name in record.subjects)


def _find_of_host(journal: Journal, connection: Connection) -> list[Record]:
    return [record for record in journal.list_unfinished(KIND) if record.uri == connection.uri]


def describe_recovery(record: Record, direction: Direction) -> list[str]:
    """Return in sentences what CloneRecovery does with the record; raises UnreadableShape."""
    SHAPE.check(record)
    undone = [
        _UNDOING[step.name].format(**step.arguments)
        for step in reversed(record.steps)
        if step.name in _UNDOING
    ]
    return [*undone, f"Make {record.subject} anew."] if direction == "resume" else undone
