# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``take_look``: everything that a self-test asks one host for; it changes nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._host.facts import read_facts
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import read_storage
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_each
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.report import (
    describe_transaction,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.sweep import judge_exports
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here, mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import networks, node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from .files import find_leftover_volumes
from .guests import read_guests
from .machine import read_machine
from .model import Look, Network, Peer

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class LookRequest:
    """What to look at: the ``params`` of the task, and the journal. Peers get ``timeout`` seconds each."""

    params: t.Mapping[str, t.Any]
    journal: Journal
    now: float
    timeout: float


def take_look(connection: Connection, request: LookRequest) -> Look:
    """Return what the host says of itself; what cannot be read is among the look's ``problems``."""
    survey = _Survey(connection, request)
    return survey.run()


class _Survey:
    """One look; ``problems`` are {check: what was in the way}."""

    def __init__(self, connection: Connection, request: LookRequest) -> None:
        self._connection = connection
        self._request = request
        self._is_local = leads_here(connection.uri)
        self.problems: dict[str, str] = {}

    def run(self) -> Look:
        params = self._request.params
        host = read_facts(self._connection, params, self._request.now)
        cards = node.list_cards(self._connection)
        transactions = self._try("transaction", self._read_transactions, [])
        host["cards"] = None if cards is None else sorted(cards)
        storage = read_storage(self._connection, refresh=False)
        guests = self._try(
            "guests", lambda: read_guests(self._connection, storage, transactions), []
        )
        appliances, unsound = self._try("catalogue", self._read_appliances, ({}, {}))
        return Look(
            host=host,
            machine=self._read_machine(host) if self._is_local else None,
            guests=guests,
            networks=self._try("networks", self._read_networks, []),
            transactions=transactions,
            exports=self._try("export", self._read_exports, []),
            expired_leases=self._read_expired_leases(),
            volumes=self._try(
                "half_made",
                lambda: find_leftover_volumes(self._connection, storage, transactions),
                {},
            ),
            appliances=appliances,
            unsound=unsound,
            peers=self._read_peers(),
            machine_types=self._read_machine_types(host["cpu"]["arch"]),
            problems=self.problems,
        )

    def _try(self, check: str, read: t.Callable[[], T], default: t.Any) -> T:
        """Return what ``read`` returns; ``default`` where that fails, which is a problem then."""
        try:
            return read()
        except ConnectionFailed:
            raise
        except HeadroomError as error:
            self.problems[check] = error.message
            return t.cast("T", default)

    def _read_machine(self, host: t.Mapping[str, t.Any]) -> t.Any:
        journal, history = self._request.journal, Database(self._request.params["history"], True)
        return read_machine(
            {
                str(journal.path): journal.list_unfinished,
                history.path: lambda: history.run(lambda _opened: None, self._request.now),
            },
            [pool["path"] for pool in host["pools"] if pool["path"] and pool["state"] == "running"],
        )

    def _read_transactions(self) -> list[dict[str, t.Any]]:
        if not self._is_local:
            return []
        records = self._request.journal.list_unfinished()
        return [describe_transaction(record, self._request.now) for record in records]

    def _read_exports(self) -> list[dict[str, t.Any]]:
        states = judge_exports(self._connection, self._request.now, self._request.timeout)
        return [state.as_dict() for state in states]

    def _read_expired_leases(self) -> list[dict[str, t.Any]]:
        if not self._is_local:
            return []

        def read(database: sqlite3.Connection) -> dict[str, lease.Lease]:
            return lease.read_expired(database, self._request.now)

        try:
            leases, _warnings = Database(self._request.params["history"], dry_run=True).run(
                read, self._request.now
            )
        except HeadroomError:  # read_machine() says so
            return []
        return [{"fleet": fleet, **dataclasses.asdict(row)} for fleet, row in leases.items()]

    def _read_networks(self) -> list[Network]:
        rows = []
        for handle in networks.list_all(self._connection):
            try:
                rows.append(_read_network(handle))
            except NotFound:  # gone since it was listed
                continue
        return rows

    def _read_appliances(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return {appliance: digest} of those that are whole, and {appliance: problem} of the others."""
        try:
            catalogue = open_catalogue(self._connection, self._request.params["pool"])
        except NotFound:
            return {}, {}
        whole: dict[str, str] = {}
        unsound = {str(row.id): row.problem for row in catalogue.list_unreadable()}
        for manifest in catalogue.read_all():
            try:
                catalogue.locate_disks(manifest)
                whole[str(manifest.id)] = _digest(manifest)
            except NotFound as error:
                unsound[str(manifest.id)] = error.message
        return whole, unsound

    def _read_peers(self) -> list[Peer]:
        uris = self._request.params["peers"]
        timeout = check_positive("connect_timeout", self._request.timeout, "seconds")
        answers = run_each(dict.fromkeys(uris), self._read_peer, timeout=timeout + 1.0, parallel=16)
        return [
            Peer(mask_uri(uri), problem=answer.message)
            if isinstance(answer, HeadroomError)
            else Peer(mask_uri(uri), answer)
            for uri, answer in answers.items()
        ]

    def _read_peer(self, uri: str) -> str | None:
        with open_connection(
            uri, timeout=self._request.timeout, read_only=True, keepalive=False
        ) as peer:
            return node.read_capabilities(peer).uuid

    def _read_machine_types(self, arch: str | None) -> frozenset[str] | None:
        support = node.read_guests(self._connection).get(arch or "")
        return None if support is None else support.machines


def _read_network(handle: networks.Network) -> Network:
    is_active = networks.is_active(handle)
    network = networks.read_live(handle)
    capacity = 0
    for subnet in network.subnets:
        for low, high in subnet.ranges:
            capacity += int(high) - int(low) + 1
    return Network(
        network.name,
        capacity,
        len(networks.list_leases(handle)) if is_active and capacity else 0,
        {
            reservation.mac.lower(): str(reservation.address)
            for _subnet, reservation in network.reservations
            if reservation.mac
        },
    )


def _digest(manifest: Manifest) -> str:
    """Return what is the same on all hosts that have the same appliance."""
    text = " ".join(sorted(f"{disk.target}={disk.sha256}" for disk in manifest.disks))
    return hashlib.sha256(text.encode()).hexdigest()
