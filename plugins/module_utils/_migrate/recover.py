# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Taking a migration back, or finishing it, from what the journal and the two hosts say."""

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    HeadroomError,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, migration
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import (
    SYSTEM_CLOCK,
    Clock,
    Waiter,
)

from . import finish, overlays, severance, volumes
from .endpoints import Endpoints, Place
from .intent import read_intent

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .intent import Intent

_CONNECT_SECONDS: t.Final = 20.0
_ABORT_SECONDS: t.Final = 60.0
# A migration that its own module has left goes on by itself; as long as it may take.
_ARRIVAL_SECONDS: t.Final = 3600.0


class HasSwitchedOver(Conflict):
    """The guest is on the destination, so that its migration can be finished and no longer taken back."""


class MigrationRecovery:
    """Recovery of the kind ``migrate``. ``uris`` are source and destination, with passwords that no journal keeps."""

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        connect_timeout: float = _CONNECT_SECONDS,
        uris: tuple[str, str] | None = None,
    ) -> None:
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._uris = uris

    def resume(self, record: Record) -> None:
        """Finish a migration whose guest has arrived; raises Conflict for one that has not begun to run there."""
        intent = read_intent(record)
        with self._open_endpoints(intent) as sides:
            place = _await_arrival(sides)
            if place == "postcopy":
                place = _recover_postcopy(sides, intent)
            if place != "destination" and not _is_at_home(sides, intent):
                raise Conflict(
                    f"{intent.name!r} has not moved: it is on its source ({place}), so there is nothing to resume. "
                    "Roll the transaction back, then migrate anew.",
                    place=place,
                )
            finish.settle(sides, intent, read_port(record))
            finish.complete(sides, intent, read_port(record))

    def roll_back(self, record: Record) -> None:
        """Take a migration back whose guest is still on its source; raises HasSwitchedOver for one that has moved."""
        intent = read_intent(record)
        source_uri, destination_uri = self._uris or (intent.uri, intent.destination_uri)
        with self._open(source_uri) as source:
            try:
                with self._open(destination_uri) as destination:
                    self._take_back(
                        record, intent, Endpoints(source, destination, intent.uuid, self._clock)
                    )
            except ConnectionFailed:
                self._take_back_alone(intent, source)
                raise

    def _take_back(self, record: Record, intent: Intent, sides: Endpoints) -> None:
        place = _stop_migration(sides)
        if place in ("destination", "postcopy", "both") or (
            place == "nowhere" and _is_at_home(sides, intent)
        ):
            raise HasSwitchedOver(
                f"{intent.name!r} has switched over to {intent.destination_uri} ({place}); that is not taken back. "
                "Resume the transaction",
                place=place,
            )
        self._take_back_source(sides, intent)
        _undefine_arrival(sides)
        volumes.delete(sides.destination, find_made_volumes(record))

    def _take_back_alone(self, intent: Intent, source: Connection) -> None:
        """Do what needs no destination: while the source runs the guest, it cannot have moved."""
        sides = Endpoints(source, source, intent.uuid, self._clock)
        if sides.read_source_state().state == "running":
            host = urlsplit(intent.destination_uri).hostname
            if host and leads_here(source.uri):
                severance.sever_if_unreachable(
                    intent.name, host
                )  # else nothing answers that concerns the guest
            self._take_back_source(sides, intent)

    def _take_back_source(self, sides: Endpoints, intent: Intent) -> None:
        if intent.streamed:
            serve.stop(sides.source, intent.helper, intent.export_helper.leftover_paths)
            overlays.thaw(sides, intent)

    @contextlib.contextmanager
    def _open_endpoints(self, intent: Intent) -> t.Iterator[Endpoints]:
        source_uri, destination_uri = self._uris or (intent.uri, intent.destination_uri)
        with self._open(source_uri) as source, self._open(destination_uri) as destination:
            yield Endpoints(source, destination, intent.uuid, self._clock)

    def _open(self, uri: str) -> contextlib.AbstractContextManager[Connection]:
        return open_connection(uri, timeout=self._connect_timeout)


def make_recovery(_connection: Connection, _journal: Journal) -> MigrationRecovery:
    """Return the handler of this kind; it opens both hosts by itself."""
    return MigrationRecovery()


def describe_recovery(record: Record, direction: Direction) -> list[str]:
    """Return what recovering the record would do, in sentences. Pure."""
    intent = read_intent(record)
    if direction == "resume":
        disks = ", ".join(disk.target for disk in intent.streamed)
        pulled = (
            [f"pull the disks {disks} of {intent.name} in, as far as they are not there yet"]
            if disks
            else []
        )
        paths_to_delete = (
            [disk.source_path for disk in intent.disks_to_move]
            if intent.remove_source_volumes
            else []
        )
        return [
            *pulled,
            *(
                f"delete {path} on {intent.uri}, unless somebody uses it"
                for path in paths_to_delete
            ),
        ]
    merged = [f"merge {disk.overlay_path} back into {disk.base_path}" for disk in intent.streamed]
    volumes_to_delete = [
        f"delete the volume {ref.pool}/{ref.name} on {intent.destination_uri}"
        for ref in find_made_volumes(record)
    ]
    return [*merged, *volumes_to_delete]


def read_port(record: Record) -> int:
    """Return the port of the export, 0 for a migration without.

    Up to 0.1.0 the journal held a step for each port that was tried, with the port among its arguments.
    """
    for step in reversed(record.steps):
        if step.name == "export":
            return int({**step.arguments, **step.facts}.get("port", 0))
    return 0


def find_made_volumes(record: Record) -> list[VolumeRef]:
    """Return the destination's volumes that the transaction made, or was about to make."""
    return [
        VolumeRef(step.arguments["pool"], step.arguments["volume"])
        for step in record.steps
        if step.name == "volume" and step.facts.get("made", True)
    ]


def _await_arrival(sides: Endpoints) -> Place:
    """Wait while the memory is under way; return where the guest is then."""
    Waiter(_ARRIVAL_SECONDS, sides.clock, longest_pause=1.0).wait_for(
        lambda: sides.locate() != "moving", "the end of the migration that is under way"
    )
    return sides.locate()


def _stop_migration(sides: Endpoints) -> Place:
    """Abort a migration that is under way; return where the guest is then."""

    def has_stopped() -> bool:
        if sides.locate() != "moving" and not _has_job(sides):
            return True
        domain = sides.find_at_source()
        if domain is not None:
            with contextlib.suppress(HeadroomError):  # it is just beginning or ending
                migration.abort_job(domain)
        return False

    if not Waiter(_ABORT_SECONDS, sides.clock).holds(has_stopped):
        raise TimedOut(
            "the migration that is under way could not be aborted; see virsh domjobinfo on the source"
        )
    return sides.locate()


def _has_job(sides: Endpoints) -> bool:
    domain = sides.find_at_source()
    with contextlib.suppress(HeadroomError):
        return (
            domain is not None
            and domains.is_active(domain)
            and migration.read_job_type(domain) != 0
        )
    return False


def _is_at_home(sides: Endpoints, intent: Intent) -> bool:
    """Return whether a guest that is off belongs to the destination: it is defined there, and not here."""
    return sides.find_at_destination() is not None and (
        sides.find_at_source() is None or not intent.undefine_source
    )


def _undefine_arrival(sides: Endpoints) -> None:
    """Remove a definition that came to the destination, while the source has the guest still."""
    arrived = sides.find_at_destination()
    if (
        arrived is not None
        and sides.find_at_source() is not None
        and not domains.is_active(arrived)
    ):
        domains.undefine(arrived)


def _recover_postcopy(sides: Endpoints, intent: Intent) -> Place:
    """Have a broken post-copy go on, where both versions can."""
    domain = sides.find_at_source()
    if domain is None:
        return sides.locate()
    flags = migration.combine_flags(
        ("LIVE", "PEER2PEER", "PERSIST_DEST", "POSTCOPY", "POSTCOPY_RESUME")
    )
    if intent.undefine_source:
        flags |= migration.combine_flags(("UNDEFINE_SOURCE",))
    try:
        migration.migrate_peer_to_peer(domain, intent.destination_uri, {}, flags)
    except HeadroomError as error:
        raise PostcopyFailed(
            f"the post-copy migration of {intent.name!r} broke off and could not be resumed: {error.message}. Its "
            "memory is on both hosts: destroy neither side while the link can still come back, and resume the "
            "transaction then. If a host is lost, power the guest off on the other and start it anew: its disk is as "
            "after a power cut.",
        ) from error
    return sides.locate()


class PostcopyFailed(HeadroomError):
    """A guest's memory is split between two hosts that do not reach each other."""

    kind = "postcopy_failed"
