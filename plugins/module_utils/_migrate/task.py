# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the module is asked to do, and what it says of each domain."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

from .intent import KIND
from .model import Finding, Outcome
from .recover import MigrationRecovery

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import MachineRef

    from .model import MigrationPlan, Request


@dataclasses.dataclass(frozen=True)
class Task:
    """What the module is asked. ``act`` is False in check mode and for a preflight alone.

    With ``uuid`` the task is about one domain, and refuses another that has its name by now.
    """

    uri: str
    names: tuple[str, ...]
    request: Request
    act: bool
    preflight_only: bool
    parallel: int
    connect_timeout: float
    journal: Journal
    uuid: str | None = None
    clock: Clock = SYSTEM_CLOCK

    @property
    def recovery(self) -> MigrationRecovery:
        """What takes these migrations back, or finishes them."""
        uris = (self.uri, self.request.destination_uri)
        return MigrationRecovery(clock=self.clock, connect_timeout=self.connect_timeout, uris=uris)

    def list_unfinished(self, name: str) -> list[Record]:
        """Return what the journal holds of migrations of ``name`` between these hosts that have not ended."""
        hosts = (mask_uri(self.uri), mask_uri(self.request.destination_uri))
        records = self.journal.list_unfinished(KIND, name)
        return [
            record
            for record in records
            if (record.uri, record.intent.get("destination_uri")) == hosts
        ]

    def find_in_the_way(self, name: str) -> str | None:
        """Return the migrations of ``name`` that this task neither finishes nor takes back; None without any."""
        own = [record.id for record in self.list_unfinished(name) if not record.alive]
        others = [
            str(record)
            for record in self.journal.list_unfinished(KIND, name)
            if record.uri == mask_uri(self.uri) and record.id not in own
        ]
        return ", ".join(others) or None


class RoomLedger:
    """The room in the destination's pools that the moves of one task will take, each counted once, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._promised: dict[str, dict[str, int]] = {}

    def promise(self, name: str, needed_bytes: t.Mapping[str, int]) -> dict[str, int]:
        """Note what the move of ``name`` takes, as {pool: bytes}; return what those before it take."""
        with self._lock:
            promised: dict[str, int] = {}
            for other, pools in self._promised.items():
                for pool, size in pools.items():
                    promised[pool] = promised.get(pool, 0) + (size if other != name else 0)
            self._promised[name] = dict(needed_bytes)
            return promised

    def withdraw(self, name: str) -> None:
        """Forget what a move takes that will not be, or that has it by now."""
        with self._lock:
            self._promised.pop(name, None)


@dataclasses.dataclass
class Moved:
    """One domain's part of the result."""

    name: str
    uuid: str
    changed: bool
    running_host: str | None
    source_uri: str
    destination_uri: str
    machine: MachineRef
    plan: MigrationPlan | None = None
    preflight: tuple[Finding, ...] = ()
    outcome: Outcome = dataclasses.field(default_factory=Outcome)
    kept_paths: dict[str, str] = dataclasses.field(default_factory=dict)
    transaction: str | None = None
    dependency: dict[str, t.Any] | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return the domain's row of the result."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "machine": self.machine.as_dict(),
            "changed": self.changed,
            "source_uri": mask_uri(self.source_uri),
            "destination_uri": mask_uri(self.destination_uri),
            "running_host": self.running_host,
            "mode": None if self.plan is None else self.plan.mode,
            "plan": None if self.plan is None else self.plan.as_dict(),
            "preflight": [finding.as_dict() for finding in self.preflight],
            **self.outcome.as_dict(),
            "kept_on_source": dict(self.kept_paths),
            "transaction": self.transaction,
            "dependency": self.dependency,
        }
