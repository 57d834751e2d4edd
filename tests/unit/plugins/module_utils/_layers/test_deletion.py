# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

REF = VolumeRef("default", "a.qcow2")
DOMAIN = """<domain type='test'><name>child</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/a.qcow2'/>
<target dev='vda'/></disk></devices></domain>"""


@pytest.mark.parametrize("held_up", [True, False])
def test_a_task_that_was_held_up_looks_again_before_it_deletes(
    node: Connection, held_up: bool
) -> None:
    """F1: somebody has put another machine on the volume since the look."""
    pool = storage.look_up_pool(node, REF.pool)
    storage.create(pool, REF.name, storage_xml.build_volume_xml(storage_xml.NewVolume(REF.name, 1)))
    index = Uses(node).index
    assert index.look_seconds > 0
    if held_up:
        index.made_at -= 60
        domains.define(node, DOMAIN)
    keep = deletion.delete_volumes(node, [REF], index=index)
    expected = {REF: "the domain 'child' uses it"} if held_up else {}
    assert keep == expected
    assert (deletion.find_volume(node, REF) is not None) == held_up


def test_a_fresh_look_saves_another(node: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = storage.look_up_pool(node, REF.pool)
    storage.create(pool, REF.name, storage_xml.build_volume_xml(storage_xml.NewVolume(REF.name, 1)))
    index = Uses(node).index
    index.made_at += 60  # however busy this machine is
    monkeypatch.setattr(deletion, "Uses", pytest.fail)
    assert deletion.delete_volumes(node, [REF], index=index) == {}


@pytest.mark.parametrize(("age_seconds", "is_new"), [(30.0, False), (90.0, True)])
def test_a_look_may_be_as_old_as_it_took(
    node: Connection, monkeypatch: pytest.MonkeyPatch, age_seconds: float, is_new: bool
) -> None:
    pool = storage.look_up_pool(node, REF.pool)
    storage.create(pool, REF.name, storage_xml.build_volume_xml(storage_xml.NewVolume(REF.name, 1)))
    index, looks = Uses(node).index, []
    index.made_at -= age_seconds
    index.look_seconds = 60.0

    def look(connection: Connection) -> Uses:
        looks.append(connection)
        return Uses(connection)

    monkeypatch.setattr(deletion, "Uses", look)
    assert deletion.delete_volumes(node, [REF], index=index) == {}
    assert bool(looks) is is_new


class FakeClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.mark.parametrize(("until", "is_deleted"), [(30.0, True), (90.0, False)])
def test_an_image_in_ceph_that_has_just_lost_its_user_is_waited_for(
    node: Connection, monkeypatch: pytest.MonkeyPatch, until: float, is_deleted: bool
) -> None:
    clock, pool = FakeClock(), storage.look_up_pool(node, REF.pool)
    storage.create(pool, REF.name, storage_xml.build_volume_xml(storage_xml.NewVolume(REF.name, 1)))
    monkeypatch.setattr(deletion, "SYSTEM_CLOCK", clock)

    def delete(volume: storage.Volume) -> None:
        if clock.now() < until:
            raise LibvirtFailed("could not delete: failed to remove volume 'p/a': No such file")
        storage.delete(volume)

    if is_deleted:
        assert deletion.delete_volumes(node, [REF], delete=delete) == {}
    else:
        with pytest.raises(LibvirtFailed, match="failed to remove volume"):
            deletion.delete_volumes(node, [REF], delete=delete)
    assert (storage.find_volume(pool, REF.name) is None) is is_deleted
    assert clock.now() < 60


def test_who_came_while_a_user_was_waited_for_keeps_the_volume(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = storage.look_up_pool(node, REF.pool)
    storage.create(pool, REF.name, storage_xml.build_volume_xml(storage_xml.NewVolume(REF.name, 1)))
    monkeypatch.setattr(deletion, "SYSTEM_CLOCK", FakeClock())
    monkeypatch.setattr(deletion, "_FRESH_SECONDS", 0.0)
    index = Uses(node).index
    index.look_seconds = 0.0

    def delete(volume: storage.Volume) -> None:
        if domains.find(node, "child") is None:
            domains.define(node, DOMAIN)
            raise LibvirtFailed("could not delete: failed to remove volume 'p/a': No such file")
        storage.delete(volume)

    keep = deletion.delete_volumes(node, [REF], index=index, delete=delete)
    assert keep == {REF: "the domain 'child' uses it"}
    assert storage.find_volume(pool, REF.name) is not None
