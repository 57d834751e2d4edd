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
import socket
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import (
    DefinedDomain,
    look_up,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    NotFound,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    is_masked,
    strip_own_host,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import MachineRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.task import CloneTask
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.apply import (
        DomainTask,
        Outcome,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.model import TargetState
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import (
        DomainRequest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.task import Moved, Task
    from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import (
        Reading,
        StatsRequest,
    )


class Machine:
    """What every machine can do. Defines no data: identify() and connect() say how a level reaches its domain.

    Behaviours that bring it into a state take how that is done (``task``), and what else the task says: how long it may
    take to shut down, and the properties that it shall have.

    A behaviour imports its service when it is asked for: a module has few of them, and Python compiles what a module
    imports in each run.
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
        """Shut down and remove the definition, and what the request says of what belonged to the machine.

        One that is gone already is the outcome's ``missing``.
        """
        return self._bring("undefine", "absent", task, request)

    def set_properties(self, task: DomainTask, request: DomainRequest) -> Outcome:
        """Set the properties that the request says, and leave its state as it is."""
        return self._bring("set the properties of", None, task, request)

    def _bring(
        self, behaviour: str, state: TargetState | None, task: DomainTask, request: DomainRequest
    ) -> Outcome:
        from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply  # noqa: PLC0415

        ref, request = self.identify(behaviour), dataclasses.replace(request, state=state)
        with self.connect(behaviour) as connection:
            try:
                chosen = [look_up(connection, ref.name, ref.uuid)]
            except NotFound:
                if state != "absent":
                    raise
                chosen = []
            outcome = apply.bring_into_state(connection, chosen, request, task)
        return outcome if chosen else dataclasses.replace(outcome, missing=(ref.name,))

    def stats(self, request: StatsRequest, clock: Clock = SYSTEM_CLOCK) -> list[Reading]:
        """Return one reading of what the request says, whomever it names; none if the machine is gone by then."""
        from ansible_collections.headroom.libvirt.plugins.module_utils._stats import collect  # noqa: PLC0415

        with self.open("tell its statistics") as machine:
            about_it = dataclasses.replace(request, names=[machine.name])
            return collect.collect(machine.connection, about_it, clock)

    def migrate(self, task: Task) -> Moved:
        """Move it to the host that the task's request names. The task's own ``uri`` and ``names`` do not count."""
        from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import apply  # noqa: PLC0415

        ref = self.identify("migrate")
        task = dataclasses.replace(task, uri=ref.uri, names=(ref.name,), uuid=ref.uuid)
        (moved,) = apply.move_all(task)
        return moved

    def clone(self, task: CloneTask) -> dict[str, t.Any]:
        """Make more of what it was made from, on its host, and return the result of that task.

        Raises UnsupportedBehaviour for a machine that was made from no appliance.
        """
        from ansible_collections.headroom.libvirt.plugins.module_utils._clone import task as clones  # noqa: PLC0415

        with self.open("clone") as machine:
            definition = machine.definition
            if definition.metadata.appliance is None:
                raise UnsupportedBehaviour(
                    self.level,
                    f"clone {machine.name!r}, which was made from no appliance",
                    "Capture it first, by headroom.libvirt.appliance with source.machine, and clone the appliance.",
                )
            return clones.make_more_like(machine.connection, definition, task)

    @contextlib.contextmanager
    def open(self, behaviour: str) -> t.Iterator[DefinedMachine]:
        """Yield the defined machine that this one stands for; raises NotFound, and Conflict if it was replaced."""
        ref = self.identify(behaviour)
        with self.connect(behaviour) as connection:
            domain = look_up(connection, ref.name, ref.uuid)
            yield DefinedMachine(connection, domain.domain)

    def identify(self, behaviour: str, /) -> MachineRef:
        """Return what names the machine; ``behaviour`` is what it is for, in the words of an error."""
        raise self._refuse(behaviour)

    def connect(self, behaviour: str, /) -> contextlib.AbstractContextManager[Connection]:
        """Yield a connection to the machine's host; ``behaviour`` is as in identify()."""
        raise self._refuse(behaviour)

    def _refuse(self, behaviour: str) -> UnsupportedBehaviour:
        return UnsupportedBehaviour(
            self.level,
            behaviour,
            "It does not name a host. Use a DetachedMachine with uri and name, or a DefinedMachine.",
        )


class DetachedMachine(Machine):
    """A machine whose attributes are held in memory, such as a row of another host's results.

    Creating one touches no host, and setting an attribute changes nothing but this object. A behaviour connects to the
    host that the attributes name: ``uri``, ``name``, and ``uuid`` where it is known; or ``machine``, which holds these.
    """

    level = "detached machine"

    def __init__(self, attributes: t.Mapping[str, t.Any], *, connect_timeout: float = 20.0) -> None:
        self.attributes: dict[str, t.Any] = dict(attributes)
        self._connect_timeout = connect_timeout

    def identify(self, behaviour: str, /) -> MachineRef:
        """Return what the attributes name; raises UnsupportedBehaviour where they name nothing, and InvalidInput."""
        attributes = self.attributes.get("machine", self.attributes)
        if not isinstance(attributes, dict):
            raise _refuse("machine", attributes, "is not a dictionary", "machine")
        texts = {key: _read_text(attributes, key) for key in ("uri", "name", "uuid")}
        uri, name = texts["uri"], texts["name"]
        if uri is None or name is None:
            raise UnsupportedBehaviour(
                self.level,
                behaviour,
                "Its attributes must hold 'uri' (the host) and 'name' (the domain). Hand in a result's row that has "
                "`machine`, or that itself.",
            )
        if is_masked(uri):
            raise InvalidInput(
                "machine.uri",
                uri,
                "has lost its password: results do not hold any",
                "Set machine_uri where the row is made to a URI that needs none, or write uri and name instead.",
            )
        return MachineRef(strip_own_host(uri, _list_own_names), name, texts["uuid"])

    @contextlib.contextmanager
    def connect(self, behaviour: str, /) -> t.Iterator[Connection]:
        """Yield a connection to the host that the attributes name."""
        ref = self.identify(behaviour)
        with open_connection(ref.uri, timeout=self._connect_timeout) as connection:
            yield connection


def _read_text(attributes: t.Mapping[str, t.Any], key: str) -> str | None:
    value = attributes.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise _refuse(f"machine.{key}", value, "is not text", key)
    return value


def _refuse(option: str, value: object, problem: str, key: str) -> InvalidInput:
    return InvalidInput(option, value, problem, f"Hand in the {key} that a result holds.")


def _list_own_names() -> t.Iterator[str]:
    """Yield what libvirt may call this host (as virGetHostname finds it out)."""
    name = socket.gethostname()
    yield name
    with contextlib.suppress(OSError):
        yield socket.getaddrinfo(name, None, flags=socket.AI_CANONNAME)[0][3]


class DefinedMachine(Machine, DefinedDomain):
    """A machine that libvirt defines; its attributes persist, and setting one is immediate and durable."""

    level = "defined machine"

    def identify(self, _behaviour: str, /) -> MachineRef:
        """Return what names the machine now."""
        return MachineRef(self.connection.uri, self.name, self.uuid)

    @contextlib.contextmanager
    def connect(self, _behaviour: str, /) -> t.Iterator[Connection]:
        """Yield the machine's own connection."""
        yield self.connection
