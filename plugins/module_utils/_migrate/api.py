# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about migrations, block jobs and exports a function, with libvirt's errors translated."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection, translated
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain


def flag_bits(names: t.Iterable[str]) -> int:
    """Return the virDomainMigrateFlags of these names (without ``VIR_MIGRATE_``)."""
    bits = 0
    for name in names:
        bits |= getattr(libvirt, f"VIR_MIGRATE_{name}")
    return bits


def migrate_peer_to_peer(domain: Domain, uri: str, parameters: t.Mapping[str, t.Any], flags: int) -> None:
    """Have the source's libvirt move the domain to ``uri``; returns when it is there."""
    with translated(f"migrate {domain.name()!r}"):
        domain.migrateToURI3(uri, dict(parameters), flags)


def migrate_managed(domain: Domain, destination: Connection, parameters: t.Mapping[str, t.Any], flags: int) -> None:
    """Move the domain, both sides led from here; returns when it is there."""
    with translated(f"migrate {domain.name()!r}"):
        domain.migrate3(destination.handle, dict(parameters), flags)


def set_max_downtime(domain: Domain, milliseconds: int) -> None:
    """Set how long the guest may stand still at the end of a migration that runs."""
    with translated(f"set the maximum downtime of {domain.name()!r}"):
        domain.migrateSetMaxDowntime(milliseconds, 0)


def start_postcopy(domain: Domain) -> None:
    """Switch a migration that runs (and may) to post-copy."""
    with translated(f"switch the migration of {domain.name()!r} to post-copy"):
        domain.migrateStartPostCopy(0)


def abort_job(domain: Domain) -> None:
    """Abort the domain's job; for a migration that is before its switch-over."""
    with translated(f"abort the job of {domain.name()!r}"):
        domain.abortJob()


def job_type(domain: Domain) -> int:
    """Return the virDomainJobType of what runs."""
    with translated(f"read the job of {domain.name()!r}"):
        return domain.jobInfo()[0]


def job_stats(domain: Domain, *, completed: bool = False) -> dict[str, t.Any]:
    """Return the figures of the domain's job, or of the last one; empty when there is none."""
    flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED if completed else 0
    with translated(f"read the job of {domain.name()!r}"):
        return domain.jobStats(flags)


def migratable_xml(domain: Domain, *, inactive: bool = False) -> str:
    """Return the XML that a migration may change, secrets included; never to be shown."""
    flags = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
    if inactive:
        flags |= libvirt.VIR_DOMAIN_XML_INACTIVE
    with translated(f"read the XML of {domain.name()!r}"):
        return domain.XMLDesc(flags)


def put_overlays(domain: Domain, snapshot_xml: str) -> None:
    """Put new overlays over disks, all at one instant, remembered nowhere but in the chain."""
    # With metadata of a snapshot libvirt would refuse to migrate the domain.
    flags = (
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    )
    with translated(f"put an overlay over the disks of {domain.name()!r}"):
        domain.snapshotCreateXML(snapshot_xml, flags)


def commit_overlay(domain: Domain, target: str) -> None:
    """Start merging the top overlay of a running domain's disk into what lies below it."""
    flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW
    with translated(f"merge the overlay of the disk {target} of {domain.name()!r} back"):
        domain.blockCommit(target, None, None, 0, flags)


def pivot(domain: Domain, target: str) -> None:
    """End a block job that is ready, continuing on its other end."""
    with translated(f"go back to the disk {target} of {domain.name()!r}"):
        domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)


def abort_block_job(domain: Domain, target: str) -> None:
    """Abort the block job of a disk; returns when it has ended."""
    with translated(f"abort the block job of the disk {target} of {domain.name()!r}"):
        domain.blockJobAbort(target, 0)


def pull(domain: Domain, target: str, mib_per_second: int | None) -> None:
    """Start copying all that a disk stands on into it."""
    with translated(f"pull the disk {target} of {domain.name()!r} in"):
        domain.blockPull(target, mib_per_second or 0, 0)


def block_job(domain: Domain, target: str) -> dict[str, t.Any]:
    """Return type, bandwidth, cur and end of the disk's block job; empty when there is none."""
    with translated(f"read the block job of the disk {target} of {domain.name()!r}"):
        return domain.blockJobInfo(target, 0) or {}


def start_helper(connection: Connection, xml: str) -> Domain:
    """Start a domain that stays paused and leaves nothing behind when it is destroyed."""
    with translated("start a helper domain"):
        return connection.handle.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED)


def begin_backup(domain: Domain, backup_xml: str) -> None:
    """Serve the domain's disks, as they are now, by QEMU's NBD server."""
    with translated(f"serve the disks of {domain.name()!r}"):
        domain.backupBegin(backup_xml, None, 0)


def destroy(domain: Domain) -> None:
    """Take the power away."""
    with translated(f"power {domain.name()!r} off"):
        domain.destroyFlags(0)


def chain_capacities(connection: Connection, domain: Domain) -> list[int]:
    """Return the capacity of each layer of the domain's disks that QEMU has open, disk by disk, each top first."""
    with translated(f"read the disks of {domain.name()!r}"):
        ((_domain, stats),) = connection.handle.domainListGetStats(
            [domain], libvirt.VIR_DOMAIN_STATS_BLOCK, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING
        )
    return [int(stats.get(f"block.{number}.capacity", 0)) for number in range(int(stats.get("block.count", 0)))]


def suspend_quietly(domain: Domain) -> None:
    """Pause the guest if that is possible just now."""
    with contextlib.suppress(libvirt.libvirtError):
        domain.suspend()
