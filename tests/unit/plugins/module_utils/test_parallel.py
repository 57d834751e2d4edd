# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import concurrent.futures
import functools
import threading
import types

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils import _parallel
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    NotEnoughMemory,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import (
    iterate_each,
    run_all,
    run_each,
)

LONG = 30.0


def test_results_come_in_the_order_of_the_calls() -> None:
    gate = threading.Event()

    def first() -> str:
        assert gate.wait(30)
        return "first"

    def second() -> str:
        gate.set()
        return "second"

    assert run_all([first, second], 2) == ["first", "second"]


def test_never_more_than_the_limit_at_once() -> None:
    running: list[int] = []
    most = [0]

    def call(number: int) -> int:
        running.append(number)
        most[0] = max(most[0], len(running))
        running.remove(number)
        return number

    assert run_all([functools.partial(call, number) for number in range(50)], 3) == list(range(50))
    assert most[0] <= 3


def test_after_a_failure_no_call_begins_and_those_that_have_are_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    all_cancelled, begun, cancelled = threading.Event(), [], []
    cancel = concurrent.futures.Future.cancel

    def noted(future: concurrent.futures.Future[None]) -> bool:
        cancelled.append(cancel(future))
        if len(cancelled) == 22:
            all_cancelled.set()
        return cancelled[-1]

    monkeypatch.setattr(concurrent.futures.Future, "cancel", noted)

    def wait() -> None:
        begun.append("begun")
        assert all_cancelled.wait(30)
        begun.append("ended")

    def fail() -> None:
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError, match=r"^no$"):
        run_all([wait, fail, *[wait] * 20], 2)
    assert begun in (
        ["begun", "ended"],
        ["begun", "begun", "ended", "ended"],
    )  # the thread that failed may go on once
    assert cancelled.count(True) == 20 - (len(begun) - 2) // 2


def test_nothing_to_do() -> None:
    assert run_all([], 4) == []


def test_results_and_errors_are_told_by_key() -> None:
    def call(key: int) -> int:
        if key == 2:
            raise ConnectionFailed("refused")
        return key * 10

    outcomes = run_each([1, 2, 3], call, timeout=LONG, parallel=2)
    assert list(outcomes) == [1, 2, 3]
    assert (outcomes[1], outcomes[3]) == (10, 30)
    assert isinstance(outcomes[2], ConnectionFailed)


def test_nobody_to_call() -> None:
    assert run_each([], str, timeout=LONG, parallel=1) == {}


def test_calls_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=LONG)
    outcomes = run_each("abc", lambda _key: meeting.wait() >= 0, timeout=LONG, parallel=3)
    assert list(outcomes.values()) == [True, True, True]


def test_no_more_than_allowed_run_at_the_same_time() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def call(_key: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    run_each(range(50), call, timeout=LONG, parallel=2)
    assert most <= 2


def test_a_call_that_hangs_is_left_behind_and_makes_room() -> None:
    never = threading.Event()

    def call(key: str) -> str:
        if key == "hangs":
            never.wait(LONG)
        return key

    try:
        outcomes = run_each(["hangs", "works"], call, timeout=0.05, parallel=1)
    finally:
        never.set()
    assert isinstance(outcomes["hangs"], TimedOut)
    assert outcomes["works"] == "works"


def test_a_mistake_of_ours_is_not_taken_for_a_dead_host() -> None:
    with pytest.raises(ZeroDivisionError):
        run_each([0], lambda key: 1 // key, timeout=LONG, parallel=1)


def test_each_is_told_as_it_ends_and_what_ended_meanwhile_was_not_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, gate, threads = [0.0], threading.Event(), {}
    monkeypatch.setattr(_parallel, "time", types.SimpleNamespace(monotonic=lambda: now[0]))

    def call(key: str) -> str:
        threads[key] = threading.current_thread()
        if key == "second":
            assert gate.wait(LONG)
        return key

    outcomes = iterate_each(["first", "second"], call, timeout=LONG, parallel=2)
    assert next(outcomes) == ("first", "first")
    gate.set()
    threads["second"].join(LONG)
    now[0] = 2 * LONG  # the caller was busy for as long
    assert list(outcomes) == [("second", "second")]


def test_a_key_that_is_named_twice_is_called_once() -> None:
    assert list(iterate_each("aa", str.upper, timeout=LONG, parallel=2)) == [("a", "A")]


class Room:
    """What a process has room for: so many threads at a time."""

    def __init__(self, threads: int) -> None:
        self.free, self.refused = threading.Semaphore(threads), threading.Event()
        room = self

        class Thread(threading.Thread):
            def start(self) -> None:
                if not room.free.acquire(blocking=False):
                    room.refused.set()
                    raise RuntimeError("can't start new thread")
                super().start()

        self.namespace = types.SimpleNamespace(Thread=Thread)

    def call(self, key: int) -> int:
        """End when a thread was refused, and make room for one."""
        assert self.refused.wait(LONG)
        self.free.release()
        return key


def test_with_room_for_few_threads_few_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(threads=2)
    monkeypatch.setattr(_parallel, "threading", room.namespace)
    outcomes = run_each(range(20), room.call, timeout=LONG, parallel=16)
    assert list(outcomes.values()) == list(range(20))


def test_without_room_for_any_thread_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parallel, "threading", Room(threads=0).namespace)
    with pytest.raises(NotEnoughMemory, match="no thread could be started"):
        run_each([1], str, timeout=LONG, parallel=16)
