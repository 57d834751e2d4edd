# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs leave, on libvirt's test driver.

A run that is killed leaves what one leaves whose undoing fails at once: the record, and all that it made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import secrets
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    again,
    apply,
    recover,
    survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.recover import CloneRecovery
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    LibvirtFailed,
    NoSpace,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record, Step
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.store import Store
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery import (
    apply as transactions,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.apply import RecoveryChoice
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.report import (
    describe_transaction,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.modules import appliance_clone

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

WEB = CloneRequest("web", names=("web-1", "web-2"), pool="fast")
OPTIONS: dict[str, t.Any] = {
    **{name: option.get("default") for name, option in appliance_clone.ARGUMENTS.options.items()},
    "appliance": "web",
    "names": ["web-1", "web-2"],
    "pool": "fast",
    "appliance_pool": "default",
}


class FakeClock:
    """Time that passes only when someone sleeps."""

    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def make(shelf: Catalogue, journal: Journal) -> list[apply.Row]:
    plan = survey.make_plan(shelf, WEB, recover.find_leftovers(journal, shelf.connection))
    return apply.Maker(
        shelf.connection, plan, "now", FakeClock(), secrets.token_bytes, journal, OPTIONS
    ).make()


def settle(shelf: Catalogue, journal: Journal, request: CloneRequest = WEB) -> tuple[str, ...]:
    return recover.undo_leftovers(
        journal, shelf.connection, request, FakeClock(), 5.0, pytest.fail
    ).notes


def everything(shelf: Catalogue) -> set[str]:
    pools = (storage.look_up_pool(shelf.connection, name) for name in ("default", "fast"))
    return {volume.path() for pool in pools for volume in storage.list_volumes(pool)} | {
        domain.name() for domain in domains.list_all(shelf.connection)
    }


def crash(
    shelf: Catalogue,
    journal: Journal,
    module: t.Any = domains,
    name: str = "start",
    number: int = 2,
) -> Record:
    """Break a run off at the call ``number`` of ``module.name``, leaving all that it had made."""
    real, calls = getattr(module, name), itertools.count(1)

    def failing(*arguments: t.Any, **more: t.Any) -> t.Any:
        if next(calls) == number:
            raise LibvirtFailed("killed")
        return real(*arguments, **more)

    def leave(_self: CloneRecovery, _record: Record) -> None:
        raise HeadroomError("killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, failing)
        patched.setattr(CloneRecovery, "roll_back", leave)
        with pytest.raises(LibvirtFailed):
            make(shelf, journal)
    (record,) = journal.list_unfinished()
    assert not record.alive
    return record


@pytest.mark.parametrize(
    ("module", "name", "number"),
    [
        *((storage, "create", number) for number in (1, 2, 4)),
        (domains, "define", 1),
        (domains, "start", 1),
    ],
)
def test_the_next_run_is_as_an_undisturbed_one(
    shelf: Catalogue, journal: Journal, module: t.Any, name: str, number: int
) -> None:
    before = everything(shelf)
    make(shelf, journal)
    undisturbed = everything(shelf)
    for domain in domains.list_all(shelf.connection):
        domain.destroyFlags(0)
        domain.undefineFlags(0)
    for volume in storage.list_volumes(storage.look_up_pool(shelf.connection, "fast")):
        storage.delete(volume)
    record = crash(shelf, journal, module, name, number)
    (note,) = settle(shelf, journal)
    assert (
        note
        == f"A run that made web-1, web-2 broke off; what it left is removed (transaction {record.id})."
    )
    assert everything(shelf) == before
    assert len(make(shelf, journal)) == 2
    assert everything(shelf) == undisturbed
    assert journal.list_unfinished() == []
    assert settle(shelf, journal) == ()


def test_check_mode_sees_through_what_was_left(shelf: Catalogue, journal: Journal) -> None:
    record = crash(shelf, journal)
    left = recover.find_leftovers(journal, shelf.connection)
    assert left.domains == {"web-1", "web-2"}
    assert left.volumes == {
        VolumeRef("fast", f"web-{number}.{target}.qcow2")
        for number in (1, 2)
        for target in ("vda", "vdb")
    }
    assert record.id in left.notes[0]
    assert [clone.name for clone in survey.make_plan(shelf, WEB, left).clones] == ["web-1", "web-2"]
    assert journal.list_unfinished() == [record]


def test_a_run_at_work_is_waited_for_and_then_named(shelf: Catalogue, journal: Journal) -> None:
    with journal.begin("clone", "web-2, web-3", {"uri": shelf.connection.uri}) as transaction:
        with pytest.raises(
            Conflict, match=f"{transaction.id} .* is still at work after 5 s"
        ) as caught:
            settle(shelf, journal)
        assert caught.value.details["transaction"] == transaction.id
        assert settle(shelf, journal, CloneRequest("web", names=("web-1",))) == ()
        with pytest.raises(Conflict):
            settle(shelf, journal, CloneRequest("web", count=1, prefix="web"))
        assert settle(shelf, journal, CloneRequest("web", count=1, prefix="we")) == ()


def test_a_run_on_another_host_is_left_alone(shelf: Catalogue, journal: Journal) -> None:
    with journal.begin("clone", "web-1", {"uri": "qemu+ssh://other/system"}):
        assert settle(shelf, journal) == ()


def test_what_another_machine_uses_by_now_stays(shelf: Catalogue, journal: Journal) -> None:
    crash(shelf, journal, domains, "define", 1)
    path = storage.look_up_volume(
        storage.look_up_pool(shelf.connection, "fast"), "web-1.vda.qcow2"
    ).path()
    domains.define(
        shelf.connection,
        "<domain type='test'><name>precious</name><memory>8192</memory><os><type>hvm</type></os><devices>"
        f"<disk type='file'><source file='{path}'/><target dev='vda'/></disk></devices></domain>",
    )
    settle(shelf, journal)
    assert {path, "precious"} <= everything(shelf)
    assert "/fast/web-2.vda.qcow2" not in everything(shelf)


def test_a_machine_of_the_same_name_stays(shelf: Catalogue, journal: Journal) -> None:
    crash(shelf, journal, domains, "define", 1)
    for domain in domains.list_all(shelf.connection):
        if domain.isActive():
            domain.destroyFlags(0)
        domain.undefineFlags(0)
    text = "<domain type='test'><name>web-1</name><memory>8192</memory><os><type>hvm</type></os></domain>"
    domains.define(shelf.connection, text)
    settle(shelf, journal)
    assert "web-1" in everything(shelf)


def test_a_volume_that_is_still_being_written_is_waited_for(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(shelf)
    crash(shelf, journal)
    real, tries = storage.delete, itertools.count()

    def delete(volume: t.Any) -> None:
        if next(tries) < 3:
            raise LibvirtFailed("volume is still being allocated", libvirt_code=55)
        real(volume)

    monkeypatch.setattr(storage, "delete", delete)
    settle(shelf, journal)
    assert everything(shelf) == before


def test_only_what_is_in_the_way_is_an_error(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = crash(shelf, journal)

    def vanished(*_arguments: object) -> None:
        raise Conflict("pool: the storage pool 'fast' is not active")

    monkeypatch.setattr(storage, "look_up_pool", vanished)
    warnings: list[str] = []
    other = CloneRequest("web", names=("db-1",))
    recover.undo_leftovers(journal, shelf.connection, other, FakeClock(), 5.0, warnings.append)
    assert record.id in warnings[0]
    assert "the storage pool 'fast' is not active" in warnings[0]
    with pytest.raises(HeadroomError, match="the storage pool 'fast' is not active"):
        settle(shelf, journal)
    assert [one.id for one in journal.list_unfinished()] == [record.id]


@pytest.fixture
def reached(shelf: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test driver has a new host for each connection; there is only one here."""

    @contextlib.contextmanager
    def same(uri: str, **_options: object) -> t.Iterator[Connection]:
        assert uri == shelf.connection.uri
        yield shelf.connection

    monkeypatch.setattr(transactions, "open_connection", same)


@pytest.mark.usefixtures("reached")
def test_resuming_makes_what_the_task_asked_for(shelf: Catalogue, journal: Journal) -> None:
    crash(shelf, journal)
    done = transactions.ensure(
        journal, RecoveryChoice("resumed", subject="web-2"), 0.0, dry_run=False
    )
    assert done["changed"]
    assert done["actions"][-1] == "Make web-1, web-2 anew."
    assert [row["state"] for row in done["transactions"]] == ["resumed"]
    assert {"web-1", "web-2"} <= everything(shelf)
    assert journal.list_unfinished() == []
    assert [record.intent.get("options") for record in journal.list_records()] == [None, None]
    nothing = transactions.ensure(
        journal, RecoveryChoice("resumed", subject="web-2"), 0.0, dry_run=False
    )
    assert (nothing["changed"], nothing["transactions"]) == (False, [])


@pytest.mark.usefixtures("reached")
def test_rolling_back_by_id_in_check_mode_and_for_real(shelf: Catalogue, journal: Journal) -> None:
    before = everything(shelf)
    record = crash(shelf, journal)
    after = everything(shelf)
    choice = RecoveryChoice("rolled_back", id=record.id, uri=record.uri)
    predicted = transactions.ensure(journal, choice, 0.0, dry_run=True)
    assert everything(shelf) == after
    done = transactions.ensure(journal, choice, 0.0, dry_run=False)
    assert predicted == done
    assert done["diff"]["after"] == {f"clone of web-1, web-2 ({record.id})": "rolled_back"}
    assert "Delete the volume web-1.vda.qcow2 of the pool fast." in done["actions"]
    assert everything(shelf) == before
    again_ = transactions.ensure(journal, choice, 0.0, dry_run=False)
    assert (again_["changed"], again_["actions"]) == (False, [])
    assert [row["state"] for row in again_["transactions"]] == ["rolled_back"]


def test_what_must_not_be_recovered_is_refused(shelf: Catalogue, journal: Journal) -> None:
    with pytest.raises(HeadroomError, match="has no transaction 'none'"):
        transactions.ensure(journal, RecoveryChoice("resumed", id="none"), 0.0, dry_run=True)
    with (
        journal.begin("clone", "web-1", {"uri": shelf.connection.uri}),
        pytest.raises(Conflict, match="is at work in the process"),
    ):
        transactions.ensure(
            journal, RecoveryChoice("rolled_back", subject="web-1"), 0.0, dry_run=True
        )
    record = crash(shelf, journal)
    with pytest.raises(Conflict, match="is about test:"):
        transactions.ensure(
            journal,
            RecoveryChoice("rolled_back", id=record.id, uri="qemu:///system"),
            0.0,
            dry_run=True,
        )


def test_a_task_of_another_release_is_not_guessed_at(shelf: Catalogue, journal: Journal) -> None:
    record = crash(shelf, journal)
    del record.intent["options"]["pool"]
    with pytest.raises(Unsupported, match="begun by another release"):
        again.make_again(shelf.connection, journal, record)


def test_volumes_of_a_pool_that_is_gone_are_not_taken_for_undone(shelf: Catalogue) -> None:
    """A transient pool vanishes with its listing; what lies in its folder stays, and so does the record."""
    step = Step("volume", {"pool": "vanished", "name": "web-1.vda.qcow2"})
    record = Record("1", "clone", "web-1", {"uri": shelf.connection.uri}, (step,))
    with pytest.raises(HeadroomError, match="'vanished' is not there any more"):
        CloneRecovery(shelf.connection).roll_back(record)


def test_nothing_is_undone_of_a_record_that_is_not_understood(shelf: Catalogue) -> None:
    pool = storage.look_up_pool(shelf.connection, "fast")
    new = storage_xml.NewVolume("web-1.vda.qcow2", 4096)
    storage.create(pool, new.name, storage_xml.build_volume_xml(new))
    steps = (Step("firewall", {}), Step("volume", {"pool": "fast", "name": new.name}))
    record = Record("1", "clone", "web-1", {"uri": shelf.connection.uri}, steps)
    with pytest.raises(UnreadableShape, match="firewall"):
        CloneRecovery(shelf.connection).roll_back(record)
    assert storage.find_volume(pool, new.name) is not None


@pytest.mark.parametrize("state", ["running", "shutdown"])
def test_clones_that_are_all_there_are_never_undone(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch, state: t.Any
) -> None:
    """Nothing but the end of their record is missing: the journal was full, or the run was killed right then."""
    request = dataclasses.replace(WEB, state=state)
    plan = survey.make_plan(shelf, request, recover.find_leftovers(journal, shelf.connection))
    warnings: list[str] = []
    told = dataclasses.replace(journal, warn=warnings.append)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "end", _refuse)
        apply.Maker(
            shelf.connection, plan, "now", FakeClock(), secrets.token_bytes, told, OPTIONS
        ).make()
    (record,) = journal.list_unfinished()
    assert (record.steps[-1].name, record.steps[-1].state) == ("finish", "done")
    after = everything(shelf)
    left = recover.find_leftovers(journal, shelf.connection)
    assert (left.domains, left.volumes, left.notes) == (frozenset(), frozenset(), ())
    row = describe_transaction(record, 0.0)
    assert row["roll_back"] == row["resume"]
    assert row["resume"] == [
        "Note that web-1, web-2 is finished: every step is done, and nothing is undone."
    ]
    assert settle(shelf, journal) == ()
    assert everything(shelf) == after
    assert [domain.isActive() for domain in domains.list_all(shelf.connection)] == [
        state == "running"
    ] * 2
    assert [record.state for record in journal.list_records()] == ["finished"]


def _refuse(*_arguments: object) -> None:
    raise NoSpace("full")


@pytest.mark.usefixtures("reached")
@pytest.mark.parametrize("state", ["rolled_back", "resumed"])
def test_asking_for_the_end_of_what_is_complete_only_notes_it(
    shelf: Catalogue, journal: Journal, state: t.Literal["rolled_back", "resumed"]
) -> None:
    intent = {"uri": shelf.connection.uri, "last_steps": {"finish": 1}}
    steps = (Step("finish", {"names": ["web-1"]}, "done"),)
    record = Record("1", "clone", "web-1", {"format": 1, **intent}, steps)
    with contextlib.suppress(HeadroomError), journal.begin("clone", "web-2", intent):
        raise HeadroomError("left")
    journal._store.write(record)
    done = transactions.ensure(journal, RecoveryChoice(state, id="1"), 0.0, dry_run=False)
    assert done["diff"]["after"] == {"clone of web-1 (1)": "finished"}
    assert [row["state"] for row in done["transactions"]] == ["finished"]
