# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for addresses: the leases are faked, as libvirt's test driver gives out none."""

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import ready
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.ready import Readiness
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    LibvirtFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import agent, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dhcp import Lease

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

    monkeypatch.setattr(ready, "list_leases", leases)
    return clock


def test_addresses_are_found_by_mac_in_any_case(clock: FakeClock) -> None:
    macs = {"web-1": [ONE.upper()], "web-2": [TWO], "web-3": []}
    assert ready.read_addresses(CONNECTION, macs) == {
        "web-1": ["192.168.122.11"],
        "web-2": [],
        "web-3": [],
    }
    assert clock.time == 0


def watch(clock: FakeClock, *names: str) -> ready.Watch:
    macs = {"web-1": [ONE], "web-2": [TWO]}
    return ready.Watch(CONNECTION, {name: macs[name] for name in names}, {"web-2": -2.0}, clock)


def test_waits_until_each_machine_has_an_address(clock: FakeClock) -> None:
    watched = watch(clock, "web-1", "web-2")
    watched.wait_for(Readiness("address", 30))
    assert 5 <= clock.time < 6
    assert watched.seconds["web-1"] == {"address": 0.0}
    assert 7 <= watched.seconds["web-2"]["address"] < 8  # counted from its start


def test_names_the_machines_that_have_none(clock: FakeClock) -> None:
    with pytest.raises(
        TimedOut, match=r"web-2 took no address by DHCP within 3 s\. The machines run and stay"
    ) as caught:
        watch(clock, "web-1", "web-2").wait_for(Readiness("address", 3))
    assert caught.value.details["missing"] == ["web-2"]
    assert caught.value.details["reached"] == {"web-1": {"address": 0.0}, "web-2": {}}


@pytest.mark.parametrize("wait_for", ["defined", "running"])
def test_what_needs_no_wait_takes_none(clock: FakeClock, wait_for: str) -> None:
    watched = watch(clock, "web-1", "web-2")
    watched.wait_for(Readiness(wait_for, 3))
    assert watched.seconds == {"web-1": {}, "web-2": {}}


def test_no_machine_is_no_wait(clock: FakeClock) -> None:
    watched = watch(clock)
    watched.wait_for(Readiness("port", 3, 22))
    assert (watched.seconds, clock.time) == ({}, 0)


def test_a_port_is_waited_for_at_the_address(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    class Socket:
        def close(self) -> None:
            pass

    def connect(address: tuple[str, int], _timeout: float) -> Socket:
        asked.append(address)
        if clock.time < 7:
            raise ConnectionRefusedError
        return Socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    watched = watch(clock, "web-1", "web-2")
    watched.wait_for(Readiness("port", 30, 80))
    assert set(asked) == {("192.168.122.11", 80), ("192.168.122.12", 80)}
    assert watched.seconds["web-1"]["address"] == 0
    assert 7 <= watched.seconds["web-1"]["port"] < 8
    assert 9 <= watched.seconds["web-2"]["port"] < 10


def test_the_agent_is_asked_until_it_answers(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_domain: object) -> int:
        if clock.time < 4:
            raise LibvirtFailed("Guest agent is not responding")
        return 1

    monkeypatch.setattr(domains, "look_up", lambda _connection, name: name)
    monkeypatch.setattr(agent, "read_time", answer)
    watched = watch(clock, "web-1")
    with pytest.raises(TimedOut, match="web-1 gave no answer by the guest agent within 1 s"):
        watched.wait_for(Readiness("agent", 1))
    watched.wait_for(Readiness("agent", 30))
    assert 3 <= watched.seconds["web-1"]["agent"] < 5


def test_what_can_never_be_is_refused_at_once() -> None:
    template = build.build(build.Hardware(64 << 20), ["vda"])
    ready.check_readiness(Readiness("agent", 1), template)
    ready.check_readiness(Readiness("port", 1, 22), template)
    with pytest.raises(InvalidInput, match="wait_for: 'agent' is never reached"):
        ready.check_readiness(Readiness("agent", 1), "<domain><devices/></domain>")
    for port in (0, 65536, None):
        with pytest.raises(InvalidInput, match=r"port: .* must be a number from 1 to 65535"):
            ready.check_readiness(Readiness("port", 1, port), template)
