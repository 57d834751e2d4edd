# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs that died have left of appliances, on libvirt's test driver with streams in memory.

A run that is killed leaves what one leaves whose undoing fails at once: the record, and all that it made.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    apply,
    build,
    live,
    recover,
    register,
    seal,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue, names
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    InUse,
    LibvirtFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.store import Store
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest
from ansible_collections.headroom.libvirt.plugins.modules.appliance import ARGUMENTS

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

WEB = ApplianceId("web", "1")
MANIFEST = names.manifest_volume(WEB)
SOURCE = {"file": None, "format": "auto", "url": None, "files": None, "domain": None}
# Every call of a registration of one disk that changes the host, in their order.
CALLS: t.Final = (
    (storage, "create", 1),
    (content, "send_file", 1),
    (storage, "create", 2),
    (content, "send_bytes", 1),
)

# A machine to capture. libvirt's test driver has no block jobs, so nothing is merged here.
GOLDEN: t.Final = """<domain type='test'><name>golden</name><memory>8192</memory><os><type arch='i686'>hvm</type></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/images/golden.raw'/>
<target dev='vda'/></disk></devices></domain>"""
CAPTURED: t.Final[dict[str, t.Any]] = {
    "source": {**SOURCE, "domain": "golden", "feed": None, "uri": None},
    "arch": None,
    "memory": None,
    "seal": "none",
}

Run = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def shelf(node: Connection, contents: dict[str, bytes]) -> Catalogue:
    del contents
    return catalogue.open_catalogue(node, "default")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)


@pytest.fixture
def run(shelf: Catalogue, journal: Journal, tmp_path: Path) -> Run:
    """A task of the module appliance; each has a token of its own."""
    path = tmp_path / "disk.raw"
    path.write_bytes(b"boot" + bytes(4092))
    defaults = {name: option.get("default") for name, option in ARGUMENTS.options.items()}
    source = {**SOURCE, "file": str(path), "feed": None, "uri": None}
    hardware = {"arch": "i686", "memory": "64MiB", "machine": None}
    task = {**defaults, "name": "web", "version": "1", "source": source, **hardware}
    tokens = (f"{number:012x}" for number in itertools.count(1))

    def act(state: str = "present", *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        context = apply.RunContext(check_mode, 0.0, lambda: next(tokens), journal, "i686")
        ensure = apply.ensure_present if state == "present" else apply.ensure_absent
        return ensure(shelf.connection, {**task, **more}, context)

    return act


def volumes(shelf: Catalogue) -> list[str]:
    return sorted(volume.name() for volume in storage.list_volumes(shelf.pool))


def put(shelf: Catalogue, name: str) -> None:
    new = storage_xml.NewVolume(name, 10, "raw")
    storage.create(shelf.pool, name, storage_xml.build_volume_xml(new))


def kill(
    journal: Journal,
    act: t.Callable[[], t.Any],
    call: tuple[t.Any, str, int],
    *,
    before: bool = False,
) -> dict[str, Record]:
    """Break a run off right after (or before) it made a call, leaving all that it had made: {kind: its record}."""
    module, name, number = call
    real, calls = getattr(module, name), itertools.count(1)

    def failing(*arguments: t.Any, **more: t.Any) -> t.Any:
        is_last = next(calls) == number
        if is_last and before:
            raise KeyboardInterrupt
        result = real(*arguments, **more)
        if is_last:
            raise KeyboardInterrupt
        return result

    def leave(*_arguments: object) -> None:
        raise HeadroomError("killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, failing)
        for recovery in (
            recover.RegistrationRecovery,
            recover.UnregistrationRecovery,
            live.CaptureRecovery,
        ):
            patched.setattr(recovery, "roll_back", leave)
        with pytest.raises(KeyboardInterrupt):
            act()
    records = journal.list_unfinished()
    assert not any(record.alive for record in records)
    return {record.kind: record for record in records}


def crash(
    journal: Journal,
    act: t.Callable[[], t.Any],
    call: tuple[t.Any, str, int],
    *,
    before: bool = False,
) -> Record:
    """As kill(), of a run that is about nothing but an appliance."""
    (record,) = kill(journal, act, call, before=before).values()
    return record


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[1]}-{call[2]}")
def test_the_next_run_is_as_an_undisturbed_one(
    shelf: Catalogue, journal: Journal, run: Run, call: tuple[t.Any, str, int], before: bool
) -> None:
    other = names.disk_volume(WEB, "a" * 12, "vda", "raw")
    put(shelf, other)
    record = crash(journal, run, call, before=before)
    assert record.kind == "register"
    assert record.subject == "default/web:1"
    assert record.intent["volumes"] == [names.disk_volume(WEB, f"{1:012x}", "vda", "raw")]
    predicted = run(check_mode=True)
    assert predicted["changed"] is True or call == CALLS[-1]
    done = run()
    assert done["appliance"]["id"] == "web:1"
    disks = [disk["volume"] for disk in done["appliance"]["disks"]]
    assert volumes(shelf) == sorted([other, *disks, MANIFEST])
    assert journal.list_unfinished() == []
    assert run()["changed"] is False


def test_a_manifest_that_was_whole_is_finished(
    shelf: Catalogue, journal: Journal, run: Run
) -> None:
    """Killed between its last byte and the record of it: the appliance is there, and stays."""
    record = crash(journal, run, (content, "send_bytes", 1))
    before = volumes(shelf)
    assert run()["changed"] is False
    assert volumes(shelf) == before
    states = {one.id: one.state for one in journal.list_records()}
    assert states == {record.id: "finished"}


def test_only_the_end_of_the_record_is_missing(
    shelf: Catalogue, journal: Journal, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal was full at its very last write."""
    told: list[str] = []
    object.__setattr__(journal, "warn", told.append)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "end", _refuse)
        assert run()["changed"] is True
    assert "has done all of its steps" in told[0]
    before = volumes(shelf)
    assert run()["changed"] is False
    assert volumes(shelf) == before
    assert [record.state for record in journal.list_records()] == ["finished"]


def _refuse(*_arguments: object) -> None:
    raise HeadroomError("full")


def test_what_another_host_publishes_under_that_name_stays(
    shelf: Catalogue, journal: Journal, run: Run
) -> None:
    """D1b: it came first, between this run's look and its manifest; what it has written so far is not readable yet."""
    real = storage.create

    def taken(pool: t.Any, name: str, text: str) -> t.Any:
        if name == MANIFEST:
            real(pool, name, text)  # as long as this run's own, and still empty
            raise LibvirtFailed(f"volume target path {name} already exists")
        return real(pool, name, text)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage, "create", taken)
        with pytest.raises(LibvirtFailed, match="already exists"):
            run()
    assert volumes(shelf) == [MANIFEST]
    assert [record.state for record in journal.list_records()] == ["rolled_back"]


@pytest.mark.parametrize("age", [0.0, 1e9])
def test_what_no_record_names_is_never_a_stray(
    shelf: Catalogue, run: Run, age: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1b: on a shared pool it may be what another host is about to publish, however it is called and old it looks."""
    parse = storage_xml.parse_volume
    monkeypatch.setattr(
        storage_xml,
        "parse_volume",
        lambda text: dataclasses.replace(parse(text), modified=1e9 - age),
    )
    foreign = [
        names.disk_volume(WEB, "a" * 12, "vda", "raw"),
        names.disk_volume(ApplianceId("db", "1"), "b" * 12, "vda", "qcow2"),
    ]
    for name in foreign:
        put(shelf, name)
    run()
    assert set(foreign) <= set(volumes(shelf))
    run("absent")
    assert volumes(shelf) == sorted(foreign)


def test_a_run_of_another_host_or_one_that_lives_is_left_alone(
    shelf: Catalogue, journal: Journal, run: Run
) -> None:
    intent = {"pool": "default", "appliance": "web:1", "volumes": []}
    own = names.disk_volume(WEB, "a" * 12, "vda", "raw")
    put(shelf, own)
    with journal.begin(
        recover.REGISTER, "default/web:1", {**intent, "uri": "qemu+ssh://other/system"}
    ) as transaction:
        transaction.begin_step("volume", pool="default", name=own)
        run()
        assert own in volumes(shelf)
    run("absent")
    with journal.begin(
        recover.REGISTER, "default/web:1", {**intent, "uri": shelf.connection.uri}
    ) as transaction:
        transaction.begin_step("volume", pool="default", name=own)
        with pytest.raises(Conflict, match=f"{transaction.id} .* is at work in the process"):
            run()
        run(pool="fast")
    assert own in volumes(shelf)


def test_what_somebody_stands_on_stays_and_is_told(
    shelf: Catalogue, journal: Journal, run: Run
) -> None:
    """D1: whatever the record says."""
    record = crash(journal, run, CALLS[1])
    (base,) = record.intent["volumes"]
    path = storage.read_volume_path(storage.look_up_volume(shelf.pool, base))
    clone = storage_xml.NewVolume("clone", 4096, backing_path=path, backing_format="raw")
    fast = storage.look_up_pool(shelf.connection, "fast")
    storage.create(fast, "clone", storage_xml.build_volume_xml(clone))
    told: list[str] = []
    object.__setattr__(journal, "warn", told.append)
    assert run()["changed"] is True
    assert f"default/{base}: the volume 'fast/clone' uses it" in told[0]
    assert base in volumes(shelf)
    assert [one.id for one in journal.list_unfinished()] == [record.id]


def test_what_is_half_a_manifest_of_somebody_else_is_not_made_anew(
    shelf: Catalogue, journal: Journal, run: Run, contents: dict[str, bytes]
) -> None:
    """A run died before it knew whether the manifest was its own, and what is there was not written by it."""
    crash(journal, run, CALLS[2], before=True)
    put(shelf, MANIFEST)
    contents[f"/images/{MANIFEST}"] = b'{"format": 1, "na'
    with pytest.raises(HeadroomError, match=r"the manifest of web:1 in the pool .* cannot be read"):
        run()
    assert volumes(shelf) == [MANIFEST]


@pytest.mark.parametrize("number", [1, 2])
def test_a_removal_that_broke_off_is_finished_or_has_not_begun(
    shelf: Catalogue, journal: Journal, run: Run, number: int
) -> None:
    run()
    before = volumes(shelf)
    record = crash(
        journal, functools.partial(run, "absent"), (storage, "delete", number), before=True
    )
    assert record.kind == "unregister"
    settled = functools.partial(recover.settle, journal, shelf.connection)
    settled()
    assert volumes(shelf) == (before if number == 1 else [])
    assert [one.state for one in journal.list_records()][-1:] == (
        ["rolled_back"] if number == 1 else ["finished"]
    )
    assert run("absent")["changed"] is (number == 1)
    assert volumes(shelf) == []


def test_a_dead_removal_takes_nothing_of_what_was_made_since(
    shelf: Catalogue, journal: Journal, run: Run
) -> None:
    """Another host has registered the same version meanwhile: other disks, and a manifest of the same name."""
    run()
    crash(journal, functools.partial(run, "absent"), (storage, "delete", 2), before=True)
    (record,) = journal.list_unfinished()
    elsewhere = Journal(f"{journal.path}.elsewhere", warn=pytest.fail)
    hardware = build.Hardware(memory_bytes=64 << 20, arch="i686", machine=None)
    request = register.ApplianceRequest(
        WEB,
        created="2026-01-01T00:00:00Z",
        token="e" * 12,
        files={"": Location(str(_write(journal)))},
        hardware=hardware,
    )
    with register.open_plan(shelf, request) as plan:
        made = register.store(shelf, plan, request, elsewhere)
    assert run()["changed"] is False
    assert volumes(shelf) == sorted([made.disks[0].volume, MANIFEST])
    assert record.intent["volumes"] != [made.disks[0].volume]


def _write(journal: Journal) -> Path:
    path = Path(f"{journal.path}.raw")
    path.write_bytes(bytes(4096))
    return path


@pytest.fixture
def golden(shelf: Catalogue) -> domains.Domain:
    """A running guest with a disk of its own."""
    put(shelf, "golden.raw")
    domain = domains.define(shelf.connection, GOLDEN)
    domains.start(domain)
    return domain


@pytest.fixture
def capture(run: Run) -> Run:
    """A task that captures the guest, and shuts it down for that."""
    source = {**CAPTURED["source"], "when_running": "shutdown", "quiesce": "auto"}
    return functools.partial(run, **{**CAPTURED, "source": source})


PUBLISHED: t.Final = (content, "send_bytes", 1)  # from here on the appliance is there


def test_a_capture_whose_manifest_was_whole_comes_to_its_end(
    journal: Journal, capture: Run, golden: domains.Domain
) -> None:
    """It is there, so nothing is left to do but what the run would have done of its guest: it stays off."""
    left = kill(journal, capture, PUBLISHED)
    assert set(left) == {"register", "capture"}
    for _again in range(2):
        assert capture()["changed"] is False
        assert not golden.isActive()
        assert journal.list_unfinished() == []
    assert {record.state for record in journal.list_records()} == {"finished"}


def test_only_the_end_of_a_capture_is_missing(
    journal: Journal, capture: Run, golden: domains.Domain
) -> None:
    """Killed after the appliance's own end."""
    left = kill(journal, capture, (register, "store", 1))
    assert set(left) == {"capture"}
    assert capture()["changed"] is False
    assert not golden.isActive()
    assert [record.state for record in journal.list_records()] == ["finished", "finished"]


def test_nobody_waits_for_the_agent_of_a_guest_that_stays_off(
    shelf: Catalogue,
    journal: Journal,
    capture: Run,
    golden: domains.Domain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next capture of the same guest comes for another version."""
    kill(journal, capture, (register, "store", 1))
    monkeypatch.setattr(seal, "has_agent", lambda _domain: pytest.fail("waits"))
    live.settle(journal, shelf.connection, "golden", needs_agent=True)
    assert not golden.isActive()


def test_check_mode_tells_of_a_capture_that_broke_off_and_leaves_it(
    journal: Journal, capture: Run, golden: domains.Domain
) -> None:
    record = kill(journal, capture, (register, "store", 1))["capture"]
    told: list[str] = []
    object.__setattr__(journal, "warn", told.append)
    assert capture(check_mode=True)["changed"] is False
    assert told == [
        f"the transaction {record.id} (capture of golden) broke off, which a run that is not in check mode settles: "
        "Start golden, if it is off, unless web:1 was made of it: it ran before."
    ]
    assert [one.id for one in journal.list_unfinished()] == [record.id]
    assert not golden.isActive()


def test_a_capture_for_another_appliance_was_for_nothing(
    journal: Journal, run: Run, capture: Run, golden: domains.Domain
) -> None:
    """Its guest ran before, and runs again, though the appliance of this task is there."""
    assert run()["changed"] is True
    kill(journal, functools.partial(capture, version="2"), (storage, "create", 1))
    assert not golden.isActive()
    assert capture()["changed"] is False
    assert golden.isActive()
    assert journal.list_unfinished() == []
    assert {record.kind: record.state for record in journal.list_records()}["capture"] == (
        "rolled_back"
    )


def test_an_appliance_that_another_run_made_is_not_that_of_the_capture(
    shelf: Catalogue, journal: Journal, run: Run, capture: Run, golden: domains.Domain
) -> None:
    """As where two hosts share the pool: this one's copy was for nothing."""
    kill(journal, capture, (storage, "create", 1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recover, "settle", lambda *_arguments: None)
        assert run()["changed"] is True
    assert shelf.find("web", "1") is not None
    assert capture()["changed"] is False
    assert golden.isActive()


OVERLAY: t.Final = "headroom-capture.golden.tok.vda.qcow2"


@pytest.fixture
def frozen(shelf: Catalogue, journal: Journal, run: Run, golden: domains.Domain) -> Run:
    """A task that captures the guest as it runs; one was killed after the appliance's end, with its overlay there."""
    made = run()["appliance"]["disks"][0]["volume"]
    put(shelf, OVERLAY)
    token = t.cast("names.DiskVolume", names.read_disk_volume(made)).token
    purpose = live.Purpose("default", WEB, token).as_intent()
    intent = {"uri": shelf.connection.uri, "uuid": golden.UUIDString(), "purpose": purpose}
    path = f"/images/{OVERLAY}"

    def die() -> None:
        with journal.begin(live.KIND, "golden", intent) as transaction:
            transaction.begin_step("overlay", pool="default", name=OVERLAY, target="vda", path=path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()
    source = {**CAPTURED["source"], "when_running": "live", "quiesce": "never"}
    return functools.partial(run, **{**CAPTURED, "source": source})


def test_overlays_of_a_capture_go_though_its_appliance_is_there(
    shelf: Catalogue, journal: Journal, frozen: Run, golden: domains.Domain
) -> None:
    assert frozen()["changed"] is False
    assert OVERLAY not in volumes(shelf)
    assert golden.isActive()
    assert {record.state for record in journal.list_records()} == {"finished"}


def test_a_guest_that_stays_on_its_overlay_is_no_success(
    shelf: Catalogue, journal: Journal, frozen: Run, golden: domains.Domain
) -> None:
    """It was powered off since: libvirt cannot merge then, and somebody has to start it."""
    domains.power_off(golden)
    text = GOLDEN.replace("golden.raw", OVERLAY).replace("type='raw'", "type='qcow2'")
    named = f"<name>golden</name><uuid>{golden.UUIDString()}</uuid>"
    domains.define(shelf.connection, text.replace("<name>golden</name>", named))
    with pytest.raises(Conflict, match=rf"stays on the overlay /images/{OVERLAY}.*Start it"):
        frozen()
    assert OVERLAY in volumes(shelf)
    assert [record.kind for record in journal.list_unfinished()] == [live.KIND]


CEPH: t.Final = (
    "<pool type='rbd'><name>ceph</name><source><host name='mon'/><name>vms</name></source>"
    "<target><path>/pools/ceph</path></target></pool>"
)
CALLS_IN_CEPH: t.Final = (
    (storage, "create", 1),
    (images, "fill_image", 1),
    (storage, "create", 2),
    (images, "write_content", 1),
)


@pytest.fixture
def ceph(shelf: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """A catalogue in a pool in Ceph, of which there is none here: what is written is read again."""
    written: dict[str, bytes] = {}

    def write(_node: object, image: t.Any, text: bytes) -> None:
        written[image.name] = text

    def read(_node: object, image: t.Any, _limit: int) -> bytes:
        return written.get(image.name, bytes(512))

    monkeypatch.setattr(images, "fill_image", lambda *_arguments: Digest("0" * 64, 4096))
    monkeypatch.setattr(images, "write_content", write)
    monkeypatch.setattr(images, "read_content", read)
    # libvirt's test driver has no flags
    monkeypatch.setattr(storage, "delete_image", lambda volume: volume.delete(0))
    shelf.connection.handle.storagePoolCreateXML(CEPH, 0)
    return catalogue.open_catalogue(shelf.connection, "ceph")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", CALLS_IN_CEPH, ids=lambda call: f"{call[1]}-{call[2]}")
def test_the_next_run_in_ceph_is_as_an_undisturbed_one(
    ceph: Catalogue, journal: Journal, run: Run, call: tuple[t.Any, str, int], before: bool
) -> None:
    register_there = functools.partial(run, pool="ceph")
    crash(journal, register_there, call, before=before)
    done = register_there()
    assert volumes(ceph) == sorted(
        [done["appliance"]["disks"][0]["volume"], ceph.name_manifest(WEB)]
    )
    assert journal.list_unfinished() == []
    assert register_there()["changed"] is False


@pytest.mark.usefixtures("golden")
def test_a_disk_that_was_written_to_while_it_was_copied_into_ceph_is_not_captured(
    ceph: Catalogue, journal: Journal, capture: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_volume, started = storage.read_volume, threading.Event()

    def fill(*_arguments: object) -> Digest:
        started.set()
        return Digest("0" * 64, 4096)

    def read(volume: storage.Volume) -> storage_xml.Volume:
        return dataclasses.replace(read_volume(volume), modified=float(started.is_set()))

    monkeypatch.setattr(images, "fill_image", fill)
    monkeypatch.setattr(storage, "read_volume", read)
    with pytest.raises(Conflict, match="written to the disk vda of 'golden'"):
        capture(pool="ceph")
    assert volumes(ceph) == []
    assert journal.list_unfinished() == []


def test_ceph_keeps_an_image_on_which_clones_stand(
    ceph: Catalogue, journal: Journal, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this host there is none; libvirt's message says something of a snapshot."""
    run(pool="ceph")
    before = volumes(ceph)

    def refuse(_volume: object) -> None:
        raise LibvirtFailed("could not delete the image: failed to unprotect snapshot")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "delete_image", refuse)
        with pytest.raises(InUse, match="on this host or others"):
            run("absent", pool="ceph")
    assert volumes(ceph) == before
    assert journal.list_unfinished() == []
    assert run("absent", pool="ceph")["changed"] is True
    assert volumes(ceph) == []
    assert run("absent", pool="ceph")["changed"] is False


@pytest.mark.parametrize("call", [(storage, "delete_image", number) for number in (1, 2)])
@pytest.mark.parametrize("before", [True, False])
def test_a_removal_in_ceph_that_has_begun_is_finished(
    ceph: Catalogue, journal: Journal, run: Run, call: tuple[t.Any, str, int], before: bool
) -> None:
    """Its first image goes before the manifest does, so that what is left would be an appliance that lacks a disk."""
    run(pool="ceph")
    crash(journal, functools.partial(run, "absent", pool="ceph"), call, before=before)
    done = run(pool="ceph")
    assert done["changed"] is not (call[2] == 1 and before)
    assert volumes(ceph) == sorted(
        [done["appliance"]["disks"][0]["volume"], ceph.name_manifest(WEB)]
    )
    assert journal.list_unfinished() == []
