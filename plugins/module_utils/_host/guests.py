# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_guests`` and ``list_appliance_volumes``: what placement needs to know of a host, called by survey.py."""

from __future__ import annotations

import itertools
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    read_disk_volume,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
    DiskLayers,
    Layer,
    explain_incomplete,
    find_incomplete,
    read_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import (
    HostStorage,
    read_storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.host_resources import (
    explain_bound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.export_xml import (
    is_helper,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    describe_remainder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    metadata,
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


def read_guests(connection: Connection, uri: str) -> list[dict[str, t.Any]]:
    """Return each guest of the host with what it takes, by name; ``uri`` leads to the host from elsewhere."""
    rows: list[dict[str, t.Any]] = []
    stored = read_storage(connection, refresh=False)
    for domain in domains.list_all(connection):
        try:
            rows.append(_read_guest(domain, stored, uri))
        except NotFound:  # it vanished between being listed and being read
            continue
    return sorted(rows, key=lambda guest: (guest["name"], guest["uuid"]))


def list_appliance_volumes(connection: Connection) -> list[str]:
    """Return the names of the appliances' disks in the host's running pools; a guest on one need not bring it."""
    pools = [pool for pool in storage.list_pools(connection) if storage.is_active(pool)]
    volumes = itertools.chain.from_iterable(map(storage.list_volumes, pools))
    names = {volume.name() for volume in volumes}
    return sorted(name for name in names if read_disk_volume(name))


def _read_guest(domain: libvirt.virDomain, stored: HostStorage, uri: str) -> dict[str, t.Any]:
    state, maximum_kib, _current_kib, vcpus, _cpu_time = domains.read_info(domain)
    root = domains.read_live_element(domain)
    definition = domain_xml.read(root)
    labels = definition.metadata
    chains = {disk.target: disk for disk in read_disks(root)}
    return {
        "name": definition.name,
        "uuid": definition.uuid,
        "machine": MachineRef(uri, definition.name, definition.uuid).as_dict(),
        "state": state_name(state),
        "running": state_name(state) in ACTIVE_STATES,
        "helper": is_helper(root),
        "vcpus": vcpus,
        "memory_bytes": maximum_kib * _KIB,
        "fleet": labels.fleet,
        "tenant": labels.tenant,
        "tags": list(labels.tags),
        "networks": _list_sources(definition, "network"),
        "bridges": _list_sources(definition, "bridge", "direct"),
        "disks": [
            _read_disk(disk, chains[disk.target], stored)
            for disk in definition.disks
            if _comes_along(disk)
        ],
        "busy": _explain_busy(domain, root, is_running=state_name(state) in ACTIVE_STATES),
        "dependency": labels.dependency
        and describe_remainder(labels.dependency, find_incomplete(root)),
    }


def _list_sources(definition: domain_xml.Definition, *kinds: str) -> list[str]:
    """Return what the guest's cards of these types are attached to."""
    cards = (card for card in definition.interfaces if card.type in kinds)
    return sorted({card.source for card in cards if card.source})


def _comes_along(disk: domain_xml.Disk) -> bool:
    has_source = disk.source is not None or disk.volume is not None
    return disk.device == "disk" and not disk.readonly and has_source


def _explain_busy(
    domain: libvirt.virDomain, root: etree._Element, *, is_running: bool
) -> str | None:
    """Return why a guest cannot be moved now, in words: as the preflight of a migration would."""
    reason = explain_incomplete(root)
    # what runs, and says where the rest is, is moved on once that has been pulled in
    if reason is not None and not (is_running and metadata.find_in(root).dependency):
        return reason
    if root.find("devices/disk/mirror") is not None:
        return "one of its disks is being copied"
    # what runs has been given sockets and addresses that its definition does not ask for
    definition = domains.read_definition_element(domain) if is_running else root
    return explain_bound(definition, is_running=is_running)


def _read_disk(disk: domain_xml.Disk, chain: DiskLayers, stored: HostStorage) -> dict[str, t.Any]:
    top, *below = stored.layers_of(chain)
    ref, volume = stored.find_volume(top), _find_volume(stored, top)
    name = posixpath.basename(str(below[0])) if len(below) == 1 else ""
    return {
        "target": disk.target,
        "path": stored.find_path(top),
        "pool": None if ref is None else ref.pool,
        "bytes": volume.allocation_bytes,
        "capacity_bytes": volume.capacity_as(top.format),
        "base": name if read_disk_volume(name) else None,
        "base_bytes": sum(_find_volume(stored, layer).allocation_bytes for layer in below),
    }


def _find_volume(stored: HostStorage, layer: Layer) -> storage_xml.Volume:
    """Return the volume that a layer is; an empty one for what is in no running pool."""
    ref = stored.find_volume(layer)
    return storage_xml.Volume("") if ref is None else stored.volumes[ref]
