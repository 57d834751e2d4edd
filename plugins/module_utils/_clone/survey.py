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
import itertools
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import consoles, foreign
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import disk_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    capabilities,
    domain_xml,
    domains,
    element_xml,
    networks,
    node,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

from . import extras, modes, plan, quota, reflink, rewrite, tenants
from .seed import iso, seed

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.provenance import (
        Provenance,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
        Platform,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

    from .plan import CloneRequest, CloneSelection, NewClone


_NOTHING_LEFT: t.Final = plan.Leftovers()


@dataclasses.dataclass(frozen=True)
class ClonePlan:
    """The clones that will be made, and of what. Check mode returns it, a real run carries it out."""

    request: CloneRequest
    manifest: Manifest
    pool: libvirt.virStoragePool
    platform: Platform
    selection: CloneSelection
    choice: modes.Choice
    clones: tuple[NewClone, ...]
    hardware: domain_xml.Definition
    notes: tuple[str, ...]
    base_paths: t.Mapping[str, str]

    @property
    def interfaces(self) -> int:
        """How many network cards each clone has."""
        return len(self.hardware.interfaces)

    def predict_row(self, clone: NewClone) -> dict[str, t.Any]:
        """Return the row of the result of a clone; what is chosen when it is made is None."""
        return {
            "name": clone.name,
            "uuid": None,
            "macs": None,
            "volumes": [{**ref._asdict(), "path": path} for ref, path in clone.paths.items()],
            "appliance": str(self.manifest.id),
            "state": self.request.state,
            "created": True,
            "seconds": None,
        }

    def summarise(self, clone: NewClone) -> dict[str, t.Any]:
        """Return what a diff shows of a clone."""
        return {
            "appliance": str(self.manifest.id),
            "state": self.request.state,
            "mode": self.choice.mode,
            "vcpus": self.hardware.vcpus,
            "memory_bytes": self.hardware.memory_bytes,
            "networks": [interface.source for interface in self.hardware.interfaces],
            "volumes": [f"{ref.pool}/{ref.name}" for ref in clone.volumes],
            "address": None if clone.extras.address is None else clone.extras.address.address,
            "fleet": self.request.fleet,
            "tenant": self.request.tenant,
            "protected": self.request.protected,
            "autostart": self.request.autostart,
        }


def make_plan(
    catalogue: Catalogue,
    request: CloneRequest,
    gone: plan.Leftovers = _NOTHING_LEFT,
    connection: Connection | None = None,
    provenance: Provenance | None = None,
) -> ClonePlan:
    """Return what has to be done for the request, where ``gone`` is no longer there; raises when it cannot be done.

    ``connection`` is to the host of the clones, where it is not that of the catalogue. What ``provenance`` does not
    know to be from here may say no more than a manifest from elsewhere.
    """
    connection = connection or catalogue.connection
    manifest = catalogue.get(request.appliance, request.version)
    if provenance is None or not provenance.knows(manifest):
        manifest = _check_foreign(catalogue, manifest, request.overrides.network)
    selection = _select(connection, request, gone)
    root = element_xml.parse_element(manifest.template)
    guests = node.read_guests(connection)
    platform, notes = capabilities.choose_platform(
        domain_xml.read(root), root.findtext("devices/emulator"), guests
    )
    hardware = domain_xml.read(
        rewrite.apply_hardware(manifest.template, platform, request.overrides)
    )
    pool = storage.look_up_pool(connection, request.pool)
    described, paths = storage.read_pool(pool), catalogue.locate_disks(manifest)
    choice = modes.choose_mode(
        request.mode, _look_at_place(connection, request, described, paths.values())
    )
    _require_one_pool(catalogue, manifest, request, described)
    clones = tuple(
        plan.plan_clone(name, manifest, paths, request, choice.mode, described)
        for name in selection.missing
    )
    names, with_nvram = {*selection.existing, *selection.missing}, manifest.nvram is not None
    clones = plan.add_extras(
        clones, request, names, hardware, described.path_of, with_nvram=with_nvram
    )
    if clones:
        consoles.check_password(root, request.overrides.console_password)
        notes += consoles.describe_protection(root, request.overrides.console_password)
        notes += _describe_seed(request, len(names))
        plan.check_memory(manifest, hardware.memory_bytes)
        _check_networks(connection, hardware, running=request.state == "running")
        _check_volumes(pool, request, choice.mode, clones, gone)
        _check_extras(connection, request, clones, hardware, gone)
    return ClonePlan(
        request, manifest, pool, platform, selection, choice, clones, hardware, tuple(notes), paths
    )


def _describe_seed(request: CloneRequest, machines: int) -> list[str]:
    """Return a sentence on what the clones of a task are told alike, though each would need its own."""
    shared = [] if request.seed is None or machines < 2 else seed.list_shared(request.seed)
    if not shared:
        return []
    return [
        f"All {machines} clones are told {join_names(shared)}, so that they are in each other's way. Make one clone a "
        "task, or leave it to DHCP, addresses and their own names."
    ]


def _check_foreign(catalogue: Catalogue, manifest: Manifest, network: str | None) -> Manifest:
    """Return the manifest with the template that may be used.

    Raises InvalidManifest, or Conflict for a disk that stands on something or is not of the format that it says.
    """
    try:
        checked = foreign.check_stored(manifest, network)
    except InvalidManifest as error:
        raise InvalidManifest(
            f"appliance: {manifest.id} was not put into the catalogue from here, and {error.message}",
            appliance=str(manifest.id),
            **error.details,
        ) from error
    for disk in checked.disks:
        volume = storage.look_up_volume(catalogue.pool, disk.volume)
        disk_copy.require_declared(volume, disk.format, standalone=True)
    return checked


def _require_one_pool(
    catalogue: Catalogue, manifest: Manifest, request: CloneRequest, pool: storage_xml.Pool
) -> None:
    """Raise Unsupported for clones in Ceph whose base is elsewhere, or that need a file beside it."""
    if catalogue.rbd is None and pool.rbd is None:
        return
    if catalogue.pool_name != request.pool:
        raise Unsupported(
            f"pool: clones in Ceph come about within one pool, but the appliance lies in {catalogue.pool_name!r} and "
            f"the clones are to lie in {request.pool!r}. Name one pool for both, and register the appliance there.",
            pool=request.pool,
        )
    if manifest.nvram is not None:
        raise Unsupported(
            f"pool: {request.pool!r} lies in Ceph, and {manifest.id} keeps settings of UEFI, which are a file. Name a "
            "pool of files, and register the appliance there.",
            pool=request.pool,
        )


def _select(connection: Connection, request: CloneRequest, gone: plan.Leftovers) -> CloneSelection:
    named = {domain.name(): domain for domain in domains.list_all(connection)}
    by_name = {name: domain for name, domain in named.items() if name not in gone.domains}
    chosen = plan.find_candidates(request, by_name)
    read = {name: domains.find_metadata(by_name[name]) or Metadata() for name in chosen}
    return plan.select(request, by_name, {name: found.appliance for name, found in read.items()})


def _look_at_place(
    connection: Connection,
    request: CloneRequest,
    pool: storage_xml.Pool,
    base_paths: t.Iterable[str],
) -> modes.Place:
    no_reflink = None
    if request.mode == "reflink" and kinds.holds_files(pool.type):
        if urlsplit(connection.uri).netloc:
            no_reflink = (
                "this module shares blocks itself, and so has to run on the host, not to reach "
                f"{connection.uri}."
            )
        else:
            obstacles = (reflink.find_obstacle(path, pool.path or "") for path in base_paths)
            no_reflink = next((obstacle for obstacle in obstacles if obstacle is not None), None)
    return modes.Place(request.pool, pool.type, no_reflink)


def _check_networks(
    connection: Connection, hardware: domain_xml.Definition, *, running: bool
) -> None:
    names = {card.source for card in hardware.interfaces if card.type == "network" and card.source}
    existing = (
        {network.name(): network for network in networks.list_all(connection)} if names else {}
    )
    for name in sorted(names):
        if name not in existing:
            raise NotFound(
                f"network: the host has no network {name!r} (it has: {', '.join(sorted(existing)) or 'none'}). "
                "Name one of these, or define it first.",
                network=name,
            )
        if running and not networks.is_active(existing[name]):
            raise Conflict(
                f"network: the network {name!r} is not active, so clones on it cannot start. "
                f"Start it: virsh net-start {name}.",
                network=name,
            )


def _check_volumes(
    pool: libvirt.virStoragePool,
    request: CloneRequest,
    mode: modes.Mode,
    clones: t.Sequence[NewClone],
    gone: plan.Leftovers,
) -> None:
    storage.try_to_refresh(pool)
    plan.check_room(clones, request.pool, mode, storage.read_pool(pool).available_bytes)
    for ref in set(itertools.chain.from_iterable(clone.volumes for clone in clones)) - gone.volumes:
        if storage.find_volume(pool, ref.name) is not None:
            raise Conflict(
                f"pool: {request.pool!r} holds a volume {ref.name!r} already, which belongs to no clone. "
                f"If its data is not needed, remove it: virsh vol-delete --pool {request.pool} {ref.name}.",
                pool=request.pool,
                volume=ref.name,
            )


def _check_extras(
    connection: Connection,
    request: CloneRequest,
    clones: t.Sequence[NewClone],
    hardware: domain_xml.Definition,
    gone: plan.Leftovers,
) -> None:
    """Raise what would keep the clones from being made; what is ``gone`` will be undone before they are."""
    _check_quota(connection, request, clones, hardware, gone)
    if request.seed is not None:
        iso.require_pycdlib()
    for address in (clone.extras.address for clone in clones):
        if address is not None and address.address not in gone.addresses:
            _check_address(connection, address)


def _check_quota(
    connection: Connection,
    request: CloneRequest,
    clones: t.Sequence[NewClone],
    hardware: domain_xml.Definition,
    gone: plan.Leftovers,
) -> None:
    if request.tenant is None or not request.quota.limits:
        return
    overlays = itertools.chain.from_iterable(clone.overlays for clone in clones)
    disks = sum(overlay.capacity_bytes for overlay in overlays)
    desired = quota.Usage(1, hardware.vcpus, hardware.memory_bytes) * len(clones) + quota.Usage(
        disk_bytes=disks
    )
    quota.check_quota(
        request.tenant,
        request.quota,
        tenants.measure_usage(connection, request.tenant, gone.domains),
        desired,
    )


def _check_address(connection: Connection, address: extras.FixedAddress) -> None:
    """Raise what would keep the address from being reserved when the clone is made."""
    apply.plan_to_reserve(
        connection, address.network, address.for_mac(extras.UNKNOWN_MAC), force=False
    )


def find_volume_path(connection: Connection, ref: VolumeRef) -> str | None:
    """Return the path of a volume, None where it is not there any more."""
    try:
        return storage.read_volume_path(
            storage.look_up_volume(storage.look_up_pool(connection, ref.pool), ref.name)
        )
    except (NotFound, Conflict):
        return None
