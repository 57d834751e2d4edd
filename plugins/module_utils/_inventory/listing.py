# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``list_domains``: the domains of one host or of many, each host with what was in the way; changes nothing.

The hosts are asked side by side. What they answer becomes rows in the caller's thread, one host after the other: that
is Python's own work, which threads do not make faster, and so no more than the rows is held for long.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    LibvirtFailed,
    MissingDependency,
    NotEnoughMemory,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import iterate_each
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.memory_guard import (
    MemoryGuard,
    measure_size_bytes,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here, mask_uri

from .remote_journal import read_records
from .rows import HostFacts, Row, describe_domain
from .survey import HostReport, build_book, fetch_report

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record

    from .request import ListingRequest

# A program that runs on a host is ended in time by whoever started it, not left behind.
_GRACE_SECONDS: t.Final = 1.0
# How many rows are made between two looks at the memory that is left.
_ROWS_BETWEEN: t.Final = 64


@dataclasses.dataclass(frozen=True)
class Listing:
    """The rows of the domains, by name, and one for each host; ``error`` is that of the first host with one."""

    domains: list[Row]
    hosts: list[Row]
    error: HeadroomError | None = None


def list_domains(request: ListingRequest, guard: MemoryGuard | None = None) -> Listing:
    """Return the domains and hosts; a host that fails or is late is a row with a problem.

    Raises NotEnoughMemory, and what is wrong with the options whichever host is asked.
    """
    building = _Building(request, guard or _make_guard())
    patience = request.timeout + _GRACE_SECONDS
    answers = iterate_each(
        request.uris, _build_fetch(request), timeout=patience, parallel=request.parallel
    )
    for uri, answer in answers:
        building.add_host(uri, answer)
    return building.finish()


def _make_guard() -> MemoryGuard:
    return MemoryGuard(subject="the rows", options="uris, name, fleet, tenant, pattern or tags")


def _build_fetch(request: ListingRequest) -> t.Callable[[str], HostReport]:
    def fetch(uri: str) -> HostReport:
        return fetch_report(
            uri,
            request.look,
            timeout=request.timeout,
            connect_timeout=request.connect_timeout,
            on_host=request.on_host,
            machine_uri=request.machine_uri,
            with_storage=request.with_storage,
        )

    return fetch


class _Building:
    """Makes rows of what the hosts answer, as long as there is memory for all of them."""

    def __init__(self, request: ListingRequest, guard: MemoryGuard) -> None:
        self._request = request
        self._guard = guard
        self._rows: list[Row] = []
        self._hosts: dict[str, Row] = {}
        self._size_bytes = 0
        self._measured = 0
        self._error: HeadroomError | None = None

    def add_host(self, uri: str, answer: HostReport | HeadroomError) -> None:
        """Add what a host answered, or why it did not."""
        if isinstance(answer, (InvalidInput, MissingDependency)):
            raise answer
        row: Row = {"uri": mask_uri(uri), "domains": None, "calls": None, "problem": None}
        self._hosts[uri] = row
        try:
            if isinstance(answer, HeadroomError):
                raise answer
            row["domains"], row["calls"] = self._add_rows(uri, answer)
        except NotEnoughMemory:
            raise
        except HeadroomError as error:
            self._error = self._error or error
            row["problem"] = error.message

    def finish(self) -> Listing:
        """Return all of it, in an order that does not depend on who was first."""
        self._rows.sort(key=lambda row: (row["name"], row["uri"], row["uuid"]))
        hosts = [self._hosts[uri] for uri in dict.fromkeys(self._request.uris)]
        return Listing(self._rows, hosts, self._error)

    def _add_rows(self, uri: str, report: HostReport) -> tuple[int, int]:
        """Add the rows of a host; return how many, and how many libvirt calls they took."""
        request = self._request
        try:
            facts = HostFacts(
                mask_uri(uri),
                report.machine_uri,
                build_book(report.data, request.look.sources),
                report.storage,
                _group_records(_collect_records(request.records, uri, report.data)),
            )
            domains, calls = report.data["domains"], int(report.data["calls"])
            rows: list[Row] = []
            for number, raw in enumerate(domains, 1):
                row = describe_domain(raw, facts, request.selection)
                if row is not None:
                    rows.append(row)
                    self._check_memory(row, len(rows), len(rows) * len(domains) // number)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise LibvirtFailed(f"the host's answer is not what it should be: {error!r}") from error
        self._rows += rows
        return len(rows), calls

    def _check_memory(self, row: Row, number: int, expected: int) -> None:
        """Project from every 64th row what all take; ``expected`` are those of this host."""
        if number % _ROWS_BETWEEN == 0:
            self._measured += 1
            self._size_bytes += measure_size_bytes(row)
            before = len(self._rows)
            self._guard.check_size(
                self._size_bytes / self._measured, before + number, before + expected
            )


def _collect_records(
    own: t.Sequence[Record] | None, uri: str, report: t.Mapping[str, t.Any]
) -> list[Record] | None:
    """Return the unfinished transactions about the host, by the journal here and, where it was read, by its own."""
    if own is None:
        return None
    records = [record for record in own if record.uri == mask_uri(uri)]
    if "tables" in report:
        try:
            foreign = read_records(report["tables"], unfinished=True)
        except HeadroomError:
            return None
        records += [record for record in foreign if record.uri and leads_here(record.uri)]
    return records


def _group_records(records: t.Sequence[Record] | None) -> dict[str, list[Row]] | None:
    """Return the transactions by the name of a machine that they are about."""
    if records is None:
        return None
    rows: dict[str, list[Row]] = collections.defaultdict(list)
    for record in records:
        for subject in record.subjects:
            rows[subject].append(
                {
                    "id": record.id,
                    "kind": record.kind,
                    "alive": record.alive,
                    "problem": record.problem,
                }
            )
    return rows
