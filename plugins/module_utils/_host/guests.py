# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What placing guests needs to know of those that a host has."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    read_disk_volume,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    is_helper_name,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import MachineRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    state_name,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

_KIB: t.Final = 1024


def placed_guests(connection: Connection, uri: str) -> list[dict[str, t.Any]]:
    """Return each guest of the host with what it takes, by name; ``uri`` leads to the host from elsewhere."""
    found: list[dict[str, t.Any]] = []
    volumes = _Volumes(connection)
    for domain in domains.list_all(connection):
        try:
            found.append(_guest(domain, volumes, uri))
        except NotFound:  # it vanished between being listed and being read
            continue
    return sorted(found, key=lambda guest: (guest["name"], guest["uuid"]))


def appliance_volumes(connection: Connection) -> list[str]:
    """Return the names of the appliances' disks in the host's running pools; a guest on one need not bring it."""
    pools = [pool for pool in storage.list_pools(connection) if storage.is_active(pool)]
    names = {volume.name() for pool in pools for volume in storage.list_volumes(pool)}
    return sorted(name for name in names if read_disk_volume(name))


def _guest(domain: libvirt.virDomain, volumes: _Volumes, uri: str) -> dict[str, t.Any]:
    state, maximum_kib, _current_kib, vcpus, _cpu_time = domains.read_info(domain)
    root = domains.read_live_element(domain)
    definition = domain_xml.read(root)
    metadata = definition.metadata
    return {
        "name": definition.name,
        "uuid": definition.uuid,
        "machine": MachineRef(uri, definition.name, definition.uuid).as_dict(),
        "state": state_name(state),
        "running": state_name(state) in ACTIVE_STATES,
        "helper": is_helper_name(definition.name),
        "vcpus": vcpus,
        "memory_bytes": maximum_kib * _KIB,
        "fleet": metadata.fleet,
        "tenant": metadata.tenant,
        "tags": list(metadata.tags),
        "networks": sorted(
            {one.source for one in definition.interfaces if one.type == "network" and one.source}
        ),
        "disks": [_disk(disk, volumes) for disk in definition.disks if _comes_along(disk)],
        "busy": _busy(root),
    }


def _comes_along(disk: domain_xml.Disk) -> bool:
    has_source = disk.source is not None or disk.volume is not None
    return disk.device == "disk" and not disk.readonly and has_source


def _busy(root: etree._Element) -> str | None:
    """Return why a guest cannot be moved now, in words."""
    if root.find("devices/disk//backingStore[@type='network']") is not None:
        return "its disks are still arriving from another host"
    if root.find("devices/disk/mirror") is not None:
        return "a disk of it is being copied"
    return None


def _disk(disk: domain_xml.Disk, volumes: _Volumes) -> dict[str, t.Any]:
    found = (
        volumes.at(disk.source)
        if disk.source
        else volumes.named(disk.pool or "", disk.volume or "")
    )
    path, pool, read = found
    chain = disk.backing or ((read.backing_path,) if read.backing_path else ())
    name = posixpath.basename(chain[0]) if len(chain) == 1 else ""
    return {
        "target": disk.target,
        "path": path,
        "pool": pool,
        "bytes": read.allocation_bytes,
        "capacity_bytes": read.capacity_bytes,
        "base": name if read_disk_volume(name) else None,
        "base_bytes": sum(volumes.at(below)[2].allocation_bytes for below in chain),
    }


class _Volumes:
    """The host's volumes, each asked for once: many guests stand on one appliance."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._at: dict[str, tuple[str, str | None, storage_xml.Volume]] = {}

    def at(self, path: str) -> tuple[str, str | None, storage_xml.Volume]:
        """Return path, pool and volume; no pool and an empty volume for what is in no running pool."""
        if path not in self._at:
            volume = storage.find_volume_by_path(self._connection, path)
            self._at[path] = (
                (path, None, storage_xml.Volume("")) if volume is None else self._read(volume)
            )
        return self._at[path]

    def named(self, pool: str, name: str) -> tuple[str, str | None, storage_xml.Volume]:
        """Return the same for a volume by its name."""
        return self._read(
            storage.look_up_volume(storage.look_up_pool(self._connection, pool), name)
        )

    def _read(self, volume: libvirt.virStorageVol) -> tuple[str, str | None, storage_xml.Volume]:
        read = storage.read_volume(volume)
        return read.path, storage.look_up_pool_of(volume).name(), read
