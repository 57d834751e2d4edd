# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who makes a warm image, and what is left of one, on libvirt's test driver, which has no agent and no memory to keep.

A run that is killed leaves what one leaves whose undoing fails at once: the record, and all that it made.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    disks,
    identity,
    recover,
    survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.warm import (
    recover as warm_recovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.warm import warm
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.warm.image import WarmImage
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record, Step
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    snapshots,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )

Prepare = t.Callable[..., WarmImage]
# What making an image changes on the host, in that order, and how often.
CALLS: t.Final = (
    (disks, "link", 1),
    (disks, "link", 2),
    (domains, "define", 1),
    (domains, "define", 2),
    (domains, "start", 1),
    (snapshots, "create", 1),
    (domains, "power_off", 1),
    (domains, "set_metadata_xml", 1),
)


class Clock:
    """Time that passes only when someone sleeps, and what happens meanwhile."""

    time = 0.0

    def __init__(self, *happenings: t.Callable[[], None]) -> None:
        self.happenings = list(happenings)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.happenings:
            self.happenings.pop(0)()


@pytest.fixture(autouse=True)
def _guest_that_boots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm.Preparer, "_await_guest", lambda *_arguments: None)
    monkeypatch.setattr(snapshots, "create", lambda *_arguments: None)


@pytest.fixture
def hardware(shelf: Catalogue, journal: Journal) -> warm.WarmHardware:
    request = CloneRequest("web", names=("web-1",), pool="fast", state="shutdown")
    left = recover.find_leftovers(journal, shelf.connection)
    plan = survey.make_plan(shelf, request, left)
    return warm.WarmHardware(plan.manifest, plan.platform, request.overrides)


@pytest.fixture
def prepare(shelf: Catalogue, journal: Journal, hardware: warm.WarmHardware) -> Prepare:
    def act(clock: Clock | None = None, chosen: Journal = journal) -> WarmImage:
        pool = storage.look_up_pool(shelf.connection, "fast")
        patience = warm.Patience(60.0, 0.0)
        preparer = warm.Preparer(shelf.connection, pool, clock or Clock(), patience, chosen)
        bases = shelf.locate_disks(hardware.manifest)
        return preparer.prepare(hardware, bases, identity.choose(0, set(), os.urandom))

    return act


def everything(shelf: Catalogue) -> set[str]:
    pool = storage.look_up_pool(shelf.connection, "fast")
    own = {volume.name() for volume in storage.list_volumes(pool)}
    return own | {domain.name() for domain in domains.list_all(shelf.connection)}


def expected(hardware: warm.WarmHardware) -> set[str]:
    name = hardware.image
    return {name, f"{name}.vda.qcow2", f"{name}.vdb.qcow2"}


def crash(journal: Journal, act: t.Callable[[], t.Any], call: tuple[t.Any, str, int]) -> Record:
    """Break a run off right after it made a call, leaving all that it had made."""
    module, name, number = call
    real, calls = getattr(module, name), itertools.count(1)

    def failing(*arguments: t.Any, **more: t.Any) -> t.Any:
        result = real(*arguments, **more)
        if next(calls) == number:
            raise KeyboardInterrupt
        return result

    def leave(*_arguments: object) -> None:
        raise HeadroomError("killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, failing)
        patched.setattr(warm_recovery.WarmRecovery, "roll_back", leave)
        with pytest.raises(KeyboardInterrupt):
            act()
    (record,) = journal.list_unfinished("warm")
    assert not record.alive
    return record


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[1]}-{call[2]}")
def test_the_next_run_has_the_image_and_nothing_else(
    shelf: Catalogue,
    journal: Journal,
    hardware: warm.WarmHardware,
    prepare: Prepare,
    call: tuple[t.Any, str, int],
) -> None:
    record = crash(journal, prepare, call)
    assert (record.subject, record.intent["pool"]) == (hardware.image, "fast")
    image = prepare()
    assert everything(shelf) == expected(hardware)
    assert not image.domain.isActive()
    assert journal.list_unfinished() == []
    was_whole = call == CALLS[-1]
    states = [one.state for one in journal.list_records("warm")]
    assert states == (["finished"] if was_whole else ["rolled_back", "finished"])
    assert (image.domain.UUIDString() == record.steps[2].arguments["uuid"]) if was_whole else True


def test_any_task_that_makes_clones_removes_what_is_left(
    shelf: Catalogue, journal: Journal, prepare: Prepare
) -> None:
    """A guest that nobody waits for any more takes memory of the host."""
    crash(journal, prepare, (domains, "start", 1))
    request = CloneRequest("web", names=("db-1",), pool="fast")
    recover.undo_leftovers(journal, shelf.connection, request, Clock(), 5.0, pytest.fail)
    assert everything(shelf) == set()


@contextlib.contextmanager
def making(shelf: Catalogue, journal: Journal, name: str) -> t.Iterator[str]:
    """Another run that is making the image, and has come as far as its domain; yields the id of its record."""
    pool = storage.look_up_pool(shelf.connection, "fast")
    volume = f"{name}.vda.qcow2"
    with journal.begin("warm", name, {"uri": shelf.connection.uri}) as transaction:
        transaction.begin_step("volume", pool="fast", name=volume)
        new = storage_xml.NewVolume(volume, 4096)
        storage.create(pool, volume, storage_xml.build_volume_xml(new))
        yield transaction.id


def test_a_second_run_waits_and_then_takes_the_image(
    shelf: Catalogue, journal: Journal, hardware: warm.WarmHardware, prepare: Prepare
) -> None:
    """D16: it removed the first one's image, and made its own."""
    first: list[WarmImage] = []
    with contextlib.ExitStack() as other:
        other.enter_context(making(shelf, journal, hardware.image))
        before = everything(shelf)

        def look() -> None:
            assert everything(shelf) == before

        def end() -> None:
            pool = storage.look_up_pool(shelf.connection, "fast")
            storage.delete(storage.look_up_volume(pool, f"{hardware.image}.vda.qcow2"))
            other.close()
            first.append(prepare())

        second = prepare(Clock(look, look, end))
    assert second.domain.UUIDString() == first[0].domain.UUIDString()
    assert everything(shelf) == expected(hardware)


def test_who_makes_it_is_named_when_that_takes_too_long(
    shelf: Catalogue, journal: Journal, hardware: warm.WarmHardware, prepare: Prepare
) -> None:
    with making(shelf, journal, hardware.image) as transaction:
        before = everything(shelf)
        words = f"{transaction} .* is still at work after 60 s, in the process {os.getpid()}"
        with pytest.raises(Conflict, match=words):
            prepare()
        assert everything(shelf) == before


def test_what_no_record_names_is_left_alone(
    shelf: Catalogue, journal: Journal, prepare: Prepare, tmp_path: Path
) -> None:
    """Another journal may know who is making it."""
    elsewhere = Journal(str(tmp_path / "elsewhere.sqlite"), warn=pytest.fail)
    crash(elsewhere, functools.partial(prepare, chosen=elsewhere), (domains, "define", 2))
    before = everything(shelf)
    with pytest.raises(Conflict, match=r"a part of the warm image .* is there \(the domain, the v"):
        prepare()
    assert everything(shelf) == before
    assert journal.list_unfinished() == []


def test_an_image_that_an_older_release_left_is_not_one_that_is_being_made(
    shelf: Catalogue, journal: Journal, hardware: warm.WarmHardware
) -> None:
    """Its clones' record names the image, which another run makes anew just now."""
    arguments = {"name": hardware.image, "pool": "fast", "targets": ["vda", "vdb"]}
    record = Record(
        "1", "clone", "web-1", {"uri": shelf.connection.uri}, (Step("image", arguments),)
    )
    undo = recover.CloneRecovery(shelf.connection, journal=journal)
    with making(shelf, journal, hardware.image):
        undo.roll_back(record)
        assert everything(shelf) == {f"{hardware.image}.vda.qcow2"}
    undo.roll_back(record)
    assert everything(shelf) == set()
