# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Reader``: what a host's inventory is made of, in a number of libvirt calls that does not grow with its domains.

For two places: the plugin imports it, and sends it to hosts, see remote.py. So it and the files that it imports need
nothing but Python, and libvirt's binding is handed in.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.answer import (
    send_answer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.calls import call_each
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.definitions import (
    Domain,
    Places,
    find_local_places,
    read_definition,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.tables import (
    TablesRequest,
    read_tables,
)

# Calls in flight on one connection: enough to fill a line to a distant host, but near ones are faster with few.
_WORKERS_NEAR = 4
_WORKERS_FAR = 32
_FAR_SECONDS = 0.004
_STATISTICS = ("CPU_TOTAL", "BALLOON", "VCPU", "INTERFACE", "BLOCK")
_SHARDS = 8
_ATTEMPTS = 3

Result = t.TypeVar("Result")


class LookRequest(t.NamedTuple):
    """What to read: from which ``sources`` addresses, whether ``statistics``, and the ``xml`` for its own sake.

    The agents are given up on when none of them has answered for ``agent_timeout`` seconds; with ``ask_agents`` each is
    asked whether it answers at all. ``places`` are given where libvirt's files can be read; the XML as libvirt's calls
    return it is in none of them. ``tables`` are read where the reader is sent to the host.
    """

    sources: tuple[str, ...] = ("lease",)
    agent_timeout: float = 2.0
    statistics: bool = False
    xml: bool = False
    places: Places | None = None
    ask_agents: bool = False
    tables: TablesRequest | None = None

    @property
    def needs_agents(self) -> bool:
        """Whether agents are asked, which only those may do who may write."""
        return self.ask_agents or "agent" in self.sources


class Reader:
    """One look at the host behind ``handle``.

    ``calls`` counts the libvirt calls, ``read`` the definitions among them.
    """

    def __init__(self, libvirt: t.Any, handle: t.Any, request: LookRequest) -> None:
        self.calls = 0
        self.read = 0
        self._libvirt = libvirt
        self._handle = handle
        self._request = request
        self._workers = _WORKERS_NEAR

    def look(self) -> dict[str, t.Any]:
        """Return JSON-able data: ``domains``, raw ``addresses``, definitions of ``networks``, and the counts."""
        started = time.monotonic()
        autostart = {domain.UUIDString() for domain in self._list_autostarting()}
        self._workers = _WORKERS_FAR if time.monotonic() - started > _FAR_SECONDS else _WORKERS_NEAR
        # NOWAIT: a guest that is busy holds up nobody; the state alone does not come from the guest.
        states = self._call(self._handle.getAllDomainStats, *self._build_stats_arguments("STATE"))
        domains = [self._build_domain(domain, stats) for domain, stats in states]
        missing = [domain for domain in domains if domain.xml is None]
        for domain, xml in call_each(missing, self._read_definition, self._workers):
            domain.xml = xml
        # The others have vanished.
        domains = [domain for domain in domains if domain.xml is not None]
        if self._request.statistics:
            self._add_statistics(domains)
        if self._request.ask_agents:
            self._ask_agents(domains)
        networks = self._list_networks()
        return {
            "domains": [domain.as_dict(domain.uuid in autostart) for domain in domains],
            "addresses": self._read_addresses(networks, domains),
            "networks": self._read_reservations(networks),
            "calls": self.calls,
            "read": self.read,
        }

    def _call(self, call: t.Callable[..., Result], *arguments: t.Any) -> Result:
        self.calls += 1
        return call(*arguments)

    def _call_tolerantly(
        self, default: Result, call: t.Callable[..., Result], *arguments: t.Any
    ) -> Result:
        """Call; what the driver cannot do, or is about something that vanished, yields ``default``."""
        libvirt = self._libvirt
        harmless = (
            libvirt.VIR_ERR_NO_SUPPORT,
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
            libvirt.VIR_ERR_OPERATION_INVALID,
            libvirt.VIR_ERR_NO_DOMAIN,
            libvirt.VIR_ERR_NO_NETWORK,
        )
        try:
            return self._call(call, *arguments)
        except libvirt.libvirtError as error:
            if error.get_error_code() in harmless:
                return default
            raise

    def _build_stats_arguments(self, *groups: str) -> tuple[int, int]:
        """Return the arguments of libvirt's calls for statistics: what to return, and not to wait for busy guests."""
        flags = sum(getattr(self._libvirt, f"VIR_DOMAIN_STATS_{group}") for group in groups)
        return flags, self._libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT

    def _add_statistics(self, domains: list[Domain]) -> None:
        """Add what only the guests' monitors have, in one call for each eighth of the domains.

        A monitor that hangs keeps the answer for its eighth, in which the others are asked again: libvirt then knows
        the one that hangs as busy, and passes over it.
        """
        by_uuid = {domain.uuid: domain for domain in domains}
        waiting = domains
        for _attempt in range(_ATTEMPTS):
            shards = [waiting[start::_SHARDS] for start in range(min(_SHARDS, len(waiting)))]
            answers = call_each(
                shards, self._read_statistics, _WORKERS_NEAR, 1 + len(waiting) / 400
            )
            answered: set[str] = set()
            for shard, records in answers:
                answered.update(domain.uuid for domain in shard)
                for handle, stats in records:
                    by_uuid[handle.UUIDString()].stats.update(stats)
            waiting = [domain for domain in waiting if domain.uuid not in answered]

    def _read_statistics(self, domains: list[Domain]) -> list[tuple[t.Any, dict[str, t.Any]]]:
        handles = [domain.handle for domain in domains]
        return self._call(
            self._handle.domainListGetStats, handles, *self._build_stats_arguments(*_STATISTICS)
        )

    def _ask_agents(self, domains: list[Domain]) -> None:
        """Find out which guests' agents answer; one that is left behind does not. A guest that is paused cannot."""
        running = self._libvirt.VIR_DOMAIN_RUNNING
        asked_domains = [
            domain
            for domain in domains
            if domain.has_agent and domain.stats.get("state.state") == running
        ]
        for domain in asked_domains:
            domain.answers = False
        patience = self._request.agent_timeout
        for domain, answers in call_each(asked_domains, self._ping, _WORKERS_FAR, patience):
            domain.answers = answers

    def _ping(self, domain: Domain) -> bool:
        try:
            ask = importlib.import_module("libvirt_qemu").qemuAgentCommand
            seconds = max(1, round(self._request.agent_timeout))
            self._call(ask, domain.handle, '{"execute": "guest-ping"}', seconds, 0)
        except (ImportError, self._libvirt.libvirtError):
            return False
        return True

    def _list_autostarting(self) -> list[t.Any]:
        return self._call_tolerantly(
            [], self._handle.listAllDomains, self._libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART
        )

    def _build_domain(self, handle: t.Any, stats: dict[str, t.Any]) -> Domain:
        row = Domain(handle, handle.name(), handle.UUIDString(), handle.ID(), stats)
        if self._request.places and not self._request.xml:
            row.xml = read_definition(self._request.places, row)
        return row

    def _read_definition(self, domain: Domain) -> str | None:
        self.read += 1
        return t.cast("str | None", self._call_tolerantly(None, domain.handle.XMLDesc, 0))

    def _list_networks(self) -> list[t.Any]:
        if not {"lease", "reservation"}.intersection(self._request.sources):
            return []
        return self._call_tolerantly(
            [], self._handle.listAllNetworks, self._libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE
        )

    def _read_reservations(self, networks: list[t.Any]) -> list[list[str]]:
        """Return name and XML of each network, if reservations are asked for."""
        if "reservation" not in self._request.sources:
            return []
        rows = (
            [network.name(), self._call_tolerantly(None, network.XMLDesc, 0)]
            for network in networks
        )
        return [[name, xml] for name, xml in rows if xml is not None]

    def _read_addresses(
        self, networks: list[t.Any], domains: list[Domain]
    ) -> list[dict[str, t.Any]]:
        sources = self._request.sources
        addresses: list[dict[str, t.Any]] = []
        if "lease" in sources:
            addresses += itertools.chain.from_iterable(map(self._read_leases, networks))
        active = [domain for domain in domains if domain.active]
        if "arp" in sources:
            addresses += self._read_neighbours(active)
        if "agent" in sources:
            with_agent = [domain for domain in active if domain.has_agent]
            ask = self._build_ask("agent", self._libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
            answers = call_each(with_agent, ask, _WORKERS_FAR, self._request.agent_timeout)
            addresses += _join(answers)
        return addresses

    def _read_leases(self, network: t.Any) -> t.Iterator[dict[str, t.Any]]:
        rows: list[dict[str, t.Any]] = self._call_tolerantly([], network.DHCPLeases)
        for row in rows:
            yield {
                "source": "lease",
                "network": network.name(),
                "mac": row.get("mac"),
                "address": row.get("ipaddr"),
                "hostname": row.get("hostname"),
                "expiry": row.get("expirytime"),
            }

    def _read_neighbours(self, domains: list[Domain]) -> list[dict[str, t.Any]]:
        """Return whom the host itself has heard of: in no call on the host itself, else in one a running domain."""
        if self._request.places and self._request.places.neighbours:
            with contextlib.suppress(OSError):
                text = Path(self._request.places.neighbours).read_text(encoding="utf-8")
                return list(parse_neighbours(text))
        ask = self._build_ask("arp", self._libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP)
        return _join(call_each(domains, ask, self._workers))

    def _build_ask(self, source: str, number: int) -> t.Callable[[Domain], list[dict[str, t.Any]]]:
        def ask(domain: Domain) -> list[dict[str, t.Any]]:
            try:
                interfaces = self._call(domain.handle.interfaceAddresses, number)
            # No agent, one that does not answer, or no such source: no addresses.
            except self._libvirt.libvirtError:
                return []
            head, rows = {"source": source, "uuid": domain.uuid}, []
            for interface in interfaces.values():
                for address in interface.get("addrs") or ():
                    row = {"mac": interface.get("hwaddr"), "address": address.get("addr")}
                    rows.append({**head, **row})
            return rows

        return ask


def _join(answers: list[tuple[Domain, list[dict[str, t.Any]]]]) -> list[dict[str, t.Any]]:
    return list(itertools.chain.from_iterable(rows for _domain, rows in answers))


def parse_neighbours(text: str) -> t.Iterator[dict[str, t.Any]]:
    """Yield the complete entries of the kernel's ARP table (proc_net_arp; IPv4 only)."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 4 and words[2] != "0x0":
            yield {"source": "arp", "mac": words[3], "address": words[0]}


def main(uri: str, options: dict[str, t.Any]) -> None:
    """Look at the libvirt of this machine and write the answer to standard output; so the program runs on a host."""
    try:
        libvirt = importlib.import_module("libvirt")
    except ImportError:
        answer: dict[str, t.Any] = {"missing": "libvirt"}
    else:
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        try:
            request = LookRequest(**options, places=find_local_places())
            handle = (libvirt.open if request.needs_agents else libvirt.openReadOnly)(uri)
            answer = Reader(libvirt, handle, request).look()
            if request.tables is not None:
                answer["tables"] = read_tables(TablesRequest(*request.tables))
        except libvirt.libvirtError as error:
            answer = {"error": str(error)}
    send_answer(answer)
    os._exit(0)  # an agent that never answers keeps its thread, and libvirt waits for it
