# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Waiting until clones have come as far as a task wants: an address, an answer of the guest agent, an open port."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import socket
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.build import AGENT_CHANNEL
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_between
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import agent, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dhcp import list_leases
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

Addresses = t.Dict[str, t.List[str]]  # noqa: UP006 - evaluated at run time, on Python 3.9 too
Stage = t.Literal["address", "agent", "port"]

# What has to be there before, and itself.
STAGES: t.Final[t.Mapping[str, tuple[Stage, ...]]] = {
    "defined": (),
    "running": (),
    "address": ("address",),
    "agent": ("agent",),
    "port": ("address", "port"),
    "local": (),  # what streams in is watched by watch.py
}

_PROBES_AT_ONCE: t.Final = 16
_CONNECT_SECONDS: t.Final = 1.0
_LACK: t.Final[t.Mapping[Stage, str]] = {
    "address": "took no address by DHCP",
    "agent": "gave no answer by the guest agent",
    "port": "did not open the port",
}


@dataclasses.dataclass(frozen=True)
class Readiness:
    """How far clones shall come, and by when; ``port`` is a TCP port."""

    wait_for: str
    timeout: float
    port: int | None = None


def check_readiness(readiness: Readiness, template: str) -> None:
    """Raise InvalidInput for what clones of ``template`` can never come to."""
    if readiness.wait_for == "port":
        check_between(
            "port", readiness.port or 0, 1, 65535, "Write the TCP port that shall answer."
        )
    channels = parse_element(template).findall("devices/channel/target")
    if readiness.wait_for == "agent" and all(
        channel.get("name") != AGENT_CHANNEL for channel in channels
    ):
        raise InvalidInput(
            "wait_for",
            "agent",
            "is never reached, since the appliance has no channel for the guest agent",
            f"Make an appliance from a template with the channel {AGENT_CHANNEL}, or wait for something else.",
        )


def read_addresses(connection: Connection, macs: t.Mapping[str, t.Sequence[str]]) -> Addresses:
    """Return ``{name: addresses that DHCP gave it}`` for machines given as ``{name: MAC addresses}``.

    The calls are one for the networks and one a network, however many machines there are.
    """
    addresses_by_mac: dict[str, list[str]] = {}
    for lease in list_leases(connection):
        addresses_by_mac.setdefault(lease.mac, []).append(lease.address)
    addresses: Addresses = {name: [] for name in macs}
    for name, own in macs.items():
        for mac in own:
            addresses[name] += addresses_by_mac.get(mac.lower(), [])
    return addresses


@dataclasses.dataclass
class Watch:
    """Running clones as they come up: ``macs`` by name, ``since`` when each was started, by the clock.

    ``seconds`` is how long each then took for each stage that it has come to.
    """

    connection: Connection
    macs: t.Mapping[str, t.Sequence[str]]
    since: t.Mapping[str, float]
    clock: Clock
    seconds: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def wait_for(self, readiness: Readiness) -> None:
        """Return once all have come as far; raise TimedOut naming those that have not."""
        began, stages = self.clock.now(), STAGES[readiness.wait_for]
        self.seconds = {name: {} for name in self.macs}

        def have_all_come() -> bool:
            for number, stage in enumerate(stages):
                waiting = [name for name, reached in self.seconds.items() if len(reached) == number]
                for name in self._come_to(stage, waiting, readiness.port):
                    self.seconds[name][stage] = round(
                        self.clock.now() - self.since.get(name, began), 3
                    )
            return all(len(reached) == len(stages) for reached in self.seconds.values())

        if not Waiter(readiness.timeout, self.clock, first_pause=0.1).holds(have_all_come):
            self._give_up(readiness)

    def _come_to(self, stage: Stage, names: t.Sequence[str], port: int | None) -> list[str]:
        """Return which of the machines, that are at the stage before, are at this one."""
        if not names:
            return []
        if stage == "agent":
            return _filter_in_parallel(
                names, functools.partial(_does_agent_answer, self.connection)
            )
        addresses = read_addresses(self.connection, {name: self.macs[name] for name in names})
        if stage == "address":
            return [name for name in names if addresses[name]]
        return _filter_in_parallel(
            names, lambda name: any(_is_open(address, port or 0) for address in addresses[name])
        )

    def _give_up(self, readiness: Readiness) -> None:
        stages = STAGES[readiness.wait_for]
        missing = {
            name: stages[len(done)]
            for name, done in self.seconds.items()
            if len(done) < len(stages)
        }
        problems = "; ".join(
            f"{', '.join(name for name in missing if missing[name] == stage)} {_LACK[stage]}"
            for stage in stages
            if stage in missing.values()
        )
        raise TimedOut(
            f"{problems} within {readiness.timeout:g} s. The machines run and stay. Look at their console, raise "
            "timeout, or wait for running only if their network has no DHCP of libvirt's or their guests no such "
            "service.",
            missing=sorted(missing),
            reached=self.seconds,
        )


def _filter_in_parallel(names: t.Sequence[str], test: t.Callable[[str], bool]) -> list[str]:
    with concurrent.futures.ThreadPoolExecutor(_PROBES_AT_ONCE) as threads:
        return [name for name, holds in zip(names, threads.map(test, names)) if holds]


def _does_agent_answer(connection: Connection, name: str) -> bool:
    try:
        agent.read_time(domains.look_up(connection, name))
    except HeadroomError:  # no channel open yet, or a guest that is too busy
        return False
    return True


def _is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
