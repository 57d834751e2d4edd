# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a migration is asked to do, what is known before it, and what will be done. Pure: data only."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )

Mode = t.Literal["precopy", "postcopy", "streaming", "offline"]
Wanted = t.Literal["auto", "precopy", "postcopy", "streaming", "offline"]
CopyStorage = t.Literal["none", "all", "inc"]
TimeoutAction = t.Literal["abort", "postcopy", "suspend", "continue"]
Wait = t.Literal["switched", "local"]
Action = t.Literal["leave", "copy", "copy top", "stream", "bring", "follow"]

WANTED: t.Final[tuple[Wanted, ...]] = t.get_args(Wanted)
COPY_STORAGE: t.Final[tuple[CopyStorage, ...]] = t.get_args(CopyStorage)
TIMEOUT_ACTIONS: t.Final[tuple[TimeoutAction, ...]] = t.get_args(TimeoutAction)
WAITS: t.Final[tuple[Wait, ...]] = t.get_args(Wait)


@dataclasses.dataclass(frozen=True)
class Request:
    """The task's options; None leaves a thing to the planner or to libvirt. Bandwidths are in MiB/s."""

    destination_uri: str
    mode: Wanted = "auto"
    copy_storage: CopyStorage | None = None
    migrate_disks: tuple[str, ...] | None = None
    destination_pool: str | None = None
    destination_name: str | None = None
    migrate_uri: str | None = None
    listen_address: str | None = None
    bandwidth: int | None = None
    postcopy_bandwidth: int | None = None
    max_downtime_ms: int | None = None
    auto_converge: bool = False
    compression: tuple[str, ...] = ()
    parallel_connections: int | None = None
    tls: bool = False
    peer_to_peer: bool = True
    persistent: bool = True
    undefine_source: bool = True
    remove_source_volumes: bool | None = None
    timeout: float | None = None
    completion_timeout_per_gib: float | None = None
    timeout_action: TimeoutAction = "abort"
    progress_timeout: float | None = None
    wait: Wait = "local"
    pull_bandwidth: int | None = None
    export_address: str | None = None


@dataclasses.dataclass(frozen=True)
class SourceDisk:
    """A disk of the guest as the source has it.

    ``pool`` is None for what lies in no active pool of the source, ``path`` for what is no local file or device;
    ``pool_type`` is libvirt's word for the kind of pool.
    ``chain`` are the paths that it stands on; ``is_complete`` says that no part of it is still on another host.
    ``base_format`` is the declared format of what it stands on; ``obstacles`` are why it cannot be copied.
    ``layers`` is the whole chain as libvirt names it, the disk itself first, by which a change is noticed.
    ``is_own`` says that it is no disk but a volume that belongs to the machine alone, such as a seed.
    ``looks_like`` is the format that a raw disk begins like, None for one that does not.
    ``exists_there`` says that the destination has a volume at the same path, ``shared`` that this was proven to be the
    same one. ``base_there`` is the destination's path of what the disk stands on, and ``base_is_same`` whether that
    is the same for certain: an appliance's disk, whose name no other run gives. Of others that is compared where a copy
    is to stand on them.
    """

    target: str
    device: str = "disk"
    path: str | None = None
    format: str = "raw"
    capacity_bytes: int = 0
    allocation_bytes: int = 0
    pool: str | None = None
    chain: tuple[str, ...] = ()
    readonly: bool = False
    shareable: bool = False
    exists_there: bool = False
    shared: bool = False
    base_there: str | None = None
    base_is_same: bool = False
    cache: str | None = None
    is_complete: bool = True
    base_format: str | None = None
    obstacles: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    is_own: bool = False
    looks_like: str | None = None
    pool_type: str | None = None

    @property
    def is_device(self) -> bool:
        """Whether its path is that of a device; in ``/dev/shm`` lie files."""
        path = self.path or ""
        return path.startswith("/dev/") and not path.startswith("/dev/shm/")  # noqa: S108 - a pool there is its owner's

    @property
    def is_written(self) -> bool:
        """Whether the guest can change it, so that it must come along."""
        return self.path is not None and not self.readonly and self.device == "disk"


@dataclasses.dataclass(frozen=True)
class Guest:
    """The guest on the source; ``running`` says that a QEMU has it, ``paused`` that its owner has paused it there.

    ``incomplete`` says what of its disks is still on which other host, ``dependency`` what its metadata say of that;
    ``crowd_problem`` why the destination should not pull in several of its disks at once.
    """

    name: str
    uuid: str
    running: bool
    memory_bytes: int
    disks: tuple[SourceDisk, ...]
    persistent: bool = True
    autostart: bool = False
    paused: bool = False
    incomplete: str = ""
    dependency: Dependency | None = None
    crowd_problem: str | None = None


@dataclasses.dataclass(frozen=True)
class DiskPlan:
    """What happens to one disk: where it will be on the destination, and how it gets there.

    ``lower_paths`` are the files that it stands on at the source, and of which its copy needs none.
    """

    target: str
    action: Action
    reason: str
    source_path: str
    destination_path: str
    pool: str | None = None
    volume: str | None = None
    source_format: str = "qcow2"
    format: str = "qcow2"
    capacity_bytes: int = 0
    allocation_bytes: int = 0
    backing_path: str | None = None
    backing_format: str | None = None
    lower_paths: tuple[str, ...] = ()

    @property
    def is_moved(self) -> bool:
        """Whether the destination gets a volume of its own."""
        return self.action not in ("leave", "follow")

    @property
    def is_own(self) -> bool:
        """Whether it belongs to the machine alone, and goes along whatever becomes of its disks."""
        return self.action in ("bring", "follow")


@dataclasses.dataclass(frozen=True)
class MigrationPlan:
    """What will be done. Check mode returns it, a real run carries it out.

    ``flags`` are libvirt's names without ``VIR_MIGRATE_``, ``parameters`` libvirt's typed parameters.
    """

    guest: Guest
    request: Request
    mode: Mode
    copy_storage: CopyStorage
    disks: tuple[DiskPlan, ...]
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    parameters: t.Mapping[str, t.Any]

    @property
    def disks_to_move(self) -> tuple[DiskPlan, ...]:
        """The disks that the destination gets volumes for."""
        return tuple(disk for disk in self.disks if disk.is_moved)

    @property
    def volumes_to_copy(self) -> tuple[DiskPlan, ...]:
        """What is copied as a file before the guest moves: what is its own, and of a guest that is off everything."""
        every = self.mode == "offline"
        return tuple(disk for disk in self.disks_to_move if every or disk.action == "bring")

    @property
    def disks_to_stream(self) -> tuple[DiskPlan, ...]:
        """The disks that are pulled in after the switch-over."""
        return tuple(disk for disk in self.disks if disk.action == "stream")

    @property
    def removes_source_volumes(self) -> bool:
        """Whether the source's copies go once all is on the destination.

        Unless the task says so only those of a streamed guest: a base that was frozen, and an overlay of some seconds.
        """
        is_asked_for = self.request.remove_source_volumes
        return self.request.undefine_source and (
            self.mode == "streaming" if is_asked_for is None else is_asked_for
        )

    @property
    def destination_name(self) -> str:
        """What the domain is called on the destination."""
        return self.request.destination_name or self.guest.name

    def as_dict(self) -> dict[str, t.Any]:
        """Return the plan as JSON-able data."""
        return {
            "mode": self.mode,
            "copy_storage": self.copy_storage,
            "reasons": list(self.reasons),
            "flags": list(self.flags),
            "parameters": dict(self.parameters),
            "disks": [dataclasses.asdict(disk) for disk in self.disks],
        }


@dataclasses.dataclass(frozen=True)
class Finding:
    """One result of the preflight; ``remedy`` is empty where there is nothing to do."""

    check: str
    status: t.Literal["ok", "warning", "failed", "skipped"]
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON-able data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass
class Outcome:
    """What a migration took. Bytes are those sent for memory and disks before the switch-over.

    ``stages`` are {step: its seconds}, in the order of the steps.
    """

    elapsed_seconds: float = 0.0
    switch_over_seconds: float | None = None
    downtime_ms: int | None = None
    bytes: int | None = None
    iterations: int | None = None
    stages: dict[str, float] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, t.Any]:
        """Return the figures as JSON-able data, seconds rounded to milliseconds."""
        figures = dataclasses.asdict(self)
        for name in ("elapsed_seconds", "switch_over_seconds"):
            if figures[name] is not None:
                figures[name] = round(figures[name], 3)
        figures["stages"] = {name: round(seconds, 3) for name, seconds in self.stages.items()}
        return figures
