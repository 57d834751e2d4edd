# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The volumes of a host, read at once, and the layers of a disk, followed through them to the end.

``read_storage`` is the look; it costs three calls a pool and one a volume. What it returns asks libvirt for nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

from .files import Files, Key
from .layers import DiskLayers, Layer

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


class HostStorage:
    """All pools of a host, and the volumes of those that are active."""

    def __init__(
        self,
        pools: t.Mapping[str, storage_xml.Pool],
        volumes: t.Mapping[VolumeRef, storage_xml.Volume],
        files: Files,
        inactive: t.Collection[str] = (),
    ) -> None:
        self.pools = pools
        self.volumes = volumes
        self.files = files
        self._inactive = frozenset(inactive)
        self._by_key: dict[Key, VolumeRef] = {}
        for ref in sorted(volumes):  # in which order libvirt lists pools is not said
            for key in files.identify(volumes[ref].path):
                self._by_key.setdefault(key, ref)

    def find_existing(self, refs: t.Iterable[VolumeRef]) -> list[VolumeRef]:
        """Return those of the volumes that exist, each once; raises Conflict where that cannot be known."""
        existing = []
        for ref in dict.fromkeys(refs):
            if ref.pool in self._inactive:
                raise Conflict(
                    f"pool: the storage pool {ref.pool!r}, in which the volume {ref.name!r} should be, is not active. "
                    f"Start it: virsh pool-start {ref.pool}.",
                    pool=ref.pool,
                )
            if ref in self.volumes:
                existing.append(ref)
        return existing

    def explain_undeletable(self, ref: VolumeRef) -> str | None:
        """Return in words why no volume of its pool is deleted; None where that is done."""
        pool = self.pools.get(ref.pool)
        refusal = pool and kinds.find_refusal(pool.name, pool.type, "remove")
        return str(refusal) if refusal else None

    def find_ref(self, path: str) -> VolumeRef | None:
        """Return the volume that the file at ``path`` is; None for one that is in no active pool."""
        keys = (self._by_key.get(key) for key in self.files.identify(path))
        return next((ref for ref in keys if ref is not None), None)

    def find_path(self, layer: Layer) -> str | None:
        """Return where a layer lies, for a volume of an inactive pool where it would; None where there is no path."""
        if layer.path is not None or not (layer.pool and layer.volume):
            return layer.path or layer.image
        volume = self.volumes.get(VolumeRef(layer.pool, layer.volume))
        if volume is not None:
            return volume.path
        pool = self.pools.get(layer.pool)
        return pool.path_of(layer.volume) if pool is not None and pool.path else None

    def find_volume(self, layer: Layer) -> VolumeRef | None:
        """Return the volume that a layer is; None for one that is in no active pool."""
        if layer.path is None and layer.pool and layer.volume:
            ref = VolumeRef(layer.pool, layer.volume)
            return ref if ref in self.volumes else None
        path = layer.path or layer.image
        return None if path is None else self.find_ref(path)

    def is_visible(self, layer: Layer) -> bool:
        """Return whether what a layer stands on can be known: it is a volume that libvirt sees, or on a network."""
        return layer.address is not None or self.find_volume(layer) is not None

    def identify(self, layer: Layer) -> tuple[Key, ...]:
        """Return what identifies the file of a layer; no two that could be one file have nothing in common."""
        path = self.find_path(layer)
        keys = () if path is None else self.files.identify(path)
        if layer.pool and layer.volume:
            return (*keys, VolumeRef(layer.pool, layer.volume))
        return keys or (str(layer),)

    def identify_volume(self, ref: VolumeRef) -> tuple[Key, ...]:
        """Return what identifies the file of a volume."""
        return self.identify(Layer("volume", pool=ref.pool, volume=ref.name))

    def layers_of(self, disk: DiskLayers) -> tuple[Layer, ...]:
        """Return all layers of a disk, the top first, also those that its XML leaves out.

        A file below is believed only where what is above it is declared in a format that has one. A chain that comes
        back to itself ends there.
        """
        layers = list(disk.layers)
        seen_keys: set[Key] = set()
        for layer in layers:
            seen_keys.update(self.identify(layer))
        is_ended = disk.is_ended or not layers
        while not is_ended:
            below = self._find_below(layers[-1])
            if below is None or not seen_keys.isdisjoint(self.identify(below)):
                break
            layers.append(below)
            seen_keys.update(self.identify(below))
        return tuple(layers)

    def files_of(self, disk: DiskLayers) -> tuple[Layer, ...]:
        """Return all layers of a disk, the top first, and then the files in which images among them keep their data."""
        layers = self.layers_of(disk)
        return (*layers, *filter(None, map(self._find_data_file, layers)))

    def files_of_volume(self, ref: VolumeRef) -> tuple[Layer, ...]:
        """Return the files of a volume, itself first, as if a disk of its own format were on it."""
        volume = self.volumes[ref]
        top = Layer("volume", format=volume.format, pool=ref.pool, volume=ref.name)
        return self.files_of(DiskLayers("", (top,)))

    def _find_data_file(self, layer: Layer) -> Layer | None:
        path = self.find_path(layer) if layer.format == "qcow2" else None
        data_path = None if path is None else self.files.read_data_file(path)
        return None if data_path is None else Layer("file", path=data_path, format="raw")

    def _find_below(self, layer: Layer) -> Layer | None:
        if not layer.may_have_backing:
            return None
        ref = self.find_volume(layer)
        if ref is not None:
            volume = self.volumes[ref]
            if volume.backing_path:
                return Layer("file", path=volume.backing_path, format=volume.backing_format)
            return None
        if layer.path is None or layer.format != "qcow2":
            return None
        backing = self.files.read_backing(layer.path)
        return None if backing is None else Layer("file", backing.path, backing.format)


def read_storage(connection: Connection, *, refresh: bool) -> HostStorage:
    """Return what the host stores now; with ``refresh`` after libvirt has looked into its active pools again."""
    pools: dict[str, storage_xml.Pool] = {}
    volumes: dict[VolumeRef, storage_xml.Volume] = {}
    inactive = set()
    for pool in storage.list_pools(connection):
        try:
            described = storage.read_pool(pool)
            pools[described.name] = described
            if not storage.is_active(pool):
                inactive.add(described.name)
                continue
            if refresh:
                storage.try_to_refresh(pool)
            for name, volume in _read_volumes(pool):
                volumes[VolumeRef(described.name, name)] = volume
        except NotFound:  # a pool that is gone since it was listed
            continue
        except HeadroomError:  # stopped since then: as if it had been off before
            if storage.is_active(pool):
                raise
            inactive.add(pool.name())
    return HostStorage(pools, volumes, Files(is_local=leads_here(connection.uri)), inactive)


def _read_volumes(pool: storage.Pool) -> t.Iterator[tuple[str, storage_xml.Volume]]:
    for volume in storage.list_volumes(pool):
        try:
            yield volume.name(), storage.read_volume(volume)
        except NotFound:  # gone since it was listed
            continue
