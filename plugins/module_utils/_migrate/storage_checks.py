# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What of the preflight is about disks and pools. Pure: facts in, findings out."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds

from .model import Finding
from .xml import NVRAM

if t.TYPE_CHECKING:
    from .facts import Facts
    from .model import DiskPlan, MigrationPlan, SourceDisk

_SAFE_CACHE: t.Final = frozenset({"none", "directsync", "default", None})


def check_completeness(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Judge whether all of each disk is on the source: what it still reads from another host would be lost."""
    guest = plan.guest
    if not any(not disk.is_complete for disk in guest.disks):
        return
    if guest.running and guest.dependency is not None:
        yield Finding(
            "complete",
            "warning",
            f"{guest.incomplete}; that is pulled in first",
            "Nothing has to be done, but it takes its time.",
        )
        return
    yield Finding(
        "complete",
        "failed",
        guest.incomplete or "a part of its disks is still on another host",
        "Start it, so that they are pulled in, and run this task again."
        if guest.dependency is not None
        else "Let it run until they are pulled in: run the task that brought it here again, with wait: local.",
    )


def check_disks(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge where each disk goes."""
    sources = {disk.target: disk for disk in plan.guest.disks}
    for disk in plan.disks:
        if disk.action == "follow":
            yield Finding("disk", "ok", f"{disk.target} ({disk.source_path}): {disk.reason}")
        elif disk.is_moved:
            yield _judge_moved(disk, sources[disk.target], plan, facts)
        else:
            yield _judge_left(disk, sources[disk.target])


def _judge_left(disk: DiskPlan, source: SourceDisk) -> Finding:
    where = f"{disk.target} ({disk.source_path})"
    if source.shared or source.exists_there:
        return Finding("disk", "ok", f"{where}: the destination has it")
    return Finding(
        "disk",
        "failed",
        f"{where}: the destination has no volume there, and nothing is to be copied",
        "Write copy_storage: all, or mode: streaming; or put the disk on storage that both hosts have.",
    )


def _judge_moved(disk: DiskPlan, source: SourceDisk, plan: MigrationPlan, facts: Facts) -> Finding:
    where = f"{disk.target} ({disk.source_path})"
    fault = (
        _judge_source(where, source)
        or _judge_kind(where, source, plan)
        or _judge_destination_kind(where, disk, source, plan, facts)
        or _judge_place(where, disk, facts)
        or _judge_base(where, disk, source, plan, facts)
    )
    return fault or Finding("disk", "ok", f"{where}: {disk.reason}")


def _judge_source(where: str, source: SourceDisk) -> Finding | None:
    """Judge whether a copy of the disk would be the same, and not one too many."""
    problems = [*source.obstacles]
    if source.shareable:
        problems.append("is shareable, and a copy would part it from what others write")
    if not problems:
        return None
    return _fail(
        f"{where} {' and '.join(problems)}",
        "Put it on storage that both hosts have, and write copy_storage: none; or detach it first.",
    )


def _judge_kind(where: str, source: SourceDisk, plan: MigrationPlan) -> Finding | None:
    """Judge whether disks of its pool are copied to another host, or a device that lies in one of files or in none."""
    if source.pool is not None and source.pool_type is not None:
        operation = kinds.name_operation("move out", plan.mode)
        refusal = kinds.find_refusal(source.pool, source.pool_type, operation)
        if refusal is not None:
            return _fail(f"{where}: {refusal.detail}", refusal.remedy)
    if source.is_device and plan.mode == "offline":
        return _fail(
            f"{where}: it is a block device, which does not tell when it was written to last",
            "Start the guest, and move it while it runs.",
        )
    return None


def _judge_destination_kind(
    where: str, disk: DiskPlan, source: SourceDisk, plan: MigrationPlan, facts: Facts
) -> Finding | None:
    """Judge whether disks are copied into the destination's pool; one that both hosts have needs no copy."""
    pool = next((pool for pool in facts.pools if pool.name == disk.pool), None)
    operation = kinds.name_operation("move in", plan.mode)
    refusal = None if pool is None else kinds.find_refusal(pool.name, pool.type, operation)
    if refusal is None:
        return None
    remedy = refusal.remedy
    if source.exists_there:
        remedy = f"If both hosts have that very volume, write copy_storage: none. Else: {remedy}"
    return _fail(f"{where}: at the destination {refusal.detail}", remedy)


def _judge_place(where: str, disk: DiskPlan, facts: Facts) -> Finding | None:
    if disk.pool is None and disk.target == NVRAM:
        return _judge_settings(where, disk, facts)
    if disk.pool is None:
        return _fail(
            f"{where}: the destination has no active pool at {posixpath.dirname(disk.source_path)}",
            "Define one there, or write destination_pool.",
        )
    if disk.destination_path in facts.volumes:
        return _fail(
            f"{where}: {disk.destination_path} exists on the destination, and it could not be proven to be the same "
            "volume",
            "If both hosts share it, write copy_storage: none. If an earlier move left it there, and nothing on it is "
            "needed, remove it (remove_source_volumes: true leaves none). Or write destination_pool.",
        )
    return None


def _judge_settings(where: str, disk: DiskPlan, facts: Facts) -> Finding | None:
    """Judge the place of a firmware's settings that no pool has."""
    if disk.destination_path in facts.missing_on_destination:
        return None
    return _fail(
        f"{where}: the destination has such a file, and it could not be proven to be the same one",
        "If an earlier move left it there, remove it. If both hosts share the folder, make a pool of it on both.",
    )


def _judge_base(
    where: str, disk: DiskPlan, source: SourceDisk, plan: MigrationPlan, facts: Facts
) -> Finding | None:
    if disk.backing_path is None:
        return None
    if disk.backing_path in facts.missing_on_destination:
        return _fail(
            f"{where} stands on {disk.backing_path}, which the destination does not have",
            # offline a file is copied as it is, and its own header says where its base lies
            "Bring it there under the same path, or start the guest and write copy_storage: all, which leaves nothing "
            "below it."
            if plan.mode == "offline"
            else "Bring it there (headroom.libvirt.appliance), or write copy_storage: all.",
        )
    base = source.chain[0] if source.chain else None
    if plan.mode == "offline" and disk.backing_path != base:
        return _fail(
            f"{where}: its file says that it stands on {base}, and the destination has that at {disk.backing_path}",
            "Move the guest while it runs, or bring its base to the same path there.",
        )
    if not source.base_is_same and not facts.same_bases.get(disk.target):
        return _fail(
            f"{where} stands on {base}, and {disk.backing_path} on the destination is not known to be the same",
            "Bring that there too, or start the guest and write copy_storage: all, which leaves nothing below it.",
        )
    if disk.backing_format is None:
        return _fail(
            f"{where} stands on {base}, whose format nothing declares",
            "Start the guest, which has libvirt say it, or write copy_storage: all.",
        )
    return None


def _fail(detail: str, remedy: str) -> Finding:
    return Finding("disk", "failed", detail, remedy)


def check_definition(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge whether the guest that runs has the disks of its definition: those of it alone would stay behind."""
    for problem in facts.pending:
        yield Finding(
            "definition",
            "failed",
            problem,
            "Bring the two together first: start the guest anew, or change its definition (virsh attach-disk, virsh "
            "detach-disk, with --config).",
        )


def check_headers(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Tell of raw disks that begin like an image: they move as what they are declared to be.

    A refusal would let every guest keep its host from being drained.
    """
    for disk in plan.guest.disks:
        if disk.looks_like is not None:
            yield Finding(
                "header",
                "warning",
                f"{disk.target} ({disk.path}) is declared to be raw, and begins like an image in the format "
                f"{disk.looks_like}; it moves byte for byte, as raw",
                "Have nothing read it but by its declared format: whatever else does may open files that its guest "
                "has named there.",
            )


def check_places(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge that no two disks go to one place, and that the guest looks for its settings where they go."""
    is_brought = any(disk.target == NVRAM for disk in plan.disks_to_move)
    if is_brought and not facts.hardware.nvram and plan.request.destination_name:
        yield Finding(
            "nvram",
            "failed",
            "the guest's firmware finds its settings by the guest's name alone, which destination_name changes",
            "Leave destination_name out, or write their path into the definition (<nvram>, virsh edit).",
        )
    paths = [disk.destination_path for disk in plan.disks_to_move]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        targets = ", ".join(
            disk.target for disk in plan.disks_to_move if disk.destination_path == path
        )
        yield Finding(
            "disk",
            "failed",
            f"the disks {targets} would both lie at {path} on the destination",
            "Leave destination_pool out, or rename one of their files.",
        )


def check_space(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge the room for them."""
    needed_bytes = add_up_needed_bytes(plan)
    for pool in facts.pools:
        if pool.name not in needed_bytes:
            continue
        needed = sum(
            facts.promised_bytes.get(other.name, 0) + needed_bytes.get(other.name, 0)
            for other in facts.pools
            if other.shares_room_with(pool)
        )
        if needed > pool.available_bytes:
            yield Finding(
                "space",
                "failed",
                f"the pool {pool.name!r} has {pool.available_bytes} bytes left, the disks need {needed}",
                "Free some there, or write destination_pool.",
            )
        else:
            yield Finding(
                "space",
                "ok",
                f"the pool {pool.name!r} has {pool.available_bytes} bytes left of {needed} needed",
            )


def count_needed_bytes(disk: DiskPlan, *, is_running: bool) -> int:
    """Return how much room the copy of a disk takes: libvirt writes a raw one out in full while the guest runs."""
    if is_running and disk.source_format == "raw" and disk.action != "stream":
        return max(disk.capacity_bytes, disk.allocation_bytes)
    return disk.allocation_bytes


def add_up_needed_bytes(plan: MigrationPlan) -> dict[str, int]:
    """Return {pool of the destination: how much room the copies take in it}."""
    needed: dict[str, int] = {}
    for disk in plan.disks_to_move:
        size = count_needed_bytes(disk, is_running=plan.guest.running)
        needed[disk.pool or ""] = needed.get(disk.pool or "", 0) + size
    return needed


def check_cache(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Judge the caches of disks that two hosts will have open.

    QEMU drops what it has cached when a guest arrives since 4.0, and libvirt refuses older ones; but what is never
    flushed it cannot drop.
    """
    targets_left = {disk.target for disk in plan.disks if not disk.is_moved}
    for disk in plan.guest.disks:
        if not plan.guest.running or disk.target not in targets_left or disk.cache in _SAFE_CACHE:
            continue
        loses = disk.cache == "unsafe"
        yield Finding(
            "cache",
            "failed" if loses else "warning",
            f"{disk.target} is shared and has cache={disk.cache}, "
            + (
                "which loses writes in a migration"
                if loses
                else "which needs QEMU 4.0 on both hosts"
            ),
            "Give the disk cache='none' at the guest's next start.",
        )
    unsafe = [disk.target for disk in plan.guest.disks if disk.cache == "unsafe"]
    flushed = [disk.target for disk in plan.disks_to_move if disk.target in unsafe]
    if plan.guest.running and flushed:
        yield Finding(
            "cache",
            "ok",
            f"{', '.join(flushed)} has cache=unsafe, and cache=writeback on the destination until its next start: the "
            "source's must not go before the copy is durable",
        )
