# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``collect``: read the statistics of a host's domains, with rates where a sample precedes them.

What modules and services call; the other files of this package are its parts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains as domain_api
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import stats as api
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import MachineRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

from . import rates
from .connection_pool import ConnectionPool, PooledConnection, choose_workers
from .gather import Chunk, Collisions, Gathering
from .memory_guard import MemoryGuard
from .sample import DomainSample, parse_record

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@dataclasses.dataclass(frozen=True)
class StatsRequest:
    """What to read of which domains.

    ``names`` None means every domain; ``fleet``, ``fleets`` (one of them) and ``tenant`` keep those whose metadata say
    so. They, and ``metadata``, cost one call a domain, since libvirt has no bulk call for metadata; nothing else does.
    ``interval`` (seconds) takes two samples and gives rates; without it, rates are against the samples ``previous``.
    ``workers`` requests (None: as many as are worth it) are under way at a time, and one that takes longer than
    ``timeout`` seconds does not hold up the others.
    """

    names: t.Sequence[str] | None = None
    fleet: str | None = None
    fleets: t.Collection[str] | None = None
    tenant: str | None = None
    metadata: bool = False
    inactive: bool = True
    groups: t.Collection[api.Group] = api.GROUPS
    backing: bool = False
    interval: float | None = None
    previous: t.Sequence[DomainSample] | None = None
    workers: int | None = None
    timeout: float = 5.0

    @property
    def needs_metadata(self) -> bool:
        """Whether each domain's metadata have to be read."""
        return self.metadata or (self.fleet, self.fleets, self.tenant) != (None, None, None)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What was read of one domain: ``metadata`` and ``rates`` are None unless the request needs them."""

    sample: DomainSample
    metadata: Metadata | None = None
    rates: dict[str, t.Any] | None = None

    def as_dict(self, uri: str) -> dict[str, t.Any]:
        """Return one element of the module's ``domains``; ``uri`` leads to its host from elsewhere."""
        metadata = self.metadata or Metadata()
        return {
            **self.sample.as_dict(),
            "machine": MachineRef(uri, self.sample.name, self.sample.uuid).as_dict(),
            "fleet": metadata.fleet,
            "tenant": metadata.tenant,
            "rates": self.rates,
        }


@dataclasses.dataclass(frozen=True)
class _Target:
    domain: api.Domain
    metadata: Metadata | None = None


def collect(
    connection: Connection, request: StatsRequest, clock: Clock = SYSTEM_CLOCK
) -> list[Reading]:
    """Return a Reading of each domain that the request means, sorted by name.

    Costs one call that lists and, for each sample, one bulk call for every few domains, several at a time. A domain
    that vanishes meanwhile is left out. Raises NotFound for a name that no domain has.
    """
    targets = _choose(connection, request)
    samples, earlier = _sample(connection, request, targets, clock), request.previous
    if request.interval is not None:
        earlier = samples
        clock.sleep(request.interval)
        samples = _sample(connection, request, targets, clock)
    changes = {} if earlier is None else rates.compute_all_rates(earlier, samples)
    metadata = {target.domain.UUIDString(): target.metadata for target in targets or ()}
    return [
        Reading(sample, metadata.get(sample.uuid), changes.get(sample.uuid)) for sample in samples
    ]


def _choose(connection: Connection, request: StatsRequest) -> list[_Target] | None:
    """Return the domains to read, None for all that the host has."""
    if request.names is None and not request.needs_metadata:
        return None
    domains = _list_domains(connection, request)
    if not request.needs_metadata:
        return [_Target(domain) for domain in domains]
    require_lxml()
    targets = (_Target(domain, domain_api.find_metadata(domain)) for domain in domains)
    return [
        target
        for target in targets
        if target.metadata is not None and _is_meant(request, target.metadata)
    ]


def _list_domains(connection: Connection, request: StatsRequest) -> list[api.Domain]:
    domains = (
        domain_api.list_all(connection)
        if request.names is None
        else _look_up_names(connection, request.names)
    )
    return [domain for domain in domains if request.inactive or domain.ID() != -1]


def _look_up_names(connection: Connection, names: t.Sequence[str]) -> list[api.Domain]:
    """Look the names up with one call: a single name by itself, several in the list of all."""
    if len(set(names)) == 1:
        domain = domain_api.find(connection, names[0])
        domains = {} if domain is None else {domain.name(): domain}
    else:
        domains = {domain.name(): domain for domain in domain_api.list_all(connection)}
    missing = [name for name in names if name not in domains]
    if missing:
        raise NotFound(
            f"name: there is no domain {', '.join(map(repr, missing))} on {connection.uri}. "
            "Check the spelling, or leave the option out to read every domain.",
            option="name",
            missing=missing,
        )
    return [domains[name] for name in dict.fromkeys(names)]


def _is_meant(request: StatsRequest, metadata: Metadata) -> bool:
    return (
        request.fleet in (None, metadata.fleet)
        and request.tenant in (None, metadata.tenant)
        and (request.fleets is None or metadata.fleet in request.fleets)
    )


def _sample(
    connection: Connection, request: StatsRequest, targets: t.Sequence[_Target] | None, clock: Clock
) -> list[DomainSample]:
    domains = (
        _list_domains(connection, request)
        if targets is None
        else [target.domain for target in targets]
    )
    by_uuid = {domain.UUIDString(): domain for domain in domains}
    workers = request.workers or choose_workers(connection, len(by_uuid))
    with contextlib.closing(ConnectionPool(connection, domains)) as pool:
        attempts = _Attempts(request, clock)
        gathering = Gathering(
            pool,
            workers,
            request.timeout,
            len(attempts.groups),
            attempts.ask,
            Collisions(_has_timed_out),
            MemoryGuard().check,
        )
        samples, hung = gathering.run(list(by_uuid))
    lost = [_build_sample(by_uuid[uuid], clock.now(), {}, timed_out=True) for uuid in hung]
    return sorted([*samples.values(), *lost], key=lambda sample: sample.name)


@dataclasses.dataclass(frozen=True)
class _Attempts:
    """The attempts at the statistics of some domains; each but the last asks for the same."""

    request: StatsRequest
    clock: Clock

    @property
    def groups(self) -> t.Sequence[t.Collection[api.Group]]:
        """The groups to ask for at each attempt."""
        # The second attempt may be the first to touch another guest that hangs, and the third then passes it over.
        # The last is for what even then does not answer, such as a disk on a server that is gone.
        groups = self.request.groups
        return (groups, groups, groups, ["state"])

    def ask(self, pooled: PooledConnection, chunk: Chunk) -> dict[str, DomainSample]:
        """Return the samples by UUID; a domain that has vanished has none."""
        groups = self.groups[chunk.attempt]
        domains = [pooled.domains[uuid] for uuid in chunk.keys if uuid in pooled.domains]
        started = self.clock.now()
        records = api.read_some(pooled.connection, domains, groups, backing=self.request.backing)
        # libvirt reads one domain after the other during the call.
        taken_at = (started + self.clock.now()) / 2
        is_last = chunk.attempt == len(self.groups) - 1
        samples = (
            _build_sample(domain, taken_at, values, timed_out=is_last) for domain, values in records
        )
        return {sample.uuid: sample for sample in samples}


def _has_timed_out(sample: DomainSample) -> bool:
    return t.cast(bool, sample.stats["timed_out"])


def _build_sample(
    domain: api.Domain, taken_at: float, values: t.Mapping[str, t.Any], *, timed_out: bool = False
) -> DomainSample:
    number, stats = domain.ID(), parse_record(values, time.time())
    stats["timed_out"] |= timed_out
    return DomainSample(
        domain.name(), domain.UUIDString(), None if number == -1 else number, taken_at, stats
    )
