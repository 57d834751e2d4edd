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
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply as domain_apply
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import DefinedDomain
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NotFound,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import collect
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.apply import (
        DomainTask,
        Outcome,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.model import (
        TargetState,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import (
        DomainRequest,
    )


class Cloner(t.Protocol):
    """Makes clones of domains."""

    def __call__(self, domain: DefinedDomain, name: str) -> t.Mapping[str, t.Any]:
        """Return the row of the new machine."""


class Machine:
    """What every machine can do. Defines no data; ``_defined`` says how a level reaches its domain.

    Behaviours that bring it into a state take how that is done (``task``), and what else the task says: how long it may
    take to shut down, and the properties that it shall have.
    """

    level: t.ClassVar[str] = "machine without attributes"

    def start(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Have it run: started, resumed, or restored from its saved memory."""
        return self._bring("start", "running", task, request)

    def pause(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Stop the vCPUs, keeping the memory; a machine that is off is started paused."""
        return self._bring("pause", "paused", task, request)

    def save(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Save the memory to disk and stop."""
        return self._bring("save", "saved", task, request)

    def shutdown(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Ask the guest to shut down and wait; raises TimedOut, unless the request is to ``force`` it off then."""
        return self._bring("shut down", "shutdown", task, request)

    def undefine(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Shut down and remove the definition, and what the request says of what belonged to the machine."""
        return self._bring("undefine", "absent", task, request)

    def set_properties(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Set the properties that the request says, and leave its state as it is."""
        return self._bring("set the properties of", None, task, request)

    def _bring(
        self, behaviour: str, state: TargetState | None, task: DomainTask, request: DomainRequest
    ) -> Outcome:
        request = dataclasses.replace(request, state=state)
        with self._defined(behaviour) as machine:
            return domain_apply.bring_into_state(machine.connection, [machine], request, task)

    def clone(self, name: str, cloner: Cloner) -> t.Mapping[str, t.Any]:
        """Have ``cloner`` make another machine like this one, called ``name``, on the same host; return its row."""
        with self._defined("clone") as machine:
            return cloner(machine, name)

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
            machine = DefinedMachine(connection, domains.look_up(connection, name))
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


class DefinedMachine(Machine, DefinedDomain):
    """A machine that libvirt defines; its attributes persist, and setting one is immediate and durable."""

    level = "defined machine"

    @contextlib.contextmanager
    def _defined(self, _behaviour: str) -> t.Iterator[DefinedMachine]:
        yield self
