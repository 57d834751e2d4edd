# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import flatten
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.dependents import Users
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    Journal,
    Record,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import disk_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_layers
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    element_xml,
    metadata,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)

if t.TYPE_CHECKING:
    from pathlib import Path

DOMAIN = """<domain type='test'><name>web-1</name><memory>65536</memory><os><type arch='i686'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/old'/>
<backingStore type='file'><format type='qcow2'/>
<source file='/images/base'/></backingStore><target dev='vda'/></disk>
<disk type='file' device='disk'><source file='/images/other'/><target dev='vdb'/></disk>
</devices></domain>"""
DETACHED = DOMAIN.replace("<backingStore type='file'><format type='qcow2'/>\n", "").replace(
    "<source file='/images/base'/></backingStore>", ""
)
OLD, NEW = VolumeRef("default", "old"), VolumeRef("default", "new")


@pytest.fixture(autouse=True)
def synced(monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]) -> dict[str, str]:
    """What was made durable, as {path: format}; libvirt's test driver has no files."""
    del contents  # volumes can be read
    formats: dict[str, str] = {}

    def sync(_node: Connection, more: dict[str, str], _token: str) -> dict[str, str]:
        formats.update(more)
        return {path: "it is away" for path in more if "away" in path}

    monkeypatch.setattr(durable, "make_durable", sync)
    return formats


def owning() -> str:
    root = element_xml.parse_element(DOMAIN)
    metadata.put_in(root, Metadata(appliance="web:1", volumes=(OLD, VolumeRef("default", "other"))))
    return element_xml.serialise(root)


def test_the_definition_follows_its_disk() -> None:
    text = flatten.redirect_disk(owning(), "vda", "/images/new", OLD, NEW)
    after = domain_xml.parse(text)
    assert [(disk.target, disk.source, disk.format) for disk in after.disks] == [
        ("vda", "/images/new", "qcow2"),
        ("vdb", "/images/other", None),
    ]
    assert {target: len(chain) for target, chain in read_layers(text).items()} == {
        "vda": 1,
        "vdb": 1,
    }
    assert after.metadata == Metadata(
        appliance="web:1", volumes=(NEW, VolumeRef("default", "other"))
    )


@pytest.mark.parametrize(("source", "left"), [("/images/old", ["old"]), ("/images/new", ["new"])])
def test_after_a_crash_the_volume_that_the_domain_has_stays(
    node: Connection, source: str, left: list[str]
) -> None:
    pool = storage.look_up_pool(node, "default")
    for name in ("old", "new"):
        storage.create(pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, 4096)))
    node.handle.defineXMLFlags(DOMAIN.replace("/images/old", source))
    step = Step("copy", {"target": "vda", "pool": "default", "name": "new", "overlay": "old"})
    record = Record("1", flatten.KIND, "web-1", {"uri": node.uri}, (step,))
    for _twice in range(2):
        flatten.FlattenRecovery(node).roll_back(record)
        assert [volume.name() for volume in storage.list_volumes(pool)] == left


def test_of_a_disk_that_became_a_snapshot_nothing_is_lost(node: Connection) -> None:
    """D3: somebody has put a snapshot over the disk since."""
    pool = storage.look_up_pool(node, "default")
    for name in ("old", "new"):
        new = storage_xml.NewVolume(name, 4096)
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    node.handle.defineXMLFlags(DOMAIN.replace("/images/old", "/images/nightly"))
    step = Step("copy", {"target": "vda", "pool": "default", "name": "new", "overlay": "old"})
    record = Record("1", flatten.KIND, "web-1", {"uri": node.uri}, (step,))
    with pytest.raises(Conflict, match="stands neither on new nor on old"):
        flatten.FlattenRecovery(node).roll_back(record)
    assert sorted(volume.name() for volume in storage.list_volumes(pool)) == ["new", "old"]
    nightly = storage_xml.NewVolume(
        "nightly", 4096, backing_path="/images/old", backing_format="qcow2"
    )
    storage.create(pool, "nightly", storage_xml.build_volume_xml(nightly))
    node.handle.lookupByName("web-1").undefineFlags(0)
    node.handle.defineXMLFlags(DETACHED.replace("/images/old", "/images/nightly"))
    flatten.FlattenRecovery(node).roll_back(record)
    assert sorted(volume.name() for volume in storage.list_volumes(pool)) == ["nightly", "old"]


CHAIN = {"headroom-appliance.base": None, "old": "headroom-appliance.base", "nightly": "old"}


def flatten_web(
    node: Connection, tmp_path: Path, *, top: str = "nightly", infix: str = "tok"
) -> Journal:
    """Flatten `web-1`, which is off, on a disk that somebody has put a snapshot over; return the journal."""
    pool = storage.look_up_pool(node, "default")
    for name, below in CHAIN.items():
        backing = below and f"/images/{below}"
        new = storage_xml.NewVolume(name, 4096, backing_path=backing, backing_format="qcow2")
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    node.handle.defineXMLFlags(DETACHED.replace("/images/old", f"/images/{top}"))
    journal = Journal(str(tmp_path / "journal.sqlite"))
    flatten.flatten(node, Users({"web-1": ("vda",)}, ()), journal, infix)
    return journal


def volumes(node: Connection) -> list[str]:
    pool = storage.look_up_pool(node, "default")
    return sorted(volume.name() for volume in storage.list_volumes(pool))


def test_what_lies_between_a_disk_and_the_appliance_goes_with_it(
    node: Connection, tmp_path: Path, synced: dict[str, str]
) -> None:
    """D3: the disk is what it was when it is copied, with the snapshots that somebody has put over it."""
    journal = flatten_web(node, tmp_path)
    assert synced == {"/images/web-1.tok.vda.qcow2": "qcow2"}
    assert volumes(node) == ["headroom-appliance.base", "web-1.tok.vda.qcow2"]
    assert journal.list_unfinished() == []


def test_what_another_one_needs_of_it_stays_and_is_told(node: Connection, tmp_path: Path) -> None:
    other = DOMAIN.replace("web-1", "other").replace("/images/old", "/images/nightly")
    node.handle.defineXMLFlags(other.replace("/images/base", "/images/old"))
    with pytest.raises(Conflict, match=r"default/nightly: the domain 'other' uses it"):
        flatten_web(node, tmp_path)
    assert volumes(node) == [*sorted(CHAIN), "web-1.tok.vda.qcow2"]


def test_a_domain_that_somebody_renamed_is_found_again(node: Connection) -> None:
    pool = storage.look_up_pool(node, "default")
    for name in ("old", "new"):
        storage.create(pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, 4096)))
    domain = node.handle.defineXMLFlags(DOMAIN.replace("/images/old", "/images/new"))
    step = Step("copy", {"target": "vda", "pool": "default", "name": "new", "overlay": "old"})
    intent = {"uri": node.uri, "uuid": domain.UUIDString()}
    flatten.FlattenRecovery(node).roll_back(Record("1", flatten.KIND, "before", intent, (step,)))
    assert volumes(node) == ["new"]


@pytest.mark.parametrize("act", ["snapshot", "start", "detach"])
def test_a_definition_is_led_to_no_copy_of_what_the_disk_was_before(
    node: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """D3: somebody acts while the disk is being copied; what they wrote is not in the copy."""
    real = disk_copy.copy_disk

    def copy(*arguments: t.Any) -> storage.Volume:
        domain = node.handle.lookupByName("web-1")
        text = domain.XMLDesc(0)
        if act == "start":
            domains.start(domains.look_up(node, "web-1"))
        else:
            other = {"snapshot": ("/images/old", "/images/nightly"), "detach": ("vda", "vdz")}[act]
            node.handle.defineXMLFlags(text.replace(*other))
        return real(*arguments)

    monkeypatch.setattr(disk_copy, "copy_disk", copy)
    with pytest.raises(Conflict, match="Run the task again"):
        flatten_web(node, tmp_path, top="old")
    after = domain_xml.parse(node.handle.lookupByName("web-1").XMLDesc(0))
    sources = {disk.source for disk in after.disks}
    assert sources == {"/images/nightly" if act == "snapshot" else "/images/old", "/images/other"}
    assert volumes(node) == sorted(CHAIN)


def test_a_copy_that_may_not_last_takes_nothing_away(node: Connection, tmp_path: Path) -> None:
    """D12: what it was copied from would be deleted, and the appliance below it."""
    with pytest.raises(Conflict, match="outlives a loss of power: it is away"):
        flatten_web(node, tmp_path, top="old", infix="away")
    assert volumes(node) == sorted(CHAIN)


def test_a_domain_that_never_syncs_is_not_flattened_while_it_runs(node: Connection) -> None:
    unsafe = DOMAIN.replace("<driver name='qemu' ", "<driver name='qemu' cache='unsafe' ")
    domain = node.handle.defineXMLFlags(unsafe)
    users = Users({"web-1": ("vda",)}, ())
    flatten.check(node, users)
    domains.start(domain)
    with pytest.raises(Conflict, match="cache=unsafe"):
        flatten.check(node, users)


def test_a_domain_with_snapshots_is_not_flattened(node: Connection) -> None:
    domain = node.handle.defineXMLFlags(DOMAIN)
    domain.snapshotCreateXML("<domainsnapshot><name>nightly</name></domainsnapshot>", 0)
    with pytest.raises(Conflict, match="virsh snapshot-delete web-1 nightly"):
        flatten.check(node, Users({"web-1": ("vda",)}, ()))


def test_of_a_domain_that_is_gone_nothing_is_deleted(node: Connection) -> None:
    pool = storage.look_up_pool(node, "default")
    storage.create(pool, "old", storage_xml.build_volume_xml(storage_xml.NewVolume("old", 4096)))
    step = Step("copy", {"target": "vda", "pool": "default", "name": "new", "overlay": "old"})
    flatten.FlattenRecovery(node).roll_back(
        Record("1", flatten.KIND, "web-1", {"uri": node.uri}, (step,))
    )
    assert [volume.name() for volume in storage.list_volumes(pool)] == ["old"]


def test_what_cannot_be_flattened_is_named(node: Connection) -> None:
    node.handle.defineXMLFlags(DOMAIN)
    with pytest.raises(
        Conflict, match=r"the disks of 'web-1' lie in no active pool.*'fast/x' belongs to no domain"
    ):
        flatten.check(node, Users({"web-1": ()}, ("fast/x",)))
    flatten.check(node, Users({"web-1": ("vda",)}, ()))


def test_the_copy_for_a_domain_that_is_gone_goes_too(node: Connection) -> None:
    pool = storage.look_up_pool(node, "default")
    for name in ("old", "new"):
        storage.create(pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, 4096)))
    step = Step("copy", {"target": "vda", "pool": "default", "name": "new", "overlay": "old"})
    record = Record("1", flatten.KIND, "gone", {"uri": node.uri}, (step,))
    flatten.FlattenRecovery(node).roll_back(record)
    assert [volume.name() for volume in storage.list_volumes(pool)] == ["old"]


def test_a_pull_is_recorded_and_goes_on_when_its_run_has_died(
    node: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libvirt pulls in by itself, so that there is nothing to undo."""
    domain = node.handle.defineXMLFlags(DOMAIN)
    domain.createWithFlags()
    journal = Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)
    pulled: list[str] = []

    def pull(_domain: object, target: str, _clock: object) -> None:
        (record,) = journal.list_unfinished()
        assert [step.arguments["target"] for step in record.steps] == [*pulled, target]
        pulled.append(target)
        if len(pulled) == 2:
            raise HeadroomError("killed")

    monkeypatch.setattr(flatten, "_pull", pull)
    users = Users({"web-1": ("vda", "vdb")}, ())
    with pytest.raises(HeadroomError, match=r"^killed$"):
        flatten.flatten(node, users, journal, "tok")
    (record,) = journal.list_records()
    assert (record.kind, record.state) == ("flatten", "rolled_back")
    assert flatten.describe_recovery(record, "roll_back") == [
        f"Let web-1 go on pulling in its disk {target}, if it still does." for target in pulled
    ]
