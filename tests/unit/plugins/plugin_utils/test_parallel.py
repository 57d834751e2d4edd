# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many slow calls at once."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._parallel import run_each

LONG = 30.0


def test_results_and_errors_are_told_by_key() -> None:
    def call(key: int) -> int:
        if key == 2:
            raise ConnectionFailed("refused")
        return key * 10

    outcomes = run_each([1, 2, 3], call, timeout=LONG, parallel=2)
    assert list(outcomes) == [1, 2, 3]
    assert (outcomes[1], outcomes[3]) == (10, 30)
    assert isinstance(outcomes[2], ConnectionFailed)


def test_nothing_to_do() -> None:
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
