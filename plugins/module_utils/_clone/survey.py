# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the host says about the clones that are asked for, and the plan that follows from it.

Everything that can be known to fail is found here, before anything is made, and so in check mode too.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import host, plan, rewrite
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import api as domains
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import xml
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.metadata import Metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._host import api as host_api
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import api as storage
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import xml as storage_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.catalogue import Catalogue
    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.manifest import Manifest
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import NewClone, Request, Selection
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.rewrite import Platform
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.metadata import VolumeRef
    from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt


@dataclasses.dataclass(frozen=True)
class ClonePlan:
    """The clones that will be made, and of what. Check mode returns it, a real run carries it out."""

    request: Request
    manifest: Manifest
    pool: libvirt.virStoragePool
    platform: Platform
    selection: Selection
    clones: tuple[NewClone, ...]
    hardware: xml.Definition
    notes: tuple[str, ...]

    @property
    def interfaces(self) -> int:
        """How many network cards each clone has."""
        return len(self.hardware.interfaces)

    def predicted_row(self, clone: NewClone) -> dict[str, t.Any]:
        """Return the row of the result of a clone; what is chosen when it is made is None."""
        return {
            "name": clone.name,
            "uuid": None,
            "macs": None,
            "volumes": [{**dataclasses.asdict(one.volume), "path": one.path} for one in clone.overlays],
            "appliance": str(self.manifest.id),
            "state": self.request.state,
            "created": True,
            "seconds": None,
        }

    def summary(self, clone: NewClone) -> dict[str, t.Any]:
        """Return what a diff shows of a clone."""
        return {
            "appliance": str(self.manifest.id),
            "state": self.request.state,
            "vcpus": self.hardware.vcpus,
            "memory_bytes": self.hardware.memory_bytes,
            "networks": [interface.source for interface in self.hardware.interfaces],
            "volumes": [f"{one.volume.pool}/{one.volume.name}" for one in clone.overlays],
            "fleet": self.request.fleet,
            "tenant": self.request.tenant,
            "protected": self.request.protected,
            "autostart": self.request.autostart,
        }


def make_plan(catalogue: Catalogue, request: Request) -> ClonePlan:
    """Return what has to be done for the request; raises when it cannot be done."""
    connection = catalogue.connection
    manifest = catalogue.get(request.appliance, request.version)
    selection = _select(connection, request)
    root = xml.parse_element(manifest.template)
    guests = host.read_guests(host_api.capabilities_xml(connection))
    platform, notes = host.choose_platform(xml.read(root), root.findtext("devices/emulator"), guests)
    hardware = xml.read(rewrite.with_hardware(manifest.template, platform, request.overrides))
    pool = storage.look_up_pool(connection, request.pool)
    clones = _new_clones(catalogue, manifest, request, selection, pool)
    if clones:
        plan.check_memory(manifest, hardware.memory_bytes)
        _check_networks(connection, hardware, running=request.state == "running")
        _check_volumes(pool, request, clones)
    return ClonePlan(request, manifest, pool, platform, selection, clones, hardware, tuple(notes))


def _select(connection: Connection, request: Request) -> Selection:
    by_name = {domain.name(): domain for domain in domains.list_all(connection)}
    chosen = plan.candidates(request, by_name)
    read = {name: domains.metadata_if_there(by_name[name]) or Metadata() for name in chosen}
    return plan.select(request, by_name, {name: found.appliance for name, found in read.items()})


def _new_clones(
    catalogue: Catalogue, manifest: Manifest, request: Request, selection: Selection, pool: libvirt.virStoragePool
) -> tuple[NewClone, ...]:
    if not selection.missing:
        return ()
    described = storage_xml.parse_pool(storage.pool_xml(pool))
    if not described.holds_files:
        raise Unsupported(
            f"pool: {request.pool!r} is of the type {described.type!r}, where no overlay can lie. "
            f"Name a pool of one of the types {', '.join(sorted(storage_xml.FILE_POOLS))}.",
            pool=request.pool,
        )
    paths = catalogue.paths(manifest)
    return tuple(plan.new_clone(name, manifest, paths, request.pool, described.path_of) for name in selection.missing)


def _check_networks(connection: Connection, hardware: xml.Definition, *, running: bool) -> None:
    wanted = {one.source for one in hardware.interfaces if one.type == "network" and one.source}
    there = {network.name(): network for network in host_api.list_networks(connection)} if wanted else {}
    for name in sorted(wanted):
        if name not in there:
            raise NotFound(
                f"network: the host has no network {name!r} (it has: {', '.join(sorted(there)) or 'none'}). "
                "Name one of these, or define it first.",
                network=name,
            )
        if running and not host_api.network_active(there[name]):
            raise Conflict(
                f"network: the network {name!r} is not active, so clones on it cannot start. "
                f"Start it: virsh net-start {name}.",
                network=name,
            )


def _check_volumes(pool: libvirt.virStoragePool, request: Request, clones: t.Sequence[NewClone]) -> None:
    storage.try_to_refresh(pool)
    plan.check_room(clones, request.pool, storage_xml.parse_pool(storage.pool_xml(pool)).available_bytes)
    for ref in (ref for clone in clones for ref in clone.volumes):
        if storage.find_volume(pool, ref.name) is not None:
            raise Conflict(
                f"pool: {request.pool!r} holds a volume {ref.name!r} already, which belongs to no clone. "
                f"If its data is not needed, remove it: virsh vol-delete --pool {request.pool} {ref.name}.",
                pool=request.pool,
                volume=ref.name,
            )


def mac_addresses(connection: Connection) -> set[str]:
    """Return the MAC addresses of all domains of the host, in lower case."""
    found = set()
    for domain in domains.list_all(connection):
        try:
            interfaces = xml.parse(domains.definition_xml(domain)).interfaces
        except NotFound:  # gone since it was listed
            continue
        found |= {interface.mac.lower() for interface in interfaces if interface.mac}
    return found


def volume_path(connection: Connection, ref: VolumeRef) -> str | None:
    """Return the path of a volume, None where it is not there any more."""
    try:
        return storage.volume_path(storage.look_up_volume(storage.look_up_pool(connection, ref.pool), ref.name))
    except (NotFound, Conflict):
        return None
