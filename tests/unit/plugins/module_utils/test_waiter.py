# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import TimedOut
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter


class FakeClock:
    """Time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds


def test_returns_as_soon_as_the_predicate_holds() -> None:
    clock = FakeClock()
    Waiter(10, clock).wait_for(lambda: clock.time >= 3, "the guest's shutdown")
    assert 3 <= clock.time <= 3.5


def test_does_not_wait_for_what_holds_already() -> None:
    clock = FakeClock()
    assert Waiter(10, clock).holds(lambda: True)
    assert clock.time == 0


def test_names_what_did_not_happen() -> None:
    clock = FakeClock()
    with pytest.raises(TimedOut, match=r"the guest's shutdown did not happen within 2 s"):
        Waiter(2, clock).wait_for(lambda: False, "the guest's shutdown")
    assert clock.time == pytest.approx(2)
