# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Putting overlays over the disks of a running domain, and taking them away again; one libvirt call a function."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import translated
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.xml import parse_element, to_text
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import etree, libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain


def snapshot_xml(overlays: t.Mapping[str, str], others: t.Iterable[str]) -> str:
    """Return the XML that puts the overlays {target: path} over their disks and leaves the ``others`` alone. Pure."""
    root = etree.Element("domainsnapshot")
    disks = etree.SubElement(root, "disks")
    for target, path in overlays.items():
        disk = etree.SubElement(disks, "disk", name=target, snapshot="external", type="file")
        etree.SubElement(disk, "driver", type="qcow2")
        etree.SubElement(disk, "source", file=path)
    for target in others:
        etree.SubElement(disks, "disk", name=target, snapshot="no")
    return to_text(root)


def put(domain: Domain, xml: str, *, quiesce: bool) -> None:
    """Put overlays over disks, all at one instant; with ``quiesce`` the agent freezes file systems for it."""
    flags = (
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
        | (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE if quiesce else 0)
    )
    with translated(f"put overlays over the disks of {domain.name()!r}"):
        domain.snapshotCreateXML(xml, flags)


def commit(domain: Domain, target: str) -> None:
    """Begin to merge the topmost layer of a disk into the one below it."""
    flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW
    with translated(f"merge the overlay of the disk {target} of {domain.name()!r}"):
        domain.blockCommit(target, None, None, 0, flags)


def pivot(domain: Domain, target: str) -> None:
    """End a job that is ready, and let the domain go on with what it has written."""
    with translated(f"leave the overlay of the disk {target} of {domain.name()!r}"):
        domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)


def pull(domain: Domain, target: str) -> None:
    """Begin to copy all that a disk stands on into it."""
    with translated(f"pull the disk {target} of {domain.name()!r}"):
        domain.blockPull(target, 0, 0)


def has_job(domain: Domain, target: str) -> bool:
    """Return whether a job runs on a disk."""
    with translated(f"read the job of the disk {target} of {domain.name()!r}"):
        return bool(domain.blockJobInfo(target, 0))


def is_ready(xml: str, target: str) -> bool:
    """Return whether a domain's XML says that the disk's job can be ended by pivot(). Pure."""
    mirrors = parse_element(xml).findall("devices/disk[target]/mirror[@ready='yes']")
    return any(_target(mirror) == target for mirror in mirrors)


def _target(mirror: etree._Element) -> str | None:
    disk = mirror.getparent()
    target = None if disk is None else disk.find("target")
    return None if target is None else target.get("dev")
