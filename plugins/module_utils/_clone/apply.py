# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making clones: retrieve, plan, act. A failure at any step undoes all of them, and so does the run after a crash."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import packed_nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from . import companions, identity, neighbours, plan, rewrite, survey
from .recover import KIND, CloneRecovery
from .strategies import PlainWay

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        ReservationRef,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .extras import ExtraVolume
    from .identity import Identity, RandomBytes
    from .plan import NewClone
    from .strategies import Way
    from .survey import ClonePlan

# Copies and starts run side by side in libvirtd; more of them than this only compete for disks and processors.
_AT_ONCE: t.Final = 4

Row = t.Dict[str, t.Any]  # noqa: UP006 - evaluated at run time, on Python 3.9 too


@dataclasses.dataclass(frozen=True)
class Maker:
    """Carries a plan out. ``created`` is an ISO 8601 time in UTC; ``random_bytes`` makes the identities.

    ``options`` is what the journal keeps of the task, so that it can be done again after a crash. ``way`` is how the
    clones come about; without it, as the plan's mode alone says. ``started`` becomes the time at which each clone was
    started, by the clock.
    """

    connection: Connection
    plan: ClonePlan
    created: str
    clock: Clock
    random_bytes: RandomBytes
    journal: Journal
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    way: Way | None = None
    started: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def chosen_way(self) -> Way:
        """How the clones come about."""
        return self.way or PlainWay(self.connection, self.plan.choice.mode)

    def make(self, instead_of: Record | None = None) -> list[Row]:
        """Make the missing clones, all or none; return their rows of the result."""
        clones = self.plan.clones
        if not clones:
            return []
        taken = neighbours.mac_addresses(self.connection, self.plan.request.neighbours)
        identities = [
            identity.choose(self.plan.interfaces, taken, self.random_bytes) for _unused in clones
        ]
        intent = {
            "uri": self.connection.uri,
            "appliance": str(self.plan.manifest.id),
            "options": dict(self.options),
        }
        names, undo = (
            ", ".join(clone.name for clone in clones),
            CloneRecovery(self.connection, clock=self.clock),
        )
        with self.journal.transaction(KIND, names, intent, undo, instead_of) as transaction:
            self.chosen_way.prepare(transaction)
            makings = [
                _Making(self, transaction, clone, chosen)
                for clone, chosen in zip(clones, identities)
            ]
            rows = run_all([making.make for making in makings], _AT_ONCE)
            if self.plan.request.state == "running":
                run_all([making.let_go for making in makings], _AT_ONCE)
            return rows


@dataclasses.dataclass
class _Making:
    """One clone being made, step by step; each one's ``seconds`` are noted."""

    maker: Maker
    transaction: Transaction
    clone: NewClone
    identity: Identity
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def make(self) -> Row:
        self._timed("volumes", self._make_disks)
        self._timed("define", self._define)
        self._timed("start", self._start)
        return {
            **self.maker.plan.predicted_row(self.clone),
            "uuid": self.identity.uuid,
            "macs": list(self.identity.macs),
            "seconds": self.seconds,
        }

    def _timed(self, stage: str, act: t.Callable[[], None]) -> None:
        began = self.maker.clock.now()
        act()
        self.seconds[stage] = round(self.maker.clock.now() - began, 3)

    def _make_disks(self) -> None:
        for disk in self.clone.overlays:
            step = self.transaction.step("volume", pool=disk.volume.pool, name=disk.volume.name)
            self.maker.chosen_way.make_disk(self.maker.plan.pool, disk)
            self.transaction.passed(step)
        seed, said = self.clone.extras.seed, self.maker.plan.request.seed
        if seed is not None and said is not None:
            self._make_extra(seed, companions.seed_image(said, self.clone.name, self.identity.uuid))
            self.identity = dataclasses.replace(self.identity, seed=seed.path)
        variables, packed = self.clone.extras.nvram, self.maker.plan.manifest.nvram
        if variables is not None and packed is not None:
            self._make_extra(variables, packed_nvram.unpack_variables(packed))
            self.identity = dataclasses.replace(self.identity, nvram=variables.path)

    def _make_extra(self, place: ExtraVolume, content: bytes) -> None:
        step = self.transaction.step("volume", pool=place.volume.pool, name=place.volume.name)
        companions.make_volume(
            self.maker.connection, self.maker.plan.pool, place.volume.name, content
        )
        self.transaction.passed(step)

    def _reserve(self) -> tuple[ReservationRef, ...]:
        wanted = self.clone.extras.address
        if wanted is None:
            return ()
        ref = wanted.ref(self.identity.macs[0])
        step = self.transaction.step("reservation", **ref._asdict())
        companions.reserve(self.maker.connection, wanted, ref.mac)
        self.transaction.passed(step)
        return (ref,)

    def _define(self) -> None:
        planned = self.maker.plan
        metadata = plan.metadata_for(
            self.clone, planned.request, planned.manifest, self.maker.created
        )
        metadata = metadata._replace(reservations=self._reserve())
        text = rewrite.clone_xml(
            planned.manifest.template,
            self.clone.name,
            self.identity,
            {disk.target: disk for disk in self.clone.overlays},
            metadata,
            planned.platform,
            planned.request.overrides,
        )
        step = self.transaction.step("domain", name=self.clone.name, uuid=self.identity.uuid)
        domain = self.maker.chosen_way.define(text)
        if planned.request.autostart:
            domains.set_autostart(domain, True)
        self.transaction.passed(step)

    def _start(self) -> None:
        if self.maker.plan.request.state == "running":
            step = self.transaction.step("start", name=self.clone.name, uuid=self.identity.uuid)
            domain = domains.look_up_uuid(self.maker.connection, self.identity.uuid)
            self.maker.chosen_way.start(domain, self.identity)
            self.transaction.passed(step)

    def let_go(self) -> None:
        """Let the clone run, once all are there: a guest that boots takes the processors from those still to start."""
        self.maker.chosen_way.let_go(
            domains.look_up_uuid(self.maker.connection, self.identity.uuid)
        )
        self.maker.started[self.clone.name] = self.maker.clock.now()


def existing_row(connection: Connection, name: str) -> Row:
    """Return the row of the result of a clone that is there already; raises NotFound."""
    domain = look_up(connection, name)
    definition = domain.definition
    return {
        "name": name,
        "uuid": definition.uuid,
        "macs": [interface.mac for interface in definition.interfaces],
        "volumes": [
            {"pool": ref.pool, "name": ref.name, "path": survey.volume_path(connection, ref)}
            for ref in definition.metadata.volumes
        ],
        "appliance": definition.metadata.appliance,
        "state": domain.observe().situation,
        "created": False,
        "seconds": None,
    }
