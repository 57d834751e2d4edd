# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""All that domains need of their host's files, read at once: ``read_needs``.

It costs four lists for the host, one XML a domain and a second one for a domain that runs, and one call more for each
snapshot and saved memory; nothing a volume.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    metadata,
    snapshots,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

from .layers import DiskLayers, read_disks, read_other_files

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef


@dataclasses.dataclass(frozen=True, order=True)
class User:
    """Who needs a file. ``identity`` is a domain's UUID, also of its snapshots and saved memory, or a VolumeRef."""

    kind: str
    name: str
    identity: str | VolumeRef

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"


@dataclasses.dataclass(frozen=True)
class Need:
    """What one user needs: disks with their layers, and other files. ``appliance`` is what its metadata names."""

    user: User
    disks: tuple[DiskLayers, ...] = ()
    other_files: tuple[str, ...] = ()
    appliance: str | None = None


def read_needs(connection: Connection) -> list[Need]:
    """Return what each domain of the host needs: live, as it is defined, for its snapshots and its saved memory."""
    every = domains.list_all(connection)
    running = domains.list_uuids(connection, "active")
    saved = domains.list_uuids(connection, "saved")
    with_snapshots = domains.list_uuids(connection, "with snapshots")
    needs: list[Need] = []
    for domain in every:
        user = User("domain", domain.name(), domain.UUIDString())
        try:
            needs.append(_read_need(user, domains.read_live_xml(domain)))
            if user.identity in running:
                needs.append(_read_need(user, domains.read_definition_xml(domain)))
            if user.identity in saved:
                needs += _read_saved(user, domain)
            if user.identity in with_snapshots:
                needs += _read_snapshots(user, domain)
        except NotFound:  # gone since it was listed
            continue
    return needs


def _read_need(user: User, text: str) -> Need:
    root = parse_element(text)
    return Need(user, read_disks(root), read_other_files(root), metadata.find_in(root).appliance)


def _read_saved(user: User, domain: domains.Domain) -> list[Need]:
    try:
        text = domains.read_saved_xml(domain)
    except (
        HeadroomError
    ):  # a driver that keeps it to itself, an image that is gone: the definition must do
        return []
    return [_read_need(dataclasses.replace(user, kind="saved memory of the domain"), text)]


def _read_snapshots(user: User, domain: domains.Domain) -> list[Need]:
    needs = []
    for text in snapshots.list_xml(domain):
        name = parse_element(text).findtext("name")
        owner = dataclasses.replace(user, kind=f"snapshot {name!r} of the domain")
        needs.append(_read_need(owner, text))
    return needs
