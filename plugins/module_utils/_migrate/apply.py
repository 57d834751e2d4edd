# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Moving domains: what earlier runs left is finished first, then retrieve, plan, act."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import secrets
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    Interrupted,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._interrupt import (
    Stopped,
    raise_on_signals,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    dependency,
    export_xml,
    ports,
    tls,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Handshake
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here, mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, migration
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    MachineRef,
    read_machine_uri,
)

from . import addresses, inspection, plan, preflight, storage_checks, survey
from .arrival import Arrival, list_leftovers
from .endpoints import Endpoints, locate, read_state
from .intent import KIND, make_intent
from .mover import GoesOn, Mover
from .recover import HasSwitchedOver
from .task import Moved, RoomLedger, Task

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

    from .facts import GuestState
    from .intent import Intent
    from .model import MigrationPlan, Request

_TOKEN_BYTES: t.Final = 8


def move_all(task: Task) -> list[Moved]:
    """Move the domains, several at a time; one that fails does not stop the others.

    A signal stops each of them in order. Raises the first error when it is the only one, else one that names each.
    """
    cancelled, ledger = threading.Event(), RoomLedger()
    with raise_on_signals(), concurrent.futures.ThreadPoolExecutor(task.parallel) as threads:
        running = {
            name: threads.submit(_move_one, task, name, cancelled, ledger) for name in task.names
        }
        try:
            concurrent.futures.wait(running.values())
        except Stopped:
            cancelled.set()
            for future in running.values():
                future.cancel()
            concurrent.futures.wait(running.values())
    results: list[Moved] = []
    errors: dict[str, HeadroomError] = {}
    for name, future in running.items():
        try:
            results.append(future.result())
        except concurrent.futures.CancelledError:
            errors[name] = Interrupted(f"the task was interrupted before {name!r} was touched")
        except HeadroomError as error:
            errors[name] = error
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        raise HeadroomError(
            f"{len(errors)} of {len(running)} domains were not moved: "
            + "; ".join(error.message for error in errors.values()),
            failed={name: error.as_result() for name, error in sorted(errors.items())},
            moved=[moved.as_dict() for moved in results],
        )
    return results


def _move_one(task: Task, name: str, cancelled: threading.Event, ledger: RoomLedger) -> Moved:
    began = task.clock.now()
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_connection(task.uri, timeout=task.connect_timeout))
        destination = stack.enter_context(
            open_connection(task.request.destination_uri, timeout=task.connect_timeout)
        )
        if task.uuid is not None:
            with contextlib.suppress(NotFound):  # it may have gone already, to the destination
                look_up(source, name, task.uuid)
        kept_paths = _recover_earlier(task, name) if task.act else None
        domain = domains.find(source, name)
        uuid = task.uuid if domain is None else domain.UUIDString()
        arrived = _look_up_arrived(destination, task.request.destination_name or name, uuid)
        if domain is None or (arrived is not None and _has_arrived(domain, arrived)):
            sides = Endpoints(source, destination, uuid or "", task.clock, cancelled)
            return _describe_arrived(task, name, sides, arrived, kept_paths)
        sides = Endpoints(source, destination, domain.UUIDString(), task.clock, cancelled)
        try:
            return _Move(task, sides, domain, began, ledger).move()
        finally:
            ledger.withdraw(name)


def _recover_earlier(task: Task, name: str) -> dict[str, str] | None:
    """Finish, or take back, what an earlier run of this task has left of ``name``.

    Returns {path: reason} of what stays on the source of one that was finished; None when none was.
    """
    kept_paths: dict[str, str] | None = None
    for record in task.list_unfinished(name):
        if record.alive:  # the preflight says so
            continue
        finished = _recover_one(task, record)
        if finished is not None:
            kept_paths = {**(kept_paths or {}), **finished}
    return kept_paths


def _recover_one(task: Task, record: Record) -> dict[str, str] | None:
    """Finish the migration if its guest has arrived, and else take it back; return as _recover_earlier().

    libvirt goes on with one that its module has left: it may arrive while it is being stopped.
    """
    if task.recovery.choose_direction(record) == "roll_back":
        try:
            task.journal.recover(record, task.recovery, "roll_back")
        except HasSwitchedOver:
            pass
        else:
            return None
    recovery = task.recovery
    task.journal.recover(record, recovery, "resume")
    return recovery.kept_paths


def _look_up_arrived(
    destination: Connection, name: str, uuid: str | None
) -> libvirt.virDomain | None:
    """Return the destination's domain that is, or would be, this one; by its name where the UUID is not known."""
    if uuid is None:
        return domains.find(destination, name)
    with contextlib.suppress(NotFound):
        return domains.look_up_uuid(destination, uuid)
    return None


def _has_arrived(domain: libvirt.virDomain, arrived: libvirt.virDomain) -> bool:
    """Return whether the guest runs on the destination; raises Conflict when both hosts have a QEMU of it."""
    at_source, at_destination = read_state(domain), read_state(arrived)
    place = locate(at_source, at_destination)
    if place == "moving" and at_source.state == "paused" and at_destination.state == "running":
        raise Conflict(
            f"{domain.name()!r} runs on the destination, and its copy on the source is still paused for the hand-over, "
            "by a migration that this journal knows nothing of. If virsh domjobinfo shows no job of it on the source, "
            "power that copy off (virsh destroy) and run the task again. Never resume it: it is older.",
            name=domain.name(),
        )
    if place == "both":
        raise Conflict(
            f"{domain.name()!r} runs on both hosts. Power off the one that should not: this can corrupt its disks.",
            name=domain.name(),
        )
    return place == "destination"


def _describe_arrived(
    task: Task,
    name: str,
    sides: Endpoints,
    arrived: libvirt.virDomain | None,
    kept_paths: dict[str, str] | None,
) -> Moved:
    destination = sides.destination
    if arrived is None:
        which = repr(name) if task.uuid is None else f"{name!r} with the UUID {task.uuid}"
        raise NotFound(
            f"name: neither {mask_uri(task.uri)} nor {destination.uri} has a domain {which}. Check the names with "
            "`virsh list --all`.",
            name=name,
        )
    changed = kept_paths is not None
    if task.request.persistent and not domains.is_persistent(arrived):
        changed = True
        if task.act:
            domains.define(destination, migration.read_migratable_xml(arrived, inactive=True))
    arrival = find_arrival(task, sides, destination, arrived)
    if arrival is not None:
        changed = changed or task.request.wait == "local" or arrival.is_stuck()
        if task.act:
            kept_paths = {**(kept_paths or {}), **arrival.finish(task.request.wait)}
    return Moved(
        name=name,
        uuid=arrived.UUIDString(),
        changed=changed,
        running_host=destination.uri if domains.is_active(arrived) else None,
        source_uri=task.uri,
        destination_uri=task.request.destination_uri,
        machine=MachineRef(read_machine_uri(destination), arrived.name(), arrived.UUIDString()),
        kept_paths=kept_paths or {},
        dependency=dependency.describe(arrived),
    )


def find_arrival(
    task: Task, sides: Endpoints, host: Connection, domain: libvirt.virDomain
) -> Arrival | None:
    """Return the domain of that host as one that still reads from another; None for one that does not say so."""
    remainder = dependency.find_remainder(domain)
    if remainder is None:
        return None
    near = sides.source if host is sides.destination else sides.destination
    return Arrival(host, domain, remainder, near, task.clock, sides.cancelled, task.connect_timeout)


class _Move:
    """One domain that is to be moved."""

    def __init__(
        self,
        task: Task,
        sides: Endpoints,
        domain: libvirt.virDomain,
        began: float,
        ledger: RoomLedger,
    ) -> None:
        self._ledger = ledger
        self._task = task
        self._sides = sides
        self._domain = domain
        self._began = began

    def move(self) -> Moved:
        task, sides = self._task, self._sides
        pools = survey.list_active_pools(sides.destination)
        request = self._complete_request()
        plan_of_move = plan.make_plan(
            survey.read_guest(sides.source, sides.destination, self._domain), request, pools
        )
        plan.check_streamable(plan_of_move)
        facts = inspection.gather_facts(
            sides.source,
            sides.destination,
            self._domain,
            plan_of_move,
            pools,
            is_local=leads_here(task.uri),
        )
        facts = dataclasses.replace(
            facts,
            volumes=facts.volumes - self._list_leftovers(),
            unfinished=task.find_in_the_way(plan_of_move.guest.name),
            handshakes=self._try_handshakes(plan_of_move, pools),
            promised_bytes=self._ledger.promise(
                plan_of_move.guest.name, storage_checks.add_up_needed_bytes(plan_of_move)
            ),
        )
        result = Moved(
            name=plan_of_move.guest.name,
            uuid=plan_of_move.guest.uuid,
            changed=not task.preflight_only,
            running_host=sides.destination.uri if plan_of_move.guest.running else None,
            source_uri=task.uri,
            destination_uri=request.destination_uri,
            machine=self._locate(plan_of_move),
            plan=plan_of_move,
            preflight=preflight.evaluate(plan_of_move, facts),
        )
        if task.preflight_only:
            result.running_host = sides.source.uri if plan_of_move.guest.running else None
            return result
        self._refuse_if_failed(result)
        if not task.act:
            return result
        arrival = find_arrival(task, sides, sides.source, self._domain)
        if arrival is not None and (domains.is_active(self._domain) or not arrival.is_stuck()):
            arrival.finish("local")
            return self.move()  # its disks stand on nothing now, so that the plan is another one
        self._act(plan_of_move, facts.state, result)
        return result

    def _list_leftovers(self) -> frozenset[str]:
        """Return what is on the destination only until the guest has pulled it in, which is before it is moved."""
        remainder = dependency.find_remainder(self._domain)
        return list_leftovers(remainder, self._sides.destination)

    def _locate(self, plan: MigrationPlan) -> MachineRef:
        """Return what names the machine when the task is done."""
        guest = plan.guest
        if self._task.preflight_only:
            return MachineRef(read_machine_uri(self._sides.source), guest.name, guest.uuid)
        uri = read_machine_uri(self._sides.destination)
        return MachineRef(uri, plan.destination_name, guest.uuid)

    def _try_handshakes(
        self, migration_plan: MigrationPlan, pools: tuple[Pool, ...]
    ) -> tuple[Handshake, ...] | None:
        """Try TLS, each way in which this migration will use it; None without a pool to try it with."""
        destination_pool = next((pool.name for pool in pools if kinds.holds_files(pool.type)), None)
        if "TLS" not in migration_plan.flags or destination_pool is None:
            return None
        host = addresses.find_memory_host(self._sides.destination, migration_plan)
        try:
            probes = self._plan_probes(migration_plan, host, destination_pool)
        except Conflict as error:
            return (Handshake(host, error.message),)
        return tuple(tls.shake_hands(probe) for probe in probes)

    def _plan_probes(
        self, migration_plan: MigrationPlan, host: str, destination_pool: str
    ) -> list[tls.Probe]:
        """Return what is to be tried: the way of the memory, to ``host``; and that of streamed disks, if any."""
        platform = export_xml.read_platform(domains.read_live_xml(self._domain))
        source = tls.ProbeEnd(self._sides.source, platform)
        destination = tls.ProbeEnd(self._sides.destination, platform)
        address, tls_name = addresses.choose_export_place(
            self._sides.source, self._task.uri, migration_plan
        )
        uuid = migration_plan.guest.uuid
        probes = [tls.Probe(destination, source, host, ports.MIGRATIONS, destination_pool, uuid)]
        streamed = {disk.target for disk in migration_plan.disks_to_stream}
        pool = next(
            (disk.pool for disk in migration_plan.guest.disks if disk.target in streamed), None
        )
        if pool:
            probes.append(
                tls.Probe(source, destination, address, ports.EXPORTS, pool, uuid, tls_name)
            )
        return probes

    def _complete_request(self) -> Request:
        request = self._task.request
        if request.migrate_uri is None:
            request = dataclasses.replace(
                request, migrate_uri=addresses.choose_migrate_uri(request.destination_uri)
            )
        return request

    def _refuse_if_failed(self, result: Moved) -> None:
        failures = preflight.find_failed(result.preflight)
        if failures:
            raise Conflict(
                f"{result.name!r} was not touched, since the preflight found: "
                + " ".join(f"{finding.detail}. {finding.remedy}" for finding in failures),
                preflight=[finding.as_dict() for finding in result.preflight],
                name=result.name,
            )

    def _act(self, migration_plan: MigrationPlan, state: GuestState, result: Moved) -> None:
        intent = self._make_intent(migration_plan)
        mover: Mover | None = None
        try:
            with self._task.journal.begin(
                KIND, migration_plan.guest.name, intent.as_dict(), self._task.recovery
            ) as transaction:
                result.transaction = transaction.id
                mover = Mover(self._sides, migration_plan, state, intent, transaction, self._began)
                mover.run()
        except GoesOn:  # its record stays, for whoever finishes it
            pass
        if mover is not None:
            result.outcome, result.kept_paths = mover.outcome, mover.kept_paths
        arrived = self._sides.find_at_destination()
        if arrived is not None:
            result.dependency = dependency.describe(arrived)

    def _make_intent(self, migration_plan: MigrationPlan) -> Intent:
        text = domains.read_live_xml(self._domain)
        # the definition's, since a guest that was streamed before still runs with the policies of that move
        every = export_xml.read_policies(domains.read_definition_xml(self._domain))
        intent = make_intent(
            migration_plan,
            uri=self._task.uri,
            platform=export_xml.read_platform(text),
            token=secrets.token_hex(_TOKEN_BYTES),
            export=addresses.choose_export_place(
                self._sides.source, self._task.uri, migration_plan
            ),
            policies={
                disk.target: every.get(disk.target, {}) for disk in migration_plan.disks_to_stream
            },
            replaces_definition=self._sides.find_at_destination() is not None,
        )
        return dataclasses.replace(intent, reader_uri=read_machine_uri(self._sides.destination))
