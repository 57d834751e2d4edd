# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read and find the appliances of one pool: open_catalogue(), and then what Catalogue offers.

The volumes are all there is: an appliance exists when its manifest is complete. See names.py for their names.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd.nodes import RbdImage
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    domains,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

from . import manifest as manifests
from . import names
from .manifest import InvalidManifest, Manifest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
        RbdSource,
    )

    from .names import ApplianceId

    Pool = libvirt.virStoragePool
    Volume = libvirt.virStorageVol

_LONGEST_MANIFEST_BYTES: t.Final = 4 * 1024 * 1024


class UnreadableAppliance(t.NamedTuple):
    """An appliance whose manifest, in the volume ``volume``, cannot be read; ``problem`` says why, and what to do."""

    id: ApplianceId
    volume: str
    problem: str


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The appliances in one pool of a host; ``rbd`` says where its images are, of one in Ceph.

    There a manifest is an image beside the disks: so it is there for all hosts of the cluster as soon as they are, and
    outlives the one that made it; and of two hosts that make one of a name, Ceph lets the first.
    """

    connection: Connection
    pool: Pool
    pool_name: str
    rbd: RbdSource | None = None

    def read_all(self) -> list[Manifest]:
        """Return the manifest of each appliance that can be read, by name, the newest version first."""
        # what another host has published in Ceph is as near as what this one has
        if self.rbd is not None:
            storage.try_to_refresh(self.pool)
        complete = [
            outcome for _volume, outcome in self._read_each() if isinstance(outcome, Manifest)
        ]
        return sorted(manifests.sort_newest_first(complete), key=lambda manifest: manifest.name)

    def list_unreadable(self) -> list[UnreadableAppliance]:
        """Return the appliances whose manifests cannot be read: of a newer release, damaged, or being written."""
        return [
            self._describe_unreadable(volume, outcome)
            for volume, outcome in self._read_each()
            if isinstance(outcome, InvalidManifest)
        ]

    def require_readable(self, appliance: ApplianceId) -> None:
        """Raise InvalidManifest where this version has a manifest that cannot be read."""
        volume = storage.find_volume(self.pool, self.name_manifest(appliance))
        outcome = None if volume is None else self._try_to_read(volume)
        if volume is not None and isinstance(outcome, InvalidManifest):
            row = self._describe_unreadable(volume.name(), outcome)
            raise InvalidManifest(
                f"appliance: {row.problem}",
                appliance=str(appliance),
                pool=self.pool_name,
                volume=row.volume,
            )

    def _describe_unreadable(self, volume: str, error: InvalidManifest) -> UnreadableAppliance:
        appliance = t.cast("ApplianceId", names.read_manifest_volume(volume))
        return UnreadableAppliance(
            appliance,
            volume,
            f"the manifest of {appliance} in the pool {self.pool_name!r} cannot be read: {error.message}. Nothing of "
            "this appliance is touched. Use the release of headroom.libvirt that wrote it; or, if it is damaged and "
            f"no clone stands on its disks, delete it: virsh vol-delete {volume} {self.pool_name}.",
        )

    def _read_each(self) -> t.Iterator[tuple[str, Manifest | InvalidManifest]]:
        """Yield (name of its volume, manifest, or why it is none) of each appliance."""
        for volume in storage.list_volumes(self.pool):
            if names.read_manifest_volume(volume.name()):
                outcome = self._try_to_read(volume)
                if outcome is not None:
                    yield volume.name(), outcome

    def find(self, name: str, version: str | None) -> Manifest | None:
        """Return that version, or without ``version`` the newest one; None when there is none.

        What another host has put into a shared pool is seen after a refresh, so none is believed only after one.
        """
        return self.find_known(name, version) or (
            self.find_known(name, version) if storage.try_to_refresh(self.pool) else None
        )

    def get(self, name: str, version: str | None) -> Manifest:
        """As find(); raises NotFound naming what there is, InvalidManifest for a version that cannot be read."""
        manifest = self.find(name, version)
        if manifest is None:
            if version is not None:
                self.require_readable(names.ApplianceId(name, version))
            ids = ", ".join(str(other.id) for other in self.read_all()) or "none"
            reference = name if version is None else f"{name}:{version}"
            raise NotFound(
                f"appliance: the pool {self.pool_name!r} has no appliance {reference!r} (it has: {ids}). "
                "Name one of these, or make it with headroom.libvirt.appliance.",
                appliance=reference,
                pool=self.pool_name,
            )
        return manifest

    def find_known(self, name: str, version: str | None) -> Manifest | None:
        """As find(), of what libvirt knows to be in the pool without a refresh."""
        if version is not None:
            volume = storage.find_volume(
                self.pool, self.name_manifest(names.ApplianceId(name, version))
            )
            return None if volume is None else self._read(volume)
        return next((manifest for manifest in self.read_all() if manifest.name == name), None)

    def _read(self, volume: Volume) -> Manifest | None:
        manifest = self._try_to_read(volume)
        return manifest if isinstance(manifest, Manifest) else None

    def _try_to_read(self, volume: Volume) -> Manifest | InvalidManifest | None:
        """Return the manifest, why it cannot be read, or None when it is gone since it was listed."""
        try:
            return manifests.parse_manifest(self._read_text(volume))
        except InvalidManifest as error:
            return error
        except NotFound:
            return None

    def locate_disks(self, manifest: Manifest) -> dict[str, str]:
        """Return {target: path on the host} of the appliance's disks; raises NotFound when one is missing."""
        return {
            disk.target: storage.read_volume_path(storage.look_up_volume(self.pool, disk.volume))
            for disk in manifest.disks
        }

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """Return the appliance as a module returns it, with the paths of its disks and the names of its clones."""
        paths = self.locate_disks(manifest)
        return {
            **describe_manifest(manifest),
            "pool": self.pool_name,
            "disks": [
                {**dataclasses.asdict(disk), "path": paths[disk.target]} for disk in manifest.disks
            ],
            "clones": self.list_clones(manifest.id),
            "manifest": manifest.as_dict(),
        }

    def list_clones(self, appliance: ApplianceId) -> list[str]:
        """Return the names of the domains that say they are clones of this version."""
        clones = []
        for domain in domains.list_all(self.connection):
            metadata = domains.find_metadata(domain)
            if metadata is not None and metadata.appliance == str(appliance):
                clones.append(domain.name())
        return sorted(clones)

    def list_own(self, manifest: Manifest) -> tuple[list[VolumeRef], list[VolumeRef]]:
        """Return the volumes of an appliance that are there: (with its manifest, its disks)."""
        own_names = [volume.name() for volume in storage.list_volumes(self.pool)]
        disk_names = {disk.volume for disk in manifest.disks}
        manifest_name = self.name_manifest(manifest.id)
        return (
            [VolumeRef(self.pool_name, name) for name in own_names if name == manifest_name],
            [VolumeRef(self.pool_name, name) for name in own_names if name in disk_names],
        )

    def list_published(self) -> set[str]:
        """Return the names of the volumes that a manifest which can be read names as its disks."""
        published: set[str] = set()
        for manifest in self.read_all():
            published.update(disk.volume for disk in manifest.disks)
        return published

    def read_manifest_text(self, volume_name: str) -> bytes:
        """Return what the volume of a manifest holds, whole or not; nothing for one that is gone."""
        volume = storage.find_volume(self.pool, volume_name)
        if volume is None:
            return b""
        return self._read_text(volume)

    def name_manifest(self, appliance: ApplianceId) -> str:
        """Return the name of the volume with an appliance's manifest."""
        return names.manifest_volume(appliance, in_ceph=self.rbd is not None)

    def delete(self, volume: Volume) -> None:
        """Delete one of its volumes."""
        if self.rbd is None:
            storage.delete(volume)
        else:
            storage.delete_image(volume)

    def require_files(self, option: str) -> None:
        """Raise Unsupported, with the option that named the pool, for one whose disks cannot be read out as files."""
        if self.rbd is not None:
            raise Unsupported(
                f"{option}: the appliances of the pool {self.pool_name!r} lie in Ceph, out of which none is copied. "
                "Have the other host use the same pool of Ceph, or register the image there from where it came.",
                pool=self.pool_name,
            )

    def _read_text(self, volume: Volume) -> bytes:
        if self.rbd is None:
            return content.read_bytes(self.connection, volume, _LONGEST_MANIFEST_BYTES)
        image = RbdImage(self.rbd, volume.name())
        return images.read_content(self.connection, image, _LONGEST_MANIFEST_BYTES)

    def write_manifest_text(self, volume: Volume, text: bytes) -> None:
        """Write the manifest into its volume, which has its length."""
        if self.rbd is None:
            content.send_bytes(self.connection, volume, text)
        else:
            images.write_content(self.connection, RbdImage(self.rbd, volume.name()), text)


def describe_manifest(manifest: Manifest) -> dict[str, t.Any]:
    """Return what a manifest says, its template as the size of the machine that it makes."""
    facts = dataclasses.asdict(manifest)
    del facts["template"], facts["disks"], facts["nvram"]
    return {"id": str(manifest.id), **facts, **manifests.machine_size(manifest)}


def open_catalogue(connection: Connection, pool_name: str) -> Catalogue:
    """Return the catalogue in a pool; raises NotFound, or Unsupported for a pool that can have none."""
    pool = storage.look_up_pool(connection, pool_name)
    described = storage.read_pool(pool)
    kinds.require("pool", pool_name, described.type, "register")
    return Catalogue(connection, pool, pool_name, described.rbd)
