# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one input may take: ``bound`` ends whatever takes more of the processor or of memory."""

from __future__ import annotations

import contextlib
import resource
import signal
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    import types

_PAGE_BYTES: t.Final = resource.getpagesize()


class TooSlow(BaseException):
    """An input took more of the processor than it may: no ``except Exception`` holds this up."""


@contextlib.contextmanager
def bound_memory(allowance_bytes: int) -> t.Iterator[None]:
    """Let this process take so many bytes more than it has, and raise MemoryError for any beyond."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * _PAGE_BYTES + allowance_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def bound_seconds(seconds: float) -> t.Iterator[None]:
    """Raise TooSlow after so many seconds of the processor: a busy machine makes nothing slow by this clock."""
    previous = signal.signal(signal.SIGPROF, _interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise TooSlow
