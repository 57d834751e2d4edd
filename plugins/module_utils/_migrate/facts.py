# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What both hosts say about a migration that is planned. Pure: data only."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Handshake
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

    from .host_resources import HostResource


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What of the guest depends on its host. ``networks`` and ``bridges`` are those that it is attached to."""

    arch: str | None = None
    machine: str | None = None
    type: str = "kvm"
    networks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    host_devices: tuple[str, ...] = ()
    hugepage_bytes: int | None = None
    numa_nodes: str | None = None
    has_tpm: bool = False
    nvram: str | None = None
    resources: tuple[HostResource, ...] = ()
    unknown: tuple[str, ...] = ()
    """Places of the definition that the table of libvirt's schema does not have."""


@dataclasses.dataclass(frozen=True)
class Cpu:
    """How the destination's CPU compares; ``common_model`` is one that both hosts have. None: could not be asked."""

    compatible: bool | None = None
    detail: str = ""
    common_model: str | None = None


@dataclasses.dataclass(frozen=True)
class Reach:
    """Whether the destination can be reached from the source: ``address`` is None if its name does not resolve.

    Known only where this module runs on the source; elsewhere ``tried`` is False.
    """

    tried: bool = False
    host: str = ""
    address: str | None = None
    answers: bool = False
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class GuestState:
    """What the guest has on the source beside its definition, and what is under way there."""

    snapshots: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    block_jobs: tuple[str, ...] = ()
    has_saved_memory: bool = False


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the two hosts say; None for what could not be asked."""

    hardware: Hardware
    source_uuid: str | None
    destination_uuid: str | None
    machines: t.Mapping[str, tuple[frozenset[str], frozenset[str]]]
    """{architecture: (domain types, machine types)} of the destination."""
    pools: tuple[Pool, ...]
    volumes: frozenset[str]
    """Paths that the destination has volumes at, of those that matter."""
    networks: t.Mapping[str, bool]
    bridges: frozenset[str] | None
    free_memory_bytes: int | None
    free_hugepages_bytes: int | None
    numa_nodes: int
    cpu: Cpu
    reach: Reach
    name_taken_by: str | None = None
    """UUID of the destination's domain that has the guest's name there."""
    uuid_there: bool = False
    source_job: bool = False
    unfinished: str | None = None
    missing_on_destination: tuple[str, ...] = ()
    state: GuestState = GuestState()
    promised_bytes: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    """{pool of the destination: room that the other moves of this task will take}."""
    proofs: t.Mapping[HostResource, bool | None] = dataclasses.field(default_factory=dict)
    """Whether the destination has what the guest names of its host; None where that cannot be known."""
    same_bases: t.Mapping[str, bool] = dataclasses.field(default_factory=dict)
    """{disk: whether what its copy is to stand on reads the same on both hosts}, of those that had to be compared."""
    host_devices_there: frozenset[str] = frozenset()
    """Those of the guest's devices of its host that the destination has at the same place."""
    pending: tuple[str, ...] = ()
    """What the definition says of disks for the next start, and the guest that runs does not have, in words."""
    handshakes: tuple[Handshake, ...] | None = None
    """None where nothing could be served to try it with."""
