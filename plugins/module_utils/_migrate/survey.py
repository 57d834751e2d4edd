# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What both hosts say about a guest that is to move. Changes nothing, but for a probe of shared storage."""

from __future__ import annotations

import dataclasses
import functools
import posixpath
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import names, nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import layers
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import (
    Files,
    resolve_path,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import read_storage
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import pull
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    folders,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

from .endpoints import SeenState, read_state
from .host_resources import find_obstacles
from .model import Guest, SourceDisk
from .xml import NVRAM

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import Layer
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt


def list_active_pools(connection: Connection) -> tuple[storage_xml.Pool, ...]:
    """Return the host's active pools, as they are now."""
    pools = []
    for pool in storage.list_pools(connection):
        if storage.is_active(pool):
            storage.try_to_refresh(pool)
            pools.append(storage.read_pool(pool))
    return tuple(pools)


def read_guest(source: Connection, destination: Connection, domain: libvirt.virDomain) -> Guest:
    """Return the guest, with what is to be known of each of its disks."""
    root = domains.read_live_element(domain)
    definition = domain_xml.read(root)
    probe = _SharedStorage(source, destination)
    chains, incomplete = _read_chains(source, root), layers.find_incomplete(root)
    tops = {disk.target: tuple(map(str, disk.layers[:1])) for disk in layers.read_disks(root)}
    elements = {
        read_attribute(disk.find("target"), "dev"): disk for disk in root.iterfind("devices/disk")
    }
    read_disk = functools.partial(_read_disk, source, destination, domain, definition, probe)
    return Guest(
        name=definition.name,
        uuid=definition.uuid or "",
        running=domains.is_active(domain),
        memory_bytes=definition.memory_bytes,
        disks=tuple(
            _add_obstacles(
                read_disk(disk, chains[disk.target]),
                find_obstacles(elements[disk.target]),
                is_complete=disk.target not in incomplete,
                layers=tops.get(disk.target, ()) + tuple(map(str, chains[disk.target])),
            )
            for disk in definition.disks
        )
        + _read_variables(
            source, destination, definition, definition.nvram or nvram.find_usual_path(root), probe
        ),
        incomplete=layers.explain_incomplete(root) or "",
        dependency=definition.metadata.dependency,
        persistent=domains.is_persistent(domain),
        autostart=domains.is_persistent(domain) and domains.has_autostart(domain),
        paused=read_state(domain) == SeenState("paused", "user"),
        crowd_problem=pull.find_crowd_problem(destination),
    )


def _read_chains(source: Connection, root: etree._Element) -> dict[str, tuple[Layer, ...]]:
    """Return {target: what the disk stands on, top first}."""
    disks = layers.read_disks(root)
    # what runs tells its chains to the end by itself
    stored = None if all(disk.is_ended for disk in disks) else read_storage(source, refresh=False)
    return {disk.target: (stored.layers_of(disk) if stored else disk.layers)[1:] for disk in disks}


def _read_disk(
    source: Connection,
    destination: Connection,
    domain: libvirt.virDomain,
    definition: domain_xml.Definition,
    probe: _SharedStorage,
    disk: domain_xml.Disk,
    lower: tuple[Layer, ...],
) -> SourceDisk:
    path = disk.source
    if disk.pool and disk.volume:
        named_pool = storage.look_up_pool(source, disk.pool)
        path = storage.read_volume_path(storage.look_up_volume(named_pool, disk.volume))
    volume = None if path is None else storage.find_volume_by_path(source, path)
    read = storage_xml.Volume("") if volume is None else storage.read_volume(volume)
    size = domains.read_block_size(domain, disk.target) if path else None
    exists_there = path is not None and storage.find_volume_by_path(destination, path) is not None
    pool = None if volume is None else storage.read_pool(storage.look_up_pool_of(volume))
    chain = tuple(map(str, lower))
    base, same = _find_base(destination, chain)
    image_format, head = disk.format or "raw", _read_head(volume)
    files = None if domains.is_active(domain) else Files(is_local=leads_here(source.uri))
    return SourceDisk(
        target=disk.target,
        device=disk.device,
        path=path,
        format=image_format,
        capacity_bytes=size.capacity_bytes if size else read.capacity_as(image_format),
        allocation_bytes=size.allocation_bytes if size else read.allocation_bytes,
        pool=None if pool is None else pool.name,
        pool_type=None if pool is None else pool.type,
        chain=chain,
        readonly=disk.readonly,
        shareable=disk.shareable,
        is_own=_is_own(volume, definition) and (disk.device != "disk" or disk.readonly),
        exists_there=exists_there,
        shared=exists_there and volume is not None and probe.proves(volume),
        base_format=lower[0].format if lower else None,
        base_there=base,
        base_is_same=same,
        cache=disk.cache,
        obstacles=_find_hidden(head, image_format, path or "", chain, files),
        looks_like=header.detect_disk_format(head) if image_format == "raw" else None,
    )


def _find_hidden(
    head: bytes, image_format: str, path: str, chain: t.Sequence[str], files: Files | None
) -> tuple[str, ...]:
    """Return what a disk's file says that its definition does not, as find_obstacles(); ``files`` where it is off."""
    hidden = header.find_hidden(head, image_format, is_copied_whole=files is not None)
    if files is None or not head or image_format != "qcow2":
        return hidden
    return (*hidden, *find_other_base(files, path, header.read_backing(head), chain))


def find_other_base(
    files: Files, path: str, backing: header.Backing | None, chain: t.Sequence[str]
) -> tuple[str, ...]:
    """Return why an image cannot be copied as a file, as find_obstacles(): its definition has another base than it.

    The guest runs by its definition, and its copy would by what its file says.
    """
    named = None if backing is None else resolve_path(path, backing.path)
    stated = chain[0] if chain else None
    if named == stated:
        return ()
    keys = [set() if file is None else set(files.identify(file)) for file in (named, stated)]
    if not keys[0].isdisjoint(keys[1]):
        return ()
    return (
        f"stands on {named or 'nothing'} by its file, and on {stated or 'nothing'} by its definition",
    )


def _add_obstacles(disk: SourceDisk, obstacles: tuple[str, ...], **facts: t.Any) -> SourceDisk:
    return dataclasses.replace(disk, obstacles=(*obstacles, *disk.obstacles), **facts)


def _read_head(volume: storage.Volume | None) -> bytes:
    """Return what a volume begins with; nothing where that cannot be read."""
    try:
        return b"" if volume is None else storage.read_head(volume, header.HEADER_BYTES)
    except HeadroomError:
        return b""


def _is_own(volume: storage.Volume | None, definition: domain_xml.Definition) -> bool:
    """Return whether a volume is one that the machine's metadata says to belong to it."""
    if volume is None:
        return False
    ref = VolumeRef(storage.look_up_pool_of(volume).name(), volume.name())
    return ref in definition.metadata.volumes


def _read_variables(
    source: Connection,
    destination: Connection,
    definition: domain_xml.Definition,
    path: str | None,
    probe: _SharedStorage,
) -> tuple[SourceDisk, ...]:
    """Return the file in which the guest's firmware keeps its settings, where the source can be seen to have it."""
    if path is None:
        return ()
    with folders.open_folders(source, [path]):
        volume = storage.find_volume_by_path(source, path)
        if volume is None:
            return ()
        described, pool = storage.read_volume(volume), storage.look_up_pool_of(volume)
        pool_name = None if folders.is_open_folder(pool) else pool.name()
        exists_there = folders.does_file_exist(destination, path) is not False
        return (
            SourceDisk(
                NVRAM,
                device=NVRAM,
                path=path,
                format=definition.nvram_format,
                capacity_bytes=described.capacity_bytes,
                allocation_bytes=described.allocation_bytes,
                pool=pool_name,
                exists_there=exists_there,
                shared=exists_there and pool_name is not None and probe.proves(volume),
                is_own=True,
            ),
        )


def _find_base(destination: Connection, chain: tuple[str, ...]) -> tuple[str | None, bool]:
    """Return the destination's path of what a disk stands on, and whether it is the same for certain."""
    if not chain:
        return None, False
    name = posixpath.basename(chain[0])
    if len(chain) == 1 and names.read_disk_volume(name):
        for pool in storage.list_pools(destination):
            volume = storage.find_volume(pool, name) if storage.is_active(pool) else None
            if volume is not None:
                return storage.read_volume_path(volume), True
    at_path = storage.find_volume_by_path(destination, chain[0])
    return None if at_path is None else chain[0], False


class _SharedStorage:
    """Proves that a pool is the same storage on both hosts.

    A volume made on one is seen by the other; or both name the same storage of the network, where that is the proof.
    """

    def __init__(self, source: Connection, destination: Connection) -> None:
        self._source = source
        self._destination = destination
        self._proven: dict[str, bool] = {}

    def proves(self, volume: libvirt.virStorageVol) -> bool:
        """Return whether what the destination has at the path of ``volume`` is that one; found out once a pool."""
        pool = storage.look_up_pool_of(volume)
        if pool.name() not in self._proven:
            described = storage.read_pool(pool)
            proofs = {"probe": self._probe, "source": self._compare}
            proof = proofs.get(described.sharing)
            self._proven[described.name] = proof is not None and proof(pool)
        return self._proven[pool.name()]

    def _compare(self, pool: libvirt.virStoragePool) -> bool:
        """Return whether an active pool of the destination names the same storage."""
        described = storage.read_pool(pool)
        others = filter(storage.is_active, storage.list_pools(self._destination))
        return described.source is not None and any(
            storage.read_pool(other).source == described.source for other in others
        )

    def _probe(self, pool: libvirt.virStoragePool) -> bool:
        name = f"headroom-probe.{secrets.token_hex(8)}"
        new = storage_xml.NewVolume(name, capacity_bytes=512, format="raw")
        try:
            probe = storage.create(pool, name, storage_xml.build_volume_xml(new))
        except HeadroomError:
            return False
        try:
            path = storage.read_volume_path(probe)
            for other in storage.list_pools(self._destination):
                if storage.is_active(other):
                    storage.try_to_refresh(other)
            return storage.find_volume_by_path(self._destination, path) is not None
        finally:
            storage.delete(probe)
            for other in storage.list_pools(self._destination):
                if storage.is_active(other):
                    storage.try_to_refresh(other)
