# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.connection_pool import (
    ConnectionPool,
    PooledConnection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.gather import (
    Chunk,
    Collisions,
    Gathering,
    share_out,
)

TIMEOUT = 0.03
ATTEMPTS = 3


class OneConnection:
    """A pool of one connection, with room for so many requests."""

    def __init__(self, room: int = 99) -> None:
        self.pooled = PooledConnection(t.cast("t.Any", None), {})
        self.room = room
        self.most = 0

    def take(self) -> PooledConnection | None:
        if self.pooled.busy >= self.room:
            return None
        self.pooled.busy += 1
        self.most = max(self.most, self.pooled.busy)
        return self.pooled


class Guests:
    """Answers a key with its attempt; a guest that hangs holds up the first so many requests that touch it."""

    def __init__(self, hangs: t.Mapping[str, int] | None = None) -> None:
        self.hangs = dict(hangs or {})
        self.freed = threading.Event()

    def ask(self, _pooled: PooledConnection, chunk: Chunk) -> dict[str, int]:
        for key in chunk.keys:
            if self.hangs.get(key, 0):
                self.hangs[key] -= 1
                assert self.freed.wait(60)
        return dict.fromkeys(chunk.keys, chunk.attempt)


@contextlib.contextmanager
def hanging(**hangs: int) -> t.Iterator[Guests]:
    guests = Guests(hangs)
    yield guests
    guests.freed.set()


def gather(
    guests: Guests, keys: t.Sequence[str], workers: int = 2, room: int = 99
) -> tuple[dict[str, int], set[str]]:
    pool = t.cast(ConnectionPool, OneConnection(room))
    return Gathering(pool, workers, TIMEOUT if guests.hangs else 60.0, ATTEMPTS, guests.ask).run(
        keys
    )


KEYS = [f"k{number}" for number in range(40)]


@given(st.integers(0, 500), st.integers(1, 32))
def test_every_key_is_in_one_chunk_and_no_chunk_is_large(number: int, workers: int) -> None:
    keys = [str(key) for key in range(number)]
    chunks = share_out(keys, workers)
    sizes = [len(chunk.keys) for chunk in chunks]
    assert sorted(key for chunk in chunks for key in chunk.keys) == sorted(keys)
    assert not sizes or (max(sizes) - min(sizes) <= 1 and min(sizes) >= 1 and max(sizes) <= 16)


def test_few_domains_are_one_request() -> None:
    assert [len(chunk.keys) for chunk in share_out(KEYS[:7], 1)] == [7]


def test_all_are_answered_at_the_first_attempt() -> None:
    assert gather(Guests(), KEYS) == (dict.fromkeys(KEYS, 0), set())
    assert gather(Guests(), []) == ({}, set())


def test_no_more_requests_at_a_time_than_there_are_workers() -> None:
    road = OneConnection()
    Gathering(t.cast(ConnectionPool, road), 3, 60.0, ATTEMPTS, Guests().ask).run(KEYS)
    assert road.most <= 3


def test_one_that_hangs_does_not_hold_up_the_others() -> None:
    with hanging(k3=1) as guests:
        answers, lost = gather(guests, KEYS)
    assert (set(answers), lost) == (set(KEYS), set())
    again = {key for key, attempt in answers.items() if attempt}
    assert "k3" in again
    assert again == next(set(chunk.keys) for chunk in share_out(KEYS, 2) if "k3" in chunk.keys)


def test_another_one_in_the_same_chunk_is_passed_over_by_the_third_attempt() -> None:
    with hanging(k3=1, k7=1) as guests:
        answers, lost = gather(guests, KEYS, workers=1)
    assert (set(answers), lost) == (set(KEYS), set())


def test_one_that_never_answers_is_lost_alone() -> None:
    with hanging(k3=ATTEMPTS) as guests:
        answers, lost = gather(guests, KEYS)
    assert (set(answers), lost) == (set(KEYS) - {"k3"}, {"k3"})


def test_when_every_connection_is_full_of_requests_that_hang_the_rest_is_lost() -> None:
    with hanging(k0=9, k1=9) as guests:
        answers, lost = gather(guests, ["k0", "k1", "k2"], workers=2, room=2)
    assert lost >= {"k0", "k1"}
    assert set(answers) | lost == {"k0", "k1", "k2"}


def test_a_request_that_is_late_is_used() -> None:
    with hanging(k0=1, k1=1) as guests:

        def ask(pooled: PooledConnection, chunk: Chunk) -> dict[str, int]:
            if chunk == Chunk(
                ("k0",), 1
            ):  # asked for in the place of the first one, which it lets go on
                guests.freed.set()
                return {}
            return guests.ask(pooled, chunk)

        answers, lost = Gathering(
            t.cast(ConnectionPool, OneConnection()), 1, TIMEOUT, ATTEMPTS, ask
        ).run(["k0", "k1"])
    assert lost == set()
    assert "k1" in answers


class AnotherClient:
    """Answers "busy" for ``k1``, the first so many times that it is asked for; keeps each chunk."""

    def __init__(self, collisions: int) -> None:
        self.collisions = collisions
        self.asked: list[Chunk] = []

    def ask(self, _pooled: PooledConnection, chunk: Chunk) -> dict[str, str]:
        self.asked.append(chunk)
        busy = {"k1"} if len(self.asked) <= self.collisions else set()
        return {key: "busy" if key in busy else "free" for key in chunk.keys}

    def gather(self) -> tuple[dict[str, str], set[str]]:
        return Gathering(
            t.cast(ConnectionPool, OneConnection()),
            1,
            60.0,
            ATTEMPTS,
            self.ask,
            Collisions(lambda answer: answer == "busy", pauses=(0.001, 0.002, 0.003)),
        ).run(["k1", "k2"])


@pytest.mark.parametrize("collisions", [1, 2, 3])
def test_one_that_another_client_reads_is_asked_for_again_by_itself(collisions: int) -> None:
    other = AnotherClient(collisions)
    assert other.gather() == ({"k1": "free", "k2": "free"}, set())
    assert [chunk.keys for chunk in other.asked] == [("k1", "k2"), *[("k1",)] * collisions]
    assert [chunk.pause for chunk in other.asked] == [0.0, 0.001, 0.002, 0.003][: collisions + 1]


def test_one_that_stays_busy_is_not_asked_for_forever() -> None:
    other = AnotherClient(99)
    assert other.gather() == ({"k1": "busy", "k2": "free"}, set())
    assert len(other.asked) == 4


def test_progress_is_told_and_may_end_it() -> None:
    progress: list[tuple[int, int]] = []

    def note(answered: int, asked: int) -> None:
        progress.append((answered, asked))
        if answered > 20:
            raise MemoryError

    with pytest.raises(MemoryError):
        Gathering(
            t.cast(ConnectionPool, OneConnection()), 1, 60.0, ATTEMPTS, Guests().ask, note=note
        ).run(KEYS)
    assert progress == [(14, 40), (27, 40)]


@pytest.mark.parametrize("workers", [1, 4])
def test_an_error_is_raised(workers: int) -> None:
    def fail(_pooled: PooledConnection, chunk: Chunk) -> dict[str, int]:
        if "k5" in chunk.keys:
            raise RuntimeError("refused")
        return {}

    with pytest.raises(RuntimeError, match="refused"):
        Gathering(t.cast(ConnectionPool, OneConnection()), workers, 60.0, ATTEMPTS, fail).run(KEYS)
