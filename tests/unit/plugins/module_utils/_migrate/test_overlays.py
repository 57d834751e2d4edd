# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import overlays as layering
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import overlays, plan
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
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
BASE, OVERLAY = "a.qcow2", "a.qcow2.headroom-f00.overlay"
LOWER = """<backingStore type='file'><format type='qcow2'/><source file='/images/a.qcow2'/><backingStore/>
</backingStore>"""
DOMAIN = f"""<domain type='test'><name>a</name><uuid>{UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{{top}}'/>{{lower}}
<target dev='vda'/></disk></devices></domain>"""


@pytest.fixture
def intent() -> Intent:
    disk = SourceDisk("vda", "disk", f"/images/{BASE}", "qcow2", 4096, 4096, "default")
    return make_intent(
        plan.make_plan(
            Guest("a", UUID, True, 4096, (disk,)),
            Request("qemu+ssh://b/system", mode="streaming"),
            [Pool("default", "dir", "/images", 1 << 30)],
        ),
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={},
    )


@pytest.fixture
def ends(node: Connection) -> Endpoints:
    """A source on which a run that broke off has left an overlay."""
    pool = storage.look_up_pool(node, "default")
    for name, backing in ((BASE, None), (OVERLAY, f"/images/{BASE}")):
        new = storage_xml.NewVolume(name, 4096, backing_path=backing, backing_format="qcow2")
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    return Endpoints(node, node, UUID)


def volumes(ends: Endpoints) -> set[str]:
    pool = storage.look_up_pool(ends.source, "default")
    return {volume.name() for volume in storage.list_volumes(pool)}


def test_a_guest_that_is_off_keeps_its_overlay_and_is_told_of(
    ends: Endpoints, intent: Intent
) -> None:
    """D16: the overlay is a part of its disk; nobody would find it again if the record ended."""
    domains.define(ends.source, DOMAIN.format(top=OVERLAY, lower=LOWER))
    with pytest.raises(Conflict, match=r"Start it \(virsh start a\)") as raised:
        overlays.thaw(ends, intent)
    assert raised.value.details["paths"] == [f"/images/{OVERLAY}", f"/images/{BASE}"]
    assert volumes(ends) == {BASE, OVERLAY}


def test_a_guest_that_is_gone_leaves_its_overlay_to_whoever_removed_it(
    ends: Endpoints, intent: Intent
) -> None:
    with pytest.raises(Conflict, match="Both stay"):
        overlays.thaw(ends, intent)
    assert volumes(ends) == {BASE, OVERLAY}


def test_an_overlay_on_which_no_guest_stands_goes(ends: Endpoints, intent: Intent) -> None:
    domains.define(ends.source, DOMAIN.format(top=BASE, lower=""))
    overlays.thaw(ends, intent)
    assert volumes(ends) == {BASE}


def test_what_a_guest_that_is_gone_left_ends_with_its_files(
    ends: Endpoints, intent: Intent
) -> None:
    storage.delete(storage.look_up_volume(storage.look_up_pool(ends.source, "default"), OVERLAY))
    overlays.thaw(ends, intent)
    assert volumes(ends) == {BASE}


@pytest.mark.parametrize("running", [True, False])
def test_an_overlay_that_a_snapshot_holds_is_not_merged(
    ends: Endpoints, intent: Intent, running: bool
) -> None:
    """D14: an internal snapshot lies in the overlay itself, and would be lost."""
    domain = domains.define(ends.source, DOMAIN.format(top=OVERLAY, lower=LOWER))
    domain.snapshotCreateXML("<domainsnapshot><name>nightly</name></domainsnapshot>", 0)
    if running:
        domains.start(domain)
    with pytest.raises(Conflict, match="virsh snapshot-delete a nightly") as raised:
        overlays.thaw(ends, intent)
    assert raised.value.details["snapshots"] == ["nightly"]
    assert volumes(ends) == {BASE, OVERLAY}


def test_only_snapshots_that_name_the_overlay_hold_it() -> None:
    text = "<domainsnapshot><name>{}</name>{}</domainsnapshot>"
    texts = [
        text.format("old", DOMAIN.format(top=BASE, lower="")),
        text.format("internal", DOMAIN.format(top=OVERLAY, lower=LOWER)),
        text.format(
            "beside",
            "<disks><disk name='vda' snapshot='external'><source file='/images/nightly'/></disk></disks>"
            + DOMAIN.format(top=OVERLAY, lower=""),
        ),
    ]
    assert layering.find_holders(texts, f"/images/{OVERLAY}") == ["internal", "beside"]
