# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``run_each``: many slow calls at once, each with a time limit of its own."""

from __future__ import annotations

import collections
import queue
import threading
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    TimedOut,
)

Key = t.TypeVar("Key", bound=t.Hashable)
Result = t.TypeVar("Result")


def run_each(
    keys: t.Iterable[Key], call: t.Callable[[Key], Result], *, timeout: float, parallel: int
) -> dict[Key, Result | HeadroomError]:
    """Return for each of ``keys`` what ``call`` returned, or the HeadroomError that it raised.

    At most ``parallel`` calls run at once, none is waited for longer than ``timeout`` seconds from its own start. A
    late one is left behind in its thread, which nothing can stop and the end of the process does not wait for. Other
    exceptions are raised here.
    """
    waiting = collections.deque(keys)
    finished: queue.SimpleQueue[tuple[Key, Result | BaseException]] = queue.SimpleQueue()
    deadlines: dict[Key, float] = {}
    outcomes: dict[Key, Result | HeadroomError] = dict.fromkeys(
        waiting, TimedOut(f"no answer within {timeout:g} s")
    )
    while waiting or deadlines:
        while waiting and len(deadlines) < parallel:
            key = waiting.popleft()
            deadlines[key] = time.monotonic() + timeout
            threading.Thread(target=_run, args=(call, key, finished), daemon=True).start()
        try:
            key, outcome = finished.get(
                timeout=max(0.0, min(deadlines.values()) - time.monotonic())
            )
        except queue.Empty:
            now = time.monotonic()
            deadlines = {key: deadline for key, deadline in deadlines.items() if deadline > now}
        else:
            if deadlines.pop(key, None) is not None:
                outcomes[key] = _settle(outcome)
    return outcomes


def _run(
    call: t.Callable[[Key], Result],
    key: Key,
    finished: queue.SimpleQueue[tuple[Key, Result | BaseException]],
) -> None:
    try:
        finished.put((key, call(key)))
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        finished.put((key, error))


def _settle(outcome: Result | BaseException) -> Result | HeadroomError:
    if isinstance(outcome, BaseException) and not isinstance(outcome, HeadroomError):
        raise outcome
    return outcome
