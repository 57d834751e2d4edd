# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who stands on an appliance: the domains with the disks that do, and volumes that no domain has."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InUse,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    storage,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .catalogue import Catalogue
    from .manifest import Manifest


@dataclasses.dataclass(frozen=True)
class Users:
    """``domains`` is {name: targets of the disks, none where these are out of sight}, ``volumes`` pool/name of each."""

    domains: t.Mapping[str, tuple[str, ...]]
    volumes: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """All of them, for people."""
        return sorted(
            [f"the domain {name!r}" for name in self.domains]
            + [f"the volume {name!r}" for name in self.volumes]
        )


def find(catalogue: Catalogue, manifest: Manifest) -> Users:
    """Return who stands on the appliance, on this host as it is now."""
    bases = (storage.find_volume(catalogue.pool, disk.volume) for disk in manifest.disks)
    paths = {storage.read_volume_path(base) for base in bases if base is not None}
    overlays = dict(_overlays(catalogue.connection, paths))
    users: dict[str, tuple[str, ...]] = {}
    for domain in domains.list_all(catalogue.connection):
        with contextlib.suppress(NotFound):  # gone since it was listed
            disks = domains.read_live(domain).disks
            own = {disk.target: _path(catalogue.connection, disk) for disk in disks}
            standing = tuple(
                disk.target
                for disk in disks
                if own[disk.target] in paths | set(overlays) or paths & set(disk.backing)
            )
            if standing or _may_stand(catalogue.connection, domain, manifest, own):
                users[domain.name()] = standing
            for path in own.values():
                overlays.pop(path or "", None)
    return Users(users, tuple(sorted(overlays.values())))


def refuse(manifest: Manifest, users: Users) -> None:
    """Raise InUse naming each domain and volume that stands on the appliance."""
    if users.words:
        raise InUse(
            f"{manifest.id} cannot go: {', '.join(users.words)} stand on it. Remove them first, or set flatten: true "
            "to give domains disks of their own.",
            appliance=str(manifest.id),
            users=users.words,
        )


def _may_stand(
    connection: Connection,
    domain: libvirt.virDomain,
    manifest: Manifest,
    own: t.Mapping[str, str | None],
) -> bool:
    """Return whether a domain says that it is a clone, and a disk of it lies where it cannot be seen."""
    said = domains.find_metadata(domain)
    if said is None or said.appliance != str(manifest.id):
        return False
    return any(
        path is None or storage.find_volume_by_path(connection, path) is None
        for path in own.values()
    )


def _path(connection: Connection, disk: domain_xml.Disk) -> str | None:
    if disk.source or not (disk.pool and disk.volume):
        return disk.source
    with contextlib.suppress(HeadroomError):
        volume = storage.find_volume(storage.look_up_pool(connection, disk.pool), disk.volume)
        return None if volume is None else storage.read_volume_path(volume)
    return None


def _overlays(connection: Connection, paths: set[str]) -> t.Iterator[tuple[str, str]]:
    """Yield (path, pool/name) of each volume of any active pool that is backed by one of ``paths``."""
    for pool in storage.list_pools(connection):
        for volume in storage.list_volumes(pool) if storage.is_active(pool) else ():
            with contextlib.suppress(NotFound):
                if storage.read_volume(volume).backing_path in paths:
                    yield storage.read_volume_path(volume), f"{pool.name()}/{volume.name()}"
