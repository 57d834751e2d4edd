# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
import threading

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._interrupt import (
    Interrupts,
    Stopped,
    raise_on_signals,
)


def test_the_first_signal_stops_and_no_other_one_does() -> None:
    with raise_on_signals():
        with pytest.raises(Stopped, match=r"^stopped by SIGTERM$"):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)


def test_signals_that_are_held_off_do_nothing() -> None:
    with raise_on_signals() as interrupts:
        interrupts.hold_off()
        signal.raise_signal(signal.SIGINT)


def test_what_was_set_before_is_set_again() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with raise_on_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ] == before


def test_another_thread_than_the_main_one_runs_as_it_is() -> None:
    seen: list[Interrupts] = []

    def work() -> None:
        with raise_on_signals() as interrupts:
            seen.append(interrupts)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(seen) == 1
