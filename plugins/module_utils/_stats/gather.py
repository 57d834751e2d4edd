# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Gathering``: run many small requests at a time, none of which can hold up the others.

The keys are shared out in chunks. A chunk that is not back in time is asked for again key by key, beside the request
that hangs: libvirt skips a guest that another request waits for, so that only the first request is lost.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import queue
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from .connection_pool import ConnectionPool, PooledConnection

T = t.TypeVar("T")

# A request that is late is waited for so many timeouts in all.
_PATIENCE: t.Final = 1.75
_LARGEST_CHUNK: t.Final = 16  # the most guests that have to be asked again on account of one


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Keys to ask for in one request, for the ``attempt``-th time (from 0), ``pause`` seconds from now.

    ``collisions`` counts the requests before it that met another client at each of its keys.
    """

    keys: tuple[str, ...]
    attempt: int = 0
    pause: float = 0.0
    collisions: int = 0

    def split(self) -> list[Chunk]:
        """Return the chunks to ask for in its place, one a key."""
        return [Chunk((key,), self.attempt + 1) for key in self.keys]


def share_out(keys: t.Sequence[str], workers: int) -> list[Chunk]:
    """Return the keys in chunks of nearly equal size, two a worker unless they get too large."""
    if not keys:
        return []
    number = max(
        min(2 * workers, len(keys)) if workers > 1 else 1, math.ceil(len(keys) / _LARGEST_CHUNK)
    )
    return [Chunk(tuple(keys[start::number])) for start in range(number)]


@dataclasses.dataclass(frozen=True)
class Collisions(t.Generic[T]):
    """Two clients that read the same guest at once: the second gets an answer that ``is_busy``.

    It asks again after each of ``pauses``, in seconds. They differ, so that a client that reads at an even pace is not
    met each time.
    """

    is_busy: t.Callable[[T], bool] = lambda _answer: False
    pauses: tuple[float, ...] = (0.05, 0.11, 0.19)


@dataclasses.dataclass
class _Request(t.Generic[T]):
    chunk: Chunk
    pooled: PooledConnection
    deadline: float
    patience: float
    overdue: bool = False
    answer: dict[str, T] = dataclasses.field(default_factory=dict)
    error: BaseException | None = None


class Gathering(t.Generic[T]):
    """Asks for every key on ``pool``, ``workers`` requests at a time, each for ``timeout`` seconds at most.

    ``ask(pooled, chunk)`` runs in a thread of its own and returns answers by key; a key without one is left out. One
    that another client reads meanwhile is asked for again as ``collisions`` say. ``note(answered, asked)`` hears of
    progress, and may raise.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        workers: int,
        timeout: float,
        attempts: int,
        ask: t.Callable[[PooledConnection, Chunk], dict[str, T]],
        collisions: Collisions[T] | None = None,
        note: t.Callable[[int, int], None] = lambda _answered, _asked: None,
    ) -> None:
        self._pool = pool
        self._workers = workers
        self._timeout = timeout
        self._attempts = attempts
        self._ask = ask
        self._collisions = collisions or Collisions()
        self._note = note
        self._ended: queue.SimpleQueue[_Request[T]] = queue.SimpleQueue()
        self._waiting: collections.deque[Chunk] = collections.deque()
        self._running: list[_Request[T]] = []
        self._overdue: list[_Request[T]] = []
        self._answers: dict[str, T] = {}
        self._lost: set[str] = set()

    def run(self, keys: t.Sequence[str]) -> tuple[dict[str, T], set[str]]:
        """Return the answers, and the keys for which every attempt hung. Raises what a request in time raised."""
        self._waiting.extend(share_out(keys, self._workers))
        while self._waiting or self._running:
            self._start()
            self._await_next()
            self._give_up_overdue()
            self._note(len(self._answers), len(keys))
        self._await_late()
        return self._answers, self._lost - set(self._answers)

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._workers:
            pooled = self._pool.take()
            if pooled is None:
                break
            now = time.monotonic()
            times = (now + self._timeout, now + _PATIENCE * self._timeout)
            request: _Request[T] = _Request(self._waiting.popleft(), pooled, *times)
            self._running.append(request)
            # Not waited for when the process ends, which a pool of the standard library would.
            threading.Thread(target=self._serve, args=(request,), name="stats", daemon=True).start()
        if not self._running:  # every connection is full of requests that hang
            while self._waiting:
                self._lost.update(self._waiting.popleft().keys)

    def _serve(self, request: _Request[T]) -> None:
        try:
            time.sleep(request.chunk.pause)
            request.answer = self._ask(request.pooled, request.chunk)
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            request.error = error
        self._ended.put(request)

    def _await_next(self) -> None:
        """Take what has ended, or wait for the next deadline."""
        if self._running:
            self._take_until(min(request.deadline for request in self._running))

    def _await_late(self) -> None:
        """Wait a little more for those that are late: what was slow but does not hang is complete then."""
        while (
            self._overdue
            and (latest := max(request.patience for request in self._overdue)) > time.monotonic()
        ):
            self._take_until(latest)

    def _take_until(self, moment: float) -> None:
        remaining_seconds = moment - time.monotonic()
        try:
            request = self._ended.get(timeout=max(remaining_seconds, 0.0))
        except queue.Empty:
            return
        request.pooled.busy -= 1
        if request.overdue:
            self._overdue.remove(request)
        else:
            self._running.remove(request)
            if request.error is not None:
                raise request.error
        # One that was late tells more than those in its place, which had to pass its guest over.
        self._answers.update(request.answer)
        self._ask_busy_again(request)

    def _ask_busy_again(self, request: _Request[T]) -> None:
        chunk, pauses = request.chunk, self._collisions.pauses[request.chunk.collisions :]
        # Otherwise the request that it is busy with may be our own.
        if chunk.attempt or request.overdue or not pauses:
            return
        answers = request.answer.items()
        busy = tuple(key for key, answer in answers if self._collisions.is_busy(answer))
        if busy:
            again = Chunk(busy, pause=pauses[0], collisions=chunk.collisions + 1)
            self._waiting.append(again)

    def _give_up_overdue(self) -> None:
        now = time.monotonic()
        for request in [request for request in self._running if request.deadline <= now]:
            request.overdue = True
            self._running.remove(request)
            self._overdue.append(request)
            if request.chunk.attempt + 1 < self._attempts:
                self._waiting.extendleft(request.chunk.split())
            else:
                self._lost.update(request.chunk.keys)
