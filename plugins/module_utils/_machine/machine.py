# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A machine in three levels: behaviour, detached, defined.

An operator holds a row of another host's statistics, a host of the inventory, or a domain that libvirt defines. All
three are "a machine" and behave like one; they differ in where their attributes live.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    LibvirtFailed,
    NotFound,
    TimedOut,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import collect
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    metadata,
    states,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import (
    SYSTEM_CLOCK,
    Clock,
    Waiter,
)

_ASK_AGAIN_SECONDS = 5.0


class Cloner(t.Protocol):
    """Makes clones of machines: ``_clone.sibling``, which stands on this file and so is handed in."""

    def __call__(self, machine: DefinedMachine, name: str) -> t.Mapping[str, t.Any]:
        """Return the row of the new machine."""


class Machine:
    """What every machine can do. Defines no data; ``_defined`` says how a level reaches its domain."""

    level: t.ClassVar[str] = "machine without attributes"

    def start(self, *, paused: bool = False) -> None:
        """Start, from the saved memory if there is any; with ``paused`` the vCPUs do not run yet."""
        with self._defined("start") as machine:
            domains.start(machine.domain, paused=paused)

    def resume(self) -> None:
        """Let the vCPUs run again."""
        with self._defined("resume") as machine:
            domains.resume(machine.domain)

    def wake(self) -> None:
        """Wake from a suspend that the guest asked for."""
        with self._defined("wake") as machine:
            domains.wake(machine.domain)

    def pause(self) -> None:
        """Stop the vCPUs, keeping the memory."""
        with self._defined("pause") as machine:
            domains.suspend(machine.domain)

    def save(self) -> None:
        """Save the memory to disk and stop."""
        with self._defined("save") as machine:
            domains.save(machine.domain)

    def power_off(self) -> None:
        """Take the power away."""
        with self._defined("power off") as machine:
            domains.power_off(machine.domain)

    def shutdown(self, *, timeout: float, force: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        """Ask the guest to shut down and wait; after ``timeout`` seconds power off (``force``) or raise TimedOut."""
        with self._defined("shut down") as machine:
            _shut_down(machine.domain, timeout, force, clock)

    def await_power_off(
        self, *, timeout: float, force: bool = False, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Wait for a shutdown that is under way; what ``timeout`` and ``force`` do, they do as in shutdown()."""
        with self._defined("wait for its power-off") as machine:
            if not Waiter(timeout, clock).holds(lambda: not _is_active(machine.domain)):
                _give_up_or_force(machine.domain, timeout, force)

    def undefine(self) -> None:
        """Remove the definition, with NVRAM, TPM state, saved memory and snapshot metadata. Volumes stay."""
        with self._defined("undefine") as machine:
            domains.undefine(machine.domain)

    def clone(self, name: str, cloner: Cloner) -> t.Mapping[str, t.Any]:
        """Have ``cloner`` make another machine like this one, called ``name``, on the same host; return its row."""
        with self._defined("clone") as machine:
            return cloner(machine, name)

    def observe(self) -> plan.Observed:
        """Return the situation of the machine now."""
        with self._defined("tell its situation") as machine:
            return machine.observe()

    def stats(self) -> dict[str, t.Any]:
        """Return what domain_stats_info returns of it: counters and gauges of the usual groups, with our labels."""
        with self._defined("tell its statistics") as machine:
            request = collect.Request(names=[machine.name], metadata=True)
            readings = collect.collect(machine.connection, request)
            if not readings:
                raise NotFound(f"{machine.name!r} is no longer there.", name=machine.name)
            return readings[0].as_dict()

    def defined(self) -> contextlib.AbstractContextManager[DefinedMachine]:
        """Yield the defined machine that this one stands for, for as long as the block lasts."""
        return self._defined("be reached")

    def _defined(self, _behaviour: str) -> contextlib.AbstractContextManager[DefinedMachine]:
        raise UnsupportedBehaviour(
            self.level,
            _behaviour,
            "It names no host. Use a DetachedMachine with uri and name, or a DefinedMachine.",
        )


class DetachedMachine(Machine):
    """A machine whose attributes are held in memory, such as a dict from another host's results.

    Creating one touches no host, and setting an attribute changes nothing but this object. A behaviour connects to the
    host that the attributes name: ``uri``, and ``uuid`` or ``name``.
    """

    level = "detached machine"

    def __init__(self, attributes: t.Mapping[str, t.Any], *, connect_timeout: float = 20.0) -> None:
        self.attributes: dict[str, t.Any] = dict(attributes)
        self._connect_timeout = connect_timeout

    @contextlib.contextmanager
    def _defined(self, _behaviour: str) -> t.Iterator[DefinedMachine]:
        uri, name = self._text("uri"), self._text("name")
        if uri is None or name is None:
            raise UnsupportedBehaviour(
                self.level,
                _behaviour,
                "Its attributes must hold 'uri' (the host) and 'name' (the domain).",
            )
        with open_connection(uri, timeout=self._connect_timeout) as connection:
            machine = DefinedMachine.named(connection, name)
            expected = self._text("uuid")
            if expected is not None and machine.uuid != expected:
                raise Conflict(
                    f"{name!r} on {connection.uri} is another machine by now: its UUID is {machine.uuid}, not "
                    f"{expected}. Refresh the attributes.",
                    name=name,
                )
            yield machine

    def _text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise InvalidInput(
                f"machine.{name}", value, "is not text", f"Hand in the {name} that a result holds."
            )
        return value


class DefinedMachine(Machine):
    """A machine that libvirt defines; its attributes persist, and setting one is immediate and durable."""

    level = "defined machine"

    def __init__(self, connection: Connection, domain: domains.Domain) -> None:
        self.connection = connection
        self.domain = domain

    @classmethod
    def named(cls, connection: Connection, name: str) -> DefinedMachine:
        """Return the machine that ``connection``'s host calls ``name``; raises NotFound."""
        return cls(connection, domains.look_up(connection, name))

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.domain.name()

    @property
    def uuid(self) -> str:
        """The domain's UUID."""
        return self.domain.UUIDString()

    @property
    def definition(self) -> domain_xml.Definition:
        """The persistent definition, read now."""
        return domains.read_definition(self.domain)

    @property
    def metadata(self) -> metadata.Metadata:
        """Our metadata, read now. Setting it writes the definition and the running domain."""
        return domains.read_metadata(self.domain)

    @metadata.setter
    def metadata(self, value: metadata.Metadata) -> None:
        domains.set_metadata(self.domain, value)

    @property
    def autostart(self) -> bool:
        """Whether the machine starts with its host. Setting it is durable."""
        return domains.has_autostart(self.domain)

    @autostart.setter
    def autostart(self, value: bool) -> None:
        domains.set_autostart(self.domain, value)

    def observe(self) -> plan.Observed:
        """Return the situation of the machine now."""
        number, _reason = domains.read_state(self.domain)
        state = states.state_name(number)
        return plan.Observed(
            name=self.name,
            uuid=self.uuid,
            situation=plan.situation(
                state, saved=state == "shutoff" and domains.has_saved_memory(self.domain)
            ),
            persistent=domains.is_persistent(self.domain),
            protected=self.metadata.protected,
        )

    @contextlib.contextmanager
    def _defined(self, _behaviour: str) -> t.Iterator[DefinedMachine]:
        yield self


def _shut_down(domain: domains.Domain, timeout: float, force: bool, clock: Clock) -> None:
    """Ask until the guest is off: one that is still booting does not hear the first request."""
    deadline = clock.now() + timeout
    off = False
    while not off and clock.now() < deadline:
        with contextlib.suppress(NotFound, Conflict):
            if _is_active(domain):
                _ask_to_shut_down(domain)
        patience = Waiter(min(_ASK_AGAIN_SECONDS, deadline - clock.now()), clock)
        off = patience.holds(lambda: not _is_active(domain))
    if not off:
        _give_up_or_force(domain, timeout, force)


def _ask_to_shut_down(domain: domains.Domain) -> None:
    try:
        domains.ask_to_shut_down(domain)
    except LibvirtFailed:  # paused as by an I/O error, it cannot hear; or it went off just now
        if _is_active(domain) and states.state_name(domains.read_state(domain)[0]) != "paused":
            raise


def _give_up_or_force(domain: domains.Domain, timeout: float, force: bool) -> None:
    if not force:
        raise TimedOut(
            f"{domain.name()!r} did not shut down within {timeout:g} s. Raise timeout, or set force: true to take the "
            "power away.",
            name=domain.name(),
        )
    with contextlib.suppress(NotFound):
        domains.power_off(domain)


def _is_active(domain: domains.Domain) -> bool:
    """Return whether the domain runs; a transient one that has gone does not."""
    try:
        return domains.is_active(domain)
    except NotFound:
        return False
