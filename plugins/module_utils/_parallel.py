# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""run_all(): do several things side by side, of which all must succeed."""

from __future__ import annotations

import concurrent.futures
import typing as t

T = t.TypeVar("T")


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
