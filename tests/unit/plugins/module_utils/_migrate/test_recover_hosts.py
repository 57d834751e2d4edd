# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What recovery does to two hosts of libvirt's own test driver, whose guests are in the states of a cut-off move."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record, Step
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    finish,
    plan,
    recover,
    volumes,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import (
    Endpoints,
    find_domain,
    read_state,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
    Intent,
    make_intent,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.recover import (
    HasSwitchedOver,
    MigrationRecovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

if t.TYPE_CHECKING:
    from pathlib import Path

UUID: t.Final = "00000000-0000-0000-0000-00000000000a"
GIB: t.Final = 1024**3
# The test driver forgets the reason of a state, so that a paused guest may be paused for the hand-over.
RUNS, PAUSED, OFF = "1", "3", "5"
REMOTE: t.Final = (
    "<backingStore type='network'><format type='raw'/><source protocol='nbd' name='f00-vda'>"
    "<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"
)


class FakeClock:
    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Hosts:
    """Two hosts: ``open`` stands for open_connection, and refuses hosts that are silent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._hosts: dict[str, Connection] = {}

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._stack.close()

    def set(
        self, uri: str, state: str | None, path: str = "/images/a.qcow2", backing: str = ""
    ) -> Connection:
        """Have a host whose guest is in that state; None for a host without the guest."""
        guest = f"""<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
            <name>a</name><uuid>{UUID}</uuid><memory>1024</memory><os><type>hvm</type></os><devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>{backing}
            <target dev='vda' bus='virtio'/></disk></devices><test:runstate>{state}</test:runstate></domain>"""
        description = self._folder / f"{len(self._hosts)}.xml"
        description.write_text(f"<node>{guest if state else ''}</node>")
        opened = open_connection(f"test://{description}")
        self._hosts[uri] = self._stack.enter_context(opened)
        return self._hosts[uri]

    @contextlib.contextmanager
    def open(self, uri: str, **_unused: object) -> t.Iterator[Connection]:
        if uri not in self._hosts:
            raise ConnectionFailed(f"could not connect to {uri}")
        yield self._hosts[uri]


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Hosts]:
    with Hosts(tmp_path) as found:
        monkeypatch.setattr(recover, "open_connection", found.open)
        # the test driver knows neither NVRAM nor TPM
        monkeypatch.setattr(domains, "forget", lambda domain: domain.undefine())
        yield found


def make(mode: t.Any = "precopy", **changes: t.Any) -> Intent:
    disk = SourceDisk("vda", "disk", "/images/a.qcow2", "qcow2", GIB, GIB, "default")
    made = plan.make_plan(
        Guest("a", UUID, True, GIB, (disk,), autostart=True),
        Request("qemu+ssh://b/system", mode=mode),
        [Pool("default", "dir", "/images", 9 * GIB)],
    )
    intent = make_intent(
        made,
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={"vda": {}},
    )
    return dataclasses.replace(intent, **changes)


def record(intent: Intent, *steps: Step) -> Record:
    return Record("1", "migrate", "a", json.loads(json.dumps(intent.as_dict())), steps)


AUTOSTART: t.Final = Step("autostart", {}, "done")
MIGRATE: t.Final = Step("migrate", {})


def recovery() -> MigrationRecovery:
    return MigrationRecovery(clock=FakeClock())


def state_at(connection: Connection) -> str | None:
    return read_state(find_domain(connection, UUID)).state


def test_a_paused_source_goes_once_its_guest_runs_on_the_destination(hosts: Hosts) -> None:
    source, destination = (
        hosts.set("qemu:///system", PAUSED),
        hosts.set("qemu+ssh://b/system", RUNS),
    )
    made = record(make(), AUTOSTART, MIGRATE)
    assert recovery().choose_direction(made) == "resume"
    with pytest.raises(HasSwitchedOver):
        recovery().roll_back(made)
    assert state_at(source) == "paused"
    recovery().resume(made)
    assert (state_at(source), state_at(destination)) == (None, "running")
    domain = domains.look_up_uuid(destination, UUID)
    assert domains.has_autostart(domain)


def test_a_source_that_keeps_its_definition_does_not_start_with_its_host(hosts: Hosts) -> None:
    source = hosts.set("qemu:///system", PAUSED)
    domains.set_autostart(domains.look_up_uuid(source, UUID), True)
    destination = hosts.set("qemu+ssh://b/system", RUNS)
    recovery().resume(record(make(undefine_source=False), MIGRATE))
    assert (state_at(source), state_at(destination)) == ("shutoff", "running")
    assert not domains.has_autostart(domains.look_up_uuid(source, UUID))
    assert domains.has_autostart(domains.look_up_uuid(destination, UUID))


@pytest.mark.parametrize("state", [PAUSED, OFF])
def test_what_is_taken_back_is_as_before(hosts: Hosts, state: str) -> None:
    source = hosts.set("qemu:///system", state)
    hosts.set("qemu+ssh://b/system", None)
    made = record(make(), AUTOSTART, MIGRATE)
    assert recovery().choose_direction(made) == "roll_back"
    with pytest.raises(Conflict, match="has not moved"):
        recovery().resume(made)
    recovery().roll_back(made)
    assert state_at(source) == "running"
    assert domains.has_autostart(domains.look_up_uuid(source, UUID))


def test_a_definition_of_before_stays_without_the_volumes_of_the_move(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.set("qemu:///system", RUNS)
    destination = hosts.set("qemu+ssh://b/system", OFF)
    deleted: list[t.Any] = []
    monkeypatch.setattr(volumes, "delete", lambda *arguments: deleted.append(arguments[1:]))
    volume = Step("volume", {"pool": "default", "volume": "a.qcow2"}, "done")
    recovery().roll_back(record(make(replaces_definition=True), volume, MIGRATE))
    assert state_at(destination) == "shutoff"
    assert deleted == [([VolumeRef("default", "a.qcow2")], {UUID})]


def test_a_guest_that_its_owner_had_paused_stays_paused(hosts: Hosts) -> None:
    source = hosts.set("qemu:///system", PAUSED)
    hosts.set("qemu+ssh://b/system", None)
    recovery().roll_back(record(make(was_paused=True), MIGRATE))
    assert state_at(source) == "paused"


def test_a_destination_that_does_not_answer_is_waited_for(hosts: Hosts) -> None:
    source = hosts.set("qemu:///system", PAUSED)
    made = record(make(), AUTOSTART, MIGRATE)
    for act in (recovery().roll_back, recovery().resume):
        with pytest.raises(ConnectionFailed) as caught:
            act(made)
        assert "neither virsh resume nor virsh start on qemu:///system" in caught.value.message
    assert state_at(source) == "paused"
    assert not domains.has_autostart(domains.look_up_uuid(source, UUID))


def test_a_source_that_runs_needs_no_destination_to_be_as_before(hosts: Hosts) -> None:
    source = hosts.set("qemu:///system", RUNS)
    with pytest.raises(ConnectionFailed) as caught:
        recovery().roll_back(record(make(), AUTOSTART, MIGRATE))
    assert "The guest is on the source" in caught.value.message
    assert domains.has_autostart(domains.look_up_uuid(source, UUID))


def test_two_copies_that_are_active_are_left_to_the_operator(hosts: Hosts) -> None:
    source, destination = hosts.set("qemu:///system", RUNS), hosts.set("qemu+ssh://b/system", RUNS)
    made = record(make(), MIGRATE)
    for act in (recovery().roll_back, recovery().resume):
        with pytest.raises(Conflict, match="virsh -c qemu:///system destroy a, or virsh -c qemu"):
            act(made)
    assert (state_at(source), state_at(destination)) == ("running", "running")


@pytest.mark.parametrize("direction", ["resume", "roll_back"])
def test_what_a_guest_reads_is_served_before_it_is_started(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    hosts.set("qemu:///system", None)
    destination = hosts.set("qemu+ssh://b/system", OFF, backing=REMOTE)
    served: list[tuple[int, str | None]] = []
    monkeypatch.setattr(
        serve, "ensure", lambda _host, _helper, port: served.append((port, state_at(destination)))
    )
    made = record(
        make("streaming"),
        Step("export", {}, "done", {"port": 49218}),
        Step("migrate", {}, "done"),
        Step("settle", {}, "done"),
    )
    assert recovery().choose_direction(made) == "resume"
    with contextlib.suppress(HeadroomError):  # the test driver has no block jobs
        getattr(recovery(), direction)(made)
    assert served[0] == (49218, "shutoff")
    assert state_at(destination) == "running"


def test_a_guest_that_was_turned_off_there_needs_no_source(hosts: Hosts) -> None:
    hosts.set("qemu:///system", None)
    destination = hosts.set("qemu+ssh://b/system", OFF)
    domain = domains.look_up_uuid(destination, UUID)
    domains.start(domain)
    domains.power_off(domain)
    recovery().resume(record(make("streaming"), Step("migrate", {}, "done")))
    assert state_at(destination) == "shutoff"


def test_a_guest_that_has_come_home_is_not_what_was_left_there(hosts: Hosts) -> None:
    """Another task, with the journal of the destination, has finished the move and brought it back."""
    source = hosts.set("qemu:///system", RUNS)
    hosts.set("qemu+ssh://b/system", None)
    made = record(make("streaming"), Step("migrate", {}, "done"), Step("settle", {}, "done"))
    assert recovery().choose_direction(made) == "resume"
    with pytest.raises(HasSwitchedOver, match="gone on from there"):
        recovery().roll_back(made)
    recovery().resume(made)
    assert state_at(source) == "running"


def test_what_was_left_on_the_source_stands_on_the_overlays_of_its_move(hosts: Hosts) -> None:
    intent = make("streaming")
    hosts.set("qemu:///system", RUNS, path=intent.streamed[0].overlay_path)
    hosts.set("qemu+ssh://b/system", None)
    made = record(intent, Step("migrate", {}, "done"), Step("settle", {}, "done"))
    for act in (recovery().roll_back, recovery().resume):
        with pytest.raises(Conflict, match="on disks that are older"):
            act(made)


def test_giving_up_deletes_no_disk_that_a_guest_ran_on(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.set("qemu:///system", None)
    hosts.set("qemu+ssh://b/system", None)
    deleted: list[t.Any] = []
    monkeypatch.setattr(volumes, "delete", lambda _host, refs, *_unused: deleted.extend(refs))
    volume = Step("volume", {"pool": "default", "volume": "a.qcow2"}, "done")
    with pytest.raises(Conflict, match="Neither host has the guest"):
        recovery().resume(record(make(), volume, MIGRATE))
    recovery().roll_back(record(make(), volume, MIGRATE))
    assert not deleted
    recovery().roll_back(record(make(), volume))
    assert len(deleted) == 1


def test_autostart_leaves_the_source_before_the_memory_does(hosts: Hosts) -> None:
    source, destination = hosts.set("qemu:///system", RUNS), hosts.set("qemu+ssh://b/system", None)
    domain = domains.look_up_uuid(source, UUID)
    domains.set_autostart(domain, True)
    finish.take_autostart(Endpoints(source, destination, UUID, FakeClock()))
    assert not domains.has_autostart(domain)
