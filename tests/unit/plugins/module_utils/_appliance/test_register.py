# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making, finding and removing appliances on libvirt's test driver, with streams in memory."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    build,
    recover,
    register,
    removal,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.capture import Capture
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.rest import Rest
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue,
    dependents,
    names,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
    HeadroomError,
    InUse,
    InvalidInput,
    NoSpace,
    NotFound,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    domains,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

WEB = ApplianceId("web", "1")
CONTENT = b"boot" + bytes(4092)
HARDWARE = build.Hardware(memory_bytes=64 << 20, arch="i686", machine=None)


@pytest.fixture
def shelf(node: Connection, contents: dict[str, bytes]) -> Catalogue:
    del contents
    return catalogue.open_catalogue(node, "default")


@pytest.fixture
def ask(tmp_path: Path) -> t.Callable[..., register.ApplianceRequest]:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)
    request = register.ApplianceRequest(
        WEB,
        created="2026-01-01T00:00:00Z",
        token="0" * 12,
        files={"": Location(str(path))},
        hardware=HARDWARE,
    )
    return functools.partial(dataclasses.replace, request)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)


def make(journal: Journal, shelf: Catalogue, request: register.ApplianceRequest) -> Manifest:
    recover.settle(journal, shelf.connection)
    with register.open_plan(shelf, request) as plan:
        return register.store(shelf, plan, request, journal)


def capturing(tmp_path: Path, name: str = "golden") -> Capture:
    return Capture(name, Journal(str(tmp_path / "journal.sqlite")), "0" * 12)


def volumes(shelf: Catalogue) -> list[str]:
    return sorted(volume.name() for volume in storage.list_volumes(shelf.pool))


def test_an_appliance_is_what_was_sent_and_is_found_again(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
) -> None:
    made = make(journal, shelf, ask(min_ram_bytes=5, os_id="http://debian.org/debian/13"))
    assert made.disks[0].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (made.disks[0].size_bytes, made.disks[0].virtual_size_bytes) == (4096, 4096)
    assert shelf.find("web", "1") == made
    assert shelf.find("web", None) == made
    assert contents[shelf.locate_disks(made)["vda"]] == CONTENT
    assert [disk["path"] for disk in shelf.describe(made)["disks"]] == [
        f"/images/{made.disks[0].volume}"
    ]
    for volume in storage.list_volumes(shelf.pool):
        assert "<mode>0440</mode>" in storage.read_volume_xml(volume)


def test_what_is_not_there_is_named_with_what_is(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    with pytest.raises(NotFound, match=r"no appliance 'db' \(it has: none\)"):
        shelf.get("db", None)
    make(journal, shelf, ask())
    with pytest.raises(NotFound, match=r"no appliance 'web:2' \(it has: web:1\)"):
        shelf.get("web", "2")


def test_every_failure_half_way_leaves_nothing(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = 0
    fail_at: int | None = None

    def counted(call: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def wrapped(*arguments: t.Any) -> t.Any:
            nonlocal calls
            calls += 1
            if calls == fail_at:
                raise NoSpace("the pool is full")
            return call(*arguments)

        return wrapped

    for module, name in ((storage, "create"), (content, "send_file"), (content, "send_bytes")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    make(journal, shelf, ask(appliance=ApplianceId("rehearsal", "1")))
    before, steps = volumes(shelf), calls
    assert steps == 4  # volume and content of the disk, volume and content of the manifest
    for step in range(1, steps + 1):
        calls, fail_at = 0, step
        with pytest.raises(NoSpace):
            make(journal, shelf, ask())
        assert volumes(shelf) == before
        assert shelf.find("web", "1") is None


@pytest.mark.parametrize("origin", ["options", "template", "manifest"])
def test_what_no_clone_could_be_defined_of_is_not_registered(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    monkeypatch: pytest.MonkeyPatch,
    origin: str,
) -> None:
    """libvirt says so of the channel; of a template, of a manifest and of what the options build alike."""
    target = "<target type='virtio' name='org.qemu.guest_agent.0'/>"
    build_bare = build.build

    def build_unusable(*arguments: t.Any) -> str:
        bare = build_bare(*arguments)
        return bare.replace("</devices>", f"<channel type='tcp'>{target}</channel></devices>")

    unusable = build_unusable(HARDWARE, ["vda"]).replace("'tcp'", "'spiceport'")
    request = ask()
    if origin == "options":
        monkeypatch.setattr(build, "build", build_unusable)
    elif origin == "template":
        request = ask(hardware=None, template=unusable)
    else:
        made = make(journal, shelf, ask())
        manifest = dataclasses.replace(made, name="other", template=unusable)
        other = ApplianceId("other", "1")
        request = ask(appliance=other, hardware=None, original=manifest)
    before = volumes(shelf)
    with pytest.raises(Unsupported, match="libvirt takes no clone of this machine"):
        make(journal, shelf, request)
    assert volumes(shelf) == before
    assert not [domain for domain in domains.list_all(shelf.connection) if "trial" in domain.name()]


def test_another_content_than_announced_is_never_visible(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    with pytest.raises(ChecksumMismatch, match="has the SHA-256"):
        make(journal, shelf, ask(sha256="0" * 64))
    assert volumes(shelf) == []


@pytest.mark.parametrize(
    "head", [b"QFI\xfb\0\0\0\3", b"KDMV", b"# Disk DescriptorFile\nversion=1\n"]
)
def test_an_image_that_is_only_called_raw_is_refused(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    tmp_path: Path,
    head: bytes,
) -> None:
    """S2: a full clone of it would hold whatever file of the host its header names."""
    path = tmp_path / "hostile.raw"
    path.write_bytes(head.ljust(4096, b"\0"))
    with pytest.raises(InvalidInput, match=r"source\.file: .*is said to be raw, but begins like"):
        make(journal, shelf, ask(files={"": Location(str(path), image_format="raw")}))
    assert volumes(shelf) == []


UNREADABLE = [b"", b'{"format": 1, "na', b'{"format": 2, "name": "db"}', bytes(40), b"[]"]


def put(shelf: Catalogue, name: str) -> None:
    new = storage_xml.NewVolume(name, 10, "raw")
    storage.create(shelf.pool, name, storage_xml.build_volume_xml(new))


@pytest.mark.parametrize("manifest", UNREADABLE)
def test_an_appliance_that_cannot_be_read_keeps_all_that_it_has(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    manifest: bytes,
) -> None:
    """D1: its disks looked as if a run had left them, however old they were."""
    db = ApplianceId("db", "1")
    own = [names.disk_volume(db, "a" * 12, "vda", "raw"), names.manifest_volume(db)]
    for name in own:
        put(shelf, name)
    contents[f"/images/{own[1]}"] = manifest
    made = make(journal, shelf, ask())
    assert set(volumes(shelf)) == {*own, made.disks[0].volume, names.manifest_volume(WEB)}
    [row] = shelf.list_unreadable()
    assert (row.id, row.volume) == (db, own[1])
    assert "the manifest of db:1 in the pool 'default' cannot be read: the manifest " in row.problem
    assert shelf.read_all() == [made]


@pytest.mark.parametrize("manifest", UNREADABLE)
def test_an_appliance_that_cannot_be_read_is_not_made_anew(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    manifest: bytes,
) -> None:
    """D1: for the appliance itself no age counted."""
    own = [names.disk_volume(WEB, "a" * 12, "vda", "raw"), names.manifest_volume(WEB)]
    for name in own:
        put(shelf, name)
    contents[f"/images/{own[1]}"] = manifest
    with pytest.raises(
        InvalidManifest, match=r"the manifest of web:1 in the pool .* cannot be read"
    ):
        make(journal, shelf, ask())
    with pytest.raises(InvalidManifest, match="Nothing of this appliance is touched"):
        shelf.get("web", "1")
    assert volumes(shelf) == sorted(own)


def test_what_another_host_has_published_meanwhile_is_no_leftover(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    """D1b: between the look at the catalogue and storing, a pool that hosts share has got the appliance."""
    request = ask(token="1" * 12)
    with register.open_plan(shelf, request) as plan:
        made = make(journal, shelf, ask())
        with pytest.raises(Conflict, match="another run has made web:1 meanwhile"):
            register.store(shelf, plan, request, journal)
    assert shelf.find("web", "1") == made
    assert len(volumes(shelf)) == 2


def test_a_version_never_changes(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    made = make(journal, shelf, ask())
    register.check_same(made, ask())
    register.check_same(made, ask(sha256=made.disks[0].sha256))
    register.check_same(made, ask(original=made))
    with pytest.raises(Conflict, match="exists already with another content"):
        register.check_same(made, ask(sha256="0" * 64))


def test_a_second_host_gets_the_same_appliance(
    journal: Journal,
    node: Connection,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
) -> None:
    made = make(journal, shelf, ask(min_ram_bytes=7, description="text"))
    second = catalogue.open_catalogue(node, "fast")
    copied = make(
        journal,
        second,
        ask(original=made, created="2027-01-01T00:00:00Z", token="1" * 12, hardware=None),
    )
    assert dataclasses.replace(copied, disks=()) == dataclasses.replace(made, disks=())
    assert copied.disks[0].sha256 == made.disks[0].sha256
    wrong = dataclasses.replace(made, disks=(dataclasses.replace(made.disks[0], sha256="0" * 64),))
    removal.remove(second, copied, Uses(node), journal)
    with pytest.raises(ChecksumMismatch):
        make(journal, second, ask(original=wrong))
    assert volumes(second) == []


def test_files_must_match_the_disks_of_the_template(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    template = build.build(HARDWARE, ["vda", "vdb"])
    with pytest.raises(
        InvalidInput, match=r"does not match the disks of the template \(vda, vdb\)"
    ):
        make(journal, shelf, ask(template=template))
    path = ask().files[""]
    made = make(journal, shelf, ask(template=template, files={"vdb": path, "vda": path}))
    assert [disk.target for disk in made.disks] == ["vda", "vdb"]


def test_removing_takes_exactly_its_own_volumes(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    one, longer = (
        make(journal, shelf, ask()),
        make(journal, shelf, ask(appliance=ApplianceId("web", "1.2"))),
    )
    dependents.refuse(one, dependents.find(shelf, one))
    removal.remove(shelf, one, Uses(shelf.connection), journal)
    assert shelf.find("web", "1") is None
    assert shelf.find("web", "1.2") == longer
    assert volumes(shelf) == sorted([longer.disks[0].volume, names.manifest_volume(longer.id)])


def test_what_others_stand_on_stays(
    journal: Journal, shelf: Catalogue, ask: t.Callable[..., register.ApplianceRequest]
) -> None:
    made = make(journal, shelf, ask())
    base = shelf.locate_disks(made)["vda"]
    fast = storage.look_up_pool(shelf.connection, "fast")
    overlay = storage_xml.NewVolume("x", 4096, backing_path=base, backing_format="qcow2")
    volume = storage.create(fast, "x", storage_xml.build_volume_xml(overlay))
    with pytest.raises(InUse, match="the volume 'fast/x' stand on it") as caught:
        dependents.refuse(made, dependents.find(shelf, made))
    assert caught.value.details["users"] == ["the volume 'fast/x'"]
    storage.delete(volume)
    dependents.refuse(made, dependents.find(shelf, made))


@pytest.mark.parametrize("name", ["nope"])
def test_a_domain_that_is_not_there(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    name: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(NotFound, match="'nope'"):
        make(journal, shelf, ask(capture=capturing(tmp_path, name), files={}))


DOMAIN = """<domain type='test'><name>golden</name><memory>65536</memory><os><type arch='i686'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{source}'/><target dev='vda'/></disk>
<disk type='file' device='cdrom'><source file='/images/seed.iso'/><target dev='hdc'/><readonly/></disk>
</devices></domain>"""


def test_a_domain_is_captured_when_it_is_off(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    tmp_path: Path,
) -> None:
    storage.create(
        shelf.pool, "golden", storage_xml.build_volume_xml(storage_xml.NewVolume("golden", 4096))
    )
    domain = shelf.connection.handle.defineXMLFlags(
        DOMAIN.format(source="/images/golden", format="qcow2")
    )
    domain.createWithFlags()
    with pytest.raises(Conflict, match=r"source\.domain: 'golden' is running.*Shut it down first"):
        make(journal, shelf, ask(capture=capturing(tmp_path), files={}))
    domain.destroyFlags()
    contents[f"/images/{names.disk_volume(WEB, '0' * 12, 'vda', 'qcow2')}"] = (
        CONTENT  # what libvirt would have copied
    )
    made = make(journal, shelf, ask(capture=capturing(tmp_path), files={}))
    assert [(disk.target, disk.format, disk.virtual_size_bytes) for disk in made.disks] == [
        ("vda", "qcow2", 4096)
    ]
    assert made.disks[0].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert "golden" not in made.template
    assert "seed.iso" not in made.template


def define_raw(shelf: Catalogue, contents: dict[str, bytes], beginning: bytes) -> storage.Volume:
    """Define a machine whose raw disk begins so, and return the disk."""
    new = storage_xml.NewVolume("golden", 4096, "raw")
    volume = storage.create(shelf.pool, "golden", storage_xml.build_volume_xml(new))
    contents["/images/golden"] = beginning.ljust(4096, b"\1")
    shelf.connection.handle.defineXMLFlags(DOMAIN.format(source="/images/golden", format="raw"))
    return volume


def test_a_raw_disk_is_captured_as_the_bytes_that_it_is(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    tmp_path: Path,
) -> None:
    define_raw(shelf, contents, b"boot")
    made = make(journal, shelf, ask(capture=capturing(tmp_path), files={}))
    assert [(disk.target, disk.format) for disk in made.disks] == [("vda", "raw")]
    assert contents[shelf.locate_disks(made)["vda"]] == contents["/images/golden"]


def test_a_disk_that_was_written_to_while_it_was_copied_is_not_captured(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    tmp_path: Path,
) -> None:
    volume = define_raw(shelf, contents, b"boot")
    request = ask(capture=capturing(tmp_path), files={})
    with register.open_plan(shelf, request) as plan:
        assert plan.rest is not None
        assert list(plan.rest.disks) == ["vda"]
        earlier = Rest("golden", {"vda": (volume, 1.0)})
        with pytest.raises(Conflict, match="written to the disk vda of 'golden'"):
            register.store(shelf, dataclasses.replace(plan, rest=earlier), request, journal)
    assert volumes(shelf) == ["golden"]


def test_a_raw_disk_that_begins_like_an_image_is_not_captured(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    contents: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """S1: as libvirt has not looked again, or does not know the format."""
    define_raw(shelf, contents, b"vhdxfile")
    with pytest.raises(Conflict, match="begins like an image in the format VHDX"):
        make(journal, shelf, ask(capture=capturing(tmp_path), files={}))
    assert volumes(shelf) == ["golden"]


@pytest.mark.parametrize(
    ("declared_format", "seen_format"),
    [("raw", "qcow2"), ("raw", "vmdk"), ("qcow2", "raw"), ("qcow2", "vpc")],
)
def test_a_disk_that_is_not_what_its_definition_declares_is_not_captured(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    tmp_path: Path,
    declared_format: str,
    seen_format: str,
) -> None:
    """S1: libvirt would have copied whatever the header of its own guest names."""
    new = storage_xml.NewVolume("golden", 4096, seen_format)
    storage.create(shelf.pool, "golden", storage_xml.build_volume_xml(new))
    text = DOMAIN.format(source="/images/golden", format=declared_format)
    shelf.connection.handle.defineXMLFlags(text)
    with pytest.raises(
        Conflict,
        match=f"/images/golden is declared to be {declared_format}, but libvirt sees {seen_format}",
    ):
        make(journal, shelf, ask(capture=capturing(tmp_path), files={}))
    assert volumes(shelf) == ["golden"]


def test_a_disk_outside_of_every_pool_says_what_to_do(
    journal: Journal,
    shelf: Catalogue,
    ask: t.Callable[..., register.ApplianceRequest],
    tmp_path: Path,
) -> None:
    shelf.connection.handle.defineXMLFlags(DOMAIN.format(source="/home/golden", format="qcow2"))
    with pytest.raises(
        NotFound,
        match=r"the disk vda \(/home/golden\) lies in no active storage pool\. Define a pool",
    ):
        make(journal, shelf, ask(capture=capturing(tmp_path), files={}))


def test_a_pool_without_files_holds_no_catalogue(node: Connection) -> None:
    node.handle.storagePoolCreateXML(
        "<pool type='logical'><name>vg</name><source><name>vg</name></source></pool>"
    )
    with pytest.raises(HeadroomError, match="of the type 'logical', whose volumes are not files"):
        catalogue.open_catalogue(node, "vg")
