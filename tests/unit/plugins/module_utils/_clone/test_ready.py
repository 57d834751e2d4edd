# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for addresses: the leases are faked, as libvirt's test driver gives out none."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import ready
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import TimedOut
from ansible_collections.headroom.libvirt.plugins.module_utils._host.lease import Lease

CONNECTION: t.Any = object()
ONE, TWO = "52:54:00:00:00:01", "52:54:00:00:00:02"


class FakeClock:
    """Time that passes only when someone sleeps."""

    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock; the second machine has its lease after 5 s, the first one at once."""
    clock = FakeClock()

    def leases(_connection: object) -> list[Lease]:
        first = Lease("default", ONE, "192.168.122.11", False, None, 0)
        second = Lease("default", TWO, "192.168.122.12", False, None, 0)
        return [first, second] if clock.time >= 5 else [first]

    monkeypatch.setattr(ready, "all_leases", leases)
    return clock


def test_addresses_are_found_by_mac_in_any_case(clock: FakeClock) -> None:
    macs = {"web-1": [ONE.upper()], "web-2": [TWO], "web-3": []}
    assert ready.addresses(CONNECTION, macs) == {"web-1": ["192.168.122.11"], "web-2": [], "web-3": []}
    assert clock.time == 0


def test_waits_until_each_machine_has_one(clock: FakeClock) -> None:
    found = ready.await_addresses(CONNECTION, {"web-1": [ONE], "web-2": [TWO]}, 30, clock)
    assert found == {"web-1": ["192.168.122.11"], "web-2": ["192.168.122.12"]}
    assert 5 <= clock.time < 6


def test_names_the_machines_that_have_none(clock: FakeClock) -> None:
    with pytest.raises(
        TimedOut, match=r"web-2 took no address by DHCP within 3 s\. The machines run and stay"
    ) as caught:
        ready.await_addresses(CONNECTION, {"web-1": [ONE], "web-2": [TWO]}, 3, clock)
    assert caught.value.as_result()["missing"] == ["web-2"]


def test_no_machine_is_no_wait(clock: FakeClock) -> None:
    assert ready.await_addresses(CONNECTION, {}, 3, clock) == {}
