# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    plan,
    preflight,
    resource_checks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.facts import (
    Cpu,
    Facts,
    GuestState,
    Hardware,
    Reach,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.host_resources import (
    HostResource,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Finding,
    Guest,
    MigrationPlan,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Handshake
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Dependency
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

MIB = 1024**2
POOL = Pool("default", "dir", "/images", 100 * MIB)
DISK = SourceDisk("vda", "disk", "/images/a.qcow2", "qcow2", 10 * MIB, 10 * MIB, "default")
DEPENDENCY = Dependency(
    "move", "qemu+ssh://k1/system", "10.0.0.1", 49216, "f" * 16, "2026-05-04T09:30:00Z"
)
GUEST = Guest("a", "u-a", True, 64 * MIB, (DISK,))
SEED = HostResource("cdrom", "what sda holds", "/seed.iso", "file", "Copy it there.")
HARDWARE = Hardware(
    "x86_64",
    "pc-q35-10.0",
    "kvm",
    networks=("default",),
    bridges=("br0",),
    resources=(SEED,),
)
GOOD = Facts(
    hardware=HARDWARE,
    source_uuid="1",
    destination_uuid="2",
    machines={"x86_64": (frozenset({"kvm", "qemu"}), frozenset({"pc-q35-10.0"}))},
    pools=(POOL,),
    volumes=frozenset(),
    networks={"default": True},
    bridges=frozenset({"br0"}),
    free_memory_bytes=1000 * MIB,
    free_hugepages_bytes=None,
    numa_nodes=1,
    cpu=Cpu(True),
    reach=Reach(True, "b", "10.0.0.2", answers=True),
    proofs={SEED: True},
)


def made(guest: Guest = GUEST, pool: Pool = POOL, **options: t.Any) -> MigrationPlan:
    return plan.make_plan(guest, Request("qemu+ssh://b/system", **options), [pool])


def failed(facts: Facts, migration: MigrationPlan | None = None) -> list[Finding]:
    return list(preflight.find_failed(preflight.evaluate(migration or made(), facts)))


def hardware(**change: t.Any) -> dict[str, t.Any]:
    return {"hardware": dataclasses.replace(HARDWARE, **change)}


def test_hosts_that_fit_have_no_fault() -> None:
    assert failed(GOOD) == []


def test_a_guest_that_is_still_arriving_is_not_moved_on() -> None:
    """D2: what it still reads from its old host would be lost with it."""
    disk = dataclasses.replace(DISK, is_complete=False)
    guest = dataclasses.replace(GUEST, disks=(disk,), incomplete="a part of vda is elsewhere")
    (finding,) = failed(GOOD, made(guest))
    assert (finding.check, finding.status) == ("complete", "failed")
    assert finding.detail == "a part of vda is elsewhere"
    assert "wait: local" in finding.remedy
    recorded = dataclasses.replace(guest, dependency=DEPENDENCY)
    (finding,) = failed(GOOD, made(dataclasses.replace(recorded, running=False)))
    assert finding.remedy.startswith("Start it")


def test_a_guest_that_says_from_where_it_reads_is_moved_on_once_it_is_whole() -> None:
    """D2: its own pull is no job of somebody else's, and is finished before it moves."""
    disk = dataclasses.replace(DISK, is_complete=False)
    guest = dataclasses.replace(GUEST, disks=(disk,), incomplete="a part", dependency=DEPENDENCY)
    pulling = dataclasses.replace(GOOD, state=GuestState(block_jobs=("vda",)))
    assert failed(pulling, made(guest)) == []
    findings = preflight.evaluate(made(guest), pulling)
    (finding,) = [finding for finding in findings if finding.check == "complete"]
    assert (finding.status, finding.detail) == ("warning", "a part; that is pulled in first")
    whole = dataclasses.replace(guest, disks=(DISK,))
    assert [finding.check for finding in failed(pulling, made(whole))] == ["block_jobs"]


@pytest.mark.parametrize(
    ("path", "running", "is_refused"),
    [
        ("/dev/vg/a", True, False),
        ("/dev/vg/a", False, True),
        ("/dev/shm/a", False, False),
        ("/images/a", False, False),
    ],
)
@pytest.mark.parametrize("pool_type", [None, "dir"])
def test_a_device_moves_only_while_its_guest_runs(
    path: str, *, running: bool, is_refused: bool, pool_type: str | None
) -> None:
    """Also one in a pool over the folder of a volume group, or in none."""
    pool = pool_type and "own"
    disk = SourceDisk("vda", path=path, capacity_bytes=MIB, pool=pool, pool_type=pool_type)
    guest = dataclasses.replace(GUEST, disks=(disk,), running=running)
    details = [finding.detail for finding in failed(GOOD, made(guest, destination_pool="default"))]
    told = f"vda ({path}): it is a block device, which does not tell when it was written to last"
    assert (told in details) is is_refused


@pytest.mark.parametrize("exists_there", [True, False])
def test_a_device_that_both_hosts_have_is_not_to_be_removed(*, exists_there: bool) -> None:
    """B11: it was called another volume, with the advice to remove it."""
    pool = Pool("san", "scsi", "/dev/disk/by-path", 100 * MIB)
    lun = SourceDisk(
        "vda",
        path="/dev/disk/by-path/lun-1",
        capacity_bytes=MIB,
        pool="san",
        pool_type="scsi",
        exists_there=exists_there,
    )
    guest = dataclasses.replace(GUEST, disks=(lun,))
    facts = dataclasses.replace(
        GOOD, pools=(pool,), volumes=frozenset({"/dev/disk/by-path/lun-1"} if exists_there else ())
    )
    (finding,) = failed(facts, made(guest, pool))
    assert "at the destination the pool 'san' is of the type 'scsi'" in finding.detail
    assert ("copy_storage: none" in finding.remedy) is exists_there
    assert "emove" not in finding.remedy


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("host_uuid", {"destination_uuid": "1"}),
        ("name", {"name_taken_by": "u-other"}),
        ("job", {"source_job": True}),
        ("job", {"unfinished": "the transaction 12 (migrate of a)"}),
        ("reach", {"reach": Reach(True, "b", None)}),
        ("reach", {"reach": Reach(True, "b", "10.0.0.2", problem="timed out")}),
        ("machine", {"machines": {}}),
        ("machine", {"machines": {"x86_64": (frozenset({"qemu"}), frozenset())}}),
        ("machine", {"machines": {"x86_64": (frozenset({"kvm"}), frozenset({"pc-q35-7.2"}))}}),
        ("cpu", {"cpu": Cpu(False, "model EPYC", "Haswell")}),
        ("memory", {"free_memory_bytes": 63 * MIB}),
        ("hugepages", hardware(hugepage_bytes=2 * MIB)),
        ("numa", hardware(numa_nodes="0-1")),
        ("disk", {"volumes": frozenset({"/images/a.qcow2"})}),
        ("space", {"pools": (dataclasses.replace(POOL, available_bytes=9 * MIB),)}),
        ("cdrom", {"proofs": {SEED: False}}),
        ("cdrom", {"proofs": {SEED: None}}),
        ("saved", {"state": GuestState(has_saved_memory=True)}),
        ("snapshots", {"state": GuestState(snapshots=("before-upgrade",))}),
        ("block_jobs", {"state": GuestState(block_jobs=("vda",))}),
        ("network", {"networks": {"default": False}}),
        ("network", {"networks": {}}),
        ("network", {"bridges": frozenset({"br1"})}),
        ("devices", hardware(host_devices=("pci 0000:ab:00:0",))),
    ],
)
def test_every_fault_is_found_alone_and_with_a_remedy(check: str, change: dict[str, t.Any]) -> None:
    (finding,) = failed(dataclasses.replace(GOOD, **change))
    assert finding.check == check
    assert finding.remedy.endswith((".", "`"))


def test_the_remedy_of_a_cpu_names_a_model_for_both() -> None:
    (finding,) = failed(dataclasses.replace(GOOD, cpu=Cpu(False, "model EPYC", "Haswell")))
    assert "Haswell" in finding.remedy


def test_a_pool_that_is_missing_and_a_base_that_is_missing_are_found() -> None:
    elsewhere = dataclasses.replace(POOL, path="/else")
    (finding,) = failed(GOOD, made(pool=elsewhere))
    assert "destination_pool" in finding.remedy
    linked = dataclasses.replace(GUEST, disks=(dataclasses.replace(DISK, chain=("/images/base",)),))
    (finding,) = failed(
        dataclasses.replace(GOOD, missing_on_destination=("/images/base",)),
        made(linked, copy_storage="inc"),
    )
    assert "copy_storage: all" in finding.remedy


def test_a_disk_that_nobody_copies_must_be_there() -> None:
    (finding,) = failed(GOOD, made(copy_storage="none"))
    assert "copy_storage: all" in finding.remedy


@pytest.mark.parametrize(("mode", "status"), [("unsafe", "failed"), ("writeback", "warning")])
def test_what_is_never_flushed_is_not_moved(mode: str, status: str) -> None:
    shared = dataclasses.replace(
        GUEST, disks=(dataclasses.replace(DISK, exists_there=True, shared=True, cache=mode),)
    )
    (finding,) = [
        found for found in preflight.evaluate(made(shared), GOOD) if found.check == "cache"
    ]
    assert finding.status == status


def test_a_guest_that_is_off_may_move_away_from_the_devices_that_it_takes() -> None:
    """F3: to where they are; elsewhere it would not start."""
    off = made(dataclasses.replace(GUEST, running=False))
    facts = dataclasses.replace(GOOD, **hardware(host_devices=("pci 0000:ab:00:0", "usb 1:2")))
    for there, status in (
        ({"usb 1:2"}, "failed"),
        ({"pci 0000:ab:00:0", "usb 1:2"}, "warning"),
    ):
        findings = preflight.evaluate(
            off, dataclasses.replace(facts, host_devices_there=frozenset(there))
        )
        (finding,) = [found for found in findings if found.check == "devices"]
        assert finding.status == status
        assert "pci 0000:ab:00:0" in finding.detail


def test_what_stays_on_the_source_keeps_a_guest_that_is_off_there() -> None:
    off = made(dataclasses.replace(GUEST, running=False))
    facts = dataclasses.replace(
        GOOD, missing_on_destination=("/nvram",), **hardware(has_tpm=True, nvram="/nvram")
    )
    assert [finding.check for finding in failed(facts, off)] == ["tpm", "nvram"]
    assert failed(dataclasses.replace(GOOD, **hardware(has_tpm=True, nvram="/nvram"))) == []


def test_what_cannot_be_asked_is_no_fault() -> None:
    unknown = dataclasses.replace(
        GOOD, reach=Reach(), cpu=Cpu(), free_memory_bytes=None, bridges=None
    )
    findings = preflight.evaluate(made(), unknown)
    assert preflight.find_failed(findings) == ()
    assert {finding.check for finding in findings if finding.status == "skipped"} == {
        "reach",
        "cpu",
        "memory",
        "network",
    }


@pytest.mark.parametrize(
    ("text", "nodes"), [("0", {0}), ("0-2", {0, 1, 2}), ("0-3,^1", {0, 2, 3}), ("1,4", {1, 4})]
)
def test_sets_of_nodes_are_read(text: str, nodes: set[int]) -> None:
    assert resource_checks.parse_node_set(text) == nodes


def test_tls_is_judged_only_where_it_is_used() -> None:
    broken = dataclasses.replace(
        GOOD, handshakes=(Handshake("b"), Handshake("a", "Certificate does not match"))
    )
    assert failed(broken) == []
    (finding,) = failed(broken, made(tls=True))
    assert finding.check == "tls"
    assert "to a comes about: Certificate does not match" in finding.detail
    assert failed(dataclasses.replace(GOOD, handshakes=(Handshake("b"),)), made(tls=True)) == []
    assert failed(GOOD, made(tls=True)) == []


def with_disks(*disks: SourceDisk, **options: t.Any) -> MigrationPlan:
    return made(dataclasses.replace(GUEST, disks=disks), **options)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            {"obstacles": ("is encrypted, and its copy would be read without its key",)},
            "is encrypted",
        ),
        ({"shareable": True}, "is shareable"),
    ],
)
def test_a_copy_that_would_not_be_the_same_is_refused(
    change: dict[str, t.Any], detail: str
) -> None:
    """B1, B3: what its copy would lose keeps a disk where it is, unless both hosts have it."""
    disk = dataclasses.replace(DISK, **change)
    for options in ({"mode": "streaming"}, {"mode": "precopy"}):
        (finding,) = failed(GOOD, with_disks(disk, **options))
        assert finding.check == "disk"
        assert detail in finding.detail
    shared = dataclasses.replace(disk, shared=True, exists_there=True)
    assert failed(GOOD, with_disks(shared)) == []


def test_two_disks_never_go_to_one_place() -> None:
    """B14: disks of one file name in two folders."""
    other = dataclasses.replace(DISK, target="vdb", path="/fast/a.qcow2", pool="fast")
    findings = failed(GOOD, with_disks(DISK, other, destination_pool="default"))
    assert any("vda, vdb would both lie" in finding.detail for finding in findings)


def test_a_pool_that_holds_no_files_is_refused() -> None:
    """B11: LVM, RBD and the like, whose volumes would be written as files."""
    pool = dataclasses.replace(POOL, type="logical")
    (finding,) = failed(dataclasses.replace(GOOD, pools=(pool,)), made(pool=pool))
    assert "logical" in finding.detail


def test_a_sparse_raw_disk_is_counted_in_full_while_the_guest_runs() -> None:
    """B10: libvirt writes it out; streamed, and copied offline, its holes stay holes."""
    raw = dataclasses.replace(
        DISK, path="/images/a.raw", format="raw", capacity_bytes=1000 * MIB, allocation_bytes=MIB
    )
    (finding,) = failed(GOOD, with_disks(raw, mode="precopy"))
    assert finding.check == "space"
    assert failed(GOOD, with_disks(raw, mode="streaming")) == []
    off = dataclasses.replace(GUEST, running=False, disks=(raw,))
    assert failed(GOOD, made(off)) == []


def test_the_moves_of_one_task_are_counted_together() -> None:
    """B10: each alone would fit."""
    (finding,) = failed(dataclasses.replace(GOOD, promised_bytes={"default": 95 * MIB}))
    assert finding.check == "space"


def test_two_pools_of_one_file_system_have_its_room_once() -> None:
    """B10: each disk alone would fit into its pool."""
    first = dataclasses.replace(POOL, available_bytes=15 * MIB, capacity_bytes=100 * MIB)
    disks = (DISK, dataclasses.replace(DISK, target="vdb", path="/fast/b.qcow2", pool="fast"))
    guest = dataclasses.replace(GUEST, disks=disks)
    for size, checks in ((100 * MIB, ["space", "space"]), (200 * MIB, [])):
        pools = (first, Pool("fast", "dir", "/fast", 15 * MIB - 4096, size))
        move = plan.make_plan(guest, Request("qemu+ssh://b/system"), pools)
        found = failed(dataclasses.replace(GOOD, pools=pools), move)
        assert [finding.check for finding in found] == checks


def test_an_overlay_whose_base_lies_elsewhere_is_not_moved_offline() -> None:
    """B8: its file names the base by its path on the source."""
    linked = dataclasses.replace(
        DISK,
        chain=("/images/base",),
        base_format="qcow2",
        base_there="/else/base",
        base_is_same=True,
    )
    off = dataclasses.replace(GUEST, running=False, disks=(linked,))
    (finding,) = failed(GOOD, made(off))
    assert "/else/base" in finding.detail
    assert failed(GOOD, with_disks(linked)) == []


def test_a_base_whose_format_nothing_declares_is_not_guessed() -> None:
    """S3: a raw base with a header of its guest's would be read as that says."""
    linked = dataclasses.replace(
        DISK, chain=("/images/base",), base_there="/images/base", base_is_same=True
    )
    (finding,) = failed(GOOD, with_disks(linked))
    assert "whose format nothing declares" in finding.detail


def test_checkpoints_stay_behind_and_are_told() -> None:
    state = GuestState(checkpoints=("monday",))
    findings = preflight.evaluate(made(), dataclasses.replace(GOOD, state=state))
    (warning,) = [finding for finding in findings if finding.status == "warning"]
    assert "monday" in warning.detail


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (GuestState(snapshots=("nightly",)), "nightly"),
        (GuestState(block_jobs=("vda",)), "the disks vda"),
        (GuestState(has_saved_memory=True), "the memory of 'a' is saved"),
        (GuestState(checkpoints=("monday", "nightly")), "the checkpoint nightly of 'a'"),
    ],
)
def test_what_came_since_the_preflight_is_refused_by_name(state: GuestState, words: str) -> None:
    """D14: others act between the preflight and the switch."""
    planned = GuestState(checkpoints=("monday",))
    (finding,) = preflight.find_failed(preflight.judge_state(made(), state, planned=planned))
    assert words in finding.detail
    assert finding.remedy


def test_what_was_told_before_is_not_refused_later() -> None:
    planned = GuestState(checkpoints=("monday",))
    (finding,) = preflight.judge_state(made(), planned, planned=planned)
    assert finding.status == "warning"


def test_what_nobody_knows_is_told() -> None:
    facts = dataclasses.replace(GOOD, **hardware(unknown=("devices/teapot",)))
    assert failed(facts) == []
    (finding,) = [row for row in preflight.evaluate(made(), facts) if row.status == "warning"]
    assert (finding.check, "devices/teapot" in finding.detail) == ("unknown", True)


def test_a_macvtap_needs_its_card_there() -> None:
    facts = dataclasses.replace(GOOD, **hardware(bridges=("eth7",)))
    assert [finding.check for finding in failed(facts)] == ["network"]


def test_what_is_brought_along_need_not_be_there() -> None:
    """F3: a seed that belongs to the machine alone, and the settings of its firmware."""
    seed = SourceDisk(
        "sda",
        "cdrom",
        "/images/seed.iso",
        pool="default",
        is_own=True,
        layers=("default/seed.iso",),
    )
    nvram = SourceDisk("nvram", "nvram", "/images/a.nvram", pool="default", is_own=True)
    resource = dataclasses.replace(SEED, path="/images/seed.iso")
    as_volume = dataclasses.replace(SEED, path="default/seed.iso", proof="volume")
    lacking = dataclasses.replace(
        GOOD,
        **hardware(resources=(resource, as_volume), nvram="/images/a.nvram"),
        proofs={resource: False, as_volume: False},
        missing_on_destination=("/images/a.nvram",),
    )
    off = dataclasses.replace(GUEST, running=False, disks=(DISK, seed, nvram))
    assert failed(lacking, made(off)) == []
    without = dataclasses.replace(off, disks=(DISK,))
    assert [finding.check for finding in failed(lacking, made(without))] == [
        "cdrom",
        "cdrom",
        "nvram",
    ]


@pytest.mark.parametrize(
    "options", [{"mode": "postcopy"}, {"mode": "precopy", "timeout_action": "postcopy"}]
)
def test_a_paused_guest_is_not_moved_by_post_copy(options: dict[str, t.Any]) -> None:
    paused = dataclasses.replace(GUEST, paused=True)
    (finding,) = failed(GOOD, made(paused, **options))
    assert "libvirt moves no paused guest by post-copy" in finding.detail
    assert failed(GOOD, made(**options)) == []
    assert failed(GOOD, made(paused, mode="precopy")) == []


def test_a_raw_disk_that_begins_like_an_image_is_told_and_moves() -> None:
    """S1: it would be up to any guest whether its host can be drained."""
    forged = dataclasses.replace(DISK, format="raw", looks_like="qcow2")
    findings = preflight.evaluate(with_disks(forged), GOOD)
    (finding,) = [finding for finding in findings if finding.check == "header"]
    assert finding.status == "warning"
    assert "begins like an image in the format qcow2; it moves byte for byte" in finding.detail
    assert failed(GOOD, with_disks(forged)) == []


def test_a_disk_that_is_never_synced_is_while_it_arrives() -> None:
    unsafe = dataclasses.replace(DISK, cache="unsafe")
    findings = preflight.evaluate(with_disks(unsafe), GOOD)
    (finding,) = [finding for finding in findings if finding.check == "cache"]
    assert finding.status == "ok"
    assert "cache=writeback on the destination until its next start" in finding.detail


def test_the_settings_of_a_firmware_are_not_written_over() -> None:
    """F3: where no pool has them, it cannot be proven that both hosts have the same file."""
    settings = SourceDisk("nvram", "nvram", "/nvram/a_VARS.fd", is_own=True)
    off = dataclasses.replace(GUEST, running=False, disks=(DISK, settings))
    facts = dataclasses.replace(GOOD, **hardware(nvram="/nvram/a_VARS.fd"))
    (finding,) = failed(facts, made(off))
    assert "the destination has such a file" in finding.detail
    absent = dataclasses.replace(facts, missing_on_destination=("/nvram/a_VARS.fd",))
    assert failed(absent, made(off)) == []
    running = dataclasses.replace(off, running=True)
    assert failed(facts, made(running)) == []


def test_an_overlay_is_not_moved_offline_onto_another_base_of_that_path() -> None:
    """B8: a copy of it would stand on what another machine or release has there."""
    linked = dataclasses.replace(
        DISK, chain=("/images/base",), base_format="qcow2", base_there="/images/base"
    )
    off = made(dataclasses.replace(GUEST, running=False, disks=(linked,)))
    for known in ({}, {"vda": False}):
        (finding,) = failed(dataclasses.replace(GOOD, same_bases=known), off)
        assert "not known to be the same" in finding.detail
    assert failed(dataclasses.replace(GOOD, same_bases={"vda": True}), off) == []


def test_a_disk_that_is_left_must_be_there() -> None:
    """B14: of two disks the task names one, and nobody else brings the other."""
    other = dataclasses.replace(DISK, target="vdb", path="/images/b.qcow2")
    for running in (True, False):
        guest = dataclasses.replace(GUEST, running=running, disks=(DISK, other))
        (finding,) = failed(GOOD, made(guest, migrate_disks=("vda",)))
        assert finding.detail.startswith("vdb (/images/b.qcow2): the destination has no volume")


def test_disks_of_the_definition_alone_keep_a_guest_where_it_is() -> None:
    (finding,) = failed(dataclasses.replace(GOOD, pending=("the definition has vdb",)))
    assert (finding.check, finding.detail) == ("definition", "the definition has vdb")


def test_settings_that_are_found_by_the_name_alone_do_not_survive_another_name() -> None:
    settings = SourceDisk("nvram", "nvram", "/nvram/a_VARS.fd", is_own=True)
    off = dataclasses.replace(GUEST, running=False, disks=(DISK, settings))
    facts = dataclasses.replace(GOOD, missing_on_destination=("/nvram/a_VARS.fd",))
    assert failed(facts, made(off)) == []
    (finding,) = failed(facts, made(off, destination_name="b"))
    assert finding.check == "nvram"
    written = dataclasses.replace(facts, **hardware(nvram="/nvram/a_VARS.fd"))
    assert failed(written, made(off, destination_name="b")) == []
