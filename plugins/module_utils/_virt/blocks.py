# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""libvirt's calls about block jobs, exports and backing chains of running domains, one a function."""

from __future__ import annotations

import dataclasses
import typing as t

from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain


@dataclasses.dataclass(frozen=True)
class Job:
    """A block job that runs: how many bytes it has done, of how many."""

    done_bytes: int
    total_bytes: int


def create_transient_paused(connection: Connection, name: str, xml: str) -> Domain:
    """Start a domain that has no definition, and let none of its instructions run."""
    with translate_errors(f"start {name!r}"):
        return connection.handle.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED)


def begin_backup(domain: Domain, xml: str) -> None:
    """Begin the backup that the XML describes; in pull mode, libvirt serves the disks until the domain ends."""
    with translate_errors(f"export the disks of {domain.name()!r}"):
        domain.backupBegin(xml, None, 0)


def read_backup_xml(domain: Domain) -> str:
    """Return the XML of the backup that runs."""
    with translate_errors(f"read the export of {domain.name()!r}"):
        return domain.backupGetXMLDesc(0)


def pull(domain: Domain, target: str, bytes_per_second: int) -> None:
    """Begin to copy the whole backing chain of a disk into it, in the background; 0 is without limit."""
    with translate_errors(f"pull the disk {target} of {domain.name()!r}"):
        domain.blockPull(target, bytes_per_second, libvirt.VIR_DOMAIN_BLOCK_PULL_BANDWIDTH_BYTES)


def commit(domain: Domain, target: str) -> None:
    """Begin to merge the topmost layer of a disk into the one below it."""
    flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW
    with translate_errors(f"merge the overlay of the disk {target} of {domain.name()!r}"):
        domain.blockCommit(target, None, None, 0, flags)


def commit_between(domain: Domain, target: str, top: str, base: str) -> None:
    """Begin to merge a layer that is not the topmost one into the one below it; the job ends by itself."""
    with translate_errors(f"merge the layer {top} of the disk {target} of {domain.name()!r}"):
        domain.blockCommit(target, base, top, 0, 0)


def set_size(domain: Domain, target: str, size_bytes: int) -> None:
    """Have a running domain's disk be that large."""
    with translate_errors(f"set the size of the disk {target} of {domain.name()!r}"):
        domain.blockResize(target, size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def pivot(domain: Domain, target: str) -> None:
    """End a job that is ready, and let the domain go on with what it has written."""
    with translate_errors(f"leave the overlay of the disk {target} of {domain.name()!r}"):
        domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)


def read_job(domain: Domain, target: str) -> Job | None:
    """Return the job that runs on a disk, None when there is none."""
    with translate_errors(f"read the job of the disk {target} of {domain.name()!r}"):
        facts = domain.blockJobInfo(target, 0)
    return Job(int(facts["cur"]), int(facts["end"])) if facts else None


def layers(connection: Connection, domain: Domain) -> dict[str, list[int]]:
    """Return {target: the capacities in bytes, top first} of each layer of each disk's backing chain."""
    with translate_errors(f"read the disks of {domain.name()!r}"):
        ((_domain, facts),) = connection.handle.domainListGetStats(
            [domain],
            libvirt.VIR_DOMAIN_STATS_BLOCK,
            libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING,
        )
    found: dict[str, list[int]] = {}
    for number in range(facts.get("block.count", 0)):
        found.setdefault(facts[f"block.{number}.name"], []).append(
            facts.get(f"block.{number}.capacity", 0)
        )
    return found
