# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import finish, plan
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import Endpoints
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
    Intent,
    make_intent,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
DISK, SEED = "a.qcow2", "a.seed.iso"


def intent(**options: t.Any) -> Intent:
    disks = (
        SourceDisk("vda", "disk", f"/images/{DISK}", "qcow2", 4096, 4096, "default"),
        SourceDisk("sda", "cdrom", f"/images/{SEED}", pool="default", is_own=True),
    )
    return make_intent(
        plan.make_plan(
            Guest("a", UUID, True, 4096, disks),
            Request("qemu+ssh://b/system", mode="precopy", **options),
            [Pool("default", "dir", "/images", 1 << 30)],
        ),
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={},
    )


def complete(node: Connection, migration: Intent) -> tuple[set[str], dict[str, str]]:
    pool = storage.look_up_pool(node, "default")
    for name in (DISK, SEED):
        new = storage_xml.NewVolume(name, 4096, format="raw")
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    kept = finish.complete(Endpoints(node, node, UUID), migration, 0)
    return {volume.name() for volume in storage.list_volumes(pool)}, kept


def test_what_belongs_to_the_machine_alone_leaves_nothing_on_the_source(node: Connection) -> None:
    """F3: a seed holds secrets, whatever is to become of the disks."""
    assert complete(node, intent()) == (
        {DISK},
        {f"/images/{DISK}": "remove_source_volumes is not set"},
    )


def test_nothing_stays_where_all_is_to_go(node: Connection) -> None:
    assert complete(node, intent(remove_source_volumes=True)) == (set(), {})


def test_it_stays_with_a_definition_that_stays_and_is_told(node: Connection) -> None:
    names, kept = complete(node, intent(undefine_source=False))
    assert names == {DISK, SEED}
    assert "undefine_source is false" in kept[f"/images/{SEED}"]


@pytest.mark.parametrize("name", [SEED, DISK])
def test_what_it_brought_is_read_from_the_journal_as_it_was(name: str) -> None:
    migration = intent()
    assert Intent.from_dict(migration.as_dict()) == migration
    paths = {disk.source_path for disk in migration.disks_to_move}
    assert f"/images/{name}" in paths
