# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Who stands on an appliance: the domains with the disks that do, and volumes that no domain has."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InUse
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

if t.TYPE_CHECKING:
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


def find(catalogue: Catalogue, manifest: Manifest, uses: Uses | None = None) -> Users:
    """Return who stands on the appliance, on this host as it is now, or as ``uses`` has looked right before."""
    index = (uses or Uses(catalogue.connection)).index
    bases = {VolumeRef(catalogue.pool_name, disk.volume) for disk in manifest.disks}
    targets: dict[str, dict[str, None]] = {}
    volumes: set[str] = set()
    for base in bases:
        for user, target in index.uses_of(base, bases):
            if isinstance(user.identity, str):
                targets.setdefault(user.name, {}).update({target: None} if target else {})
            elif all(one.kind == "volume" for one in index.users_of(user.identity)):
                volumes.add(user.name)
    for need in index.needs:
        if need.appliance == str(manifest.id):
            for disk in filter(lambda disk: disk.layers, need.disks):
                top = index.storage.find_volume(disk.layers[0])
                if not index.storage.is_visible(disk.layers[0]):
                    targets.setdefault(need.user.name, {})
                # what an image in Ceph stands on no XML says, but that it is a clone its domain's metadata do
                elif catalogue.rbd and top is not None and top.pool == catalogue.pool_name:
                    targets.setdefault(need.user.name, {})[disk.target] = None
    return Users(
        {name: tuple(standing) for name, standing in targets.items()}, tuple(sorted(volumes))
    )


def refuse(manifest: Manifest, users: Users) -> None:
    """Raise InUse naming each domain and volume that stands on the appliance."""
    if users.words:
        raise InUse(
            f"{manifest.id} cannot go: {', '.join(users.words)} stand on it. Remove them first, or set flatten: true "
            "to give domains disks of their own.",
            appliance=str(manifest.id),
            users=users.words,
        )
