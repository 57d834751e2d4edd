# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports on libvirt's test driver, which has helpers and volumes, and no backups: what begins there is undone."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    Helper,
    Platform,
    Served,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

NAME = "headroom-export-0123456789ab"


def helper(pool: storage_xml.Pool) -> Helper:
    """Serves an overlay on base.qcow2, and golden.qcow2 as it is."""
    disks = (
        Served("t-vda", pool.path_of("o"), "qcow2", pool.path_of("s"), pool.path_of("base.qcow2")),
        Served("t-vdb", pool.path_of("golden.qcow2"), "qcow2", pool.path_of("z")),
    )
    return Helper(NAME, "Serves", Platform("test", "i686"), disks, "10.0.0.1")


@pytest.fixture
def served(node: Connection) -> Helper:
    pool = storage.look_up_pool(node, "default")
    for name in ("base.qcow2", "golden.qcow2"):
        storage.create(pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, 4096)))
    return helper(storage.read_pool(pool))


def names(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the names of the domains and of the volumes."""
    pool = storage.look_up_pool(connection, "default")
    return (
        {domain.name() for domain in domains.list_all(connection)},
        {volume.name() for volume in storage.list_volumes(pool)},
    )


def test_what_cannot_be_served_leaves_nothing(node: Connection, served: Helper) -> None:
    before = names(node)
    with pytest.raises(HeadroomError, match="export the disks"):
        serve.start(node, served, range(10809, 10811))
    assert names(node) == before
    with pytest.raises(HeadroomError, match="export the disks"):
        serve.ensure(node, served, 10809)
    assert names(node) == before
    assert not serve.is_served(node, NAME)


def test_an_export_that_runs_stays_and_its_end_leaves_the_disks(
    node: Connection, served: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(blocks, "begin_backup", lambda _domain, xml: begun.append(xml))
    monkeypatch.setattr(blocks, "read_backup_xml", lambda _domain: "exportname='0123456789ab…-vda'")
    domains_before, volumes_before = names(node)
    assert serve.start(node, served, (10809,)) == 10809
    assert names(node) == (domains_before | {NAME}, volumes_before | {"o"})
    assert serve.is_served(node, NAME)
    serve.ensure(node, served, 10809)
    assert len(begun) == 1, "what is served is left alone"
    serve.stop(node, NAME, served.leftover_paths)
    assert names(node) == (domains_before, volumes_before)
    serve.stop(node, NAME, served.leftover_paths)


def test_a_guest_that_is_called_like_a_helper_is_never_ended(
    node: Connection, served: Helper
) -> None:
    """S14: whoever may create a domain may call it so."""
    guest = domains.define(
        node,
        f"<domain type='test'><name>{NAME}</name><memory unit='MiB'>64</memory>"
        "<os><type arch='i686'>hvm</type></os></domain>",
    )
    domains.start(guest)
    told = f"'{NAME}' is called like one .* Rename it"
    with pytest.raises(Conflict, match=told):
        serve.stop(node, NAME, served.leftover_paths)
    with pytest.raises(Conflict, match=told):
        serve.ensure(node, served, 10809)
    assert domains.is_active(domains.look_up(node, NAME))


def test_a_helper_without_a_backup_is_made_anew(
    node: Connection, served: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "begin_backup", lambda _domain, _xml: None)
    serve.start(node, served, (10809,))
    first = domains.look_up(node, NAME).UUIDString()
    assert not serve.is_served(node, NAME)
    serve.ensure(node, served, 10809)
    assert domains.look_up(node, NAME).UUIDString() != first


def test_a_base_that_is_gone_is_told(node: Connection) -> None:
    lost = helper(storage.read_pool(storage.look_up_pool(node, "default")))
    with pytest.raises(NotFound, match=r"base\.qcow2 is in no active pool"):
        serve.start(node, lost, (10809,))


def test_a_helper_is_what_its_host_can_run(node: Connection) -> None:
    assert serve.choose_platform(node, "i686") == Platform("test", "i686")
    assert serve.choose_platform(node, "s390x").arch == "i686"
