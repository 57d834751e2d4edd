# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What of the preflight is about disks and pools. Pure: facts in, findings out."""

from __future__ import annotations

import posixpath
import typing as t

from .model import Finding

if t.TYPE_CHECKING:
    from .facts import Facts
    from .model import DiskPlan, MigrationPlan

_SAFE_CACHE: t.Final = frozenset({"none", "directsync", "default", None})


def completeness(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Judge whether all of each disk is on the source: what it still reads from another host would be lost."""
    targets = [disk.target for disk in plan.guest.disks if not disk.is_complete]
    if targets:
        yield Finding(
            "complete",
            "failed",
            f"a part of the disks {', '.join(targets)} is still on the host that the guest came from",
            "Let it run until they are pulled in: run the task that brought it here again, with wait: local.",
        )


def disks(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge where each disk goes."""
    paths = {disk.target: disk for disk in plan.guest.disks}
    for disk in plan.disks:
        yield _disk(disk, paths[disk.target].there, paths[disk.target].shared, facts)


def _disk(disk: DiskPlan, there: bool, shared: bool, facts: Facts) -> Finding:
    where = f"{disk.target} ({disk.source_path})"
    if disk.action == "leave":
        if shared or there:
            return Finding("disk", "ok", f"{where}: the destination has it")
        return Finding(
            "disk",
            "failed",
            f"{where}: the destination has no volume there, and nothing is to be copied",
            "Write copy_storage: all, or mode: streaming; or put the disk on storage that both hosts have.",
        )
    if disk.pool is None:
        return Finding(
            "disk",
            "failed",
            f"{where}: the destination has no active pool at {posixpath.dirname(disk.source_path)}",
            "Define one there, or write destination_pool.",
        )
    if disk.destination_path in facts.volumes:
        return Finding(
            "disk",
            "failed",
            f"{where}: {disk.destination_path} exists on the destination, and it is another volume",
            "Remove it if an earlier move left it there (remove_source_volumes: true leaves none), or write "
            "destination_pool.",
        )
    if disk.backing_path is not None and disk.backing_path in facts.missing_on_destination:
        return Finding(
            "disk",
            "failed",
            f"{where} stands on {disk.backing_path}, which the destination does not have",
            "Bring it there (headroom.libvirt.appliance), or write copy_storage: all.",
        )
    return Finding("disk", "ok", f"{where}: {disk.reason}")


def space(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge the room for them."""
    for pool in facts.pools:
        moved = [disk for disk in plan.moved if disk.pool == pool.name]
        needed = sum(disk.allocation_bytes for disk in moved)
        if moved and needed > pool.available_bytes:
            yield Finding(
                "space",
                "failed",
                f"the pool {pool.name!r} has {pool.available_bytes} bytes left, the disks hold {needed}",
                "Free some there, or write destination_pool.",
            )
        elif moved:
            yield Finding(
                "space",
                "ok",
                f"the pool {pool.name!r} has {pool.available_bytes} bytes left of {needed} needed",
            )


def cache(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Judge the caches of disks that two hosts will have open.

    QEMU drops what it has cached when a guest arrives since 4.0, and libvirt refuses older ones; but what is never
    flushed it cannot drop.
    """
    left = {disk.target for disk in plan.disks if not disk.is_moved}
    for disk in plan.guest.disks:
        if not plan.guest.running or disk.target not in left or disk.cache in _SAFE_CACHE:
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
