# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``probe``: ask the members of a fleet on this host, side by side, whether they serve; ``keep`` the verdicts.

From a host, as the clones of a libvirt network are reached from nowhere else. What a guest answers is read as a number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import json
import socket
import ssl
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.calls import call_each
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.survey import (
    build_snapshot,
    find_places,
    look,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import agent, domains, stats
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from .verdict import Finding, HealthRecord, Verdict, judge, judge_state, judge_status, read_record

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .verdict import HealthCheck

# As the inventory looks for addresses, without the guests' own word, for which each would be waited for.
_SOURCES: t.Final = ("lease", "reservation", "arp")
_WORKERS: t.Final = 32
# One fewer than libvirt serves of one client at a time.
_MONITOR_WORKERS: t.Final = 4
_FLEETS_AT_ONCE: t.Final = 4
# Beyond the timeout of one answer: starting a thread, and telling what is known of one that is silent.
_PATIENCE_SECONDS: t.Final = 2.0


@dataclasses.dataclass(frozen=True)
class Target:
    """A member to ask: libvirt's ``state`` of it, and since when it could serve (``began``, epoch seconds)."""

    uuid: str
    name: str
    state: str
    state_reason: str | None = None
    began: float | None = None


def probe_fleets(
    connection: Connection, questions: t.Mapping[str, tuple[HealthCheck, t.Sequence[Target]]]
) -> dict[str, dict[str, Finding]]:
    """Return what the members of each fleet show, by its name and their UUIDs, all fleets side by side.

    The host is asked for addresses once. Where it cannot be asked, nothing is known of its members.
    """
    asked = {fleet: (check, targets) for fleet, (check, targets) in questions.items() if targets}
    if not asked:
        return {}
    try:
        addresses = _find_addresses(connection)
        calls = [functools.partial(probe, connection, *asked[name], addresses) for name in asked]
        return dict(zip(asked, run_all(calls, _FLEETS_AT_ONCE)))
    except HeadroomError as error:
        unknown = Finding("unknown", f"its host could not be asked: {error.message}")
        return {
            name: {target.uuid: unknown for target in targets}
            for name, (_check, targets) in asked.items()
        }


def probe(
    connection: Connection,
    check: HealthCheck,
    targets: t.Sequence[Target],
    addresses: t.Mapping[str, str] | None = None,
) -> dict[str, Finding]:
    """Return what each of the ``targets`` shows, by its UUID; ``addresses`` are by UUID too.

    Takes a few timeouts of the check however many there are, and whatever they do; who has not answered by then is
    silent. Raises HeadroomError where the host itself cannot be asked.
    """
    findings = {target.uuid: judge_state(target.state, target.state_reason) for target in targets}
    to_ask = [target for target in targets if findings[target.uuid] is None]
    if not to_ask:
        return {uuid: finding for uuid, finding in findings.items() if finding is not None}
    if addresses is None:
        addresses = {} if check.port is None else _find_addresses(connection)
    answers = _ask_all(
        to_ask, lambda target: _ask(connection, check, target, addresses.get(target.uuid)), check
    )
    suspects = [
        target for target in to_ask if answers[target.uuid].kind in ("silent", "no address")
    ]
    if check.port is None and not check.agent:
        suspects = to_ask
    hung = _find_hung(connection, suspects, check)
    answers.update(
        (uuid, Finding("hung", "it hangs: its QEMU does not answer either")) for uuid in hung
    )
    return {target.uuid: findings[target.uuid] or answers[target.uuid] for target in targets}


def keep(
    database: sqlite3.Connection,
    fleet: str,
    check: HealthCheck,
    targets: t.Sequence[Target],
    findings: t.Mapping[str, Finding],
    now: float,
) -> dict[str, Verdict]:
    """Return the verdict on each target, by its UUID, and keep what the next run counts on in the fleet's history."""
    rows = dict(
        database.execute("SELECT domain, record FROM health WHERE fleet = ?", (fleet,)).fetchall()
    )
    verdicts: dict[str, Verdict] = {}
    records: dict[str, HealthRecord] = {}
    for target in targets:
        record = read_record(_parse(rows.get(target.uuid)), check)
        finding = findings.get(target.uuid) or Finding("unknown", "it was not asked")
        verdicts[target.uuid], records[target.uuid] = judge(
            check, finding, record, target.began, now
        )
    database.execute("DELETE FROM health WHERE fleet = ?", (fleet,))
    database.executemany(
        "INSERT INTO health (fleet, domain, record) VALUES (?, ?, ?)",
        [(fleet, uuid, json.dumps(record.as_dict())) for uuid, record in records.items()],
    )
    return verdicts


def _parse(text: str | None) -> t.Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _find_addresses(connection: Connection) -> dict[str, str]:
    """Return the address of each guest that has one, by its UUID, as the inventory knows them."""
    request = LookRequest(sources=_SOURCES, places=find_places(connection.uri))
    snapshot = build_snapshot(look(connection, request), _SOURCES)
    return {guest.uuid: guest.address for guest in snapshot.guests if guest.address is not None}


def _ask_all(
    targets: t.Sequence[Target], ask: t.Callable[[Target], Finding], check: HealthCheck
) -> dict[str, Finding]:
    silent = Finding("silent", f"it did not answer within {check.timeout:g} s")
    answers = dict.fromkeys((target.uuid for target in targets), silent)
    patience = check.timeout + _PATIENCE_SECONDS
    for target, finding in call_each(targets, ask, _WORKERS, patience):
        answers[target.uuid] = finding
    return answers


def _ask(
    connection: Connection, check: HealthCheck, target: Target, address: str | None
) -> Finding:
    """Return what the target answers on its port, and then what its agent does."""
    if check.port is not None:
        if address is None:
            return Finding("no address", "it has no address that its host knows")
        finding = _ask_port(check, address)
        if finding.kind != "passed":
            return finding
    return _ask_agent(connection, target) if check.agent else Finding("passed")


def _ask_port(check: HealthCheck, address: str) -> Finding:
    port = t.cast(int, check.port)
    where = f"on port {port} of {address}"
    try:
        if check.path is None:
            socket.create_connection((address, port), check.timeout).close()
            return Finding("passed")
        return judge_status(check, _read_status(check, address))
    except ConnectionRefusedError:
        return Finding("refused", f"nothing listens {where}")
    except (http.client.HTTPException, ssl.SSLError, ConnectionError) as error:
        return Finding("failing", f"what listens {where} answers no HTTP ({type(error).__name__})")
    except OSError:  # a timeout, or no route to it
        return Finding("silent", f"it does not answer {where} within {check.timeout:g} s")


def _read_status(check: HealthCheck, address: str) -> int:
    connect: t.Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    if check.scheme == "https":
        # Whether it serves is the question, not who it is: no certificate names the address of a clone.
        context = ssl._create_unverified_context()  # noqa: S323
        connect = functools.partial(http.client.HTTPSConnection, context=context)
    connection = connect(address, check.port, timeout=check.timeout)
    try:
        connection.request("GET", check.path or "/", headers={"User-Agent": "headroom.libvirt"})
        return connection.getresponse().status
    finally:
        connection.close()


def _ask_agent(connection: Connection, target: Target) -> Finding:
    try:
        if agent.is_responsive(domains.look_up_uuid(connection, target.uuid)):
            return Finding("passed")
    except HeadroomError as error:
        return Finding("unknown", error.message)
    return Finding("silent", "its guest agent does not answer")


def _find_hung(
    connection: Connection, targets: t.Sequence[Target], check: HealthCheck
) -> list[str]:
    """Return the UUIDs of those whose QEMU does not answer libvirt: that is no matter of a network or a service.

    On a connection of its own, as one that carries a few requests that hang serves nobody else any more. Those that
    were not asked for that are left out.
    """
    if not targets:
        return []
    asked: set[str] = set()
    with open_connection(connection.uri, timeout=check.timeout) as other:

        def is_well(target: Target) -> bool:
            asked.add(target.uuid)
            return _is_qemu_well(other, target, check)

        patience = check.timeout + _PATIENCE_SECONDS
        answers = dict(call_each(targets, is_well, _MONITOR_WORKERS, patience))
    return [target.uuid for target in targets if target.uuid in asked and not answers.get(target)]


def _is_qemu_well(connection: Connection, target: Target, check: HealthCheck) -> bool:
    """Return whether QEMU answers; where libvirt waits for it already, as for its statistics, whether that ends."""
    with contextlib.suppress(HeadroomError):  # it went meanwhile: it does not hang
        domain = domains.look_up_uuid(connection, target.uuid)
        if domains.is_awaiting_qemu(domain):
            waiter = Waiter(check.timeout, first_pause=0.1)
            return waiter.holds(lambda: not domains.is_awaiting_qemu(domain))
        stats.read_some(connection, [domain], ["block"])
    return True
