# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Carrying one migration out: each act is in the journal before it happens."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    exports,
    finish,
    offline,
    overlays,
    volumes,
    xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.live import LiveMigration
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import Outcome

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal import Transaction
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import Intent
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import MigrationPlan
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.sides import Sides

_PORT_TRIES: t.Final = 8


class GoesOn(HeadroomError):
    """The guest has switched over, and the rest goes on without this process."""


@dataclasses.dataclass
class Mover:
    """Moves one guest as planned, of which the outcome counts the seconds since ``began``.

    What it has done when it fails is undone by the journal's recovery.
    """

    sides: Sides
    plan: MigrationPlan
    intent: Intent
    transaction: Transaction
    began: float
    outcome: Outcome = dataclasses.field(default_factory=Outcome)
    kept: dict[str, str] = dataclasses.field(default_factory=dict)

    def run(self) -> None:
        """Move the guest; raises GoesOn when the task does not wait for its disks."""
        self._make_volumes()
        if self.plan.mode == "offline":
            self._copy()
        port = self._serve() if self.intent.streamed else 0
        self._migrate(port)
        step = self.transaction.step("settle")
        finish.settle(self.sides, self.intent, port)
        self.transaction.done(step)
        if self.intent.streamed and self.plan.request.wait == "switched":
            self.outcome.elapsed = self.sides.clock.now() - self.began
            raise GoesOn(f"{self.intent.name!r} runs on the destination, and its disks are being pulled in")
        step = self.transaction.step("complete")
        self.kept = finish.complete(self.sides, self.intent, port)
        self.transaction.done(step)
        self.outcome.elapsed = self.sides.clock.now() - self.began

    def _make_volumes(self) -> None:
        for disk in self.plan.moved:
            self.sides.stop_if_cancelled()
            step = self.transaction.step("volume", pool=disk.pool, volume=disk.volume)
            try:
                volumes.create(self.sides.destination, disk)
            except Conflict:  # somebody else's: not to be deleted when this is undone
                self.transaction.done(step, made=False)
                raise
            self.transaction.done(step)

    def _copy(self) -> None:
        step = self.transaction.step("copy")
        offline.copy_volumes(self.sides, self.plan.moved)
        self.transaction.done(step)

    def _serve(self) -> int:
        """Freeze the disks, serve them, and have the destination try them; return the port."""
        domain = self.sides.at_source()
        if domain is None:
            raise Conflict(f"{self.intent.name!r} has gone from the source")
        self.sides.stop_if_cancelled()
        step = self.transaction.step("freeze")
        overlays.freeze(domain, self.intent)
        self.transaction.done(step)
        port = self._export()
        self.sides.stop_if_cancelled()
        step = self.transaction.step("rehearse")
        exports.rehearse(self.sides.destination, self.intent, port)
        self.transaction.done(step)
        return port

    def _export(self) -> int:
        for _attempt in range(_PORT_TRIES):
            port = secrets.choice(exports.PORTS)
            step = self.transaction.step("export", port=port)
            try:
                exports.start(self.sides.source, self.intent, port)
            except Conflict as error:
                if "port" not in error.details:
                    raise
                exports.stop(self.sides.source, self.intent)
                continue
            self.transaction.done(step)
            return port
        raise Conflict(
            f"no free port was found on the source among {exports.PORTS.start} to {exports.PORTS.stop - 1}",
        )

    def _migrate(self, port: int) -> None:
        step = self.transaction.step("migrate")
        inspect = (lambda text: self._inspect(text, port)) if self.intent.streamed else None
        self.outcome = LiveMigration(self.sides, self.plan, self.intent.placed(port), inspect).run()
        if self.plan.guest.running:
            self.outcome.switch_over_seconds = self.sides.clock.now() - self.began
        self.transaction.done(step)

    def _inspect(self, text: str, port: int) -> None:
        """Raise Conflict unless the arriving guest reads its disks through to the export; before it runs."""
        for placed in self.intent.placed(port):
            if placed.backing is None:
                continue
            seen = xml.chain(text, placed.target)
            if seen != (placed.path, str(placed.backing)):
                raise Conflict(
                    f"the destination would read the disk {placed.target} from {' <- '.join(seen) or 'nowhere'}, not "
                    f"from {placed.path} <- {placed.backing}. The migration was aborted.",
                    chain=list(seen),
                )
