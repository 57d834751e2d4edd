# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Waiting for a guest to be off: asked to shut down, or already on its way."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    LibvirtFailed,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.calls import call_each
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, states
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import (
    SYSTEM_CLOCK,
    Clock,
    Waiter,
)

_REPEAT_SECONDS: t.Final = 5.0
# For so long libvirt may be busy with a guest, as it is for a moment while somebody reads its statistics.
_BUSY_SECONDS: t.Final = 2.0
# libvirt asks the agent first, and gives one that does not answer up after five seconds.
_REQUEST_SECONDS: t.Final = 15.0


def shut_down(
    domain: domains.Domain, *, timeout: float, force: bool = False, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Ask the guest to shut down and wait, for at most ``timeout`` seconds.

    The request is repeated, as a guest that is still booting does not hear the first one. One that is not off by then
    is powered off (``force``), else this raises TimedOut. One whose QEMU hangs is not waited for: it hears nothing.
    """
    deadline = clock.now() + timeout
    off = False
    while not off and clock.now() < deadline:
        with contextlib.suppress(NotFound, Conflict):
            if _is_active(domain) and not _request_shutdown(domain):
                break
        patience = Waiter(min(_REPEAT_SECONDS, deadline - clock.now()), clock)
        off = patience.holds(lambda: not _is_active(domain))
    if not off:
        _power_off_or_raise(domain, timeout, force)


def await_power_off(
    domain: domains.Domain, *, timeout: float, force: bool = False, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Wait for a shutdown that is under way; ``timeout`` and ``force`` are as in shut_down()."""
    if not Waiter(timeout, clock).holds(lambda: not _is_active(domain)):
        _power_off_or_raise(domain, timeout, force)


def _request_shutdown(domain: domains.Domain) -> bool:
    """Ask the guest to shut down; return whether its QEMU has taken the request, which one that hangs never does."""
    waiter = Waiter(_BUSY_SECONDS, first_pause=0.1)
    if not waiter.holds(lambda: not domains.is_awaiting_qemu(domain)):
        return False
    return bool(call_each([domain], _ask_to_shut_down, 1, _REQUEST_SECONDS))


def _ask_to_shut_down(domain: domains.Domain) -> None:
    try:
        domains.ask_to_shut_down(domain)
    except LibvirtFailed:  # paused as by an I/O error, it cannot hear; or it went off just now
        if _is_active(domain) and states.state_name(domains.read_state(domain)[0]) != "paused":
            raise


def _power_off_or_raise(domain: domains.Domain, timeout: float, force: bool) -> None:
    if not force:
        raise TimedOut(
            f"{domain.name()!r} did not shut down within {timeout:g} s. Raise timeout, or set force: true to take the "
            "power away.",
            name=domain.name(),
        )
    with contextlib.suppress(NotFound):
        try:
            domains.power_off(domain)
        except LibvirtFailed:  # a process that stands still hears no signal but one
            domains.kill(domain)


def _is_active(domain: domains.Domain) -> bool:
    """Return whether the domain runs; a transient one that has gone does not."""
    try:
        return domains.is_active(domain)
    except NotFound:
        return False
