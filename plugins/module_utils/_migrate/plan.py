# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How a guest is moved, and why that way. Pure: dataclasses in, dataclasses out."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from .model import (
    Action,
    CopyStorage,
    DiskPlan,
    Guest,
    MigrationPlan,
    Mode,
    Request,
    SourceDisk,
)
from .xml import NVRAM

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

# Where no bandwidth is given, what a usual network carries, for the decision only.
_USUAL_MIB_PER_SECOND: t.Final = 110
# A copy that takes no longer than this is not worth an overlay, an export and a pull.
_WORTH_STREAMING_SECONDS: t.Final = 5.0
_MIB: t.Final = 1024 * 1024
# PROTOCOL:… as layers on the network are called, beside /PATH and POOL/VOLUME.
_NETWORK: t.Final = re.compile(r"[a-z][a-z0-9+]*:")


def make_plan(guest: Guest, request: Request, pools: t.Sequence[Pool]) -> MigrationPlan:
    """Return how ``guest`` gets to the destination, which has ``pools``.

    Raises InvalidInput for options that contradict the guest or each other. What the hosts cannot do is the
    preflight's to find.
    """
    written = [disk for disk in guest.disks if disk.is_written]
    chosen = _choose_disks(guest, request, written)
    to_move = [disk for disk in chosen if not disk.shared and request.copy_storage != "none"]
    mode, reason = _choose_mode(guest, request, to_move)
    actions = _choose_actions(to_move, mode, request)
    planned = [
        *(_plan_disk(disk, actions.get(disk.target), mode, request, pools) for disk in written),
        *(_plan_own(disk, mode, request, pools) for disk in guest.disks if disk.is_own),
    ]
    disks = tuple(planned)
    storage = _choose_copy_storage(disks)
    return MigrationPlan(
        guest=guest,
        request=request,
        mode=mode,
        copy_storage=storage,
        disks=disks,
        reasons=(reason, *(f"{disk.target}: {disk.reason}" for disk in disks)),
        flags=_choose_flags(mode, storage, request),
        parameters=_choose_parameters(mode, disks, request),
    )


def _choose_disks(guest: Guest, request: Request, written: list[SourceDisk]) -> list[SourceDisk]:
    if request.migrate_disks is None:
        return written
    targets = {disk.target for disk in written}
    for target in request.migrate_disks:
        if target not in targets:
            raise InvalidInput(
                "migrate_disks",
                target,
                f"is not a disk of {guest.name!r} that can be copied",
                f"Name any of: {', '.join(sorted(targets)) or 'none'}.",
            )
    return [disk for disk in written if disk.target in request.migrate_disks]


def _choose_mode(
    guest: Guest, request: Request, to_move: t.Sequence[SourceDisk]
) -> tuple[Mode, str]:
    if not guest.running:
        if request.mode not in ("auto", "offline"):
            raise InvalidInput(
                "mode",
                request.mode,
                f"needs a running guest, and {guest.name!r} is off",
                "Write mode: auto or offline.",
            )
        return "offline", "offline, since the guest is off"
    if request.mode == "offline":
        raise InvalidInput(
            "mode",
            "offline",
            f"needs a guest that is off, and {guest.name!r} runs",
            "Shut it down first, or write mode: auto.",
        )
    if request.mode == "streaming" and not to_move:
        return "precopy", "precopy in place of streaming, since no disk has to be moved"
    if request.mode != "auto":
        return request.mode, f"{request.mode}, since the task says so"
    return _choose_freely(guest, request, to_move)


def _choose_freely(
    guest: Guest, request: Request, to_move: t.Sequence[SourceDisk]
) -> tuple[Mode, str]:
    if not to_move:
        return "precopy", "precopy, since no disk has to be moved"
    if request.copy_storage is not None:
        return "precopy", f"precopy, since the task says copy_storage: {request.copy_storage}"
    disks_sent_whole = [disk for disk in to_move if not disk.base_is_same]
    if not disks_sent_whole:
        return (
            "precopy",
            "precopy, since the destination has what the disks stand on, and only the rest is sent",
        )
    speed = request.bandwidth or _USUAL_MIB_PER_SECOND
    seconds = sum(disk.allocation_bytes for disk in disks_sent_whole) / _MIB / speed
    sent = f"sending the disks would take about {seconds:.0f} s at {speed} MiB/s"
    if seconds <= _WORTH_STREAMING_SECONDS:
        return "precopy", f"precopy, since {sent}"
    obstacles = {disk.target: find_streaming_obstacle(disk) for disk in disks_sent_whole}
    blocked = [f"{target} {obstacle}" for target, obstacle in obstacles.items() if obstacle]
    if guest.crowd_problem and len(to_move) > 1:
        blocked.append(guest.crowd_problem)
    if blocked:
        return "precopy", f"precopy, although {sent}: {'; '.join(blocked)}"
    return "streaming", f"streaming, since {sent}, which the guest need not wait for"


def find_streaming_obstacle(disk: SourceDisk) -> str | None:
    """Return why a disk cannot be streamed, as a sentence's end; None if it can."""
    if disk.format not in ("raw", "qcow2"):
        return f"has the format {disk.format}"
    if disk.pool is None:
        return "lies in no active pool of the source"
    refusal = _find_refusal(disk)
    if refusal is not None:
        return f"cannot be frozen under an overlay beside it: {refusal.detail}"
    if disk.is_device:
        return "is a block device"
    # what serves it would know nothing of a server and its password that only the guest's definition names; a part that
    # is still on another host is pulled in first
    far = [layer for layer in disk.chain if _NETWORK.match(layer)] if disk.is_complete else []
    if far:
        return f"stands on {far[0]}, which is no file of its host"
    return None


def _find_refusal(disk: SourceDisk) -> kinds.PoolRefusal | None:
    """Return why no disk of its pool is streamed; None where that is done, and for one that lies in no pool."""
    if disk.pool is None or disk.pool_type is None:
        return None
    return kinds.find_refusal(disk.pool, disk.pool_type, "move out streaming")


def _choose_actions(
    to_move: t.Sequence[SourceDisk], mode: Mode, request: Request
) -> dict[str, t.Literal["copy", "copy top", "stream"]]:
    """Return what is done with each disk.

    libvirt sends either whole disks or top layers, of all alike; a top without its base would be silent corruption.
    """
    if mode == "streaming":
        return {disk.target: "copy top" if disk.base_is_same else "stream" for disk in to_move}
    tops = {
        disk.target
        for disk in to_move
        if disk.base_is_same or (request.copy_storage == "inc" and disk.chain)
    }
    if request.copy_storage == "all" or any(
        disk.chain and disk.target not in tops for disk in to_move
    ):
        tops = set()
    return {disk.target: "copy top" if disk.target in tops else "copy" for disk in to_move}


def _plan_own(disk: SourceDisk, mode: Mode, request: Request, pools: t.Sequence[Pool]) -> DiskPlan:
    """Plan a volume that belongs to the machine alone. QEMU brings the settings of a firmware that runs."""
    if disk.device != NVRAM or mode == "offline":
        return _plan_disk(disk, None if disk.shared else "bring", mode, request, pools)
    action: Action = "leave" if disk.exists_there else "follow"
    reason = (
        "exists there already, and may be the same: QEMU writes into it, and the source's stays"
        if disk.exists_there
        else "is brought along by QEMU, in the memory of the guest"
    )
    path = disk.path or ""
    return DiskPlan(
        disk.target, action, reason, path, path, source_format=disk.format, format=disk.format
    )


def _plan_disk(
    disk: SourceDisk,
    action: t.Literal["copy", "copy top", "stream", "bring"] | None,
    mode: Mode,
    request: Request,
    pools: t.Sequence[Pool],
) -> DiskPlan:
    path = disk.path or ""
    if action is None:
        reason = _explain_left(disk, request)
        return DiskPlan(
            disk.target, "leave", reason, path, path, source_format=disk.format, format=disk.format
        )
    pool = _choose_pool(path, request, pools)
    # an overlay that still reads through to the source can only be a qcow2
    image_format = "qcow2" if action == "stream" else disk.format
    volume = _choose_volume_name(path, disk.format, image_format)
    # offline copies files as they are, so what they stand on must be there too
    stands = action == "copy top" or mode == "offline"
    backing = disk.base_there or disk.chain[0] if disk.chain and stands else None
    return DiskPlan(
        target=disk.target,
        action=action,
        reason=_REASONS[action],
        source_path=path,
        destination_path=pool.path_of(volume) if pool else path,
        pool=pool.name if pool else None,
        volume=volume,
        source_format=disk.format,
        format=image_format,
        capacity_bytes=disk.capacity_bytes,
        allocation_bytes=disk.allocation_bytes,
        backing_path=backing,
        backing_format=disk.base_format if backing else None,
        lower_paths=() if backing else tuple(path for path in disk.chain if path.startswith("/")),
    )


def _explain_left(disk: SourceDisk, request: Request) -> str:
    if disk.shared:
        return "is on storage that both hosts have"
    if request.copy_storage == "none":
        return "is left to the destination: copy_storage: none"
    return "is left to the destination: migrate_disks does not name it"


_REASONS: t.Final[t.Mapping[str, str]] = {
    "copy": "is copied whole",
    "copy top": "only what differs from its base is copied, since the destination has the base",
    "bring": "belongs to the machine alone, so that it goes along",
    "stream": "is read through from the source at first, and pulled in behind the running guest",
}


def _choose_pool(path: str, request: Request, pools: t.Sequence[Pool]) -> Pool | None:
    for pool in pools:
        if request.destination_pool is not None:
            if pool.name == request.destination_pool:
                return pool
        elif pool.path == posixpath.dirname(path):
            return pool
    if request.destination_pool is not None:
        raise InvalidInput(
            "destination_pool",
            request.destination_pool,
            "is not an active pool of the destination",
            f"It has: {', '.join(pool.name for pool in pools) or 'none'}.",
        )
    return None


def _choose_volume_name(path: str, old_format: str, new_format: str) -> str:
    name = posixpath.basename(path)
    if old_format == new_format:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem if dot and extension in ('raw', 'img') else name}.{new_format}"


def _choose_copy_storage(disks: t.Sequence[DiskPlan]) -> CopyStorage:
    actions = {disk.action for disk in disks} - {"leave", "bring", "follow"}
    if not actions:
        return "none"
    # With "inc" libvirt sends top layers only: of a disk that stands on nothing that is all of it.
    return "all" if actions == {"copy"} else "inc"


def _choose_flags(mode: Mode, storage: CopyStorage, request: Request) -> tuple[str, ...]:
    may_become_postcopy = request.timeout_action == "postcopy" and mode != "offline"
    storage_flags = {"none": False, "all": "NON_SHARED_DISK", "inc": "NON_SHARED_INC"}
    flags_by_name = {
        "OFFLINE": mode == "offline",
        "LIVE": mode != "offline",
        "PEER2PEER": request.peer_to_peer,
        "PERSIST_DEST": request.persistent or mode == "offline",
        "UNDEFINE_SOURCE": request.undefine_source,
        "CHANGE_PROTECTION": mode != "offline" and not request.peer_to_peer,
        "ABORT_ON_ERROR": mode != "offline",
        "POSTCOPY": mode == "postcopy" or may_become_postcopy,
        "AUTO_CONVERGE": request.auto_converge,
        "COMPRESSED": bool(request.compression),
        "PARALLEL": request.parallel_connections is not None,
        "TLS": request.tls and mode != "offline",
    }
    flags = [name for name, is_set in flags_by_name.items() if is_set]
    if mode != "offline" and storage_flags[storage]:
        flags.append(str(storage_flags[storage]))
    return tuple(flags)


def _choose_parameters(
    mode: Mode, disks: t.Sequence[DiskPlan], request: Request
) -> dict[str, t.Any]:
    if mode == "offline":
        return {"destination_name": request.destination_name} if request.destination_name else {}
    parameters = {
        "destination_name": request.destination_name,
        "migrate_uri": request.migrate_uri,
        "listen_address": request.listen_address,
        "bandwidth": request.bandwidth,
        "bandwidth.postcopy": request.postcopy_bandwidth,
        "parallel.connections": request.parallel_connections,
        "compression": list(request.compression),
        "migrate_disks": [
            disk.target for disk in disks if disk.is_moved and disk.action != "bring"
        ],
    }
    return {name: value for name, value in parameters.items() if value not in (None, [])}


def check_streamable(plan: MigrationPlan) -> None:
    """Raise Unsupported when a disk that is to be streamed cannot be, or all of them together."""
    if plan.guest.crowd_problem and len(plan.disks_to_stream) > 1:
        raise Unsupported(
            f"mode: streaming is not possible: {plan.guest.crowd_problem}, and {plan.guest.name!r} has "
            f"{len(plan.disks_to_stream)} that would be. Write mode: precopy, or update QEMU there to 10.0."
        )
    sources = {disk.target: disk for disk in plan.guest.disks}
    for disk in plan.disks_to_stream:
        why = find_streaming_obstacle(sources[disk.target])
        if why:
            refusal = _find_refusal(sources[disk.target])
            raise Unsupported(
                f"mode: streaming is not possible: the disk {disk.target} of {plan.guest.name!r} {why}. "
                f"{'Write mode: precopy.' if refusal is None else refusal.remedy}",
                disk=disk.target,
            )
