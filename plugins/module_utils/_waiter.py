# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Waiter: wait for a named predicate, with the clock handed in."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import TimedOut


class Clock(t.Protocol):
    """What waiting needs of time."""

    def now(self) -> float:
        """Return seconds that only ever go forward."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)


SYSTEM_CLOCK: t.Final[Clock] = SystemClock()


@dataclasses.dataclass(frozen=True)
class Waiter:
    """Polls until a predicate holds.

    The pause doubles from ``first_pause`` to ``longest_pause`` seconds: quick things are seen quickly, slow ones
    do not keep the host busy.
    """

    timeout: float
    clock: Clock = SYSTEM_CLOCK
    first_pause: float = 0.02
    longest_pause: float = 0.5

    def holds(self, predicate: t.Callable[[], bool]) -> bool:
        """Return True as soon as ``predicate()`` does, False when ``timeout`` seconds have passed."""
        deadline = self.clock.now() + self.timeout
        pause = self.first_pause
        while not predicate():
            remaining = deadline - self.clock.now()
            if remaining <= 0:
                return False
            self.clock.sleep(min(pause, remaining))
            pause = min(pause * 2, self.longest_pause)
        return True

    def wait_for(self, predicate: t.Callable[[], bool], what: str) -> None:
        """Return once ``predicate()`` holds; raise TimedOut naming ``what`` otherwise."""
        if not self.holds(predicate):
            raise TimedOut(
                f"{what} did not happen within {self.timeout:g} s", waited_seconds=self.timeout
            )
