# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about migrations a function, with libvirt's errors translated."""

from __future__ import annotations

import contextlib
import typing as t

from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    Domain = libvirt.virDomain


def combine_flags(names: t.Iterable[str]) -> int:
    """Return the virDomainMigrateFlags of these names (without ``VIR_MIGRATE_``)."""
    bits = 0
    for name in names:
        bits |= getattr(libvirt, f"VIR_MIGRATE_{name}")
    return bits


def migrate_peer_to_peer(
    domain: Domain, uri: str, parameters: t.Mapping[str, t.Any], flags: int
) -> None:
    """Have the source's libvirt move the domain to ``uri``; returns when it is there."""
    with translate_errors(f"migrate {domain.name()!r}"):
        domain.migrateToURI3(uri, dict(parameters), flags)


def migrate_managed(
    domain: Domain, destination: Connection, parameters: t.Mapping[str, t.Any], flags: int
) -> None:
    """Move the domain, both sides led from here; returns when it is there."""
    with translate_errors(f"migrate {domain.name()!r}"):
        domain.migrate3(destination.handle, dict(parameters), flags)


def set_max_downtime(domain: Domain, milliseconds: int) -> None:
    """Set how long the guest may stand still at the end of a migration that runs."""
    with translate_errors(f"set the maximum downtime of {domain.name()!r}"):
        domain.migrateSetMaxDowntime(milliseconds, 0)


def start_postcopy(domain: Domain) -> None:
    """Switch a migration that runs (and may) to post-copy."""
    with translate_errors(f"switch the migration of {domain.name()!r} to post-copy"):
        domain.migrateStartPostCopy(0)


def abort_job(domain: Domain) -> None:
    """Abort the domain's job; for a migration that is before its switch-over."""
    with translate_errors(f"abort the job of {domain.name()!r}"):
        domain.abortJob()


def read_job_type(domain: Domain) -> int:
    """Return the virDomainJobType of what runs."""
    with translate_errors(f"read the job of {domain.name()!r}"):
        return domain.jobInfo()[0]


def read_job_stats(domain: Domain, *, completed: bool = False) -> dict[str, t.Any]:
    """Return the figures of the domain's job, or of the last one; empty when there is none."""
    flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED if completed else 0
    with translate_errors(f"read the job of {domain.name()!r}"):
        return domain.jobStats(flags)


def read_migratable_xml(domain: Domain, *, inactive: bool = False) -> str:
    """Return the XML that a migration may change, secrets included; never to be shown."""
    flags = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
    if inactive:
        flags |= libvirt.VIR_DOMAIN_XML_INACTIVE
    with translate_errors(f"read the XML of {domain.name()!r}"):
        return domain.XMLDesc(flags)


def destroy(domain: Domain) -> None:
    """Take the power away."""
    with translate_errors(f"power {domain.name()!r} off"):
        domain.destroyFlags(0)


def suspend_quietly(domain: Domain) -> None:
    """Pause the guest if that is possible just now."""
    with contextlib.suppress(libvirt.libvirtError):
        domain.suspend()
