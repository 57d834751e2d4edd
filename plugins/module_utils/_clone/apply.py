# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making clones: retrieve, plan, act. A failure at any step undoes all of them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    companions,
    identity,
    neighbours,
    plan,
    rewrite,
    survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domains
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.machine import DefinedMachine
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._network import reservations
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import api as storage
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import xml as storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._undo import UndoStack

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.identity import Identity, RandomBytes
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import NewClone, Overlay
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.survey import ClonePlan
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.metadata import ReservationRef
    from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

# QEMU starts of libvirtd run side by side; more of them than this only compete for the host's processors.
_STARTS_AT_ONCE: t.Final = 4

Row = t.Dict[str, t.Any]  # noqa: UP006 - evaluated at run time, on Python 3.9 too


@dataclasses.dataclass
class _Made:
    clone: NewClone
    identity: Identity
    domain: libvirt.virDomain
    seconds: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Maker:
    """Carries a plan out. ``created`` is an ISO 8601 time in UTC; ``random_bytes`` makes the identities."""

    connection: Connection
    plan: ClonePlan
    created: str
    clock: Clock
    random_bytes: RandomBytes

    def make(self) -> list[Row]:
        """Make the missing clones, all or none; return their rows of the result."""
        taken = neighbours.mac_addresses(self.connection, self.plan.request.neighbours) if self.plan.clones else set()
        with UndoStack() as undo:
            made = [self._make_one(clone, taken, undo) for clone in self.plan.clones]
            if self.plan.request.state == "running":
                self._start_all(made, undo)
        return [self._row(one) for one in made]

    def _make_one(self, clone: NewClone, taken_macs: set[str], undo: UndoStack) -> _Made:
        began = self.clock.now()
        for overlay in clone.overlays:
            self._create_volume(overlay, undo)
        chosen = identity.choose(self.plan.interfaces, taken_macs, self.random_bytes)
        chosen = self._create_seed(clone, chosen, undo)
        copied = self.clock.now()
        domain = self._define(clone, chosen, undo)
        if self.plan.request.autostart:
            domains.set_autostart(domain, True)
        return _Made(
            clone, chosen, domain, {"volumes": copied - began, "define": self.clock.now() - copied, "start": 0.0}
        )

    def _create_volume(self, overlay: Overlay, undo: UndoStack) -> None:
        name = overlay.volume.name
        new = storage_xml.NewVolume(
            name, overlay.capacity_bytes, backing_path=overlay.base_path, backing_format=overlay.base_format
        )
        volume = storage.create(self.plan.pool, name, storage_xml.volume_xml(new))
        undo.push(f"the volume {name!r}", functools.partial(_if_there, storage.delete, volume))

    def _create_seed(self, clone: NewClone, chosen: Identity, undo: UndoStack) -> Identity:
        place, said = clone.extras.seed, self.plan.request.seed
        if place is None or said is None:
            return chosen
        image = companions.seed_image(said, clone.name, chosen.uuid)
        volume = companions.create_seed(self.plan.pool, place.volume.name, image)
        undo.push(f"the volume {place.volume.name!r}", functools.partial(_if_there, storage.delete, volume))
        companions.fill_seed(self.connection, volume, image)
        return dataclasses.replace(chosen, seed=place.path)

    def _reserve(self, clone: NewClone, chosen: Identity, undo: UndoStack) -> tuple[ReservationRef, ...]:
        wanted = clone.extras.address
        if wanted is None:
            return ()
        kept = wanted.ref(chosen.macs[0])
        undo.push(f"the reservation of {kept.address}", functools.partial(reservations.release, self.connection, kept))
        return (companions.reserve(self.connection, wanted, chosen.macs[0]),)

    def _define(self, clone: NewClone, chosen: Identity, undo: UndoStack) -> libvirt.virDomain:
        metadata = plan.metadata_for(clone, self.plan.request, self.plan.manifest, self.created)
        metadata = dataclasses.replace(metadata, reservations=self._reserve(clone, chosen, undo))
        text = rewrite.clone_xml(
            self.plan.manifest.template,
            clone.name,
            chosen,
            {overlay.target: overlay.path for overlay in clone.overlays},
            metadata,
            self.plan.platform,
            self.plan.request.overrides,
        )
        domain = domains.define(self.connection, text)
        undo.push(f"the domain {clone.name!r}", functools.partial(_if_there, domains.undefine, domain))
        return domain

    def _start_all(self, made: list[_Made], undo: UndoStack) -> None:
        for one in made:
            undo.push(f"the running domain {one.clone.name!r}", functools.partial(_if_there, _power_off, one.domain))
        with concurrent.futures.ThreadPoolExecutor(_STARTS_AT_ONCE) as threads:
            starts = [threads.submit(self._start, one) for one in made]
            concurrent.futures.wait(starts, return_when=concurrent.futures.FIRST_EXCEPTION)
            for start in starts:
                start.cancel()  # of no use once one has failed; those that have begun are awaited
        for start in starts:
            if not start.cancelled():
                start.result()

    def _start(self, one: _Made) -> None:
        began = self.clock.now()
        domains.start(one.domain)
        one.seconds["start"] = self.clock.now() - began

    def _row(self, one: _Made) -> Row:
        return {
            **self.plan.predicted_row(one.clone),
            "uuid": one.identity.uuid,
            "macs": list(one.identity.macs),
            "seconds": {stage: round(seconds, 3) for stage, seconds in one.seconds.items()},
        }


def _power_off(domain: libvirt.virDomain) -> None:
    if domains.is_active(domain):
        domains.power_off(domain)


def _if_there(act: t.Callable[[t.Any], None], thing: t.Any) -> None:
    with contextlib.suppress(NotFound):
        act(thing)


def existing_row(connection: Connection, name: str) -> Row:
    """Return the row of the result of a clone that is there already; raises NotFound."""
    machine = DefinedMachine.named(connection, name)
    definition = machine.definition
    return {
        "name": name,
        "uuid": definition.uuid,
        "macs": [interface.mac for interface in definition.interfaces],
        "volumes": [
            {"pool": ref.pool, "name": ref.name, "path": survey.volume_path(connection, ref)}
            for ref in definition.metadata.volumes
        ],
        "appliance": definition.metadata.appliance,
        "state": machine.observe().situation,
        "created": False,
        "seconds": None,
    }
