# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls at a time: what is answered counts, what hangs is left behind."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.calls import call_each


@pytest.mark.parametrize("number", [0, 1, 10])
@pytest.mark.parametrize("workers", [1, 3, 100])
def test_every_item_is_answered_once(number: int, workers: int) -> None:
    assert sorted(call_each(list(range(number)), str, workers)) == [
        (item, str(item)) for item in range(number)
    ]


def test_no_more_calls_at_a_time_than_workers() -> None:
    together = threading.Barrier(3)
    # three calls meet each time: with fewer workers they would wait forever, with more not all rounds be full
    assert len(call_each([1] * 9, lambda _item: together.wait(10), 3)) == 9


def test_what_hangs_is_left_behind_and_the_rest_is_answered() -> None:
    never = threading.Event()
    try:
        answers = call_each(
            ["hangs", "a", "b"], lambda item: never.wait(30) if item == "hangs" else item, 2, 0.2
        )
    finally:
        never.set()
    assert sorted(item for item, _answer in answers) == ["a", "b"]


def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_each([1, 0], lambda number: 1 // number, 2)
