# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the journal holds of a migration: all that is needed to take it back or to finish it. Pure.

Everything is decided before the first act, but for the export's port, which is known when one was free.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import (
    UnreadableShape,
    build,
    check_format,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    Export,
    Helper,
    Platform,
    Served,
    export_name,
    helper_name,
    infix,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    choose_recorded_uri,
    mask_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
    Service,
    format_time,
)

from .model import DiskPlan, MigrationPlan
from .xml import NVRAM, PlacedDisk

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record

T = t.TypeVar("T")

MIB: t.Final = 1024 * 1024

KIND: t.Final = "migrate"
_SECTOR_BYTES: t.Final = 512
# Raised when a record says something that an older release would get wrong.
FORMAT: t.Final = 1
SHAPE: t.Final = Shape(
    intent=("uri", "destination_uri", "uuid", "name", "platform"),
    steps={
        "volume": ("pool", "volume"),
        "freeze": (),
        "export": (),
        "autostart": (),
        "migrate": (),
        "copy": (),
        "settle": (),
        "complete": (),
    },
    format=FORMAT,
)


@dataclasses.dataclass(frozen=True)
class Streamed:
    """A disk that is streamed: its overlay on the source, and how what lies below is served."""

    target: str
    base_path: str
    base_format: str
    overlay_path: str
    export_name: str
    helper_path: str
    scratch_path: str


@dataclasses.dataclass(frozen=True)
class Intent:
    """One migration. ``policies`` are {target: the error policies that the guest's definition had}.

    ``was_paused`` says that its owner had paused the guest that ``was_running``, ``replaces_definition`` that the
    destination had a definition of it before.
    ``reader_uri`` leads to the destination from anywhere. Records of 0.1.0 say nothing of these.
    """

    uri: str
    destination_uri: str
    uuid: str
    name: str
    destination_name: str
    mode: str
    was_running: bool
    autostart: bool
    persistent: bool
    undefine_source: bool
    remove_source_volumes: bool
    platform: Platform
    disks: tuple[DiskPlan, ...] = ()
    streamed: tuple[Streamed, ...] = ()
    helper: str = ""
    export_host: str = ""
    export_tls_name: str | None = None
    tls: bool = False
    pull_bandwidth: int | None = None
    policies: t.Mapping[str, t.Mapping[str, str]] = dataclasses.field(default_factory=dict)
    was_paused: bool = False
    replaces_definition: bool = False
    reader_uri: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        """Return the intent as JSON-able data."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Intent:
        """Return what as_dict() gave, also after a way through JSON, and what another release wrote.

        Raises UnreadableShape for what this release does not understand.
        """
        what = "the intent of the migration"
        check_format(data, FORMAT, what)
        nested = {
            "platform": build(Platform, data.get("platform"), f"{what}: its platform"),
            "disks": tuple(
                dataclasses.replace(disk, lower_paths=tuple(disk.lower_paths))
                for disk in _build_each(DiskPlan, data.get("disks", ()), f"{what}: a disk")
            ),
            "streamed": _build_each(Streamed, data.get("streamed", ()), f"{what}: a streamed disk"),
        }
        return build(cls, {**data, **nested}, what)

    @property
    def token(self) -> str:
        """What every name has in it that the streaming of its disks takes; empty where none is streamed."""
        return self.streamed[0].export_name.rpartition("-")[0] if self.streamed else ""

    @property
    def sync_token(self) -> str:
        """What making its copies durable has in its names; there is one where none is streamed, too."""
        return self.helper.rpartition("-")[2]

    @property
    def disks_to_move(self) -> tuple[DiskPlan, ...]:
        """The disks that the destination gets volumes for."""
        return tuple(disk for disk in self.disks if disk.is_moved)

    @property
    def export_helper(self) -> Helper:
        """What serves the streamed disks on the source."""
        disks = [
            Served(
                disk.export_name,
                disk.helper_path,
                "qcow2",
                disk.scratch_path,
                disk.base_path,
                disk.base_format,
            )
            for disk in self.streamed
        ]
        title = f"Serves the disks of {self.name} until it has them on the host that it moved to"
        return Helper(
            self.helper,
            title,
            self.platform,
            tuple(disks),
            self.export_host,
            self.tls,
            Service(self.reader_uri or self.destination_uri, self.uuid),
        )

    def export_of(self, target: str, port: int) -> Export | None:
        """Return where the disk ``target`` is read from until it is local; None for one that is not streamed."""
        for disk in self.streamed:
            if disk.target == target:
                return Export(
                    disk.export_name, self.export_host, port, self.tls, self.export_tls_name
                )
        return None

    def place_disks(self, port: int) -> tuple[PlacedDisk, ...]:
        """Return the moved disks as the destination has them at switch-over."""
        return tuple(
            PlacedDisk(
                disk.target, disk.destination_path, disk.format, self.export_of(disk.target, port)
            )
            for disk in self.disks_to_move
        )


def _build_each(shape: type[T], data: t.Any, what: str) -> tuple[T, ...]:
    if not isinstance(data, (list, tuple)):
        raise UnreadableShape(f"{what} does not stand in a list")
    return tuple(build(shape, item, what) for item in data)


def find_changed_disks(
    plan: MigrationPlan,
    chains: t.Mapping[str, tuple[str, ...]],
    overlays: t.Mapping[str, str] | None = None,
) -> list[str]:
    """Return the targets whose ``chains`` on the source are not those that were planned with.

    ``overlays`` are ours {target: path}, which lie on top while the disks are frozen. A guest that is off shows the top
    of its chains only.
    """
    moved = {disk.target for disk in plan.disks_to_move}
    changed = []
    for disk in plan.guest.disks:
        if disk.target not in moved or disk.device == NVRAM:
            continue
        actual = chains.get(disk.target, ())
        overlay = (overlays or {}).get(disk.target)
        if overlay is not None:
            actual = actual[1:] if actual[:1] == (overlay,) else ()
        # a disk that is a volume may be told by its path once it is a lower layer
        if actual[:1] == (disk.path,):
            actual = (*disk.layers[:1], *actual[1:])
        expected = disk.layers if plan.guest.running else disk.layers[: len(actual)]
        if not actual or actual != expected:
            changed.append(disk.target)
    return changed


def find_attached_disks(plan: MigrationPlan, chains: t.Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the targets of disks that the source's guest has, and had not when the move was planned."""
    planned = {disk.target for disk in plan.guest.disks}
    return sorted(set(chains) - planned)


def find_resized_disks(plan: MigrationPlan, capacities_bytes: t.Mapping[str, int]) -> list[str]:
    """Return the targets of disks whose size is another than the one that the move was planned with.

    QEMU shows a size in whole sectors, whatever the length of the file is.
    """
    return sorted(
        disk.target
        for disk in plan.guest.disks
        if disk.target in capacities_bytes
        and abs(capacities_bytes[disk.target] - disk.capacity_bytes) >= _SECTOR_BYTES
    )


def read_intent(record: Record) -> Intent:
    """Return the intent of a record of this kind; raises UnreadableShape unless all that it says is understood."""
    SHAPE.check(record)
    return Intent.from_dict(record.intent)


def make_intent(
    plan: MigrationPlan,
    *,
    uri: str,
    platform: Platform,
    token: str,
    export: tuple[str, str | None],
    policies: t.Mapping[str, t.Mapping[str, str]],
    replaces_definition: bool = False,
) -> Intent:
    """Return the intent of ``plan``; ``token`` is random, and part of every name that is made.

    ``export`` is the address at which disks are served, and the name in the certificate there;
    ``replaces_definition`` is as of an Intent.
    """
    request = plan.request
    return Intent(
        uri=mask_uri(uri),
        destination_uri=mask_uri(request.destination_uri),
        uuid=plan.guest.uuid,
        name=plan.guest.name,
        destination_name=plan.destination_name,
        mode=plan.mode,
        was_running=plan.guest.running,
        autostart=plan.guest.autostart,
        persistent=request.persistent or plan.mode == "offline",
        undefine_source=request.undefine_source,
        remove_source_volumes=plan.removes_source_volumes,
        platform=platform,
        disks=plan.disks,
        streamed=tuple(_plan_streamed(disk, token) for disk in plan.disks_to_stream),
        helper=helper_name(token),
        export_host=export[0],
        export_tls_name=export[1],
        tls=request.tls,
        pull_bandwidth=request.pull_bandwidth,
        policies=policies,
        was_paused=plan.guest.paused,
        replaces_definition=replaces_definition,
    )


def make_dependency(
    intent: Intent, source_uri: str, port: int, operation: str, started: float
) -> Dependency | None:
    """Return what the guest's metadata say while it reads from the source; None where no disk is streamed.

    ``source_uri`` leads to the source from elsewhere; ``operation`` is the transaction, begun at ``started``.
    """
    if not intent.streamed:
        return None
    return Dependency(
        kind="move",
        source_uri=choose_recorded_uri(source_uri, intent.export_host),
        address=intent.export_host,
        port=port,
        token=intent.token,
        since=format_time(started),
        operation=operation,
        disks=tuple(
            RemoteDisk(
                disk.target,
                disk.base_path,
                disk.base_format,
                tuple(sorted(intent.policies.get(disk.target, {}).items())),
            )
            for disk in intent.streamed
        ),
        tls=intent.tls,
        tls_name=intent.export_tls_name,
        removes_source=intent.remove_source_volumes,
        autostart=intent.autostart,
        bytes_per_second=(intent.pull_bandwidth or 0) * MIB,
    )


def rebuild_intent(
    dependency: Dependency,
    *,
    uuid: str,
    name: str,
    reader_uri: str,
    platform: Platform,
    proven: t.Collection[str],
) -> Intent:
    """Return as much of the intent as finishing the pull of a guest takes, by what its metadata say.

    Disks that were copied before the switch-over are not in it, nor are those whose files on the source are not among
    the ``proven``: nothing is served or deleted because metadata say so. ``platform`` is what can serve there.
    """
    disks = tuple(
        DiskPlan(
            disk.target,
            "stream",
            "is recorded in the guest's metadata",
            disk.path,
            "",
            source_format=disk.format,
        )
        for disk in dependency.disks
        if disk.path in proven and disk.path is not None and disk.format is not None
    )
    return Intent(
        uri=dependency.source_uri,
        destination_uri=reader_uri,
        uuid=uuid,
        name=name,
        destination_name=name,
        mode="streaming",
        was_running=True,
        autostart=dependency.autostart,
        persistent=True,
        undefine_source=dependency.removes_source,
        remove_source_volumes=dependency.removes_source,
        platform=platform,
        disks=disks,
        streamed=tuple(_plan_streamed(disk, dependency.token) for disk in disks),
        helper=helper_name(dependency.token),
        export_host=dependency.address,
        export_tls_name=dependency.tls_name,
        tls=dependency.tls,
        pull_bandwidth=-(-dependency.bytes_per_second // MIB) or None,
        policies={disk.target: dict(disk.policies) for disk in dependency.disks},
        reader_uri=reader_uri,
    )


def _plan_streamed(disk: DiskPlan, token: str) -> Streamed:
    stem = f"{disk.source_path}{infix(token)}"
    return Streamed(
        target=disk.target,
        base_path=disk.source_path,
        base_format=disk.source_format,
        overlay_path=f"{stem}overlay",
        export_name=export_name(token, disk.target),
        helper_path=f"{stem}export",
        scratch_path=f"{stem}scratch",
    )
