# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import (
    apply,
    recover,
    unended,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import (
    DefinedDomain,
    look_up,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.recover import (
    RemovalRecovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import DomainRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    LibvirtFailed,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports, serve
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import ExportRef
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import helper_name
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_DOMAIN = """<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os>
  <metadata><h:machine xmlns:h='urn:headroom:libvirt:1'>{volumes}</h:machine></metadata>
  <devices><disk type='file'><source file='/images/a.qcow2'/><target dev='vda'/></disk></devices></domain>"""
_TOKEN = "f" * 32
_VOLUMES = "<h:volume pool='default'>a.qcow2</h:volume><h:volume pool='default'>b.qcow2</h:volume>"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)


@pytest.fixture
def machine(node: Connection, monkeypatch: pytest.MonkeyPatch) -> DefinedDomain:
    """A machine with two volumes of its own, on a host whose driver knows no NVRAM and no TPM."""
    monkeypatch.setattr(domains, "undefine", lambda domain: domain.undefineFlags(0))
    pool = storage.look_up_pool(node, "default")
    for name in ("a.qcow2", "b.qcow2"):
        storage.create(pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, 1)))
    domains.define(node, _DOMAIN.format(name="web-1", volumes=_VOLUMES))
    return look_up(node, "web-1")


def remove(
    journal: Journal, machine: DefinedDomain, warn: t.Callable[[str], None] | None = None
) -> None:
    task = apply.DomainTask(journal, pytest.fail if warn is None else warn)
    apply.bring_into_state(machine.connection, [machine], DomainRequest(state="absent"), task)


def left(connection: Connection) -> set[str]:
    pool = storage.look_up_pool(connection, "default")
    return {volume.name() for volume in storage.list_volumes(pool)} | {
        one.name() for one in domains.list_all(connection)
    }


def break_off(journal: Journal, machine: DefinedDomain) -> Record:
    """Remove the machine as far as its first volume."""

    def fail(_volume: object) -> None:
        raise LibvirtFailed("cannot unlink")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage, "delete", fail)
        with pytest.raises(LibvirtFailed) as caught:
            remove(journal, machine)
    (record,) = recover.find_unfinished(journal, machine.connection)
    assert f"{record} stays unfinished" in caught.value.message
    return record


def test_all_goes_and_nothing_is_left_in_the_journal(
    journal: Journal, machine: DefinedDomain
) -> None:
    remove(journal, machine)
    assert left(machine.connection) == set()
    assert [(record.kind, record.subject, record.state) for record in journal.list_records()] == [
        ("removal", "web-1", "finished")
    ]


@pytest.fixture
def source() -> t.Iterator[str]:
    """Another host, which serves an export; its URI."""
    uri = "test:///default"
    with open_connection(uri) as connection:
        connection.handle.createXML(_DOMAIN.format(name=helper_name(_TOKEN), volumes=""), 0)
        yield uri
        serve.stop(connection, helper_name(_TOKEN))


def let_stream(machine: DefinedDomain, uri: str) -> None:
    record = exports.StreamRecord(_TOKEN, "10.0.0.1", 10809, uri, "default", "web:1", 0)
    text = exports.record_element(record)
    domains.set_metadata_xml(machine.domain, text, exports.RECORD_PREFIX, exports.RECORD_NAMESPACE)


def is_served(uri: str) -> bool:
    with open_connection(uri) as connection:
        return domains.find(connection, helper_name(_TOKEN)) is not None


def test_the_export_of_a_machine_that_is_not_local_yet_goes_with_the_last_one_that_reads_from_it(
    journal: Journal, machine: DefinedDomain, source: str
) -> None:
    other = domains.define(machine.connection, _DOMAIN.format(name="web-2", volumes=""))
    sibling = DefinedDomain(machine.connection, other)
    let_stream(machine, source)
    let_stream(sibling, source)
    remove(journal, machine)
    assert is_served(source)
    (plan,) = apply.bring_into_state(
        machine.connection,
        [sibling],
        DomainRequest(state="absent", remove_volumes=False),
        apply.DomainTask(journal, pytest.fail, act=False),
    ).plans
    assert plan.changes.diff["before"]["exports"] == [helper_name(_TOKEN)]
    remove(journal, sibling)
    assert not is_served(source)


def test_an_export_on_a_host_that_is_gone_is_told_and_the_machine_goes(
    journal: Journal, machine: DefinedDomain
) -> None:
    let_stream(machine, "test:///nowhere.xml")
    warnings: list[str] = []
    remove(journal, machine, warnings.append)
    assert left(machine.connection) == set()
    (warning,) = warnings
    assert f"virsh -c test:///nowhere.xml destroy {helper_name(_TOKEN)}" in warning
    assert recover.find_unfinished(journal, machine.connection) == []
    (note,) = journal.list_unfinished(unended.KIND)
    assert note.subject == helper_name(_TOKEN)
    assert note.problem == warning
    (sentence,) = unended.describe_recovery(note, "resume")
    assert f"Stop the export {helper_name(_TOKEN)} on test:///nowhere.xml" in sentence


def test_an_export_that_was_noted_ends_when_its_host_is_back(
    journal: Journal, machine: DefinedDomain, source: str
) -> None:
    ref = ExportRef(source, helper_name(_TOKEN))
    for _unused in range(2):  # noted once
        unended.note(journal, machine.connection, machine.uuid, ref, NotFound("away"))
    (note,) = journal.list_unfinished(unended.KIND)
    assert unended.read_export(note) == ref
    journal.recover(note, unended.UnendedRecovery(machine.connection), "resume")
    assert not is_served(source)
    assert journal.list_unfinished() == []


def test_an_export_that_was_noted_can_be_left_to_a_host_that_is_gone(
    journal: Journal, machine: DefinedDomain, source: str
) -> None:
    ref = ExportRef(source, helper_name(_TOKEN))
    unended.note(journal, machine.connection, machine.uuid, ref, NotFound("away"))
    (note,) = journal.list_unfinished(unended.KIND)
    journal.recover(note, unended.UnendedRecovery(machine.connection), "roll_back")
    assert is_served(source)
    assert journal.list_unfinished() == []


def test_an_export_of_another_machine_stays(
    journal: Journal, machine: DefinedDomain, source: str
) -> None:
    """Metadata go along when somebody copies a definition; the machine that is served still reads."""
    with open_connection(source) as connection:
        helper = domains.look_up(connection, helper_name(_TOKEN))
        other = "11111111-2222-3333-4444-555555555555"
        domains.set_metadata(helper, Metadata(service=Service("test:///default", other)))
    let_stream(machine, source)
    warnings: list[str] = []
    remove(journal, machine, warnings.append)
    assert is_served(source)
    assert "it serves another machine" in warnings[0]


def test_an_export_is_not_forgotten_by_a_run_that_broke_off(
    journal: Journal, machine: DefinedDomain, source: str
) -> None:
    let_stream(machine, source)
    record = break_off(journal, machine)
    assert is_served(source)
    assert "Stop the export" in recover.describe_recovery(record, "resume")[-1]
    RemovalRecovery(machine.connection).resume(record)
    assert not is_served(source)


def test_what_broke_off_is_finished_by_the_next_run(
    journal: Journal, machine: DefinedDomain
) -> None:
    record = break_off(journal, machine)
    assert left(machine.connection) == {"a.qcow2", "b.qcow2"}
    recover.finish(journal, machine.connection, [record], pytest.fail)
    assert left(machine.connection) == set()
    assert recover.find_unfinished(journal, machine.connection) == []


def test_what_another_machine_uses_by_now_stays(journal: Journal, machine: DefinedDomain) -> None:
    record = break_off(journal, machine)
    domains.define(machine.connection, _DOMAIN.format(name="other", volumes=""))
    warnings: list[str] = []
    recover.finish(journal, machine.connection, [record], warnings.append)
    assert left(machine.connection) == {"a.qcow2", "other"}
    assert warnings == ["the volume default/a.qcow2 stays: the domain 'other' uses it"]


def test_what_cannot_be_finished_is_told_and_stays(
    journal: Journal, machine: DefinedDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = break_off(journal, machine)

    def fail(_volume: object) -> None:
        raise LibvirtFailed("cannot unlink")

    monkeypatch.setattr(storage, "delete", fail)
    warnings: list[str] = []
    recover.finish(journal, machine.connection, [record], warnings.append)
    assert warnings == [f"{record} broke off, and cannot be finished: cannot unlink"]
    assert len(recover.find_unfinished(journal, machine.connection)) == 1


def test_a_machine_that_is_still_whole(journal: Journal, machine: DefinedDomain) -> None:
    belongings = recover.Belongings(machine.uuid, machine.metadata.volumes)
    with recover.record_removal(journal, machine.connection, "web-1", belongings) as transaction:
        record = transaction.record
    recovery = RemovalRecovery(machine.connection)
    recovery.roll_back(record)
    domains.start(machine.domain)
    with pytest.raises(Conflict, match="'web-1' runs again"):
        recovery.resume(record)
    assert left(machine.connection) == {"a.qcow2", "b.qcow2", "web-1"}
    domains.power_off(machine.domain)
    recovery.resume(record)
    assert left(machine.connection) == set()
    with pytest.raises(Unsupported, match="nothing brings it back"):
        recovery.roll_back(record)
    assert len(recover.describe_recovery(record, "resume")) == 3
    assert len(recover.describe_recovery(record, "roll_back")) == 1
