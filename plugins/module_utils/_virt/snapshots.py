# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about snapshots a function, and the one that plugs a device in."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound

from .connection import translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain
    Snapshot = libvirt.virDomainSnapshot


def create(domain: Domain, xml: str) -> Snapshot:
    """Take the snapshot that the XML describes."""
    with translate_errors(f"take a snapshot of {domain.name()!r}"):
        return domain.snapshotCreateXML(xml, 0)


def adopt(domain: Domain, xml: str) -> Snapshot:
    """Have libvirt know of a snapshot that the domain's disks hold already, as its current one."""
    flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
    with translate_errors(f"adopt a snapshot of {domain.name()!r}"):
        return domain.snapshotCreateXML(xml, flags)


def look_up(domain: Domain, name: str) -> Snapshot:
    """Return the snapshot called ``name``."""
    with translate_errors(f"look up the snapshot {name!r} of {domain.name()!r}"):
        return domain.snapshotLookupByName(name, 0)


def read_xml(domain: Domain, name: str) -> str:
    """Return the XML of the snapshot called ``name``."""
    snapshot = look_up(domain, name)
    with translate_errors(f"read the snapshot {name!r} of {domain.name()!r}"):
        return snapshot.getXMLDesc(0)


def list_xml(domain: Domain) -> list[str]:
    """Return the XML of each snapshot of the domain that is there."""
    with translate_errors(f"list the snapshots of {domain.name()!r}"):
        every = domain.listAllSnapshots(0)
    texts = []
    for snapshot in every:
        try:
            with translate_errors(f"read a snapshot of {domain.name()!r}"):
                texts.append(snapshot.getXMLDesc(0))
        except NotFound:  # deleted since it was listed
            continue
    return texts


def run_from(domain: Domain, snapshot: Snapshot) -> None:
    """Let the domain run from the snapshot on."""
    with translate_errors(f"start {domain.name()!r} from its snapshot"):
        domain.revertToSnapshot(snapshot, libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING)


def delete(domain: Domain, snapshot: Snapshot) -> None:
    """Delete the snapshot with the memory that it holds."""
    with translate_errors(f"delete the snapshot of {domain.name()!r}"):
        snapshot.delete(0)


def attach(domain: Domain, xml: str) -> None:
    """Plug a device in, now and in the definition."""
    flags = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    with translate_errors(f"plug a device into {domain.name()!r}"):
        domain.attachDeviceFlags(xml, flags)
