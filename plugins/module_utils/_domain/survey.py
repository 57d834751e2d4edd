# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Choosing domains on a host, and finding out all that a plan for them needs to know."""

from __future__ import annotations

import dataclasses
import typing as t
from fnmatch import fnmatchcase

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import users
from ansible_collections.headroom.libvirt.plugins.module_utils._network import (
    apply as network_apply,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from .defined import DefinedDomain
from .model import DomainSurvey

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .request import DomainRequest


class Choice(t.NamedTuple):
    """The domains that a task chooses, by name, and the names that it says and that do not exist."""

    domains: list[DefinedDomain]
    missing: list[str]


def choose(
    connection: Connection, *, names: t.Sequence[str], fleet: str | None, pattern: str | None
) -> Choice:
    """Return the domains that any of the three choose; ``pattern`` is a shell pattern over names."""
    if not fleet and pattern is None:  # names alone need no list of a thousand guests
        handles = {name: domains.find(connection, name) for name in names}
        existing = [
            DefinedDomain(connection, handle) for handle in handles.values() if handle is not None
        ]
        return Choice(existing, [name for name, handle in handles.items() if handle is None])
    all_of_host = [DefinedDomain(connection, handle) for handle in domains.list_all(connection)]
    chosen = {
        domain.name: domain
        for domain in all_of_host
        if domain.name in names
        or (pattern is not None and fnmatchcase(domain.name, pattern))
        or (fleet and _is_member(domain, fleet))
    }
    return Choice(
        [chosen[name] for name in sorted(chosen)], [name for name in names if name not in chosen]
    )


def _is_member(domain: DefinedDomain, fleet: str) -> bool:
    metadata = domains.find_metadata(domain.domain)
    return metadata is not None and metadata.fleet == fleet


def inspect_all(
    connection: Connection, chosen: t.Sequence[DefinedDomain], request: DomainRequest
) -> list[DomainSurvey]:
    """Return what the host says of each domain that still exists.

    Raises NotFound for one that is gone since it was chosen, unless it is to go.
    """
    uses = users.Uses(connection)
    surveys = []
    for domain in chosen:
        try:
            surveys.append(_inspect_one(domain, request, uses))
        except NotFound:
            if request.state != "absent":
                raise
    return surveys


def _inspect_one(domain: DefinedDomain, request: DomainRequest, uses: users.Uses) -> DomainSurvey:
    observed = domain.observe()
    autostart = None if request.autostart is None else domain.autostart
    if request.state != "absent":
        description = domain.describe() if request.describes else None
        return DomainSurvey(observed, users.OwnedVolumes(), autostart, description=description)
    removes = request.remove_volumes
    volumes = uses.sort_owned(domain.definition) if removes else users.OwnedVolumes()
    with_bases = bool(volumes.remove) and _goes_with_source(domain, volumes, uses)
    return DomainSurvey(
        observed,
        volumes,
        autostart,
        network_apply.list_held_reservations(domain.connection, domain.metadata),
        tuple(
            dataclasses.replace(ref, with_bases=with_bases)
            for ref in exports.find_exports_of(domain.domain)
        ),
    )


def _goes_with_source(domain: DefinedDomain, volumes: users.OwnedVolumes, uses: users.Uses) -> bool:
    """Return whether what the domain still reads from the host that it came from is to go as well.

    That is so if its move was to delete it, and all of the disks that it belongs to go here: without it, one that stays
    is not whole.
    """
    definition = domain.definition
    dependency = definition.metadata.dependency
    if dependency is None or not dependency.removes_source:
        return False
    paths = {disk.target: disk.source for disk in definition.disks}
    refs = [uses.index.storage.find_ref(paths.get(disk.target) or "") for disk in dependency.disks]
    return all(ref in volumes.remove for ref in refs)
