# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""raise_on_signals(): what asks a run to stop raises in it, so that it can clean up."""

from __future__ import annotations

import contextlib
import signal
import threading
import typing as t

# What ends a run from outside: the terminal, systemd or a watchdog, and a connection that breaks.
_SIGNALS: t.Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal asked the run to stop. No Exception, so that nothing on the way takes it for a failure of its own."""

    def __init__(self, number: int) -> None:
        self.signal_name = signal.Signals(number).name
        super().__init__(f"stopped by {self.signal_name}")


@t.final
class Interrupts:
    """Raises Stopped once; after that, or once they are held off, further signals do nothing."""

    def __init__(self) -> None:
        self._held_off = False

    def hold_off(self) -> None:
        """From now on nothing is interrupted: what follows must not be left in the middle."""
        self._held_off = True

    def handle(self, number: int, _frame: object) -> None:
        """Take a signal, as its handler."""
        if not self._held_off:
            self._held_off = True
            raise Stopped(number)


@contextlib.contextmanager
def raise_on_signals() -> t.Iterator[Interrupts]:
    """Have SIGINT, SIGTERM and SIGHUP raise Stopped in the block.

    Python gives signals to the main thread alone; in another one the block runs as it would without.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.handle) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
