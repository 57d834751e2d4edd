# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Carrying one migration out: each act is in the journal before it happens."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import chain, ports, serve
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, folders
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

from . import finish, inspection, offline, overlays, preflight, volumes
from .intent import (
    find_attached_disks,
    find_changed_disks,
    find_resized_disks,
    make_dependency,
)
from .live import LiveMigration
from .model import Outcome
from .xml import NVRAM

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Step,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Endpoints
    from .facts import GuestState
    from .intent import Intent
    from .model import DiskPlan, MigrationPlan


class GoesOn(HeadroomError):
    """The guest has switched over, and the rest goes on without this process."""


@dataclasses.dataclass
class Mover:
    """Moves one guest as planned, of which the outcome counts the seconds since ``began``.

    ``state`` is what it had beside its definition when the preflight looked. What the mover has done when it fails is
    undone by the journal's recovery.
    """

    sides: Endpoints
    plan: MigrationPlan
    state: GuestState
    intent: Intent
    transaction: Transaction
    began: float
    outcome: Outcome = dataclasses.field(default_factory=Outcome)
    kept_paths: dict[str, str] = dataclasses.field(default_factory=dict)
    _times: dict[str, float | None] = dataclasses.field(default_factory=dict)

    def run(self) -> None:
        """Move the guest; raises GoesOn when the task does not wait for its disks."""
        self.outcome.stages["preflight"] = self.sides.clock.now() - self.began
        # the two hosts are prepared side by side: a guest that is to be moved should not wait for either
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            preparation = other.submit(self._prepare_destination)
            port = self._serve() if self.intent.streamed else 0
            preparation.result()
        if self.intent.autostart:
            with self._step("autostart"):
                finish.take_autostart(self.sides)
        self._migrate(port)
        with self._step("settle"):
            finish.settle(self.sides, self.intent, port)
        if self.intent.streamed and self.plan.request.wait == "switched":
            self.outcome.elapsed_seconds = self.sides.clock.now() - self.began
            raise GoesOn(
                f"{self.intent.name!r} runs on the destination, and its disks are being pulled in"
            )
        with self._step("complete") as step:
            self.kept_paths = finish.complete(self.sides, self.intent, port)
            self.transaction.finish_step(step, kept=self.kept_paths)
        self.outcome.elapsed_seconds = self.sides.clock.now() - self.began

    @contextlib.contextmanager
    def _step(self, act: str, /, **arguments: t.Any) -> t.Iterator[Step]:
        """Journal an act around the block that does it; one that raises stays begun. Counts its seconds."""
        began = self.sides.clock.now()
        step = self.transaction.begin_step(act, **arguments)
        yield step
        self.transaction.finish_step(step)
        self.outcome.stages[act] = (
            self.outcome.stages.get(act, 0.0) + self.sides.clock.now() - began
        )

    def _prepare_destination(self) -> None:
        volumes_to_copy = self.plan.volumes_to_copy
        source_paths = [disk.source_path for disk in volumes_to_copy]
        paths = [disk.destination_path for disk in volumes_to_copy]
        with contextlib.ExitStack() as stack:
            stack.enter_context(folders.open_folders(self.sides.source, source_paths))
            stack.enter_context(folders.open_folders(self.sides.destination, paths))
            self._make_volumes()
            self._copy(volumes_to_copy)

    def _copy(self, volumes_to_copy: t.Sequence[DiskPlan]) -> None:
        if volumes_to_copy:
            with self._step("copy"):
                if not self.plan.guest.running:
                    self._check_source()
                self._times = offline.copy_volumes(self.sides, self.intent, volumes_to_copy)

    def _make_volumes(self) -> None:
        for disk in self.plan.disks_to_move:
            self.sides.stop_if_cancelled()
            with self._step("volume", pool=disk.pool, volume=disk.volume) as step:
                try:
                    volumes.create(self.sides.destination, disk)
                except Conflict:  # somebody else's: not to be deleted when this is undone
                    self.transaction.finish_step(step, made=False)
                    raise

    def _serve(self) -> int:
        """Freeze the disks and serve them; return the port."""
        domain = self._look_up_source()
        self.sides.stop_if_cancelled()
        self._check_source()
        with self._step("freeze"):
            overlays.freeze(domain, self.intent)
        with self._step("export") as step:
            port = serve.start(self.sides.source, self.intent.export_helper, ports.EXPORTS)
            self.transaction.finish_step(step, port=port)
        return port

    def _migrate(self, port: int) -> None:
        overlays_by_target = {disk.target: disk.overlay_path for disk in self.intent.streamed}

        def inspect(text: str) -> None:
            # libvirt takes no snapshot while it migrates: what was done before shows by now
            self.check_disks_of_leaving(overlays_by_target)
            if self.intent.streamed:
                self._inspect(text, port)

        with self._step("migrate"):
            self._check_source(overlays_by_target)
            with folders.open_folders(self.sides.source, self._times):
                offline.require_unchanged(self.sides, self._times)
            outcome = LiveMigration(
                self.sides,
                self.plan,
                self.intent.place_disks(port),
                inspect,
                self._make_dependency(port),
            ).run()
            self.outcome = dataclasses.replace(outcome, stages=self.outcome.stages)
            if self.plan.guest.running:
                self.outcome.switch_over_seconds = self.sides.clock.now() - self.began

    def _make_dependency(self, port: int) -> Dependency | None:
        """Return what the guest says of itself on the destination, from before it runs there until all is local."""
        record = self.transaction.record
        return make_dependency(
            self.intent, read_machine_uri(self.sides.source), port, record.id, record.started
        )

    def _check_source(self, overlays_by_target: t.Mapping[str, str] | None = None) -> None:
        """Raise Conflict unless the source's guest is as it was planned with, its disks under our overlays.

        To be called right before each switch: what the preflight saw may have changed since.
        """
        domain = self._look_up_source()
        if self.plan.guest.running != domains.is_active(domain):
            act = "stopped" if self.plan.guest.running else "started, so that its disks change,"
            raise Conflict(
                f"{self.intent.name!r} was {act} while it was being moved. Run the task again.",
                name=self.intent.name,
            )
        self._check_disks(domain, overlays_by_target)
        self._check_sizes(domain)
        state = inspection.read_state(domain, self.plan)
        findings = preflight.judge_state(self.plan, state, planned=self.state)
        failures = preflight.find_failed(findings)
        if failures:
            raise Conflict(
                f"{self.intent.name!r} was not moved, since somebody has changed it after the preflight: "
                + " ".join(f"{finding.detail}. {finding.remedy}" for finding in failures),
                findings=[finding.as_dict() for finding in failures],
                name=self.intent.name,
            )

    def _check_sizes(self, domain: libvirt.virDomain) -> None:
        """Raise Conflict unless the disks are as large as the volumes that were made for them."""
        moved = {disk.target for disk in self.plan.disks_to_move} - {NVRAM}
        sizes = {target: domains.read_block_size(domain, target) for target in moved}
        resized = find_resized_disks(
            self.plan, {target: size.capacity_bytes for target, size in sizes.items() if size}
        )
        if resized:
            raise Conflict(
                f"somebody has changed the size of the disk {', '.join(resized)} of {self.intent.name!r} since the "
                "move was planned. Run the task again, which plans with it.",
                disks=resized,
                name=self.intent.name,
            )

    def _look_up_source(self) -> libvirt.virDomain:
        domain = self.sides.find_at_source()
        if domain is None:
            raise Conflict(f"{self.intent.name!r} has gone from the source")
        return domain

    def _check_disks(
        self,
        domain: libvirt.virDomain,
        overlays_by_target: t.Mapping[str, str] | None = None,
    ) -> None:
        """Raise Conflict unless the guest's disks are those that were planned with, under our overlays.

        Somebody who takes a snapshot meanwhile, as backups do, puts a layer over them: the guest writes into that one,
        and it would stay behind.
        """
        chains = chain.read_chains(domains.read_live_xml(domain))
        attached = find_attached_disks(self.plan, chains)
        if attached:
            raise Conflict(
                f"somebody has attached the disk {', '.join(attached)} to {self.intent.name!r} since the move was "
                "planned. Run the task again, which plans with it.",
                disks=attached,
                name=self.intent.name,
            )
        changed = find_changed_disks(self.plan, chains, overlays_by_target)
        if changed:
            raise Conflict(
                f"somebody has changed what the disks {', '.join(changed)} of {self.intent.name!r} stand on since the "
                f"move was planned ({'; '.join(' <- '.join(chains.get(name, ())) for name in changed)}), by a snapshot "
                "for example. What the guest writes now would stay behind. Run the task again once that is done.",
                disks=changed,
                name=self.intent.name,
            )

    def check_disks_of_leaving(self, overlays_by_target: t.Mapping[str, str]) -> None:
        """Do as _check_disks() for a guest on its way: once it has switched over, its source's domain may go."""
        with contextlib.suppress(NotFound):
            domain = domains.look_up_uuid(self.sides.source, self.sides.uuid)
            self._check_disks(domain, overlays_by_target)

    def _inspect(self, text: str, port: int) -> None:
        """Raise Conflict unless the arriving guest reads its disks through to the export.

        The export's name is random, so a QEMU that has opened it there has the disk that is meant.
        """
        expected = {
            placed.target: (placed.path, str(placed.backing))
            for placed in self.intent.place_disks(port)
            if placed.backing is not None
        }
        try:
            chain.check_chains(text, expected)
        except chain.WrongSource as error:
            raise Conflict(
                f"on the destination {error.message} A guest that has not switched over goes on running on the source. "
                "Power off one that has: its disk on the source is as it was.",
                **error.details,
            ) from error
