# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Several things side by side: run_all() where all must succeed, run_each() where each may fail by itself or hang."""

from __future__ import annotations

import collections
import concurrent.futures
import queue
import threading
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotEnoughMemory,
    TimedOut,
)

T = t.TypeVar("T")
Key = t.TypeVar("Key", bound=t.Hashable)


def run_all(calls: t.Sequence[t.Callable[[], T]], limit: int) -> list[T]:
    """Return what the calls return, in their order; at most ``limit`` of them run at once.

    Raises what the first one that failed raised, when none runs any more: those that had begun are awaited, the others
    never begin. The same when this thread is interrupted.
    """
    with concurrent.futures.ThreadPoolExecutor(limit) as threads:
        running = [threads.submit(call) for call in calls]
        try:
            concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_EXCEPTION)
        finally:
            for future in running:
                future.cancel()
    for future in running:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            raise error
    return [future.result() for future in running]


def run_each(
    keys: t.Iterable[Key], call: t.Callable[[Key], T], *, timeout: float, parallel: int
) -> dict[Key, T | HeadroomError]:
    """Return for each of ``keys``, in their order, what ``call`` returned, or the HeadroomError that it raised.

    As iterate_each(), when all have ended.
    """
    ordered = list(keys)
    outcomes = dict(iterate_each(ordered, call, timeout=timeout, parallel=parallel))
    return {key: outcomes[key] for key in ordered}


def iterate_each(
    keys: t.Iterable[Key], call: t.Callable[[Key], T], *, timeout: float, parallel: int
) -> t.Iterator[tuple[Key, T | HeadroomError]]:
    """Yield each of ``keys`` with what ``call`` returned, or the HeadroomError that it raised, as soon as it has ended.

    At most ``parallel`` calls run at once, none is waited for longer than ``timeout`` seconds from its own start. A
    late one is left behind in its thread, which nothing can stop and the end of the process does not wait for. Other
    exceptions are raised here. What has ended while the caller was busy was not late.
    """
    waiting = collections.deque(dict.fromkeys(keys))
    finished: queue.SimpleQueue[tuple[Key, T | BaseException]] = queue.SimpleQueue()
    deadlines: dict[Key, float] = {}
    while waiting or deadlines:
        while waiting and len(deadlines) < parallel:
            if not _start(call, waiting[0], finished):
                if not deadlines:
                    raise NotEnoughMemory(
                        "no thread could be started, for which the limits of this process leave no room. Raise them."
                    )
                break
            deadlines[waiting.popleft()] = time.monotonic() + timeout
        try:
            key, outcome = finished.get(
                timeout=max(0.0, min(deadlines.values()) - time.monotonic())
            )
        except queue.Empty:
            now = time.monotonic()
            late = [key for key, deadline in deadlines.items() if deadline <= now]
            for key in late:
                del deadlines[key]
                yield key, TimedOut(f"no answer within {timeout:g} s")
        else:
            if deadlines.pop(key, None) is not None:
                yield key, _settle(outcome)


def _start(
    call: t.Callable[[Key], T],
    key: Key,
    finished: queue.SimpleQueue[tuple[Key, T | BaseException]],
) -> bool:
    """Return whether a thread could be started; the room of many is taken at once from the process's memory."""
    try:
        threading.Thread(target=_run, args=(call, key, finished), daemon=True).start()
    except RuntimeError:
        return False
    return True


def _run(
    call: t.Callable[[Key], T],
    key: Key,
    finished: queue.SimpleQueue[tuple[Key, T | BaseException]],
) -> None:
    try:
        finished.put((key, call(key)))
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        finished.put((key, error))


def _settle(outcome: T | BaseException) -> T | HeadroomError:
    if isinstance(outcome, BaseException) and not isinstance(outcome, HeadroomError):
        raise outcome
    return outcome
