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
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply as reservations
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import RbdImage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    domains,
    storage,
    storage_xml,
)

from . import identity, neighbours, plan, rewrite, survey
from .recover import KIND, CloneRecovery
from .seed import iso, seed
from .strategies import PlainStrategy

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        ReservationRef,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .extras import ExtraVolume
    from .identity import Identity, RandomBytes
    from .plan import NewClone
    from .strategies import Strategy
    from .survey import ClonePlan

# Copies and starts run side by side in libvirtd; more of them than this only compete for disks and processors.
_AT_ONCE: t.Final = 4
# What a seed says may be secret; libvirt gives the file to the user that QEMU runs as when the clone starts.
_PRIVATE: t.Final = "0600"

Row = t.Dict[str, t.Any]  # noqa: UP006 - evaluated at run time, on Python 3.9 too


@dataclasses.dataclass(frozen=True)
class Maker:
    """Carries a plan out. ``created`` is an ISO 8601 time in UTC; ``random_bytes`` makes the identities.

    ``options`` is what the journal keeps of the task, so that it can be done again after a crash. ``strategy`` is how
    the clones come about; without it, as the plan's mode alone says. ``started`` becomes the time at which each clone
    was started, by the clock.
    """

    connection: Connection
    plan: ClonePlan
    created: str
    clock: Clock
    random_bytes: RandomBytes
    journal: Journal
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    strategy: Strategy | None = None
    started: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def strategy_in_use(self) -> Strategy:
        """How the clones come about."""
        return self.strategy or PlainStrategy(self.connection, self.plan.choice.mode)

    def make(self, instead_of: Record | None = None) -> list[Row]:
        """Make the missing clones, all or none; return their rows of the result."""
        clones = self.plan.clones
        if not clones:
            return []
        taken = neighbours.find_mac_addresses(self.connection, self.plan.request.neighbours)
        identities = [
            identity.choose(self.plan.interfaces, taken, self.random_bytes) for _unused in clones
        ]
        intent = {
            "uri": self.connection.uri,
            "appliance": str(self.plan.manifest.id),
            "options": dict(self.options),
            "last_steps": {"finish": 1},
        }
        names, undo = (
            [clone.name for clone in clones],
            CloneRecovery(self.connection, clock=self.clock, journal=self.journal),
        )
        with self.journal.begin(KIND, ", ".join(names), intent, undo, instead_of) as transaction:
            self.strategy_in_use.prepare(transaction)
            makings = [
                _CloneInMaking(self, transaction, clone, chosen)
                for clone, chosen in zip(clones, identities)
            ]
            rows = run_all([making.make for making in makings], _AT_ONCE)
            step = transaction.begin_step("finish", names=names)
            if self.plan.request.state == "running":
                run_all([making.let_go for making in makings], _AT_ONCE)
            for making in makings:
                making.require_whole()
            transaction.finish_step_hastily(step)
            return rows


@dataclasses.dataclass
class _CloneInMaking:
    """One clone being made, step by step; each one's ``seconds`` are noted."""

    maker: Maker
    transaction: Transaction
    clone: NewClone
    identity: Identity
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def make(self) -> Row:
        self._time("volumes", self._make_disks)
        self._time("define", self._define)
        self._time("start", self._start)
        return {
            **self.maker.plan.predict_row(self.clone),
            "uuid": self.identity.uuid,
            "macs": list(self.identity.macs),
            "seconds": self.seconds,
        }

    def _time(self, stage: str, act: t.Callable[[], None]) -> None:
        began = self.maker.clock.now()
        act()
        self.seconds[stage] = round(self.maker.clock.now() - began, 3)

    def _make_disks(self) -> None:
        for disk in self.clone.overlays:
            step = self.transaction.begin_step(
                "volume", pool=disk.volume.pool, name=disk.volume.name
            )
            self.maker.strategy_in_use.make_disk(self.maker.plan.pool, disk)
            self.transaction.finish_step_hastily(step)
        seed_volume, content_of_seed = self.clone.extras.seed, self.maker.plan.request.seed
        if seed_volume is not None and content_of_seed is not None:
            self._make_extra(
                seed_volume, make_seed_image(content_of_seed, self.clone.name, self.identity.uuid)
            )
            self.identity = dataclasses.replace(self.identity, seed=seed_volume.path)
        variables, packed = self.clone.extras.nvram, self.maker.plan.manifest.nvram
        if variables is not None and packed is not None:
            self._make_extra(variables, packed_nvram.unpack_variables(packed))
            self.identity = dataclasses.replace(self.identity, nvram=variables.path)

    def _make_extra(self, place: ExtraVolume, data: bytes) -> None:
        step = self.transaction.begin_step("volume", pool=place.volume.pool, name=place.volume.name)
        make_volume(self.maker.connection, self.maker.plan.pool, place.volume.name, data)
        self.transaction.finish_step_hastily(step)

    def _reserve(self) -> tuple[ReservationRef, ...]:
        address = self.clone.extras.address
        if address is None:
            return ()
        ref = address.ref(self.identity.macs[0])
        planned = reservations.plan_to_reserve(
            self.maker.connection, address.network, address.for_mac(ref.mac), force=False
        )
        if planned.changes.changed:  # else it is somebody else's work, and nothing to undo
            step = self.transaction.begin_step(
                "reservation", **ref._asdict(), replaced=planned.replaced
            )
            reservations.carry_out(planned)
            self.transaction.finish_step_hastily(step)
        return (ref,)

    def _define(self) -> None:
        planned = self.maker.plan
        metadata = plan.make_metadata(
            self.clone, planned.request, planned.manifest, self.maker.created
        )
        metadata = metadata._replace(reservations=self._reserve())
        text = rewrite.make_clone_xml(
            planned.manifest.template,
            self.clone.name,
            self.identity,
            {disk.target: disk for disk in self.clone.overlays},
            metadata,
            planned.platform,
            planned.request.overrides,
        )
        step = self.transaction.begin_step("domain", name=self.clone.name, uuid=self.identity.uuid)
        domain = self.maker.strategy_in_use.define(text)
        if planned.request.autostart:
            domains.set_autostart(domain, True)
        self.transaction.finish_step_hastily(step)

    def _start(self) -> None:
        if self.maker.plan.request.state == "running":
            step = self.transaction.begin_step(
                "start", name=self.clone.name, uuid=self.identity.uuid
            )
            domain = domains.look_up_uuid(self.maker.connection, self.identity.uuid)
            self.maker.strategy_in_use.start(domain, self.identity)
            self.transaction.finish_step_hastily(step)

    def let_go(self) -> None:
        """Let the clone run, once all are there: a guest that boots takes the processors from those still to start."""
        self.maker.strategy_in_use.let_go(
            domains.look_up_uuid(self.maker.connection, self.identity.uuid)
        )
        self.maker.started[self.clone.name] = self.maker.clock.now()

    def require_whole(self) -> None:
        """Raise Conflict when somebody has taken the clone, or a volume of it, away while it was being made."""
        connection, name = self.maker.connection, self.clone.name
        refs = [disk.volume for disk in self.clone.overlays]
        refs += [extra.volume for extra in self.clone.extras.volumes]
        missing = [
            f"the volume {ref.pool}/{ref.name}"
            for ref in refs
            if deletion.find_volume(connection, ref) is None
        ]
        try:
            domain = domains.look_up_uuid(connection, self.identity.uuid)
            is_defined = domains.is_persistent(domain)
        except NotFound:
            is_defined = False
        if not is_defined:
            missing.append("its definition")
        if missing:
            raise Conflict(
                f"somebody has removed {', '.join(missing)} of {name!r} while it was being made. What is left of it "
                "is removed, too. Run the task again.",
                name=name,
            )


def describe_existing(connection: Connection, name: str) -> Row:
    """Return the row of the result of a clone that is there already; raises NotFound."""
    domain = look_up(connection, name)
    definition = domain.definition
    return {
        "name": name,
        "uuid": definition.uuid,
        "macs": [interface.mac for interface in definition.interfaces],
        "volumes": [
            {"pool": ref.pool, "name": ref.name, "path": survey.find_volume_path(connection, ref)}
            for ref in definition.metadata.volumes
        ],
        "appliance": definition.metadata.appliance,
        "state": domain.observe().situation,
        "created": False,
        "seconds": None,
    }


def make_seed_image(settings: seed.Seed, name: str, uuid: str) -> bytes:
    """Return the image that tells the clone ``name`` who it is."""
    return iso.make_image(seed.LABEL, seed.make_files(settings, name, uuid))


def make_volume(
    connection: Connection, pool: libvirt.virStoragePool, name: str, data: bytes
) -> None:
    """Make the volume of a seed or of an NVRAM; raises Conflict when the name is taken."""
    rbd = storage.read_pool(pool).rbd
    mode = _PRIVATE if rbd is None else None
    new = storage_xml.NewVolume(name, len(data), "raw", mode)
    volume = storage.create(pool, name, storage_xml.build_volume_xml(new))
    if rbd is None:
        content.send_bytes(connection, volume, data)
    else:
        images.write_content(connection, RbdImage(rbd, name), data)
