# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Reads what a host's inventory is made of, in a number of libvirt calls that does not grow with its domains.

One file for two places: the plugin imports it, and sends it to a host as a program. So it needs nothing but Python, and
libvirt's binding is handed in.

libvirt has no call for the definitions of all domains. But it writes each one to a file whenever it changes, and the
file's state tells in no call at all whether the definition of an earlier look still holds: an index on the host keeps
those, and only the others are asked for. What is in the files is never used: it may have been edited behind libvirt's
back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import queue
import sys
import tempfile
import threading
import time
import typing as t
import zlib
from pathlib import Path

MAGIC = b"headroom-look-1:"
_INDEX_VERSION = 1
# Calls in flight on one connection: enough to fill a line to a distant host, but near ones are faster with few.
_WORKERS_NEAR = 4
_WORKERS_FAR = 32
_FAR_SECONDS = 0.004
_STATISTICS = ("CPU_TOTAL", "BALLOON", "VCPU", "INTERFACE", "BLOCK")
_AGENT_CHANNEL = "org.qemu.guest_agent.0"

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the libvirt of this machine keeps its files, and where the index of earlier looks is."""

    definitions: str = "/etc/libvirt/qemu"
    running: str = "/run/libvirt/qemu"
    index: str = "/var/cache/headroom/inventory.json"
    neighbours: str = "/proc/net/arp"


@dataclasses.dataclass(frozen=True)
class Request:
    """What to read: from which ``sources`` addresses, and whether ``statistics``.

    The guests' agents have ``agent_timeout`` seconds. ``places`` are given where libvirt runs on this machine.
    """

    sources: tuple[str, ...] = ("lease",)
    agent_timeout: float = 2.0
    statistics: bool = False
    places: Places | None = None


class Reader:
    """One look at the host behind ``handle``.

    ``calls`` counts the libvirt calls, ``read`` the definitions among them.
    """

    def __init__(self, libvirt: t.Any, handle: t.Any, request: Request) -> None:
        self.calls = 0
        self.read = 0
        self._libvirt = libvirt
        self._handle = handle
        self._request = request
        self._workers = _WORKERS_NEAR

    def look(self) -> dict[str, t.Any]:
        """Return JSON-able data: ``domains``, raw ``addresses``, definitions of ``networks``, and the counts."""
        index = Index(self._request.places)
        started = time.monotonic()
        autostart = {domain.UUIDString() for domain in self._autostarting()}
        self._workers = _WORKERS_FAR if time.monotonic() - started > _FAR_SECONDS else _WORKERS_NEAR
        domains = [self._domain(domain, stats, index) for domain, stats in self._states()]
        missing = [domain for domain in domains if domain.xml is None]
        for domain, xml in each(missing, self._definition, self._workers):
            domain.xml = xml
        domains = [domain for domain in domains if domain.xml is not None]  # the others have vanished
        index.save(domains)
        networks = self._networks()
        return {
            "domains": [domain.as_dict(domain.uuid in autostart) for domain in domains],
            "addresses": self._addresses(networks, domains),
            "networks": [[network.name(), xml] for network in networks for xml in self._network(network)],
            "calls": self.calls,
            "read": self.read,
        }

    def _call(self, call: t.Callable[..., Result], *arguments: t.Any) -> Result:
        self.calls += 1
        return call(*arguments)

    def _tolerant(self, default: Result, call: t.Callable[..., Result], *arguments: t.Any) -> Result:
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

    def _states(self) -> list[tuple[t.Any, dict[str, t.Any]]]:
        # NOWAIT: a guest that is busy holds up nobody; the state alone does not come from the guest.
        flags = self._libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
        groups = ("STATE", *_STATISTICS) if self._request.statistics else ("STATE",)
        wanted = sum(getattr(self._libvirt, f"VIR_DOMAIN_STATS_{group}") for group in groups)
        found: list[tuple[t.Any, dict[str, t.Any]]] = self._call(self._handle.getAllDomainStats, wanted, flags)
        return found

    def _autostarting(self) -> list[t.Any]:
        return self._tolerant([], self._handle.listAllDomains, self._libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)

    def _domain(self, domain: t.Any, stats: dict[str, t.Any], index: Index) -> Domain:
        found = Domain(domain, domain.name(), domain.UUIDString(), stats, domain.ID() != -1)
        # Before the definition is read: a change in between is then one for the next look, and not missed.
        found.signature = index.signature(found.name, found.active)
        found.xml = index.definition(found.uuid, found.signature)
        return found

    def _definition(self, domain: Domain) -> str | None:
        self.read += 1
        xml: str | None = self._tolerant(None, domain.handle.XMLDesc, 0)
        if xml is not None and (" id='" in xml.partition(">")[0]) != domain.active:
            domain.signature = None  # started or stopped since: this definition is not the one that was signed
        return xml

    def _networks(self) -> list[t.Any]:
        if not {"lease", "reservation"}.intersection(self._request.sources):
            return []
        return self._tolerant([], self._handle.listAllNetworks, self._libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)

    def _network(self, network: t.Any) -> list[str]:
        if "reservation" not in self._request.sources:
            return []
        return [xml for xml in [self._tolerant(None, network.XMLDesc, 0)] if xml is not None]

    def _addresses(self, networks: list[t.Any], domains: list[Domain]) -> list[dict[str, t.Any]]:
        sources, found = self._request.sources, []
        if "lease" in sources:
            found += [row for network in networks for row in self._leases(network)]
        active = [domain for domain in domains if domain.active]
        if "arp" in sources:
            found += self._neighbours(active)
        if "agent" in sources:
            # libvirt asks an agent for as long as it takes; so late ones are left behind in their threads.
            asked = [domain for domain in active if domain.has_agent]
            ask = self._asking("agent", self._libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
            found += [row for _asked, rows in each(asked, ask, len(asked), self._request.agent_timeout) for row in rows]
        return found

    def _leases(self, network: t.Any) -> t.Iterator[dict[str, t.Any]]:
        rows: list[dict[str, t.Any]] = self._tolerant([], network.DHCPLeases)
        for row in rows:
            yield {
                "source": "lease",
                "network": network.name(),
                "mac": row.get("mac"),
                "address": row.get("ipaddr"),
                "hostname": row.get("hostname"),
                "expiry": row.get("expirytime"),
            }

    def _neighbours(self, domains: list[Domain]) -> list[dict[str, t.Any]]:
        """Return whom the host itself has heard of: in no call where the host is here, else in one a running domain."""
        if self._request.places:
            with contextlib.suppress(OSError):
                return list(read_neighbours(Path(self._request.places.neighbours).read_text(encoding="utf-8")))
        ask = self._asking("arp", self._libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP)
        return [row for _asked, rows in each(domains, ask, self._workers) for row in rows]

    def _asking(self, source: str, number: int) -> t.Callable[[Domain], list[dict[str, t.Any]]]:
        def ask(domain: Domain) -> list[dict[str, t.Any]]:
            try:
                interfaces = self._call(domain.handle.interfaceAddresses, number)
            except self._libvirt.libvirtError:  # no agent, one that does not answer, no such source: no addresses
                return []
            return [
                {"source": source, "uuid": domain.uuid, "mac": interface.get("hwaddr"), "address": address.get("addr")}
                for interface in interfaces.values()
                for address in interface.get("addrs") or ()
            ]

        return ask


@dataclasses.dataclass
class Domain:
    """A domain on the way to being read."""

    handle: t.Any
    name: str
    uuid: str
    stats: dict[str, t.Any]
    active: bool
    signature: list[int] | None = None
    xml: str | None = None

    @property
    def has_agent(self) -> bool:
        """Whether its definition has a guest agent's channel with somebody at the other end."""
        channel = (self.xml or "").partition(f"name='{_AGENT_CHANNEL}'")[2].partition(">")[0]
        return "state='connected'" in channel

    def as_dict(self, autostart: bool) -> dict[str, t.Any]:
        """Return what the look says of it."""
        return {"stats": self.stats, "xml": self.xml, "autostart": autostart}


class Index:
    """The definitions of earlier looks, each with the signature of the file that libvirt wrote when it last changed."""

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self._held = self._load(Path(places.index)) if places else {}

    def signature(self, name: str, active: bool) -> list[int] | None:
        """Return what changes with the domain's definition; None when nothing can tell."""
        if self._places is None or "/" in name:
            return None
        folder = self._places.running if active else self._places.definitions
        try:
            status = Path(folder, f"{name}.xml").stat()
        except OSError:
            return None
        # libvirt writes a new file and renames it, so that already the inode is another.
        return [int(active), status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size]

    def definition(self, uuid: str, signature: list[int] | None) -> str | None:
        """Return the definition that ``signature`` stands for, if it is here."""
        held = self._held.get(uuid)
        return None if signature is None or held is None or held[0] != signature else t.cast(str, held[1])

    def save(self, domains: t.Iterable[Domain]) -> None:
        """Keep what can be recognised again; that it cannot be kept is no trouble, the next look asks again."""
        if self._places is None:
            return
        held = {domain.uuid: [domain.signature, domain.xml] for domain in domains if domain.signature is not None}
        if held == self._held:
            return
        path = Path(self._places.index)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A file of its own, readable by us alone: looks may happen at the same time.
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as fresh:
                json.dump({"version": _INDEX_VERSION, "domains": held}, fresh)
            Path(fresh.name).replace(path)

    @staticmethod
    def _load(path: Path) -> dict[str, t.Any]:
        try:
            with path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    return {}
                data = json.load(file)
            return dict(data["domains"]) if data["version"] == _INDEX_VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def read_neighbours(text: str) -> t.Iterator[dict[str, t.Any]]:
    """Yield the complete entries of the kernel's ARP table (proc_net_arp; IPv4 only)."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 4 and words[2] != "0x0":
            yield {"source": "arp", "mac": words[3], "address": words[0]}


def each(
    items: t.Sequence[Item], call: t.Callable[[Item], Result], workers: int, seconds: float | None = None
) -> list[tuple[Item, Result]]:
    """Return each item with what ``call`` returned, ``workers`` at a time; after ``seconds`` those that are there.

    What ``call`` raises is raised. The threads do not hold up the end of the process.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    finished: queue.SimpleQueue[tuple[Item, t.Any, BaseException | None]] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def work() -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                finished.put((item, call(item), None))
            except BaseException as error:  # noqa: BLE001 - raised again below
                finished.put((item, None, error))

    for _unused in range(min(workers, len(items))):
        threading.Thread(target=work, daemon=True).start()
    deadline = None if seconds is None else time.monotonic() + seconds
    results = []
    for _result in items:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            item, result, problem = finished.get(timeout=left)
        except queue.Empty:
            break
        if problem is not None:
            raise problem
        results.append((item, result))
    return results


def local_places() -> Places | None:
    """Return the places of this machine's libvirt; None for users who cannot see them."""
    return Places() if os.geteuid() == 0 else None


def main(uri: str, sources: list[str], agent_timeout: float, statistics: bool) -> None:
    """Look at the libvirt of this machine and write what was seen to standard output; so the program runs on a host."""
    try:
        libvirt = importlib.import_module("libvirt")
    except ImportError:
        answer: dict[str, t.Any] = {"missing": "libvirt"}
    else:
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        try:
            # An agent may only be asked by those who may write.
            handle = (libvirt.open if "agent" in sources else libvirt.openReadOnly)(uri)
            request = Request(tuple(sources), agent_timeout, statistics, local_places())
            answer = Reader(libvirt, handle, request).look()
        except libvirt.libvirtError as error:
            answer = {"error": str(error)}
    sys.stdout.buffer.write(MAGIC + zlib.compress(json.dumps(answer).encode(), 1))
    sys.stdout.buffer.flush()
    os._exit(0)  # an agent that never answers keeps its thread, and libvirt waits for it
