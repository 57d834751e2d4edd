# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source on libvirt's test driver, whose events are made in the same process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
import time
import types
import typing as t

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

PATH = ROOT / "extensions/eda/plugins/event_source/libvirt_events.py"
URI = "test:///default"
MANY = 3000
PATIENCE_SECONDS = 30
METADATA = '<l:domain xmlns:l="urn:headroom:libvirt:1"><l:fleet>web</l:fleet></l:domain>'


def load() -> types.ModuleType:
    """The file as ansible-rulebook runs it: alone."""
    spec = importlib.util.spec_from_file_location("libvirt_events", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["libvirt_events"] = module
    spec.loader.exec_module(module)
    return module


source = load()


@pytest.fixture
def host() -> t.Iterator[t.Any]:
    """Another connection to the same driver; its guest runs when the test begins and ends."""
    source.ensure_event_loop()
    with contextlib.closing(libvirt.open(URI)) as handle:
        yield handle
        guest: t.Any = handle.lookupByName("test")
        if not guest.isActive():
            guest.create()


Act = t.Callable[[asyncio.Queue[t.Any]], t.Awaitable[t.Any]]


async def follow(act: Act, size: int = 0, **args: t.Any) -> t.Any:
    """Return what ``act`` does while the source runs."""
    queue: asyncio.Queue[t.Any] = asyncio.Queue(size)
    task = asyncio.ensure_future(source.main(queue, {"uri": URI, **args}))
    try:
        return await asyncio.wait_for(act(queue), PATIENCE_SECONDS)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take(queue: asyncio.Queue[t.Any], count: int) -> list[dict[str, t.Any]]:
    return [(await queue.get())["libvirt"] for _each in range(count)]


def test_a_guest_that_is_destroyed_and_started_is_told_of(host: t.Any) -> None:
    guest = host.lookupByName("test")

    async def act(queue: asyncio.Queue[t.Any]) -> list[dict[str, t.Any]]:
        (connected,) = await take(queue, 1)
        await asyncio.to_thread(guest.destroy)
        await asyncio.to_thread(guest.create)
        return [connected, *await take(queue, 2)]

    connected, stopped, started = asyncio.run(follow(act, kinds=["lifecycle", "connection"]))
    assert (connected["state"], connected["again"], connected["running"]) == (
        "connected",
        False,
        ["test"],
    )
    assert (stopped["event"], stopped["detail"], stopped["missed"]) == (
        "stopped",
        "destroyed",
        False,
    )
    assert stopped["domain"] == {"name": "test", "uuid": guest.UUIDString()}
    assert (started["event"], started["detail"]) == ("started", "booted")
    assert [one["sequence"] for one in (connected, stopped, started)] == [1, 2, 3]
    assert started["uri"] == URI


def test_nothing_is_lost_or_doubled_while_the_rules_are_slow(host: t.Any) -> None:
    """The queue of the rules takes one event at a time; the source keeps the rest."""
    guest = host.lookupByName("test")

    async def act(queue: asyncio.Queue[t.Any]) -> tuple[list[dict[str, t.Any]], float]:
        await take(queue, 1)

        def make() -> None:
            for _each in range(MANY // 2):
                guest.suspend()
                guest.resume()

        making = asyncio.get_running_loop().run_in_executor(None, make)
        await asyncio.sleep(0.2)
        began = time.monotonic()
        events = await take(queue, MANY)
        seconds = time.monotonic() - began
        await making
        assert queue.empty()
        return events, seconds

    events, seconds = asyncio.run(follow(act, size=1))
    assert [one["event"] for one in events] == ["suspended", "resumed"] * (MANY // 2)
    assert [one["sequence"] for one in events] == list(range(2, MANY + 2))
    assert MANY / seconds > 1000


def test_what_does_not_fit_is_told_and_then_known_again(host: t.Any) -> None:
    guest = host.lookupByName("test")

    async def act(queue: asyncio.Queue[t.Any]) -> list[dict[str, t.Any]]:
        await take(queue, 1)
        for _each in range(20):
            await asyncio.to_thread(guest.suspend)
            await asyncio.to_thread(guest.resume)
        await asyncio.to_thread(guest.destroy)
        await asyncio.sleep(0.5)
        events: list[dict[str, t.Any]] = []
        while not events or not events[-1].get("missed"):
            events += await take(queue, 1)
        return events

    events = asyncio.run(follow(act, size=1, buffer=4))
    *_before, overflow, stopped = events
    assert (overflow["kind"], overflow["state"]) == ("connection", "overflow")
    assert (stopped["event"], stopped["missed"]) == ("stopped", True)
    assert len(events) < 20


def test_a_lost_host_is_looked_at_anew(host: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens while it is away is told once, and what is told already is not told again."""
    guest = host.lookupByName("test")
    links: list[t.Any] = []
    connect = source.connect

    def keep(uri: str, link: t.Any, keepalive: int) -> t.Any:
        if links and not links[-1].gone:
            raise libvirt.libvirtError("the host is away")
        answer = connect(uri, link, keepalive)
        link.gone = False
        links.append(link)
        return answer

    monkeypatch.setattr(source, "connect", keep)

    async def act(queue: asyncio.Queue[t.Any]) -> list[dict[str, t.Any]]:
        await take(queue, 1)
        await asyncio.to_thread(guest.suspend)
        await asyncio.to_thread(guest.resume)
        events = await take(queue, 2)
        links[0].put = lambda _heard: None  # a connection that is gone hears nothing
        links[0].lose()
        events += await take(queue, 2)
        await asyncio.to_thread(guest.destroy)
        links[0].gone = True
        while not events[-1].get("missed"):
            events += await take(queue, 1)
        await asyncio.to_thread(guest.create)
        return [*events, *await take(queue, 1)]

    events = asyncio.run(follow(act))
    words = [one.get("state") or one["event"] for one in events]
    assert words[:4] == ["suspended", "resumed", "lost", "failed"]
    assert words[-3:] == ["connected", "stopped", "started"]
    assert events[-3]["again"]
    assert [one.get("missed") for one in events[-2:]] == [True, False]
    assert set(words[4:-3]) <= {"failed"}


def test_a_member_is_told_with_its_fleet(host: t.Any) -> None:
    xml = (
        f"<domain type='test'><name>web-1</name><memory>1024</memory><metadata>{METADATA}</metadata>"
        "<os><type>hvm</type></os></domain>"
    )

    async def act(queue: asyncio.Queue[t.Any]) -> list[dict[str, t.Any]]:
        await take(queue, 1)
        guest = await asyncio.to_thread(host.defineXML, xml)
        events = await take(queue, 1)  # what a guest is labelled is read while it is there
        for step in (guest.create, guest.destroy, guest.undefine):
            await asyncio.to_thread(step)
        return [*events, *await take(queue, 3)]

    events = asyncio.run(follow(act))
    assert [one["event"] for one in events] == ["defined", "started", "stopped", "undefined"]
    assert {one["domain"]["fleet"] for one in events} == {"web"}


def test_a_guest_that_goes_while_it_is_looked_up_keeps_its_labels(host: t.Any) -> None:
    guest = host.defineXML(
        "<domain type='test'><name>web-9</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    assert source.read_labels(guest) == (None, None)
    guest.undefine()
    assert source.read_labels(guest) is None


def test_without_a_host_there_is_nothing_to_follow() -> None:
    with pytest.raises(ValueError, match="uris: is empty"):
        asyncio.run(source.main(asyncio.Queue(), {}))


# --- what was missed

RUNS = source.Guest("a", 3)
OFF = source.Guest("a", -1)


def heard(word: str, number: int) -> t.Any:
    domain = {"name": "a", "uuid": "u"}
    return source.Heard({"kind": "lifecycle", "event": word, "domain": domain}, number)


@pytest.mark.parametrize(
    ("before", "now", "events", "missed"),
    [
        pytest.param(RUNS, RUNS, [], [], id="nothing"),
        pytest.param(RUNS, OFF, [], ["stopped"], id="stopped"),
        pytest.param(OFF, RUNS, [], ["started"], id="started"),
        pytest.param(RUNS, source.Guest("a", 4), [], ["stopped", "started"], id="another run"),
        pytest.param(RUNS, None, [], ["stopped"], id="gone"),
        pytest.param(None, RUNS, [], ["started"], id="new"),
        pytest.param(RUNS, OFF, [heard("stopped", -1)], [], id="heard"),
        pytest.param(OFF, OFF, [heard("stopped", -1)], ["started"], id="heard in part"),
        pytest.param(
            RUNS, source.Guest("a", 4), [heard("started", 4)], ["stopped"], id="the later half"
        ),
    ],
)
def test_what_was_missed(before: t.Any, now: t.Any, events: t.Any, missed: list[str]) -> None:
    guests = [{} if one is None else {"u": one} for one in (before, now)]
    told = source.find_missed(*guests, events)
    assert [one["event"] for one in told] == missed
    assert all(one["missed"] and one["domain"] == {"name": "a", "uuid": "u"} for one in told)


@given(st.booleans(), st.integers(0, 5), st.integers(0, 5))
def test_what_is_told_always_alternates(runs: bool, unheard: int, later: int) -> None:
    """A guest is started and stopped in turn, some of it unheard: what is told is a life it can have had."""
    number, events = (0 if runs else -1), []
    first = source.Guest("a", number)
    for step in range(unheard + later):
        number = step + 1 if number == -1 else -1
        if step >= unheard:
            events.append(heard("stopped" if number == -1 else "started", number))
    told = source.find_missed({"u": first}, {"u": source.Guest("a", number)}, events)
    words = [one["event"] for one in told] + [event["event"] for event, _number in events]
    pair = ["stopped", "started"] if runs else ["started", "stopped"]
    assert words == [pair[index % 2] for index in range(len(words))]
    assert (len(words) % 2 == 0) == ((number == -1) != runs)


def test_a_threshold_is_told_once() -> None:
    twins = source.Twins()
    about = {"kind": "block_threshold", "threshold": 1, "excess": 2, "domain": {"uuid": "u"}}
    disk, layer = {**about, "device": "vda"}, {**about, "device": "vda[1]"}
    assert not twins.is_second(disk, 0.0)
    assert twins.is_second(layer, 0.1)
    assert not twins.is_second(layer, 5.0)
    assert not twins.is_second({"kind": "lifecycle"}, 5.0)


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("qemu+ssh://root@k1/system", "qemu+ssh://root@k1/system"),
        ("qemu+ssh://me:secret@k1/system", "qemu+ssh://me@k1/system"),
        ("qemu:///system", "qemu:///system"),
    ],
)
def test_no_password_is_told(uri: str, masked: str) -> None:
    assert source.mask(uri) == masked


def test_the_program_runs_a_command_for_lost_members(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Once at a time, and once more for all that are lost meanwhile."""
    mark = tmp_path / "mark"
    domain = {"name": "a", "fleet": "web"}
    event = {"kind": "lifecycle", "event": "stopped", "detail": "crashed", "domain": domain}

    async def act(*changes: dict[str, t.Any]) -> int:
        printer = source.Printer(["sh", "-c", f"echo run >> {mark}; sleep 0.2"])
        for change in changes:
            await printer.put({"libvirt": {**event, **change}})
            await asyncio.sleep(0.05)
        await printer.finish()
        return len(mark.read_text().splitlines()) if mark.exists() else 0

    assert asyncio.run(act({"detail": "shutdown"}, {"domain": {"name": "a"}})) == 0
    assert asyncio.run(act({}, {}, {})) == 2
    assert json.loads(capfd.readouterr().out.splitlines()[2])["libvirt"] == event
