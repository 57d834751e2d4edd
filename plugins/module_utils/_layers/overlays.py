# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Putting overlays over the disks of a running domain, and merging them back."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    snapshots,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    translate_errors,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from .layers import read_disks, read_layers

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    Domain = libvirt.virDomain

_MERGE_SECONDS: t.Final = 600.0
_SETTLE_SECONDS: t.Final = 10.0


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
    return serialise(root)


def put(domain: Domain, xml: str, *, reuse: bool = False, quiesce: bool = False) -> None:
    """Put overlays over disks, all at one instant, remembered nowhere but in the chain.

    Their files are there already with ``reuse``; with ``quiesce`` the agent freezes file systems for the instant.
    """
    if quiesce:
        domains.bound_agent(domain)
    # With metadata of a snapshot libvirt would refuse to migrate the domain.
    flags = (
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
        | (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT if reuse else 0)
        | (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE if quiesce else 0)
    )
    with translate_errors(f"put overlays over the disks of {domain.name()!r}"):
        domain.snapshotCreateXML(xml, flags)


def merge(domain: Domain, target: str, path: str, clock: Clock) -> None:
    """Merge the overlay at ``path`` back out of a running domain's disk, wherever it lies in the chain by now.

    Somebody may have put a snapshot over it meanwhile, as backups do. The guest runs on. Does nothing for a chain that
    does not hold it. Raises Conflict naming the snapshots that libvirt knows to hold it, HeadroomError when libvirt
    gives it up, TimedOut when it takes longer than ten minutes.
    """
    chain = _read_paths(domain, target)
    if path not in chain:
        return
    check_free(domain, target, path)
    if chain[0] == path:
        _merge_top(domain, target, clock)
    else:
        _merge_below(domain, target, path, chain[chain.index(path) + 1 :], clock)
    # libvirt writes the chain down a moment after the job is gone
    if not Waiter(_SETTLE_SECONDS, clock).holds(lambda: path not in _read_paths(domain, target)):
        raise HeadroomError(
            f"the overlay {path} of the disk {target} of {domain.name()!r} could not be merged: it is still in use"
        )


def find_changed_chains(
    before: t.Mapping[str, tuple[str, ...]],
    after: t.Mapping[str, tuple[str, ...]],
    places: t.Mapping[str, str],
    paths: t.Mapping[str, str],
) -> list[str]:
    """Return the targets of the disks that do not stand, under our overlays, on what they did before. Pure.

    Chains are {target: layers, the top first}, ``places`` {target: path} of the overlays. A disk that is a volume may
    be told by its path, of ``paths``, once it is a lower layer.
    """
    changed = []
    for target in sorted({*before, *after}):
        chain = before.get(target, ())
        told = {chain, (paths[target], *chain[1:])} if chain and target in paths else {chain}
        overlay = (places[target],) if target in places else ()
        if after.get(target, ()) not in {(*overlay, *layers) for layers in told}:
            changed.append(target)
    return changed


def check_free(domain: Domain, target: str, path: str) -> None:
    """Raise Conflict naming the snapshots of the domain that hold the overlay at ``path``.

    An internal one lies in the overlay itself and would be lost; one beside it names the overlay as what it goes back
    to.
    """
    holders = find_holders(snapshots.list_xml(domain), path)
    if holders:
        name = domain.name()
        raise Conflict(
            f"the overlay {path} of the disk {target} of {name!r} cannot be merged: the snapshot "
            f"{', '.join(map(repr, holders))}, which somebody took meanwhile, holds it. Nothing is lost, and every "
            f"file stays. Delete the snapshot (virsh snapshot-delete {name} {holders[0]}; with --metadata its files "
            "stay), then run the task again.",
            domain=name,
            snapshots=holders,
        )


def find_holders(texts: t.Iterable[str], path: str) -> list[str]:
    """Return the names of those among snapshots, given as XML, that name the file at ``path``. Pure."""
    holders = []
    for text in texts:
        root = parse_element(text)
        if any(path in map(str, disk.layers) for disk in read_disks(root)):
            holders.append(root.findtext("name") or "")
    return holders


def _merge_below(
    domain: Domain, target: str, path: str, below: t.Sequence[str], clock: Clock
) -> None:
    """Merge a layer under somebody else's snapshot into what is below it, whatever of that is left to do."""
    if not below:
        raise HeadroomError(f"the disk {target} of {domain.name()!r} has nothing below {path}")
    if blocks.read_job(domain, target) is None:
        blocks.commit_between(domain, target, path, below[0])
    _wait_without_job(domain, target, clock)


def _read_paths(domain: Domain, target: str) -> list[str]:
    return [str(layer) for layer in read_layers(domains.read_live_xml(domain)).get(target, ())]


def _merge_top(domain: Domain, target: str, clock: Clock) -> None:
    """Merge the topmost layer, whatever of that is left to do."""
    if blocks.read_job(domain, target) is None:
        blocks.commit(domain, target)

    def is_merged() -> bool:
        if blocks.read_job(domain, target) is None:
            raise HeadroomError(
                f"the overlay of the disk {target} of {domain.name()!r} could not be merged"
            )
        return is_ready(domains.read_live_xml(domain), target)

    Waiter(_MERGE_SECONDS, clock).wait_for(is_merged, f"merging the overlay of the disk {target}")
    blocks.pivot(domain, target)
    _wait_without_job(domain, target, clock)


def _wait_without_job(domain: Domain, target: str, clock: Clock) -> None:
    Waiter(_MERGE_SECONDS, clock).wait_for(
        lambda: blocks.read_job(domain, target) is None,
        f"leaving the overlay of the disk {target}",
    )


def is_ready(xml: str, target: str) -> bool:
    """Return whether a domain's XML says that the disk's job can be ended by pivot(). Pure."""
    mirrors = parse_element(xml).findall("devices/disk[target]/mirror[@ready='yes']")
    return any(_find_target(mirror) == target for mirror in mirrors)


def _find_target(mirror: etree._Element) -> str | None:
    disk = mirror.getparent()
    target = None if disk is None else disk.find("target")
    return None if target is None else target.get("dev")
