# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who is making a warm image, and what a run left that died over it: one image is made by one run at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from .image import find_image

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import State
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

KIND: t.Final = "warm"
SHAPE: t.Final = Shape(
    steps={
        "volume": ("pool", "name"),
        "domain": ("name", "uuid"),
        "boot": ("name",),
        "memory": ("name",),
    }
)
_UNDOING: t.Final = {
    "volume": "Delete the volume {name} of the pool {pool}.",
    "domain": "Power off and undefine the domain {name} ({uuid}).",
}


@dataclasses.dataclass(frozen=True)
class WarmRecovery:
    """Removes what there is of an image, unless it is whole."""

    connection: Connection
    clock: Clock = SYSTEM_CLOCK

    def resume(self, record: Record) -> State | None:
        """As roll_back(): the next task that needs the image makes it."""
        return self.roll_back(record)

    def roll_back(self, record: Record) -> State | None:
        """Remove the domain and the volumes of the record; raises Conflict naming those that somebody uses."""
        SHAPE.check(record)
        if find_image(self.connection, record.subject) is not None:
            return "finished"
        own = [step.arguments["uuid"] for step in record.steps if step.name == "domain"]
        for uuid in own:
            with contextlib.suppress(NotFound):
                domain = domains.look_up_uuid(self.connection, uuid)
                if domains.is_active(domain):
                    domains.power_off(domain)
                domains.undefine(domain)
        volumes = [
            VolumeRef(step.arguments["pool"], step.arguments["name"])
            for step in record.steps
            if step.name == "volume"
        ]
        keep = deletion.delete_volumes(
            self.connection,
            volumes,
            without=frozenset(own),
            delete=lambda volume: deletion.delete_written(volume, self.clock),
        )
        if keep:
            reasons = "; ".join(f"{ref.pool}/{ref.name}: {reason}" for ref, reason in keep.items())
            raise Conflict(
                f"volumes of the image {record.subject!r}, which is not whole, cannot go: {reasons}. Remove what "
                "stands on them, and run the task again.",
                name=record.subject,
            )
        return None


def find_alive(journal: Journal, connection: Connection, name: str) -> Record | None:
    """Return the record of a run that is making the image of that name just now."""
    return next(
        (
            record
            for record in journal.list_unfinished(KIND, name)
            if record.uri == connection.uri and record.alive
        ),
        None,
    )


def await_others(
    journal: Journal, connection: Connection, name: str, clock: Clock, seconds: float
) -> None:
    """Return when nobody is making the image; raises Conflict naming who still does after ``seconds``."""
    patience = Waiter(seconds, clock, first_pause=0.1)
    if patience.holds(lambda: find_alive(journal, connection, name) is None):
        return
    record = find_alive(journal, connection, name)
    if record is not None:
        raise Conflict(
            f"{record} is still at work after {seconds:g} s, in the process {record.process}. Wait until it has "
            "ended, or end that process, and run the task again.",
            transaction=record.id,
            process=record.process,
        )


def settle(journal: Journal, connection: Connection, warn: t.Callable[[str], None]) -> None:
    """Remove what runs that died have left of images; what cannot be is told to ``warn``, and stays in the journal."""
    for record in journal.list_unfinished(KIND):
        if record.alive or record.uri != connection.uri:
            continue
        try:
            journal.recover(record, WarmRecovery(connection))
        except HeadroomError as error:
            warn(f"{record} broke off, and what it left cannot be removed: {error.message}")


def describe_recovery(record: Record, _direction: Direction) -> list[str]:
    """Return in sentences what WarmRecovery does with the record; raises UnreadableShape."""
    SHAPE.check(record)
    return [
        f"Keep the warm image {record.subject}, if it is whole.",
        *(
            _UNDOING[step.name].format(**step.arguments)
            for step in reversed(record.steps)
            if step.name in _UNDOING
        ),
    ]
