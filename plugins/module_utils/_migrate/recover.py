# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Taking a migration back, or finishing it, from what the journal and the two hosts say."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    chain,
    dependency,
    durable,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    folders,
    migration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import (
    SYSTEM_CLOCK,
    Clock,
    Waiter,
)

from . import finish, overlays, settlement, severance, volumes
from .endpoints import Endpoints, find_domain, read_state
from .intent import read_intent
from .situation import Ends, has_switched

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
        Step,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .intent import Intent
    from .settlement import Act, Rule

_CONNECT_SECONDS: t.Final = 20.0
_ABORT_SECONDS: t.Final = 60.0
# A migration that its own module has left goes on by itself; as long as it may take.
_ARRIVAL_SECONDS: t.Final = 3600.0
# What a resumed guest needs until libvirt says that it runs, or that it does not.
_RESUME_SECONDS: t.Final = 10.0


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
        # {path: reason} of what the last migration that was finished has left on its source
        self.kept_paths: dict[str, str] = {}

    def choose_direction(self, record: Record) -> Direction:
        """Return whether the migration is to be finished or taken back, by where its guest is once libvirt is done."""
        with self._open_ends(record) as ends:
            rule = settlement.decide(ends.read_situation())
        return "resume" if rule.course in ("forward", "tell") else "roll_back"

    def resume(self, record: Record) -> None:
        """Finish a migration whose guest has arrived; raises Conflict for one that has not begun to run there."""
        with self._open_ends(record) as ends:
            rule = ends.await_rule(_ARRIVAL_SECONDS)
            if _is_tidied(ends):
                return
            if "recover postcopy" in rule.acts:
                _recover_postcopy(ends.sides, ends.intent)
                rule = ends.await_rule(_ARRIVAL_SECONDS)
            if rule.course == "back":
                raise Conflict(
                    f"{ends.intent.name!r} has not moved: it is on its source, so there is nothing to resume. Roll the "
                    "transaction back, then migrate anew.",
                )
            if rule.course != "forward" or "recover postcopy" in rule.acts:
                raise ends.explain(rule)
            self._carry_out(rule, ends)

    def roll_back(self, record: Record) -> None:
        """Take a migration back whose guest is still on its source; raises HasSwitchedOver for one that has moved."""
        with self._open_ends(record) as ends:
            rule = self._stop_migration(ends)
            if rule.acts == ("tell",) and _is_tidied(ends):
                raise HasSwitchedOver(
                    f"{ends.intent.name!r} has moved to {ends.intent.destination_uri}, and has gone on from there. "
                    "That is not taken back. Resume the transaction",
                )
            if rule.course == "forward":
                if (
                    "start destination" in rule.acts
                ):  # a power cut is mended, whatever was asked for
                    self._carry_out(dataclasses.replace(rule, acts=rule.acts[:-1]), ends)
                raise HasSwitchedOver(
                    f"{ends.intent.name!r} has switched over to {ends.intent.destination_uri}; that is not taken back. "
                    "Resume the transaction",
                )
            self._carry_out(rule, ends)

    def _stop_migration(self, ends: Ends) -> Rule:
        """Abort a migration that is under way; return the rule for what there is then."""
        source = ends.source
        if source is not None and ends.destination is None and leads_here(source.uri):
            host = urlsplit(ends.intent.destination_uri).hostname
            if host:  # else nothing answers that concerns the guest
                severance.sever_if_unreachable(ends.intent.name, host)

        def abort() -> None:
            domain = None if source is None else find_domain(source, ends.intent.uuid)
            if domain is not None:
                with contextlib.suppress(HeadroomError):  # it is just beginning or ending
                    migration.abort_job(domain)

        return ends.await_rule(_ABORT_SECONDS, abort)

    def _carry_out(self, rule: Rule, ends: Ends) -> None:
        """Do what the rule says, act by act; each can be done again."""
        acts: dict[Act, t.Callable[[Ends], None]] = {
            "drop arrival": _drop_arrival,
            "resume source": _resume_source,
            "start source": _start_source,
            "take back": _take_back,
            "take back source": _take_back_source,
            "release source": _release_source,
            "start destination": _start_destination,
            "finish": self._finish,
            "give up": _give_up,
        }
        for act in rule.acts:
            if act not in acts:
                raise ends.explain(rule)
            acts[act](ends)

    def _finish(self, ends: Ends) -> None:
        sides, port = ends.sides, read_port(ends.record)
        finish.settle(sides, ends.intent, port)
        _resume(sides.find_at_destination(), ends, is_pulled=bool(ends.intent.streamed))
        self.kept_paths = finish.complete(sides, ends.intent, port)

    @contextlib.contextmanager
    def _open_ends(self, record: Record) -> t.Iterator[Ends]:
        intent = read_intent(record)
        uris = self._uris or (intent.uri, intent.destination_uri)
        with contextlib.ExitStack() as stack:
            failures: list[HeadroomError] = []

            def open_end(uri: str) -> Connection | None:
                try:
                    return stack.enter_context(self._open(uri))
                except ConnectionFailed as error:
                    failures.append(error)
                    return None

            source, destination = (open_end(uri) for uri in uris)
            yield Ends(source, destination, intent, record, self._clock, tuple(failures))

    def _open(self, uri: str) -> contextlib.AbstractContextManager[Connection]:
        return open_connection(uri, timeout=self._connect_timeout)


def _drop_arrival(ends: Ends) -> None:
    """Power off what came to the destination and never ran."""
    arrived = ends.sides.find_at_destination()
    if arrived is not None and read_state(arrived).is_arriving:
        _power_off(arrived)


def _power_off(domain: libvirt.virDomain) -> None:
    try:
        migration.destroy(domain)
    except HeadroomError:
        if read_state(domain).is_active:  # else its libvirt was faster
            raise


def _resume_source(ends: Ends) -> None:
    _resume(ends.sides.find_at_source(), ends)


def _resume(domain: libvirt.virDomain | None, ends: Ends, *, is_pulled: bool = False) -> None:
    """Have the guest be as it was before the move; raises Conflict when it does not run on."""
    if domain is None or not settlement.must_resume(
        read_state(domain), ends.intent, is_pulled=is_pulled
    ):
        return
    domains.resume(domain)
    if not Waiter(_RESUME_SECONDS, ends.clock).holds(lambda: read_state(domain).state == "running"):
        raise Conflict(
            f"{ends.intent.name!r} ran before the move, and cannot be resumed: it is paused "
            f"({read_state(domain).reason}). Mend what keeps it from running (virsh domblkerror {ends.intent.name}), "
            "then run the task again.",
            name=ends.intent.name,
        )


def _start_source(ends: Ends) -> None:
    domain = ends.sides.find_at_source()
    if domain is not None:
        finish.start(domain, paused=ends.intent.was_paused)


def _start_destination(ends: Ends) -> None:
    """Start a guest that fell after it had moved: what it reads is served first, else it could not."""
    sides, intent = ends.sides, ends.intent
    domain = sides.find_at_destination()
    if domain is None:
        return
    if chain.find_remote(domains.read_live_xml(domain)):
        serve.ensure(sides.source, intent.export_helper, read_port(ends.record))
    finish.start(domain, paused=ends.intent.was_paused)


def _take_back(ends: Ends) -> None:
    """Have all be as before on both hosts."""
    sides = ends.sides
    _thaw_source(ends)
    if ends.read_situation().disks in ("streaming", "local"):
        _undefine_arrival(sides)
    _give_autostart_back(ends)
    _delete_copies(ends)
    _resume(sides.find_at_source(), ends)


def _delete_copies(ends: Ends) -> None:
    """Delete what was made on the destination, and what making it durable may have left."""
    destination, intent = ends.sides.destination, ends.intent
    copied = [disk.destination_path for disk in intent.disks_to_move]
    with folders.open_folders(destination, copied):
        durable.clean_up(destination, copied, intent.sync_token)
        deletion.delete_own_files(destination, find_made_files(ends.record, intent))
    # a definition of before may name what was made for this move, where its own disks had gone
    volumes.delete(destination, find_made_volumes(ends.record), {intent.uuid})


def _take_back_source(ends: Ends) -> None:
    """Do what needs no destination: while the source has the guest, it cannot have moved."""
    _thaw_source(ends)
    _give_autostart_back(ends)
    if ends.source is not None:
        _resume(find_domain(ends.source, ends.intent.uuid), ends)


def _thaw_source(ends: Ends) -> None:
    intent, source = ends.intent, ends.source
    if source is not None and intent.streamed:
        serve.stop(source, intent.helper, intent.export_helper.leftover_paths)
        overlays.thaw(Endpoints(source, source, intent.uuid, ends.clock), intent)


def _give_autostart_back(ends: Ends) -> None:
    """Have the guest start with the source again, after the move has taken that away."""
    if ends.source is None or not any(step.name == "autostart" for step in ends.record.steps):
        return
    domain = find_domain(ends.source, ends.intent.uuid)
    if domain is not None and domains.is_persistent(domain):
        domains.set_autostart(domain, ends.intent.autostart)


def _release_source(ends: Ends) -> None:
    """Power off the source's copy, which is paused and older than the one that has moved."""
    domain = ends.sides.find_at_source()
    if domain is not None and domains.is_active(domain):
        _power_off(domain)


def _give_up(ends: Ends) -> None:
    """End what is served for a guest that is gone. Disks that it may have run on stay, as only its owner knows why."""
    intent, sides = ends.intent, ends.sides
    if intent.streamed:
        serve.stop(sides.source, intent.helper, intent.export_helper.leftover_paths)
    if not any(step.name == "migrate" for step in ends.record.steps):
        _delete_copies(ends)


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
            [disk.source_path for disk in intent.disks_to_move if not disk.is_own]
            if intent.remove_source_volumes
            else []
        )
        own_paths = [disk.source_path for disk in intent.disks if disk.is_own]
        paths_to_delete += own_paths if intent.undefine_source else []
        return [
            *pulled,
            *(
                f"delete {path} on {intent.uri}, unless somebody uses it"
                for path in paths_to_delete
            ),
        ]
    autostart = [
        f"have {intent.name} start with {intent.uri} again"
        for step in record.steps
        if step.name == "autostart" and intent.autostart
    ]
    merged = [f"merge {disk.overlay_path} back into {disk.base_path}" for disk in intent.streamed]
    volumes_to_delete = [
        f"delete the volume {ref.pool}/{ref.name} on {intent.destination_uri}"
        for ref in find_made_volumes(record)
    ]
    volumes_to_delete += [
        f"delete {path} on {intent.destination_uri}" for path in find_made_files(record, intent)
    ]
    return [*merged, *autostart, *volumes_to_delete]


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
        for step in _list_made(record)
        if step.arguments["pool"]
    ]


def _is_tidied(ends: Ends) -> bool:
    """Return whether the guest has gone on from the destination, and whoever saw to that has tidied the source.

    Its metadata say there what it takes, so that another task, with another journal, may have moved or removed it. It
    may even have come home.
    """
    intent = ends.intent
    if ends.source is None or ends.destination is None or not intent.token:
        return False
    sides = ends.sides
    domain = sides.find_at_source()
    return (
        sides.find_at_destination() is None
        and (domain is None or _has_come_home(domain, ends))
        and domains.find(ends.source, intent.helper) is None
        and not dependency.find_remains(ends.source, intent.token).files
    )


def _has_come_home(domain: libvirt.virDomain, ends: Ends) -> bool:
    """Return whether the source's guest is not the one that was left there: that one stands on this move's overlays."""
    overlay_paths = {disk.overlay_path for disk in ends.intent.streamed}
    layers = itertools.chain.from_iterable(
        chain.read_chains(domains.read_live_xml(domain)).values()
    )
    return bool(overlay_paths) and has_switched(ends.record) and overlay_paths.isdisjoint(layers)


def find_made_files(record: Record, intent: Intent) -> list[str]:
    """Return the paths of the files that the transaction made on the destination outside of its pools."""
    names = [step.arguments["volume"] for step in _list_made(record) if not step.arguments["pool"]]
    return [
        disk.destination_path
        for disk in intent.disks_to_move
        if disk.pool is None and disk.volume in names
    ]


def _list_made(record: Record) -> list[Step]:
    return [step for step in record.steps if step.name == "volume" and step.facts.get("made", True)]


def _undefine_arrival(sides: Endpoints) -> None:
    """Remove a definition that came to the destination, while the source has the guest still."""
    arrived = sides.find_at_destination()
    if (
        arrived is not None
        and sides.find_at_source() is not None
        and not domains.is_active(arrived)
    ):
        domains.undefine(arrived)


def _recover_postcopy(sides: Endpoints, intent: Intent) -> None:
    """Have a broken post-copy go on, where both versions can."""
    domain = sides.find_at_source()
    if domain is None:
        return
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


class PostcopyFailed(HeadroomError):
    """A guest's memory is split between two hosts that do not reach each other."""

    kind = "postcopy_failed"
