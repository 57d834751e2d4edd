# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._image.header import Backing
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import Files
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.survey import (
    find_other_base,
    read_guest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)


@pytest.mark.parametrize(
    ("named", "chain", "is_other"),
    [
        (None, [], False),
        ("/p/base", ["/p/base", "/p/lower"], False),
        ("base", ["/p/base"], False),
        ("../p//base", ["/p/base"], False),
        ("/p/base", ["/p/other"], True),
        ("/p/base", [], True),
        (None, ["/p/base"], True),
        ("nbd://192.0.2.1/x", ["nbd://192.0.2.1:10809/x"], True),
    ],
)
def test_a_copy_stands_on_what_its_definition_says(
    named: str | None, chain: t.Sequence[str], is_other: bool
) -> None:
    """B8: the guest runs by its definition, with <backingStore>, and a copy of its file by the file."""
    backing = None if named is None else Backing(named)
    assert bool(find_other_base(Files(is_local=False), "/p/top", backing, chain)) is is_other


def test_two_spellings_of_a_base_are_one(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "base")
    other = find_other_base(
        Files(is_local=True), str(tmp_path / "top"), Backing("base"), [str(tmp_path / "link")]
    )
    assert other == ()


_DOMAIN = """<domain type='test'><name>golden</name><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='images' volume='a'/>
<target dev='vda'/></disk></devices></domain>"""
_CEPH = "<source><host name='{}'/><name>vms</name></source>"
_STORE = "<source><host name='nas'/><device path='iqn.2026-01.org.example:{}'/></source>"


def add_pool(connection: Connection, kind: str, source: str) -> None:
    pool = connection.handle.storagePoolCreateXML(
        f"<pool type='{kind}'><name>images</name>{source}<target><path>/pools/images</path></target></pool>"
    )
    pool.createXML(
        "<volume><name>a</name><capacity>4096</capacity><allocation>4096</allocation></volume>"
    )


@pytest.mark.parametrize(
    ("kind", "sources", "is_shared", "probes"),
    [
        # of the test driver neither host sees what the other has
        ("dir", ("", ""), False, 1),
        ("rbd", (_CEPH.format("mon1"), _CEPH.format("mon1")), True, 0),
        ("rbd", (_CEPH.format("mon1"), _CEPH.format("mon2")), False, 0),
        ("iscsi", (_STORE.format("a"), _STORE.format("a")), True, 0),
        ("iscsi", (_STORE.format("a"), _STORE.format("b")), False, 0),
        ("logical", ("<source><name>vg</name></source>",) * 2, False, 0),
        ("mpath", ("", ""), False, 0),
    ],
)
def test_that_two_hosts_have_one_pool_is_proven_by_what_can_prove_it(
    node: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    sources: tuple[str, str],
    is_shared: bool,
    probes: int,
) -> None:
    """B11: no snapshot is made in a volume group, and a LUN that both hosts have is no other one."""
    made: list[str] = []
    create = storage.create

    def record(pool: storage.Pool, name: str, xml: str) -> storage.Volume:
        made.append(name)
        return create(pool, name, xml)

    monkeypatch.setattr(storage, "create", record)
    (tmp_path / "other.xml").write_text("<node/>")
    add_pool(node, kind, sources[0])
    domain = domains.define(node, _DOMAIN)
    with open_connection(f"test://{tmp_path / 'other.xml'}") as other:
        add_pool(other, kind, sources[1])
        (disk,) = read_guest(node, other, domain).disks
    assert (disk.exists_there, disk.shared, disk.pool_type) == (True, is_shared, kind)
    assert len(made) == probes
    volumes = storage.list_volumes(storage.look_up_pool(node, "images"))
    assert [volume.name() for volume in volumes] == ["a"]
