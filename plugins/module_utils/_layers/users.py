# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who needs a file: asked of ``Uses`` before anything is deleted or overwritten.

A file is needed by the disks of all domains, live and as they are defined, by their snapshots and saved memory, by the
volumes of all active pools that stand on it, and by the catalogue. ``Uses`` looks once, when it is first asked, and
then answers for all volumes of a task; a task that deletes makes a new one right before (``deletion``).
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._names import is_appliance_volume
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

from .layers import DiskLayers, Layer
from .look import Need, User, read_needs
from .stored import HostStorage, read_storage

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )

    from .files import Key

# What is not to count as a user: a domain by its UUID, a volume by its names.
Without = t.AbstractSet[t.Union[str, VolumeRef]]


@dataclasses.dataclass(frozen=True)
class OwnedVolumes:
    """Which owned volumes go with their domain, overlays before what they stand on, and which stay and why."""

    remove: tuple[VolumeRef, ...] = ()
    keep: t.Mapping[VolumeRef, str] = dataclasses.field(default_factory=dict)


class Use(t.NamedTuple):
    """One user of a file, and the disk by which it is one; no target for what is not a disk of a domain."""

    user: User
    target: str | None = None


class UseIndex:
    """{file: who uses it}, of what a host stores and of what needs it. Asks nobody."""

    def __init__(self, storage: HostStorage, needs: t.Iterable[Need]) -> None:
        self.made_at, self.look_seconds = time.monotonic(), 0.0
        self.storage = storage
        self.needs = tuple(needs)
        self._uses: dict[Key, list[Use]] = {}
        self._formats: dict[Key, set[str | None]] = {}
        for need in self.needs:
            self._add_need(need)
        for ref in storage.volumes:
            self._add_volume(ref)
        for pool in storage.pools.values():
            for path in pool.source_paths:
                self._add(Layer("file", path=path), Use(User("pool", pool.name, pool.name)))

    def _add_need(self, need: Need) -> None:
        for disk in need.disks:
            for layer in self.storage.files_of(disk):
                self._add(layer, Use(need.user, disk.target))
                for key in self.storage.identify(layer):
                    self._formats.setdefault(key, set()).add(layer.format)
            for layer in disk.others:
                self._add(layer, Use(need.user, disk.target))
        for path in need.other_files:
            self._add(Layer("file", path=path), Use(need.user))

    def _add_volume(self, ref: VolumeRef) -> None:
        if self._choose_name(ref) != ref or not self._may_stand(ref):
            return
        user = User("volume", f"{ref.pool}/{ref.name}", ref)
        for layer in self.storage.files_of_volume(ref)[1:]:
            self._add(layer, Use(user))

    def _may_stand(self, ref: VolumeRef) -> bool:
        """Return whether what libvirt probed below a volume is believed: not of one that only raw disks are on."""
        declared: set[str | None] = set()
        for key in self.storage.identify_volume(ref):
            declared |= self._formats.get(key, set())
        return not declared or any(Layer("", format=name).may_have_backing for name in declared)

    def _add(self, layer: Layer, use: Use) -> None:
        for key in self.storage.identify(layer):
            self._uses.setdefault(key, []).append(use)

    def uses_of(self, file: str | VolumeRef, without: Without = frozenset()) -> list[Use]:
        """Return each use of a volume, or of the file at a path, but for those by what is in ``without``."""
        keys = (
            self.storage.files.identify(file)
            if isinstance(file, str)
            else self.storage.identify_volume(file)
        )
        uses: dict[Use, None] = {}
        for key in keys:
            uses.update(dict.fromkeys(self._uses.get(key, ())))
        ignored = {
            identity if isinstance(identity, str) else self._choose_name(identity)
            for identity in (*without, file)
        }
        return [use for use in uses if use.user.identity not in ignored]

    def _choose_name(self, ref: VolumeRef) -> VolumeRef:
        """Return one and the same name for a volume that is in two pools."""
        volume = self.storage.volumes.get(ref)
        return (volume and self.storage.find_ref(volume.path)) or ref

    def users_of(self, file: str | VolumeRef, without: Without = frozenset()) -> list[User]:
        """Return who needs a volume, or the file at a path, but for what is in ``without``."""
        return sorted({use.user for use in self.uses_of(file, without)})

    def sort_by_depth(self, refs: t.Iterable[VolumeRef]) -> list[VolumeRef]:
        """Return those of the volumes that exist, overlays before what they stand on; raises as find_existing()."""
        existing = self.storage.find_existing(refs)
        depths = {ref: len(self.storage.files_of_volume(ref)) for ref in existing}
        return sorted(existing, key=lambda ref: -depths[ref])

    def explain_keep(
        self, ref: VolumeRef, without: Without = frozenset(), *, of_appliances: bool = False
    ) -> str | None:
        """Return in words why a volume must stay; None when nobody but those in ``without`` needs it.

        An appliance's stays, unless it is what is to go (``of_appliances``).
        """
        if is_appliance_volume(ref.name) and not of_appliances:
            return "it belongs to an appliance"
        refusal = self.storage.explain_undeletable(ref)
        if refusal is not None:
            return refusal
        users = self.users_of(ref, without)
        if not users:
            return None
        verb = "uses" if len(users) == 1 else "use"
        return f"{', '.join(map(str, users))} {verb} it"

    def sort_owned(self, own: Definition, own_disks: t.Iterable[DiskLayers]) -> OwnedVolumes:
        """Return which of the volumes that ``own``'s metadata lists may be deleted with it.

        A claim in metadata is not enough to delete what others live on: a base image, a shared disk.
        """
        shared: set[Key] = set()
        for disk in own_disks:
            for layer in disk.layers if disk.is_shareable else ():
                shared.update(self.storage.identify(layer))
        claimed = self.sort_by_depth(own.metadata.volumes)
        keep = {
            ref: "it is a shared disk"
            for ref in claimed
            if not shared.isdisjoint(self.storage.identify_volume(ref))
        }
        without: set[str | VolumeRef] = {own.uuid or own.name}
        for ref in claimed:
            reason = keep.get(ref) or self.explain_keep(ref, without)
            if reason is None:
                without.add(ref)
            else:
                keep[ref] = reason
        return OwnedVolumes(tuple(ref for ref in claimed if ref not in keep), keep)


class Uses:
    """The users of all files of a host; looks once, when it is first asked, for all volumes of a task."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @functools.cached_property
    def index(self) -> UseIndex:
        """What a look at the host has found, after its pools were refreshed."""
        began = time.monotonic()
        index = UseIndex(read_storage(self._connection, refresh=True), read_needs(self._connection))
        index.look_seconds = index.made_at - began
        return index

    def sort_owned(self, definition: Definition) -> OwnedVolumes:
        """Return which of the volumes that ``definition`` claims may be deleted with it."""
        if not definition.metadata.volumes:
            return OwnedVolumes()
        disks: list[DiskLayers] = []
        for need in self.index.needs:
            if need.user.identity == definition.uuid:
                disks.extend(need.disks)
        return self.index.sort_owned(definition, disks)


class SharedLook:
    """Looks for the threads of a task that delete side by side: who asks while others wait shares their look.

    What each gets was read after it had asked, so that it is as good as a look of its own.
    """

    def __init__(self, look: t.Callable[[], UseIndex]) -> None:
        self._look = look
        self._counting, self._looking = threading.Lock(), threading.Lock()
        self.asked_count = 0
        self._answered_count = 0
        self._index: UseIndex | None = None

    def read(self) -> UseIndex:
        """Return who needs which file, as it was at some time after this was called."""
        with self._counting:
            self.asked_count += 1
            number = self.asked_count
        with self._looking:
            if self._index is None or self._answered_count < number:
                count = self.asked_count
                self._index = self._look()
                self._answered_count = count
            return self._index
