# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The volumes that a domain owns, and who else uses them."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt


@dataclasses.dataclass(frozen=True)
class OwnedVolumes:
    """Which owned volumes go with their domain, and which stay, with the reason."""

    remove: tuple[VolumeRef, ...] = ()
    keep: t.Mapping[VolumeRef, str] = dataclasses.field(default_factory=dict)


def sort_owned(
    own: Definition, paths: t.Mapping[VolumeRef, str], used_elsewhere: t.Mapping[str, str]
) -> OwnedVolumes:
    """Decide which of the volumes that ``own``'s metadata lists may be deleted with it.

    ``paths`` holds those that still exist. ``used_elsewhere`` maps a path to the domain or volume that uses it. A
    claim in metadata is not enough to delete what others live on: a base image, a shared disk.
    """
    shared = {disk.source for disk in own.disks if disk.shareable}
    keep: dict[VolumeRef, str] = {}
    for ref, path in paths.items():
        if ref.name.startswith(PREFIX):
            keep[ref] = "it belongs to an appliance"
        elif path in shared:
            keep[ref] = "it is a shared disk"
        elif path in used_elsewhere:
            keep[ref] = f"{used_elsewhere[path]} uses it"
    return OwnedVolumes(remove=tuple(ref for ref in paths if ref not in keep), keep=keep)


class Uses:
    """Who uses which path on a host; read once for all domains of a task, and only when it is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_pool: dict[str, dict[str, str]] = {}

    def owned_by(self, definition: domain_xml.Definition) -> OwnedVolumes:
        """Return which of the volumes that ``definition`` claims may be deleted with it."""
        paths = {}
        for ref in definition.metadata.volumes:
            volume = find(self._connection, ref)
            if volume is not None:
                paths[ref] = storage.read_volume_path(volume)
        if not paths:
            return OwnedVolumes()
        used = {
            path: user
            for path, user in self.by_domains
            if user != f"the domain {definition.name!r}"
        }
        for pool in sorted({ref.pool for ref in paths}):
            used.update(self._in_pool(pool))
        return sort_owned(definition, paths, used)

    def user_of(self, pool: str, path: str) -> str | None:
        """Return who uses the volume at ``path`` in ``pool``: a domain, or a volume that it is the base of."""
        return dict(self.by_domains).get(path) or self._in_pool(pool).get(path)

    def _in_pool(self, pool: str) -> dict[str, str]:
        if pool not in self._by_pool:
            self._by_pool[pool] = self._by_volumes(pool)
        return self._by_pool[pool]

    @functools.cached_property
    def by_domains(self) -> list[tuple[str, str]]:
        """Return (path, user) for each disk, and what it is known to be backed by, of each domain."""
        found = []
        for domain in domains.list_all(self._connection):
            try:
                disks = domains.read_live(domain).disks
            except NotFound:  # gone since it was listed
                continue
            user = f"the domain {domain.name()!r}"
            found += [(path, user) for disk in disks for path in self._paths(disk)]
        return found

    def _paths(self, disk: domain_xml.Disk) -> t.Iterator[str]:
        if disk.source:
            yield disk.source
        elif disk.pool and disk.volume:
            volume = find(self._connection, VolumeRef(disk.pool, disk.volume))
            if volume is not None:
                yield storage.read_volume_path(volume)
        yield from disk.backing

    def _by_volumes(self, pool_name: str) -> dict[str, str]:
        """{path of a backing volume: who stands on it} of one pool; domains that are off do not tell their chains."""
        found = {}
        for volume in storage.list_volumes(storage.look_up_pool(self._connection, pool_name)):
            try:
                described = storage.read_volume(volume)
            except NotFound:
                continue
            if described.backing_path:
                found[described.backing_path] = f"the volume {described.name!r}"
        return found


def find(connection: Connection, ref: VolumeRef) -> libvirt.virStorageVol | None:
    """Return the volume, or None when it or its pool is not there."""
    try:
        pool = storage.look_up_pool(connection, ref.pool)
    except NotFound:
        return None
    return storage.find_volume(pool, ref.name)


def delete(connection: Connection, ref: VolumeRef, *, unless_at: t.Collection[str] = ()) -> None:
    """Delete the volume if it is still there, and not at one of the paths ``unless_at``."""
    volume = find(connection, ref)
    if volume is not None and (not unless_at or storage.read_volume_path(volume) not in unless_at):
        storage.delete(volume)


def paths_in_use(connection: Connection) -> frozenset[str]:
    """Return the path of each disk, and what it is known to be backed by, of each domain of the host."""
    return frozenset(path for path, _user in Uses(connection).by_domains)
