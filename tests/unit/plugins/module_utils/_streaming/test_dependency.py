# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest says what it still reads from another host, and what a move has left there is ended by that."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    dependency,
    exports,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import ExportRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

TOKEN = "0123456789abcdef"  # noqa: S105 - a part of names
MOVE = Dependency(
    "move",
    "test:///default",
    "10.0.0.1",
    49216,
    TOKEN,
    "2026-05-04T09:30:00Z",
    "5f0c9a1e",
    (RemoteDisk("vda", "/default-pool/a.qcow2", "qcow2"),),
    removes_source=True,
)
EXPORT = f"""<backingStore type='network'><format type='raw'/><source protocol='nbd' name='{TOKEN}-vda'>
<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"""
GUEST = """<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/default-pool/{name}.qcow2'/>{below}
<target dev='vda' bus='virtio'/></disk></devices></domain>"""


def define(node: Connection, name: str = "web-1", below: str = EXPORT) -> domains.Domain:
    domain = domains.define(node, GUEST.format(name=name, below=below))
    domains.set_metadata(domain, Metadata(fleet="web", dependency=MOVE))
    return domain


@pytest.fixture
def source_files(node: Connection) -> tuple[str, str]:
    """What a move of a guest has left on its source: the disk, and the overlay over it. Their paths."""
    pool = storage.look_up_pool(node, "default")
    base, overlay = "a.qcow2", f"a.qcow2.headroom-{TOKEN}.overlay"
    path = storage.read_pool(pool).path_of(base)
    for new in (
        storage_xml.NewVolume(base, 4096),
        storage_xml.NewVolume(overlay, 4096, backing_path=path, backing_format="qcow2"),
        storage_xml.NewVolume(f"{base}.headroom-fedcba9876543210.overlay", 4096),
    ):
        storage.create(pool, new.name, storage_xml.build_volume_xml(new))
    return path, storage.read_pool(pool).path_of(overlay)


def volumes(node: Connection) -> set[str]:
    pool = storage.look_up_pool(node, "default")
    return {volume.name() for volume in storage.list_volumes(pool)}


def test_a_guest_in_mid_pull_says_what_is_missing_and_from_where(node: Connection) -> None:
    domain = define(node)
    assert dependency.describe(domain) == {
        "kind": "move",
        "source_uri": "test:///default",
        "export": "headroom-export-0123456789ab",
        "address": "10.0.0.1",
        "port": 49216,
        "since": "2026-05-04T09:30:00Z",
        "operation": "5f0c9a1e",
        "disks": ["vda"],
    }


def test_what_was_recorded_goes_from_what_runs_and_from_the_definition(node: Connection) -> None:
    domain = define(node, below="<backingStore/>")
    domains.start(domain)
    remainder = dependency.find_remainder(domain)
    assert remainder is not None
    assert remainder.targets == ()
    dependency.clear(domain)
    assert dependency.find_remainder(domain) is None
    for definition in (domains.read_live(domain), domains.read_definition(domain)):
        assert definition.metadata == Metadata(fleet="web")
    dependency.clear(domain)


def test_a_guest_of_which_nothing_else_is_known_has_no_metadata_of_ours_then(
    node: Connection,
) -> None:
    domain = define(node)
    domains.set_metadata(domain, Metadata(dependency=MOVE))
    dependency.clear(domain)
    assert domains.read_metadata_xml(domain, "urn:headroom:libvirt:1") is None


def test_files_of_a_move_are_known_by_its_token_and_bases_by_their_overlays(
    node: Connection, source_files: tuple[str, str]
) -> None:
    base, overlay = source_files
    remains = dependency.find_remains(node, TOKEN)
    assert set(remains.files) == {overlay}
    assert remains.bases == {base: "qcow2"}


@pytest.mark.parametrize("with_bases", [True, False])
def test_the_end_of_a_move_takes_what_is_its_own(
    node: Connection, source_files: tuple[str, str], *, with_bases: bool
) -> None:
    base, _overlay = source_files
    kept = dependency.end_move(node, TOKEN, with_bases=with_bases)
    left = {"a.qcow2.headroom-fedcba9876543210.overlay"}
    assert volumes(node) == (left if with_bases else {"a.qcow2", *left})
    assert list(kept) == ([] if with_bases else [base])
    assert dependency.end_move(node, TOKEN, with_bases=True) == {}, "nothing says that more is ours"


def test_the_end_of_a_move_takes_nothing_that_a_guest_stands_on(
    node: Connection, source_files: tuple[str, str]
) -> None:
    base, overlay = source_files
    below = f"<backingStore type='file'><format type='qcow2'/><source file='{base}'/><backingStore/></backingStore>"
    text = GUEST.format(name="a", below=below).replace(
        "/default-pool/a.qcow2'/><back", f"{overlay}'/><back"
    )
    domains.define(node, text)
    kept = dependency.end_move(node, TOKEN, with_bases=True)
    assert set(kept) == {base, overlay}
    assert "the domain 'a' uses it" in kept[overlay]


def test_a_machine_of_a_move_reads_from_its_export(node: Connection) -> None:
    domain = define(node)
    (ref,) = exports.find_exports_of(domain)
    assert ref == ExportRef("test:///default", "headroom-export-0123456789ab", TOKEN)
    assert exports.is_needed(node, ref)
    assert exports.is_needed(node, ExportRef("another://way/to/it", ref.helper))
    assert not exports.is_needed(node, ref, without=domain.UUIDString())
