# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    COPY_STORAGE,
    Guest,
    MigrationPlan,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

GIB = 1024**3
POOLS = (Pool("default", "dir", "/images", 100 * GIB), Pool("fast", "dir", "/fast", 100 * GIB))
BASE = "/images/headroom-appliance.web@1.0123456789ab.vda.qcow2"


def disk(target: str = "vda", gib: float = 10, **more: t.Any) -> SourceDisk:
    allocated = int(gib * GIB)
    known: dict[str, t.Any] = {
        "path": f"/images/{target}.qcow2",
        "format": "qcow2",
        "capacity_bytes": allocated,
        "allocation_bytes": allocated,
        "pool": "default",
    }
    return SourceDisk(target, **{**known, **more})


def guest(*disks: SourceDisk, running: bool = True) -> Guest:
    return Guest("web-1", "u-1", running, GIB, disks)


def planned(*disks: SourceDisk, running: bool = True, **options: t.Any) -> MigrationPlan:
    return plan.make_plan(
        guest(*disks, running=running), Request("qemu+ssh://b/system", **options), POOLS
    )


def test_large_disks_are_streamed_and_the_reason_has_the_figures() -> None:
    made = planned(disk(gib=10))
    assert (made.mode, made.copy_storage) == ("streaming", "inc")
    assert [one.action for one in made.disks] == ["stream"]
    assert "93 s at 110 MiB/s" in made.reasons[0]
    assert "NON_SHARED_INC" in made.flags
    assert "POSTCOPY" not in made.flags


def test_small_disks_are_copied_before() -> None:
    made = planned(disk(gib=0.1))
    assert (made.mode, made.copy_storage) == ("precopy", "all")
    assert made.parameters["migrate_disks"] == ["vda"]


def test_shared_disks_stay_where_they_are() -> None:
    made = planned(disk(exists_there=True, shared=True))
    assert (made.mode, made.copy_storage, made.disks_to_move) == ("precopy", "none", ())
    assert not {"NON_SHARED_DISK", "NON_SHARED_INC"} & set(made.flags)


def test_of_a_clone_only_what_differs_from_its_appliance_is_sent() -> None:
    made = planned(disk(chain=(BASE,), base_there=BASE, base_is_same=True))
    assert (made.mode, made.copy_storage) == ("precopy", "inc")
    assert made.disks[0].backing_path == BASE


def test_a_top_layer_never_goes_without_its_base() -> None:
    """libvirt copies tops or whole disks, of all alike: one disk with another base makes it whole disks."""
    made = planned(
        disk("vda", chain=(BASE,), base_there=BASE, base_is_same=True),
        disk("vdb", chain=("/images/other.qcow2",)),
        mode="precopy",
    )
    assert [one.action for one in made.disks] == ["copy", "copy"]
    assert [one.backing_path for one in made.disks] == [None, None]


def test_a_raw_disk_becomes_a_qcow2_when_it_is_streamed() -> None:
    made = planned(disk(path="/images/a.img", format="raw"), mode="streaming")
    assert (made.disks[0].volume, made.disks[0].source_format, made.disks[0].format) == (
        "a.qcow2",
        "raw",
        "qcow2",
    )


def test_disks_go_to_the_pool_of_their_path_or_to_the_one_that_is_named() -> None:
    assert planned(disk()).disks[0].destination_path == "/images/vda.qcow2"
    assert planned(disk(), destination_pool="fast").disks[0].destination_path == "/fast/vda.qcow2"
    assert planned(disk(path="/elsewhere/a.qcow2")).disks[0].pool is None
    with pytest.raises(InvalidInput, match="default, fast"):
        planned(disk(), destination_pool="none")


@pytest.mark.parametrize(
    ("options", "goes"),
    [
        ({"mode": "streaming"}, True),
        ({"mode": "precopy"}, False),
        ({"mode": "precopy", "remove_source_volumes": True}, True),
        ({"mode": "streaming", "remove_source_volumes": False}, False),
        ({"mode": "streaming", "undefine_source": False}, False),
        ({"mode": "precopy", "remove_source_volumes": True, "undefine_source": False}, False),
    ],
)
def test_copied_disks_stay_on_the_source_unless_the_task_says_so(
    options: dict[str, t.Any], goes: bool
) -> None:
    assert planned(disk(), **options).removes_source_volumes is goes


def test_a_guest_that_is_off_moves_offline_and_only_so() -> None:
    made = planned(disk(), running=False)
    assert made.mode == "offline"
    assert set(made.flags) == {"OFFLINE", "PEER2PEER", "PERSIST_DEST", "UNDEFINE_SOURCE"}
    with pytest.raises(InvalidInput, match="is off"):
        planned(disk(), running=False, mode="streaming")
    with pytest.raises(InvalidInput, match="runs"):
        planned(disk(), mode="offline")


def test_a_disk_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidInput, match="Name any of: vda"):
        planned(disk(), migrate_disks=("sda",))


@pytest.mark.parametrize(
    "change",
    [
        {"format": "vmdk"},
        {"pool": None},
        {"path": "/dev/vg/a", "format": "raw"},
        {"chain": ("nbd://k1:10809/golden",)},
        {"chain": ("/p/between.qcow2", "rbd:pool/golden")},
        {"chain": ("nbd+unix:///run/nbd/golden",)},
    ],
)
def test_what_cannot_be_streamed_is_copied_or_refused(change: dict[str, t.Any]) -> None:
    assert planned(disk(**change)).mode == "precopy"
    with pytest.raises(Unsupported, match="vda"):
        plan.check_streamable(planned(disk(**change), mode="streaming"))


@pytest.mark.parametrize("chain", [("/p/base.qcow2",), ("default/base.qcow2",)])
def test_a_disk_on_files_can_be_streamed(chain: tuple[str, ...]) -> None:
    plan.check_streamable(planned(disk(chain=chain), mode="streaming"))


def test_what_lies_in_shared_memory_is_a_file_for_all_that() -> None:
    in_memory = disk(path="/dev/shm/pool/a.qcow2")
    plan.check_streamable(planned(in_memory, mode="streaming"))


def test_what_is_still_elsewhere_is_no_obstacle_as_it_is_pulled_in_first() -> None:
    arriving = disk(chain=("nbd://10.0.0.1:49216/0123456789abcdef-vda",), is_complete=False)
    plan.check_streamable(planned(arriving, mode="streaming"))


def test_options_become_libvirts_flags_and_parameters() -> None:
    made = planned(
        disk(),
        mode="postcopy",
        tls=True,
        auto_converge=True,
        parallel_connections=4,
        compression=("zstd",),
        bandwidth=50,
        peer_to_peer=False,
        undefine_source=False,
    )
    assert {"POSTCOPY", "TLS", "AUTO_CONVERGE", "PARALLEL", "COMPRESSED"} <= set(made.flags)
    assert not {"PEER2PEER", "UNDEFINE_SOURCE"} & set(made.flags)
    assert (made.parameters["bandwidth"], made.parameters["parallel.connections"]) == (50, 4)
    assert made.parameters["compression"] == ["zstd"]


@pytest.mark.parametrize("mode", ["precopy", "streaming"])
def test_post_copy_can_be_what_happens_after_the_timeout(mode: t.Any) -> None:
    assert "POSTCOPY" in planned(disk(), mode=mode, timeout_action="postcopy").flags


DISKS = st.builds(
    disk,
    target=st.sampled_from(["vda", "vdb", "vdc"]),
    gib=st.floats(0, 100),
    format=st.sampled_from(["qcow2", "raw", "vmdk"]),
    pool=st.sampled_from(["default", None]),
    chain=st.sampled_from([(), (BASE,), ("/images/x.qcow2", "/images/y.qcow2")]),
    shared=st.booleans(),
    readonly=st.booleans(),
    base_is_same=st.booleans(),
).map(lambda one: one if one.chain else dataclasses.replace(one, base_is_same=False))


@given(
    disks=st.lists(DISKS, max_size=3, unique_by=lambda one: one.target),
    storage=st.sampled_from([None, *COPY_STORAGE]),
    mode=st.sampled_from(["auto", "precopy", "postcopy", "streaming"]),
)
def test_every_plan_takes_all_data_along(
    disks: list[SourceDisk], storage: t.Any, mode: t.Any
) -> None:
    made = planned(*disks, copy_storage=storage, mode=mode)
    sources = {one.target: one for one in disks}
    assert {one.target for one in made.disks} == {one.target for one in disks if one.is_written}
    assert made.mode != "postcopy" or mode == "postcopy"
    for one in made.disks:
        source = sources[one.target]
        if one.action == "leave":
            assert source.shared or storage == "none"
        if one.action == "copy top":
            assert source.base_is_same or (storage == "inc" and source.chain)
        if one.action == "copy" and made.copy_storage == "inc":
            assert not source.chain, "libvirt would leave out what it stands on"
        if one.action == "stream":
            assert (made.mode, one.format) == ("streaming", "qcow2")
    flags = set(made.flags)
    assert ("NON_SHARED_DISK" in flags, "NON_SHARED_INC" in flags) == (
        made.copy_storage == "all",
        made.copy_storage == "inc",
    )
    assert made.parameters.get("migrate_disks", []) == [one.target for one in made.disks_to_move]


SEED = SourceDisk(
    "sda", "cdrom", "/images/a.seed.iso", pool="default", capacity_bytes=4096, is_own=True
)


@pytest.mark.parametrize(
    ("running", "options"),
    [
        (True, {}),
        (True, {"mode": "precopy"}),
        (True, {"mode": "postcopy", "migrate_disks": ("vda",)}),
        (True, {"mode": "streaming"}),
        (True, {"mode": "precopy", "copy_storage": "all"}),
        (False, {}),
    ],
)
def test_what_belongs_to_the_machine_alone_goes_along(
    running: bool, options: dict[str, t.Any]
) -> None:
    """F3: libvirt moves no drive that is only read, so that it is copied before; and never by libvirt."""
    made = planned(disk(), SEED, running=running, **options)
    without = planned(disk(), running=running, **options)
    seed = made.disks[-1]
    assert (seed.action, seed.destination_path) == ("bring", "/images/a.seed.iso")
    assert seed in made.volumes_to_copy
    assert made.parameters == without.parameters
    assert (made.flags, made.copy_storage) == (without.flags, without.copy_storage)
    assert made.volumes_to_copy == (made.disks if not running else (seed,))


def test_it_follows_its_disks_into_another_pool() -> None:
    assert planned(disk(), SEED, destination_pool="fast").disks[-1].pool == "fast"


def test_it_stays_where_both_hosts_have_it() -> None:
    shared = dataclasses.replace(SEED, exists_there=True, shared=True)
    assert planned(disk(), shared).disks[-1].action == "leave"


def test_a_medium_of_somebody_else_is_no_volume_of_the_machine() -> None:
    foreign = dataclasses.replace(SEED, is_own=False)
    assert [one.target for one in planned(disk(), foreign).disks] == ["vda"]


NVRAM = SourceDisk("nvram", "nvram", "/nvram/a_VARS.fd", capacity_bytes=4096, is_own=True)


def test_the_settings_of_a_firmware_that_runs_are_brought_by_qemu() -> None:
    """F3: and the source's go with the definition, unless they may be the very same file."""
    made = planned(disk(), NVRAM, mode="precopy")
    assert made.disks[-1].action == "follow"
    assert made.disks[-1] not in (*made.disks_to_move, *made.volumes_to_copy)
    assert made.parameters["migrate_disks"] == ["vda"]
    there = dataclasses.replace(NVRAM, exists_there=True)
    assert planned(disk(), there, mode="precopy").disks[-1].action == "leave"


def test_the_settings_of_a_firmware_at_rest_are_copied_whether_a_pool_has_them_or_not() -> None:
    settings = planned(disk(), NVRAM, running=False).disks[-1]
    assert (settings.action, settings.pool) == ("bring", None)
    assert settings.destination_path == "/nvram/a_VARS.fd"
    pooled = dataclasses.replace(NVRAM, path="/images/a.nvram.raw", pool="default")
    assert planned(disk(), pooled, running=False).disks[-1].pool == "default"


def test_a_disk_that_the_task_does_not_name_is_left_and_judged() -> None:
    """B14: whether the destination has it is a finding, and not libvirt's to say after the freeze."""
    made = planned(disk(), disk("vdb"), mode="precopy", migrate_disks=("vda",))
    assert [(one.target, one.action) for one in made.disks] == [("vda", "copy"), ("vdb", "leave")]
    assert made.parameters["migrate_disks"] == ["vda"]
    assert "migrate_disks does not name it" in made.disks[1].reason


def test_several_disks_are_not_streamed_to_a_qemu_that_may_crash_over_them() -> None:
    disks = tuple(
        SourceDisk(target, "disk", f"/images/{target}", "qcow2", 50 * GIB, 50 * GIB, "default")
        for target in ("vda", "vdb")
    )
    guest = Guest("a", "u-1", True, GIB, disks, crowd_problem="QEMU 7.2 on b may crash")
    pools = [Pool("default", "dir", "/images", 500 * GIB)]
    chosen = plan.make_plan(guest, Request("qemu+ssh://b/system"), pools)
    assert chosen.mode == "precopy"
    assert "QEMU 7.2 on b may crash" in chosen.reasons[0]
    asked = plan.make_plan(guest, Request("qemu+ssh://b/system", mode="streaming"), pools)
    with pytest.raises(Unsupported, match=r"QEMU 7\.2 on b may crash, and 'a' has 2"):
        plan.check_streamable(asked)
    one = dataclasses.replace(guest, disks=disks[:1])
    assert plan.make_plan(one, Request("qemu+ssh://b/system"), pools).mode == "streaming"
    plan.check_streamable(
        plan.make_plan(one, Request("qemu+ssh://b/system", mode="streaming"), pools)
    )
