# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import typing as t

import pytest

from faults.matrix import (
    CUT,
    CUT_SPLIT,
    MATRIX,
    SOURCE_LOST,
    TARGET_QEMU_LATE,
    Cell,
    Fault,
    Phase,
    cells,
)
from faults.migrate import Verdict, table
from moving.service import Answer, Service, longest_gap

GOOD = Verdict(
    Cell("streaming", Phase("pulling", ".settle", (CUT,)), CUT),
    said="moved",
    running_after=["k2"],
    recovered_by="task",
    running=["k2"],
    ledger={"acked": 9, "lost": 0, "changed": 0},
)


def test_cells_are_chosen_by_words_of_their_names() -> None:
    assert len(cells(None, None, None)) == sum(
        len(phase.faults) for phases in MATRIX.values() for phase in phases
    )
    assert {cell.phase.name for cell in cells("streaming", "pull", None)} == {"pulling"}
    assert {cell.fault for cell in cells("streaming", None, "cut for 20")} == {CUT}


def test_a_cell_holds_only_with_one_guest_whole_and_alone() -> None:
    assert GOOD.holds
    changes: tuple[dict[str, t.Any], ...] = (
        {"running_after": []},
        {"running_after": ["k1", "k2"]},
        {"running": []},
        {"ledger": {"lost": 1, "changed": 0}},
        {"ledger": {"lost": 0, "changed": 1}},
        {"ledger": {}},
        {"left_behind": ["k1:headroom-export-1"]},
        {"problem": "the guest saw an error"},
    )
    for change in changes:
        assert not dataclasses.replace(GOOD, **change).holds


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (TARGET_QEMU_LATE, "shut off (crashed)"),
        (SOURCE_LOST, "paused (I/O error)"),
        (CUT_SPLIT, "paused (post-copy failed)"),
    ],
)
def test_a_guest_may_stand_only_in_the_state_that_physics_leaves_it_in(
    fault: Fault, state: str
) -> None:
    stands = dataclasses.replace(
        GOOD, cell=dataclasses.replace(GOOD.cell, fault=fault), running_after=[]
    )
    assert dataclasses.replace(stands, state_after=state).holds
    for other in {"shut off (crashed)", "paused (I/O error)", "paused (user)", ""} - {state}:
        assert not dataclasses.replace(stands, state_after=other).holds
    assert state in table([dataclasses.replace(stands, state_after=state)])


def test_the_table_says_what_failed() -> None:
    lines = table([GOOD, dataclasses.replace(GOOD, running=[])]).splitlines()
    assert lines[1].endswith("holds")
    assert lines[2].endswith("FAILS")


def test_a_guest_that_answers_and_writes_nothing_is_no_proof() -> None:
    service = Service()
    service.add(Answer(0.0, 0.0, 7, 0, 0, 0))

    def answer(acked: int) -> None:
        now = time.monotonic()
        service.add(Answer(now, now, acked, 0, 0, 0))

    for acked in (7, 8):
        timers = [threading.Timer(0.1, answer, [7]), threading.Timer(0.3, answer, [acked])]
        for timer in timers:
            timer.start()
        with pytest.raises(TimeoutError) if acked == 7 else contextlib.nullcontext():
            service.await_growth(0.4)
        for timer in timers:
            timer.join()


def test_a_gap_is_the_longest_time_without_an_answer() -> None:
    assert longest_gap([]) == 0
    assert longest_gap([1.0, 1.5, 4.0, 4.1]) == 2.5
    service = Service()
    for number, at in enumerate([1.0, 5.0, 5.5, 6.5]):
        service.add(Answer(at - 0.1, at, number, 0, 0, 0))
    assert service.longest_gap_seconds(since=4.0) == 1.0
    assert service.acked == 3
    assert service.troubles() == 0
