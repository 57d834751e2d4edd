# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``call_each``: several calls at a time, none of which can be stopped. Sent to hosts, see remote.py."""

from __future__ import annotations

import contextlib
import queue
import threading
import typing as t

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


def call_each(
    items: t.Sequence[Item],
    call: t.Callable[[Item], Result],
    workers: int,
    patience: float | None = None,
) -> list[tuple[Item, Result]]:
    """Return each item with what ``call`` returned, ``workers`` at a time.

    When ``patience`` seconds pass without an answer, those under way are left behind in their threads, which do not
    hold up the end of the process, and only the items that have been answered are returned. What ``call`` raises is
    raised.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    finished: queue.SimpleQueue[tuple[Item, t.Any, BaseException | None]] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    for _worker in range(min(workers, len(items))):
        threading.Thread(target=_work, args=(waiting, finished, call), daemon=True).start()
    results = []
    with contextlib.suppress(queue.Empty):
        for _answer in items:
            item, result, problem = finished.get(timeout=patience)
            if problem is not None:
                raise problem
            results.append((item, result))
    return results


def _work(
    waiting: queue.SimpleQueue[Item],
    finished: queue.SimpleQueue[tuple[Item, t.Any, BaseException | None]],
    call: t.Callable[[Item], Result],
) -> None:
    while True:
        try:
            item = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            finished.put((item, call(item), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            finished.put((item, None, error))
