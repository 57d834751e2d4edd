# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events of libvirt hosts: a source for ansible-rulebook, and a program for sites that have none.

ansible-rulebook runs this file by itself, so it imports nothing of the collection.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
import typing as t

import libvirt
from lxml import etree

DOCUMENTATION = r"""
---
short_description: Receive events of libvirt hosts
description:
  - Receives what happens to the guests and networks of any number of libvirt hosts, as soon as libvirt says it.
  - Every event has its C(kind), the C(uri) of its host, and a C(sequence) that counts the events of that host. What is
    about a guest has C(domain) with C(name), C(uuid) and, if it is labelled, C(fleet) and C(tenant).
  - C(lifecycle) has C(event) (such as C(stopped)) and C(detail) (such as C(crashed)).
  - C(io_error) has the C(device), C(path), C(action) and C(reason); C(block_threshold) the C(device), C(path),
    C(threshold) and C(excess) in bytes; C(block_job) the C(device), C(type) and C(status); C(job) the C(operation) and
    C(status).
  - C(agent) has the C(state), C(balloon) the C(actual_bytes), C(watchdog) the C(action), and C(network) the C(name),
    C(uuid) and C(event).
  - C(connection) has the C(state) C(connected), C(lost), C(failed), or C(overflow) where more was received than
    O(buffer) holds. After any of these the guests are looked at anew. What has changed without an event is sent as
    C(lifecycle) with C(missed=true), and what is known already is not sent again.
  - It is read only, and needs the Python bindings of libvirt and lxml where ansible-rulebook runs.
options:
  uris:
    description:
      - The connection URIs of the hosts.
    type: list
    elements: str
  uri:
    description:
      - The connection URI of the only host. Either this or O(uris) is needed.
    type: str
  kinds:
    description:
      - The kinds of events that are sent. Without it, all are.
    type: list
    elements: str
  max_delay:
    description:
      - The most seconds between two attempts to connect to a host that does not answer.
    type: float
    default: 30
  keepalive:
    description:
      - After how many seconds of silence a host is asked whether it is there. After three times that it is lost.
    type: int
    default: 5
  buffer:
    description:
      - How many events of a host may wait until the rules have taken those before.
    type: int
    default: 100000
"""

EXAMPLES = r"""
- headroom.libvirt.libvirt_events:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
    kinds: [lifecycle, io_error, connection]
"""

Event = dict[str, t.Any]

_NAMESPACE: t.Final = "urn:headroom:libvirt:1"
_FIRST_DELAY_SECONDS: t.Final = 0.5
_SILENT_PROBES: t.Final = 2
# libvirt tells a threshold twice, for the disk and for its uppermost layer.
_TWIN_SECONDS: t.Final = 1.0
_KIB: t.Final = 1024
# What a guest must have been before, for an event to be possible, and what it is after.
_TRANSITIONS: t.Final = {"started": (False, True), "stopped": (True, False)}


def read_names(prefix: str, but: tuple[str, ...] = ()) -> dict[int, str]:
    """Return libvirt's constants of a prefix, by number, as words; ``but`` are longer prefixes that are others'."""
    longer = tuple(prefix + name for name in but)
    return {
        value: name[len(prefix) :].lower()
        for name, value in vars(libvirt).items()
        if name.startswith(prefix) and isinstance(value, int) and not name.startswith(longer)
    }


_EVENTS: t.Final = {
    getattr(libvirt, f"VIR_DOMAIN_EVENT_{word.upper()}"): word
    for word in (
        "defined",
        "undefined",
        "started",
        "suspended",
        "resumed",
        "stopped",
        "shutdown",
        "pmsuspended",
        "crashed",
    )
}
_DETAILS: t.Final = {
    number: read_names(f"VIR_DOMAIN_EVENT_{word.upper()}_") for number, word in _EVENTS.items()
}
_IO_ACTIONS: t.Final = read_names("VIR_DOMAIN_EVENT_IO_ERROR_")
_WATCHDOG_ACTIONS: t.Final = read_names("VIR_DOMAIN_EVENT_WATCHDOG_")
_AGENT_STATES: t.Final = read_names("VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_")
_BLOCK_JOBS: t.Final = read_names("VIR_DOMAIN_BLOCK_JOB_TYPE_")
_BLOCK_JOB_STATES: t.Final = {0: "completed", 1: "failed", 2: "canceled", 3: "ready"}
_JOB_OPERATIONS: t.Final = read_names("VIR_DOMAIN_JOB_OPERATION_", ("STR_",))
_NETWORK_EVENTS: t.Final = read_names("VIR_NETWORK_EVENT_", ("ID_",))


def name_of(names: t.Mapping[int, str], number: int) -> str:
    """Return the word for a number; a newer libvirt may have more than are known here."""
    return names.get(number, str(number))


# --- what libvirt says, as events; none of these asks libvirt for anything


def make_lifecycle(event: int, detail: int) -> Event:
    """Return what a change of state is about."""
    return {
        "kind": "lifecycle",
        "event": name_of(_EVENTS, event),
        "detail": name_of(_DETAILS.get(event, {}), detail),
        "missed": False,
    }


def make_io_error(path: str, device: str, action: int, reason: str) -> Event:
    """Return what an I/O error is about."""
    return {
        "kind": "io_error",
        "path": path,
        "device": device,
        "action": name_of(_IO_ACTIONS, action),
        "reason": reason,
    }


def make_agent(state: int, _reason: int) -> Event:
    """Return whether the guest's agent is there."""
    return {"kind": "agent", "state": name_of(_AGENT_STATES, state)}


def make_threshold(device: str, path: str | None, threshold: int, excess: int) -> Event:
    """Return what a disk has grown beyond."""
    return {
        "kind": "block_threshold",
        "device": device,
        "path": path,
        "threshold": threshold,
        "excess": excess,
    }


def make_job(statistics: t.Mapping[str, t.Any]) -> Event:
    """Return which job has ended how."""
    operation = name_of(_JOB_OPERATIONS, int(statistics.get("operation", 0)))
    is_good = statistics.get("success", True)
    return {"kind": "job", "operation": operation, "status": "completed" if is_good else "failed"}


def make_block_job(device: str, job: int, status: int) -> Event:
    """Return what became of a job of a disk."""
    return {
        "kind": "block_job",
        "device": device,
        "type": name_of(_BLOCK_JOBS, job),
        "status": name_of(_BLOCK_JOB_STATES, status),
    }


def make_balloon(actual_kib: int) -> Event:
    """Return how much memory the guest has now."""
    return {"kind": "balloon", "actual_bytes": actual_kib * _KIB}


def make_watchdog(action: int) -> Event:
    """Return what the guest's watchdog had to do."""
    return {"kind": "watchdog", "action": name_of(_WATCHDOG_ACTIONS, action)}


_MAKERS: t.Final[dict[str, t.Callable[..., Event]]] = {
    "LIFECYCLE": make_lifecycle,
    "IO_ERROR_REASON": make_io_error,
    "AGENT_LIFECYCLE": make_agent,
    "BLOCK_THRESHOLD": make_threshold,
    "JOB_COMPLETED": make_job,
    "BLOCK_JOB_2": make_block_job,
    "BALLOON_CHANGE": make_balloon,
    "WATCHDOG": make_watchdog,
}


# --- one host


class Guest(t.NamedTuple):
    """A guest as it was last heard of: its ``number`` is libvirt's of this run of it, -1 while it is off."""

    name: str
    number: int
    fleet: str | None = None
    tenant: str | None = None


Guests = dict[str, Guest]


class Heard(t.NamedTuple):
    """An event as libvirt's thread heard it; of a guest with its ``number`` then."""

    event: Event
    number: int = -1


@dataclasses.dataclass
class Link:
    """A connection, and what was heard over it and has not been taken yet."""

    size: int
    wake: t.Callable[[], None]
    heard: collections.deque[Heard] = dataclasses.field(default_factory=collections.deque)
    lost: bool = False
    overflow: bool = False

    def put(self, heard: Heard) -> None:
        """Keep an event; never waits, as libvirt's thread serves all hosts."""
        if len(self.heard) >= self.size:
            self.overflow = True
        else:
            self.heard.append(heard)
        self.wake()

    def lose(self) -> None:
        """Note that nothing more will be heard."""
        self.lost = True
        self.wake()


_loop_lock = threading.Lock()
_loops: list[threading.Thread] = []


def ensure_event_loop() -> None:
    """Run libvirt's own event loop, once a process and before the first connection."""
    with _loop_lock:
        if not _loops:
            libvirt.virEventRegisterDefaultImpl()
            libvirt.registerErrorHandler(lambda _context, _error: None, None)
            _loops.append(threading.Thread(target=_run_event_loop, daemon=True))
            _loops[0].start()


def _run_event_loop() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except (
            libvirt.libvirtError,
            OSError,
            RuntimeError,
        ):  # one bad event must not end all others
            time.sleep(_FIRST_DELAY_SECONDS)


def connect(uri: str, link: Link, keepalive: int) -> tuple[t.Any, Guests]:
    """Return a connection whose events ``link`` hears, and the guests as they are after it began to."""
    handle = libvirt.openReadOnly(uri)
    try:
        handle.registerCloseCallback(lambda *_arguments: link.lose(), None)
        if not uri.startswith("test:"):
            handle.setKeepAlive(keepalive, _SILENT_PROBES)
        for name, make in _MAKERS.items():
            _register(handle, name, make, link)
        _register_networks(handle, link)
        return handle, read_guests(handle)
    except libvirt.libvirtError:
        handle.close()
        raise


def _register(handle: t.Any, name: str, make: t.Callable[..., Event], link: Link) -> None:
    """Hear events of a kind, where this libvirt and that host have it."""

    def hear(_connection: t.Any, domain: t.Any, *values: t.Any) -> None:
        about = {"name": domain.name(), "uuid": domain.UUIDString()}
        link.put(Heard({**make(*values[:-1]), "domain": about}, domain.ID()))

    number = getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name}", None)
    if number is not None:
        try:
            handle.domainEventRegisterAny(None, number, hear, None)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                raise


def _register_networks(handle: t.Any, link: Link) -> None:
    def hear(_connection: t.Any, network: t.Any, event: int, _detail: int, _data: t.Any) -> None:
        word = name_of(_NETWORK_EVENTS, event)
        about = {"kind": "network", "name": network.name(), "uuid": network.UUIDString()}
        link.put(Heard({**about, "event": word}))

    try:
        handle.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, hear, None)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise


def read_guests(handle: t.Any) -> Guests:
    """Return all guests of a host by UUID."""
    return {
        domain.UUIDString(): Guest(domain.name(), domain.ID(), *(read_labels(domain) or ()))
        for domain in handle.listAllDomains()
    }


def read_labels(domain: t.Any) -> tuple[str | None, str | None] | None:
    """Return fleet and tenant by the guest's metadata; None where that cannot be read, as of a guest that has gone."""
    try:
        text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, _NAMESPACE)
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        root = etree.fromstring(text.encode(), parser)
    except libvirt.libvirtError as error:
        is_bare = error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA
        return (None, None) if is_bare else None
    except etree.XMLSyntaxError:
        return None, None
    texts = {etree.QName(child).localname: child.text for child in root.iterchildren("*")}
    return texts.get("fleet"), texts.get("tenant")


def find_missed(before: Guests, now: Guests, heard: t.Iterable[Heard]) -> list[Event]:
    """Return what happened to guests between ``before`` and the first event that was heard anew, in words. Pure.

    ``now`` is what the guests were after the events ``heard``, which say themselves what they say.
    """
    first: dict[str, tuple[bool, int]] = {}
    for event, number in heard:
        change = _TRANSITIONS.get(str(event.get("event"))) if event["kind"] == "lifecycle" else None
        if change is not None:
            first.setdefault(event["domain"]["uuid"], (change[0], -1 if change[1] else number))
    missed: list[Event] = []
    for uuid in {**before, **now}:
        old = before.get(uuid) or Guest(now[uuid].name, -1)
        current = now.get(uuid) or Guest(old.name, -1)
        ran, runs = old.number != -1, current.number != -1
        is_same = current.number == old.number
        if uuid in first:  # what it was when it was heard of again
            runs = first[uuid][0]
            is_same = ran == runs
        about = {"name": current.name, "uuid": uuid}
        if ran and not (runs and is_same):
            missed.append(_make_missed("stopped", about))
        if runs and not (ran and is_same):
            missed.append(_make_missed("started", about))
    return missed


def _make_missed(event: str, about: Event) -> Event:
    return {
        "kind": "lifecycle",
        "event": event,
        "detail": "unknown",
        "missed": True,
        "domain": about,
    }


class Twins:
    """Tells the second of two events about one threshold, of which libvirt names the disk and then its layer."""

    def __init__(self) -> None:
        self._last: tuple[t.Any, float] = (None, 0.0)

    def is_second(self, event: Event, now: float) -> bool:
        """Return whether the event says again what the one before has said."""
        if event["kind"] != "block_threshold":
            return False
        device = event["device"].partition("[")[0]
        key = (event["domain"]["uuid"], device, event["threshold"], event["excess"])
        is_twin = "[" in event["device"] and self._last[0] == key
        is_second = is_twin and now - self._last[1] < _TWIN_SECONDS
        self._last = (key, now)
        return is_second


class Host:
    """Follows one host for ever, and puts what happens there into the queue of the rules."""

    def __init__(self, queue: t.Any, uri: str, args: t.Mapping[str, t.Any]) -> None:
        self._queue, self._uri = queue, uri
        self._kinds = frozenset(args.get("kinds") or ())
        self._longest = float(args.get("max_delay", 30))
        self._keepalive = int(args.get("keepalive", 5))
        self._size = int(args.get("buffer", 100_000))
        self._guests: Guests | None = None
        self._sequence = 0
        self._twins = Twins()

    async def follow(self) -> None:
        """Connect, hear, and connect again."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            try:
                handle, link, wake, guests = await self._connect()
            except libvirt.libvirtError as error:
                await self._tell_connection("failed", detail=str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, self._longest)
                continue
            delay = _FIRST_DELAY_SECONDS
            try:
                await self._begin(link, guests)
                await self._hear(handle, link, wake)
                await self._tell_connection("lost")
            finally:
                await asyncio.to_thread(_close, handle)

    async def _connect(self) -> tuple[t.Any, Link, asyncio.Event, Guests]:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        link = Link(self._size, lambda: _call_soon(loop, wake.set))
        await asyncio.to_thread(ensure_event_loop)
        handle, guests = await asyncio.to_thread(connect, self._uri, link, self._keepalive)
        return handle, link, wake, guests

    async def _begin(self, link: Link, guests: Guests) -> None:
        """Tell that the host is there, and what was missed before it was."""
        before, self._guests = self._guests, guests
        missed = [] if before is None else find_missed(before, guests, list(link.heard))
        names = [guest.name for guest in guests.values() if guest.number != -1]
        await self._tell_connection("connected", again=before is not None, running=sorted(names))
        for event in missed:
            await self._tell(event, before)

    async def _hear(self, handle: t.Any, link: Link, wake: asyncio.Event) -> None:
        """Put what is heard into the queue, until the connection is lost and all of it is taken."""
        while not (link.lost and not link.heard):
            if not link.heard:
                if link.overflow:
                    await self._look_again(handle, link)
                    continue
                await wake.wait()
                wake.clear()
                continue
            heard = link.heard.popleft()
            if not self._twins.is_second(heard.event, time.monotonic()):
                await self._learn(handle, heard)
                await self._tell(heard.event)

    async def _look_again(self, handle: t.Any, link: Link) -> None:
        """After more was heard than could be kept: tell so, and what has changed meanwhile."""
        link.overflow = False
        await self._tell_connection("overflow")
        try:
            guests = await asyncio.to_thread(read_guests, handle)
        except libvirt.libvirtError:
            link.lose()
            return
        before, self._guests = self._guests or {}, guests
        for event in find_missed(before, guests, list(link.heard)):
            await self._tell(event, before)

    async def _learn(self, handle: t.Any, heard: Heard) -> None:
        """Keep in mind what an event says of its guest; what a definition says anew is read."""
        event, guests = heard.event, self._guests
        if event["kind"] != "lifecycle" or guests is None:
            return
        about, word = event["domain"], event["event"]
        known = guests.get(about["uuid"]) or Guest(about["name"], heard.number)
        if word in {"defined", "started"}:
            labels = await asyncio.to_thread(_look_up_labels, handle, about["uuid"])
            known = Guest(about["name"], known.number, *(labels or (known.fleet, known.tenant)))
        if word in _TRANSITIONS:
            known = known._replace(number=heard.number if word == "started" else -1)
        guests[about["uuid"]] = known

    async def _tell_connection(self, state: str, **details: t.Any) -> None:
        await self._tell({"kind": "connection", "state": state, **details})

    async def _tell(self, event: Event, before: Guests | None = None) -> None:
        """Put an event into the queue, which may let us wait for it."""
        if self._kinds and event["kind"] not in self._kinds:
            return
        if "domain" in event:
            event = {**event, "domain": self._label(event["domain"], before or {})}
        self._sequence += 1
        await self._queue.put(
            {"libvirt": {**event, "uri": mask(self._uri), "sequence": self._sequence}}
        )

    def _label(self, about: Event, before: Guests) -> Event:
        uuid = about["uuid"]
        guest = (self._guests or {}).get(uuid) or before.get(uuid) or Guest(about["name"], -1)
        labels = {"fleet": guest.fleet, "tenant": guest.tenant}
        return {**about, **{name: text for name, text in labels.items() if text}}


def _look_up_labels(handle: t.Any, uuid: str) -> tuple[str | None, str | None] | None:
    """Return fleet and tenant; None for a guest that is gone already."""
    try:
        return read_labels(handle.lookupByUUIDString(uuid))
    except libvirt.libvirtError:
        return None


def _call_soon(loop: asyncio.AbstractEventLoop, call: t.Callable[[], None]) -> None:
    """Call something in asyncio's thread, unless that is over."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return


def _close(handle: t.Any) -> None:
    try:
        handle.close()
    except libvirt.libvirtError:
        return


def mask(uri: str) -> str:
    """Return the URI without the password that it may have."""
    scheme, found, rest = uri.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{found}{user.partition(':')[0]}{at}{host}"


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Follow all hosts, as ansible-rulebook asks for it."""
    uris = args.get("uris") or [uri for uri in [args.get("uri")] if uri]
    if not uris:
        raise ValueError(
            "uris: is empty. Name the connection URI of a host, such as qemu:///system."
        )
    await asyncio.gather(*(Host(queue, uri, args).follow() for uri in dict.fromkeys(uris)))


# --- without ansible-rulebook


class Printer:
    """Takes events as a queue does: prints each, and runs a command once a fleet has lost members.

    The command runs once at a time; whatever is lost meanwhile takes one more run.
    """

    def __init__(self, command: t.Sequence[str]) -> None:
        self._command = list(command)
        self._is_due = False
        self._running: asyncio.Task[None] | None = None

    async def put(self, event: Event) -> None:
        """Take an event."""
        sys.stdout.write(f"{json.dumps(event)}\n")
        sys.stdout.flush()
        if self._command and is_lost_member(event["libvirt"]):
            self._is_due = True
            if self._running is None or self._running.done():
                self._running = asyncio.ensure_future(self._run())

    async def finish(self) -> None:
        """Wait for the command, if it runs."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._is_due:
            self._is_due = False
            await asyncio.to_thread(subprocess.run, self._command, check=False)


def is_lost_member(event: Event) -> bool:
    """Return whether a machine of a fleet has gone without anybody asking for it."""
    return (
        event["kind"] == "lifecycle"
        and event["event"] == "stopped"
        and event["detail"] in {"crashed", "failed", "unknown"}
        and "fleet" in event["domain"]
    )


def run(words: t.Sequence[str]) -> None:
    """Watch hosts until the program is ended."""
    parser = argparse.ArgumentParser(
        description="Print the events of libvirt hosts, one a line, as JSON."
    )
    parser.add_argument("uris", nargs="+", metavar="URI")
    parser.add_argument(
        "--run",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="COMMAND",
        help="what to run each time that a fleet has lost a member; the rest of the line",
    )
    chosen = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(0))
    asyncio.run(main(Printer(chosen.run), {"uris": chosen.uris}))


if __name__ == "__main__":
    run(sys.argv[1:])
