# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Lets go of a destination that does not answer any more, so that a guest does not wait for it.

When libvirt gives a migration up, QEMU waits for what is on its way to the destination's disks, and the guest stands
still meanwhile: until the kernel gives up the connection, which takes it a quarter of an hour (tcp_retries2). Dropping
what the guest's QEMU has open to the lost host ends the wait at once, and the guest goes on where it is.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import format_host, leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

from . import addresses

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .endpoints import Endpoints
    from .model import MigrationPlan

_LOOK_EVERY_SECONDS: t.Final = 0.5
_LONGEST_SECONDS: t.Final = 10.0
_PROCESSES: t.Final = Path("/run/libvirt/qemu")
_OPEN: t.Final = re.compile(
    r"\s(?P<local>\S+:\d+)\s+(?P<peer>\S+:\d+)\s+users:\((?P<users>.*)\)\s*$"
)


@contextlib.contextmanager
def sever_if_lost(sides: Endpoints, plan: MigrationPlan) -> t.Iterator[None]:
    """While this lasts, let go of the destination once it is lost. Only where this runs on the source.

    In post-copy the connection is all that holds the guest together, so there it is left alone.
    """
    places = (
        []
        if "POSTCOPY" in plan.flags or not leads_here(sides.source.uri)
        else _find_addresses(sides, plan)
    )
    if not places:
        yield
        return
    watch = _Watch(sides.destination, plan.guest.name, places)
    watch.start()
    try:
        yield
    finally:
        watch.ended.set()


def _find_addresses(sides: Endpoints, plan: MigrationPlan) -> list[str]:
    try:
        return addresses.resolve(addresses.find_memory_host(sides.destination, plan))
    except OSError:  # libvirt will say so
        return []


class _Watch(threading.Thread):
    """Looks at the connection to the destination, which libvirt's keepalive declares dead."""

    def __init__(self, destination: Connection, name: str, places: t.Sequence[str]) -> None:
        super().__init__(name="severance", daemon=True)
        self._destination = destination
        self._name = name
        self._places = places
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_LOOK_EVERY_SECONDS):
            if not self._is_alive() and _is_lost(self._places) and not self.ended.is_set():
                _sever(self._name, self._places)
                return

    def _is_alive(self) -> bool:
        try:
            return bool(self._destination.handle.isAlive())
        except libvirt.libvirtError:
            return False


def sever_if_unreachable(name: str, host: str) -> None:
    """Drop what the QEMU of the domain ``name`` here has open to ``host``, if nobody answers there."""
    with contextlib.suppress(OSError):
        places = addresses.resolve(host)
        if _is_lost(places):
            _sever(name, places)


def _is_lost(places: t.Sequence[str]) -> bool:
    """Return whether a host answers at none of its addresses."""
    return all(map(addresses.find_problem_at, places))


def _sever(name: str, places: t.Sequence[str]) -> None:
    """Drop what is open to any of a host's addresses, where the kernel can do that."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        process = int((_PROCESSES / f"{name}.pid").read_text())
        for address in places:
            text = _run_ss("-Htnp", "dst", format_host(address))
            for local, peer in parse_connections(text, process):
                _run_ss("-KHtn", "src", local, "dst", peer)


def parse_connections(text: str, process: int) -> list[tuple[str, str]]:
    """Return (local, peer) of what ``process`` has open, from what ``ss -Htnp`` says. Pure."""
    matches = (_OPEN.search(line) for line in text.splitlines())
    return [
        (match["local"], match["peer"])
        for match in matches
        if match and f"pid={process}," in match["users"]
    ]


def _run_ss(*arguments: str) -> str:
    done = subprocess.run(
        ["ss", *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_LONGEST_SECONDS,
    )
    return done.stdout
