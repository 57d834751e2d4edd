# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import concurrent.futures
import functools
import threading

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all


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
