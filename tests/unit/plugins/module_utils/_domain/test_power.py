# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import threading
import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import power
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    LibvirtFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from tools.refusals import refusal


class DeafDomain:
    """A guest that hears no shutdown request: real ones cannot be made to on demand within a unit test's time."""

    def __init__(self) -> None:
        self.asked = 0
        self.on = True

    def name(self) -> str:
        return "deaf"

    def isActive(self) -> int:  # noqa: N802
        return int(self.on)

    def controlInfo(self, _flags: int) -> list[int]:  # noqa: N802
        return [libvirt.VIR_DOMAIN_CONTROL_OK, 0, 0]

    def shutdown(self) -> int:
        self.asked += 1
        return 0

    def destroyFlags(self, _flags: int) -> int:  # noqa: N802
        self.on = False
        return 0


class LateDomain(DeafDomain):
    """A guest that goes off in the moment in which libvirt is asked to do something with it, unless it is stubborn."""

    def __init__(self, *, stubborn: bool = False) -> None:
        super().__init__()
        self.stubborn = stubborn

    def shutdown(self) -> int:
        return self._go_off()

    def destroyFlags(self, _flags: int) -> int:  # noqa: N802
        return self._go_off()

    def state(self, _flags: int) -> list[int]:
        return [libvirt.VIR_DOMAIN_RUNNING if self.on else libvirt.VIR_DOMAIN_SHUTOFF, 0]

    def _go_off(self) -> int:
        self.on = self.stubborn
        raise refusal(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running")


class FakeClock:
    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


End = t.Callable[[t.Any], None]
ENDS: list[End] = [domains.power_off, functools.partial(power.shut_down, timeout=1)]


def test_a_deaf_guest_is_asked_again_and_left_running() -> None:
    domain: t.Any = DeafDomain()
    with pytest.raises(TimedOut, match="force: true"):
        power.shut_down(domain, timeout=12, clock=FakeClock())
    assert domain.on
    assert domain.asked == 3


def test_a_deaf_guest_is_powered_off_where_that_is_asked() -> None:
    domain: t.Any = DeafDomain()
    power.shut_down(domain, timeout=12, force=True, clock=FakeClock())
    assert not domain.on


def test_a_shutdown_that_is_under_way_is_not_asked_for_again() -> None:
    domain: t.Any = DeafDomain()
    with pytest.raises(TimedOut, match="force: true"):
        power.await_power_off(domain, timeout=12, clock=FakeClock())
    assert (domain.on, domain.asked) == (True, 0)
    power.await_power_off(domain, timeout=12, force=True, clock=FakeClock())
    assert not domain.on


@pytest.mark.parametrize("end", ENDS)
def test_a_guest_that_goes_off_by_itself_meanwhile_is_off(end: End) -> None:
    domain: t.Any = LateDomain()
    end(domain)
    assert not domain.on


@pytest.mark.parametrize("end", ENDS)
def test_a_guest_that_cannot_be_ended_is_an_error(end: End) -> None:
    with pytest.raises(LibvirtFailed):
        end(LateDomain(stubborn=True))


class HungDomain(DeafDomain):
    """A guest whose QEMU was stopped: libvirt waits for it for ever, and it hears no signal but SIGKILL."""

    def __init__(self, *, known: bool) -> None:
        super().__init__()
        self.known = known
        self.flags: list[int] = []
        self.end = threading.Event()

    def controlInfo(self, _flags: int) -> list[int]:  # noqa: N802
        kind = "OCCUPIED" if self.known else "OK"
        return [getattr(libvirt, f"VIR_DOMAIN_CONTROL_{kind}"), 0, 9000]

    def shutdown(self) -> int:
        self.asked += 1
        self.end.wait(20)
        return 0

    def destroyFlags(self, flags: int) -> int:  # noqa: N802
        self.flags.append(flags)
        if flags:
            raise refusal(libvirt.VIR_ERR_SYSTEM_ERROR, "Failed to terminate process")
        self.on = False
        return 0


@pytest.mark.parametrize("known", [False, True])
def test_a_guest_that_hangs_holds_nobody_up_and_is_powered_off_where_that_is_asked(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_BUSY_SECONDS", "_REQUEST_SECONDS"):
        monkeypatch.setattr(power, name, 0.05)
    domain: t.Any = HungDomain(known=known)
    with pytest.raises(TimedOut, match="force: true"):
        power.shut_down(domain, timeout=600)
    assert domain.on
    power.shut_down(domain, timeout=600, force=True)
    domain.end.set()
    assert not domain.on
    assert domain.flags == [libvirt.VIR_DOMAIN_DESTROY_GRACEFUL, 0]
    assert domain.asked == (0 if known else 2)
