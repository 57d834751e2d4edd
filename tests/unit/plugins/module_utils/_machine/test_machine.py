# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import socket
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.task import CloneTask
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.apply import (
    DomainTask,
    Outcome,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import DomainRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    InvalidInput,
    NotFound,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DefinedMachine,
    DetachedMachine,
    Machine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import task as migrate_task
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Request as MigrationRequest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import StatsRequest
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
    with machine.connect("be looked at") as connection:
        defined = named(connection, "test")
        machine_on_host: Machine = defined
        machine_on_host.pause(task, REQUEST)
        assert defined.observe().situation == "paused"


OTHER_UUID = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values())
@pytest.mark.parametrize("act", [True, False])
def test_a_machine_that_was_replaced_is_refused(
    uri: str, task: DomainTask, behaviour: Behaviour, act: bool
) -> None:
    machine = DetachedMachine({"uri": uri, "name": "test", "uuid": OTHER_UUID})
    with pytest.raises(Conflict, match=r"another machine by now.*hand in the row") as caught:
        behaviour(machine, dataclasses.replace(task, act=act), REQUEST)
    assert caught.value.as_result() == {
        "kind": "conflict",
        "uri": uri,
        "name": "test",
        "uuid": UUID,
        "expected_uuid": OTHER_UUID,
    }


@pytest.mark.parametrize("act", [True, False])
def test_a_machine_that_was_replaced_is_not_moved(uri: str, task: DomainTask, act: bool) -> None:
    machine = DetachedMachine({"uri": uri, "name": "test", "uuid": OTHER_UUID})
    migration = migrate_task.Task(
        uri="test:///nowhere",
        names=(),
        request=MigrationRequest(destination_uri=uri),
        act=act,
        preflight_only=False,
        parallel=1,
        connect_timeout=5,
        journal=task.journal,
    )
    with pytest.raises(Conflict, match="another machine by now"):
        machine.migrate(migration)


def test_a_machine_that_has_another_name_by_now_is_refused(uri: str, task: DomainTask) -> None:
    machine = DetachedMachine({"uri": uri, "name": "web-1", "uuid": UUID})
    with pytest.raises(Conflict, match="not called 'web-1' any more, but 'test'"):
        machine.undefine(task, REQUEST)


def test_a_machine_that_is_gone_is_missing_only_where_it_is_to_go(
    uri: str, task: DomainTask
) -> None:
    machine = DetachedMachine({"uri": uri, "name": "web-1", "uuid": OTHER_UUID})
    outcome = machine.undefine(task, REQUEST)
    assert (outcome.plans, outcome.missing) == ((), ("web-1",))
    with pytest.raises(NotFound):
        machine.start(task, REQUEST)


def test_a_row_is_taken_as_it_is(uri: str, task: DomainTask) -> None:
    first = DetachedMachine({"uri": uri, "name": "test"}).pause(task, REQUEST)
    (row,) = first.as_rows()
    assert row["machine"] == {"uri": uri, "name": "test", "uuid": UUID}
    for attributes in (row, row["machine"]):
        assert DetachedMachine(attributes).pause(task, REQUEST).as_rows() == [row]


def test_the_uri_of_this_very_host_needs_no_ssh() -> None:
    own = socket.gethostname()
    for path in ("/system", "/session"):
        machine = DetachedMachine({"uri": f"qemu+ssh://{own}{path}", "name": "test"})
        assert machine.identify("start").uri == f"qemu://{path}"
    elsewhere = f"qemu+ssh://root@{own}/system"  # somebody's choice of a user
    assert DetachedMachine({"uri": elsewhere, "name": "a"}).identify("start").uri == elsewhere


def test_a_uri_that_has_lost_its_password_is_refused() -> None:
    machine = DetachedMachine({"uri": "qemu+tcp://me:***@kvm1/system", "name": "test"})
    with pytest.raises(InvalidInput, match="lost its password"):
        machine.identify("start")


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


def test_a_machine_that_was_made_from_no_appliance_names_the_way_out(
    uri: str, task: DomainTask
) -> None:
    clones = CloneTask({}, task.journal, pytest.fail)
    with pytest.raises(UnsupportedBehaviour, match=r"made from no appliance\. Capture it first"):
        DetachedMachine({"uri": uri, "name": "test"}).clone(clones)
    with pytest.raises(UnsupportedBehaviour, match=r"A machine without attributes cannot clone"):
        Machine().clone(clones)


def test_statistics_are_those_of_the_machine_on_its_host(uri: str) -> None:
    machine = DetachedMachine({"uri": uri, "name": "test", "uuid": UUID})
    (reading,) = machine.stats(StatsRequest(groups=["state"], names=["another"]))
    assert (reading.sample.name, reading.sample.uuid) == ("test", UUID)
    with pytest.raises(UnsupportedBehaviour, match="cannot tell its statistics"):
        Machine().stats(StatsRequest())
