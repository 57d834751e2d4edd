# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain.apply import (
    DomainTask,
    Outcome,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import DomainRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    InvalidInput,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DefinedMachine,
    DetachedMachine,
    Machine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

if t.TYPE_CHECKING:
    from pathlib import Path

URI = "test:///default"
UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
NODE = f"""<node>
  <domain type='test'>
    <name>test</name><uuid>{UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>
  </domain>
</node>"""


def named(connection: Connection, name: str) -> DefinedMachine:
    return DefinedMachine(connection, domains.look_up(connection, name))


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A host with one running domain, anew for each test; test:///default is shared by a process."""
    description = tmp_path / "node.xml"
    description.write_text(NODE)
    return f"test://{description}"


@pytest.fixture
def connection(uri: str) -> t.Iterator[Connection]:
    with open_connection(uri) as connection:
        yield connection


@pytest.fixture
def task(tmp_path: Path) -> DomainTask:
    return DomainTask(Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail), pytest.fail)


REQUEST = DomainRequest(timeout=5)
Behaviour = t.Callable[[Machine, DomainTask, DomainRequest], Outcome]
BEHAVIOURS: dict[str, Behaviour] = {
    "start": Machine.start,
    "pause": Machine.pause,
    "save": Machine.save,
    "shut down": Machine.shutdown,
    "undefine": Machine.undefine,
    "set the properties of": Machine.set_properties,
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize(
    "machine", [Machine(), DetachedMachine({"name": "web-1"}), DetachedMachine({"uri": URI})]
)
def test_a_level_says_what_it_cannot_do_and_the_way_out(
    machine: Machine, behaviour: str, task: DomainTask
) -> None:
    with pytest.raises(
        UnsupportedBehaviour, match=f"A {machine.level} cannot {behaviour}. .*uri.*name"
    ) as caught:
        BEHAVIOURS[behaviour](machine, task, REQUEST)
    assert caught.value.as_result()["level"] == machine.level


def test_making_a_detached_machine_touches_no_host(task: DomainTask) -> None:
    machine = DetachedMachine({"uri": "qemu+tcp://127.0.0.1:1/system", "name": "test"})
    machine.attributes["fleet"] = "web"
    with pytest.raises(ConnectionFailed):
        machine.pause(task, REQUEST)


def test_a_detached_machine_acts_on_the_host_that_it_names(uri: str, task: DomainTask) -> None:
    machine = DetachedMachine({"uri": uri, "name": "test", "uuid": UUID})
    assert machine.pause(task, REQUEST).plans[0].survey.observed.situation == "running"
    # each connection to this URI is a host of its own, with the machine running
    with machine.defined() as defined:
        machine_on_host: Machine = defined
        machine_on_host.pause(task, REQUEST)
        assert defined.observe().situation == "paused"


def test_statistics_are_those_of_the_machine_on_its_host(uri: str, connection: Connection) -> None:
    defined = named(connection, "test")
    defined.metadata = defined.metadata._replace(fleet="web")
    expected = {
        "name": "test",
        "uuid": UUID,
        "state": "running",
        "fleet": "web",
        "timed_out": False,
    }
    assert defined.stats().items() >= expected.items()
    assert (
        DetachedMachine({"uri": uri, "name": "test"}).stats().items()
        >= {"name": "test", "state": "running"}.items()
    )


def test_a_detached_machine_refuses_another_machine_of_its_name(uri: str, task: DomainTask) -> None:
    machine = DetachedMachine(
        {"uri": uri, "name": "test", "uuid": "00000000-0000-0000-0000-000000000001"}
    )
    with pytest.raises(Conflict, match="another machine by now"):
        machine.shutdown(task, REQUEST)


@pytest.mark.parametrize("name", ["", 3, ["test"]])
def test_a_detached_machine_checks_its_attributes(name: object, task: DomainTask) -> None:
    with pytest.raises(InvalidInput, match=r"machine\.name"):
        DetachedMachine({"uri": URI, "name": name}).pause(task, REQUEST)


def test_a_defined_machine_goes_through_its_life(connection: Connection, task: DomainTask) -> None:
    machine = named(connection, "test")
    for behaviour, situation in (
        (machine.pause, "paused"),
        (machine.start, "running"),
        (machine.save, "saved"),
        (machine.start, "running"),
        (machine.shutdown, "shutdown"),
    ):
        assert behaviour(task, REQUEST).changes.changed
        assert machine.observe().situation == situation
        assert not behaviour(task, REQUEST).changes.changed


def test_properties_are_set_whatever_the_state(connection: Connection, task: DomainTask) -> None:
    machine = named(connection, "test")
    request = DomainRequest(protected=True, autostart=True)
    for act in (False, True):
        outcome = machine.set_properties(dataclasses.replace(task, act=act), request)
        assert outcome.changes.diff["after"] == {"test": {"protected": True, "autostart": True}}
        observed = machine.observe()
        assert (observed.situation, observed.protected, machine.autostart) == ("running", act, act)


def test_setting_an_attribute_is_durable(connection: Connection) -> None:
    machine = named(connection, "test")
    machine.metadata = machine.metadata._replace(fleet="web", protected=True)
    machine.autostart = True
    again = named(connection, "test")
    assert (again.metadata.fleet, again.observe().protected, again.autostart) == ("web", True, True)
    assert again.definition.metadata == again.metadata
