# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who needs a file, on libvirt's test driver: the situations in which somebody once lost one."""

from __future__ import annotations

import collections
import concurrent.futures
import sys
import threading
import time
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import Files
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
    DiskLayers,
    Layer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.look import Need, User
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import HostStorage
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import (
    SharedLook,
    UseIndex,
    Uses,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import APPLIANCE_PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import Definition
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool, Volume

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    Host = t.Callable[[str], Connection]

POOL = (
    """<pool type='dir'><name>{name}</name><target><path>{path}</path></target>{volumes}</pool>"""
)
VOLUME = """<volume type='file'><name>{name}</name><capacity>1048576</capacity><allocation>0</allocation>
<target><path>{folder}/{name}</path><format type='qcow2'/></target>{below}</volume>"""
BELOW = "<backingStore><path>{path}</path><format type='qcow2'/></backingStore>"
DOMAIN = """<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
<test:runstate>{state}</test:runstate><name>{name}</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
<devices>{disks}</devices>{snapshot}</domain>"""
DISK = """<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{path}'/>
<target dev='{target}' bus='virtio'/></disk>"""
OFF, RUNNING = 5, 1


def volume(name: str, below: str | None = None, folder: str = "/p") -> str:
    backing = "" if below is None else BELOW.format(path=below)
    return VOLUME.format(name=name, folder=folder, below=backing)


def pool(name: str, path: str, *volumes: str) -> str:
    return POOL.format(name=name, path=path, volumes="".join(volumes))


def guest(
    name: str, path: str, *, state: int = OFF, declared: str = "qcow2", snapshot: str = ""
) -> str:
    disks = DISK.format(path=path, target="vda", format=declared)
    return DOMAIN.format(name=name, state=state, disks=disks, snapshot=snapshot)


def users_of(connection: Connection, pool_name: str, name: str) -> list[str]:
    return [str(user) for user in Uses(connection).index.users_of(VolumeRef(pool_name, name))]


def owned(connection: Connection) -> tuple[list[str], dict[str, str]]:
    """Names of the volumes of the machine `owner` that would be removed with it, and why others stay."""
    definition = domains.read_definition(domains.look_up(connection, "owner"))
    volumes = Uses(connection).sort_owned(definition)
    return [ref.name for ref in volumes.remove], {
        ref.name: reason for ref, reason in volumes.keep.items()
    }


def test_a_machine_that_is_removed_takes_nothing_from_others(host: Host) -> None:
    """F1: an overlay in another pool, the same file under another spelling, a shareable disk by its volume's name."""
    assert owned(host("removal")) == (
        [],
        {
            "owner.vda.qcow2": "the domain 'child-in-other-pool', the volume 'slow/child.qcow2' use it",
            "owner.vdb.qcow2": "it is a shared disk",
            "owner.vdc.qcow2": "the domain 'same-file-other-path' uses it",
        },
    )


def test_the_pool_of_a_stranger_that_is_off_holds_nobody_up(host: Host) -> None:
    """F6: what cannot be read is in use only where it could be the same file."""
    connection = host("inactive_pool")
    connection.handle.storagePoolLookupByName("usb-backup").destroy()
    assert owned(connection) == (["owner.vda.qcow2"], {})
    index = Uses(connection).index
    for file in (VolumeRef("usb-backup", "archive.img"), "/media/usb/archive.img"):
        assert [str(user) for user in index.users_of(file)] == ["the domain 'stranger'"]
    with pytest.raises(Conflict, match="virsh pool-start usb-backup"):
        index.sort_by_depth([VolumeRef("usb-backup", "archive.img")])


def test_a_domain_that_is_off_needs_all_that_its_volumes_stand_on(host: Host) -> None:
    connection = host(
        pool("p", "/p", volume("base"), volume("mid", "/q/low", "/p"))
        + pool("q", "/q", volume("low", "/p/base", "/q"))
        + guest("child", "/p/mid")
    )
    assert users_of(connection, "p", "base") == [
        "the domain 'child'",
        "the volume 'p/mid'",
        "the volume 'q/low'",
    ]
    assert users_of(connection, "p", "mid") == ["the domain 'child'"]


def test_a_file_is_needed_in_which_another_image_keeps_its_data(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F1: by whoever has the image as a qcow2, and by its volume."""
    connection = host(
        pool("p", "/p", volume("data"), volume("top")) + guest("a", "/elsewhere/own.qcow2")
    )
    data_files = {"/p/top": "/p/data", "/elsewhere/own.qcow2": "/p/data"}
    monkeypatch.setattr(Files, "read_data_file", lambda _self, path: data_files.get(path))
    assert users_of(connection, "p", "data") == ["the domain 'a'", "the volume 'p/top'"]
    index = Uses(connection).index
    refs = [VolumeRef("p", "data"), VolumeRef("p", "top")]
    assert index.sort_by_depth(refs) == refs[::-1]


def test_a_pool_needs_what_it_is_made_of(host: Host) -> None:
    """F1: also one that is not active."""
    archive = (
        "<pool type='fs'><name>archive</name><source><device path='/p/disk'/></source>"
        "<target><path>/mnt</path></target></pool>"
    )
    connection = host(pool("p", "/p", volume("disk")) + archive)
    connection.handle.storagePoolLookupByName("archive").destroy()
    assert users_of(connection, "p", "disk") == ["the pool 'archive'"]


def test_what_is_defined_and_what_runs_count_both(host: Host) -> None:
    connection = host(pool("p", "/p", volume("old"), volume("new")) + guest("a", "/p/old", state=1))
    domain = domains.look_up(connection, "a")
    domains.define(connection, domains.read_definition_xml(domain).replace("/p/old", "/p/new"))
    assert users_of(connection, "p", "old") == ["the domain 'a'"]
    assert users_of(connection, "p", "new") == ["the domain 'a'"]


def test_a_snapshot_needs_the_disks_of_its_time(host: Host) -> None:
    connection = host(pool("p", "/p", volume("old"), volume("new")) + guest("a", "/p/old"))
    domain = domains.look_up(connection, "a")
    domain.snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>", 0)
    text = domains.read_definition_xml(domain)
    domains.define(connection, text.replace("/p/old", "/p/new"))
    assert users_of(connection, "p", "old") == ["the snapshot 's' of the domain 'a'"]
    assert users_of(connection, "p", "new") == ["the domain 'a'"]


def test_a_machine_s_volume_with_the_catalogue_s_prefix_is_its_own(host: Host) -> None:
    """S14: only what the catalogue can call so stays for an appliance."""
    names = ("headroom-appliance.sneaky.vda.qcow2", "headroom-appliance.web@1.0.manifest.json")
    index = Uses(host(pool("p", "/p", *map(volume, names)))).index
    assert [index.explain_keep(VolumeRef("p", name)) for name in names] == [
        None,
        "it belongs to an appliance",
    ]


def test_what_was_probed_in_a_raw_disk_is_not_believed(host: Host) -> None:
    """S18: a guest writes a header into its raw disk that names the disk of another one."""
    storage = pool("p", "/p", volume("base"), volume("evil", "/p/base"))
    assert users_of(host(storage), "p", "base") == ["the volume 'p/evil'"]
    assert users_of(host(storage + guest("a", "/p/evil", declared="raw")), "p", "base") == []
    assert users_of(host(storage + guest("a", "/p/evil")), "p", "base") == [
        "the domain 'a'",
        "the volume 'p/evil'",
    ]


def test_a_raw_disk_disowns_nothing_for_others(host: Host) -> None:
    """What a raw disk claims about another image's format does not hide what that image stands on."""
    storage = pool(
        "p", "/p", volume("base"), volume("child", "/p/base"), volume("evil", "/p/child")
    )
    connection = host(storage + guest("a", "/p/evil", declared="raw"))
    assert users_of(connection, "p", "base") == ["the volume 'p/child'"]


def test_one_file_in_two_pools_is_one_file(host: Host) -> None:
    connection = host(
        pool("p", "/p", volume("base"), volume("top", "/p/base"))
        + pool("same", "/q", volume("base", folder="/p/"), volume("top", "/p/base", "/p/"))
        + guest("a", "/p/top")
    )
    index = Uses(connection).index
    assert [str(user) for user in index.users_of(VolumeRef("same", "base"))] == [
        "the domain 'a'",
        "the volume 'p/top'",
    ]
    without: set[str | VolumeRef] = {
        domains.look_up(connection, "a").UUIDString(),
        VolumeRef("same", "top"),
    }
    assert index.users_of(VolumeRef("p", "base"), without) == []


CHAIN = [VolumeRef("p", name) for name in "abc"]


@given(
    refs=st.permutations([*CHAIN, VolumeRef("p", f"{APPLIANCE_PREFIX}x@1")]),
    used=st.dictionaries(st.sampled_from(["/p/a", "/p//b", "/p/c"]), st.just("db-1")),
    shareable=st.sets(st.sampled_from(["/p/a", "/p/./b", "/p/c"])),
)
def test_only_what_nobody_else_needs_is_removed(
    refs: list[VolumeRef], used: dict[str, str], shareable: set[str]
) -> None:
    """c stands on b, and b on a: what stays keeps all that it stands on."""
    below = {"b": "/p/a", "c": "/p/b"}
    volumes = {
        ref: Volume(ref.name, f"/p/{ref.name}", "qcow2", backing_path=below.get(ref.name))
        for ref in refs
    }
    storage = HostStorage({"p": Pool("p", "dir", "/p", 0)}, volumes, Files(is_local=False))
    own = Definition("web-1", "u-1", metadata=Metadata(volumes=tuple(refs)))
    own_disks = [
        DiskLayers("vda", (Layer("file", path),), is_shareable=True) for path in sorted(shareable)
    ]
    needs = [
        Need(User("domain", "web-1", "u-1"), tuple(own_disks)),
        *(
            Need(User("domain", name, "u-2"), (DiskLayers("vda", (Layer("file", path),)),))
            for path, name in used.items()
        ),
    ]
    result = UseIndex(storage, needs).sort_owned(own, own_disks)
    assert set(result.remove) | result.keep.keys() == set(refs)
    kept = {ref.name for ref in result.keep}
    needed = {path[-1] for path in {*used, *shareable}}
    assert needed <= kept
    assert kept - {f"{APPLIANCE_PREFIX}x@1"} == set(
        "abc"[: "abc".find(max(needed)) + 1] if needed else ""
    )
    assert [ref.name for ref in result.remove] == sorted(
        (ref.name for ref in result.remove), reverse=True
    )


def count_calls(act: t.Callable[[], object]) -> collections.Counter[str]:
    """Return how often each of libvirt's functions that ask the daemon is called."""
    calls: collections.Counter[str] = collections.Counter()

    def count(_frame: object, event: str, function: t.Any) -> None:
        if event == "c_call" and getattr(function, "__module__", None) == "libvirtmod":
            calls[function.__name__] += 1

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    for name in list(calls):  # what the library answers by itself
        if name.endswith(("GetName", "GetUUIDString", "Free", "virGetLastError")):
            del calls[name]
    return calls


def test_a_look_costs_the_same_for_one_volume_and_for_all(host: Host) -> None:
    """100 domains, half of them running, 3 pools, 100 volumes: 267 calls, however many volumes are asked for."""
    pools = [
        pool(
            f"p{number}",
            f"/p{number}",
            *(volume(f"v{index}", folder=f"/p{number}") for index in numbers),
        )
        for number, numbers in enumerate((range(34), range(34, 67), range(67, 100)))
    ]
    places = {index: (0 if index < 34 else 1 if index < 67 else 2) for index in range(100)}
    guests = [
        guest(f"g{index}", f"/p{places[index]}/v{index}", state=RUNNING if index % 2 else OFF)
        for index in range(100)
    ]
    connection = host("".join(pools + guests))

    def look(number: int) -> None:
        uses = Uses(connection)
        for index in range(number):
            assert users_of_index(uses, places[index], index) == [f"the domain 'g{index}'"]

    def users_of_index(uses: Uses, place: int, index: int) -> list[str]:
        return [str(user) for user in uses.index.users_of(VolumeRef(f"p{place}", f"v{index}"))]

    calls = count_calls(lambda: look(1))
    assert calls == {
        "virConnectListAllStoragePools": 1,
        "virStoragePoolGetXMLDesc": 3,
        "virStoragePoolIsActive": 3,
        "virStoragePoolRefresh": 3,
        "virStoragePoolListAllVolumes": 3,
        "virStorageVolGetXMLDesc": 100,
        "virConnectListAllDomains": 4,
        "virDomainGetXMLDesc": 150,
    }
    assert sum(calls.values()) == 267
    assert count_calls(lambda: look(100)) == calls


def test_threads_that_wait_share_a_look() -> None:
    """Each gets what was read after it asked: the first look is too old for those that came while it was under way."""
    index = UseIndex(HostStorage({}, {}, Files(is_local=False)), ())
    began, may_end = threading.Event(), threading.Event()
    looks: list[None] = []

    def look() -> UseIndex:
        looks.append(None)
        began.set()
        assert may_end.wait(10)
        return index

    shared = SharedLook(look)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(shared.read)
        assert began.wait(10)
        others = [pool.submit(shared.read) for _unused in range(7)]
        while shared.asked_count < 8:
            time.sleep(0.001)
        may_end.set()
        assert [future.result() for future in [first, *others]] == [index] * 8
    assert len(looks) == 2
    assert shared.read() is index
    assert len(looks) == 3
