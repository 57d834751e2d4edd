# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures that broke off, on libvirt's test driver."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import capture, live
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    Journal,
    Record,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

OVERLAY = "headroom-capture.a.tok.vda.qcow2"
DOMAIN = """<domain type='test'><name>a</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{top}'/>{below}
<target dev='vda'/></disk></devices></domain>"""
BELOW = f"""<backingStore type='file'><format type='qcow2'/><source file='/images/{OVERLAY}'/>
<backingStore type='file'><format type='qcow2'/><source file='/images/a.qcow2'/><backingStore/></backingStore>
</backingStore>"""
NBD = """<backingStore type='network'><format type='raw'/><source protocol='nbd' name='0123456789abcdef-vda'>
<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"""


@pytest.fixture
def record(node: Connection) -> Record:
    """A capture that froze the disk of `a`, whose overlay somebody has put a snapshot over."""
    pool = storage.look_up_pool(node, "default")
    below = {"a.qcow2": None, OVERLAY: "/images/a.qcow2", "nightly": f"/images/{OVERLAY}"}
    for name, backing in below.items():
        new = storage_xml.NewVolume(name, 4096, backing_path=backing, backing_format="qcow2")
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    facts = {"pool": "default", "name": OVERLAY, "target": "vda", "path": f"/images/{OVERLAY}"}
    return Record("1", live.KIND, "a", {"uri": node.uri}, (Step("overlay", facts, "done"),))


def volumes(node: Connection) -> set[str]:
    return {volume.name() for volume in storage.list_volumes(storage.look_up_pool(node, "default"))}


def test_an_overlay_under_somebody_elses_snapshot_stays(node: Connection, record: Record) -> None:
    """D3: a guest that is off; its XML tells nothing of what is below the snapshot."""
    domains.define(node, DOMAIN.format(top="nightly", below=""))
    with pytest.raises(Conflict, match="the domain 'a', the volume 'default/nightly' use it"):
        live.CaptureRecovery(node).roll_back(record)
    assert OVERLAY in volumes(node)


def test_an_overlay_that_cannot_be_merged_stays(node: Connection, record: Record) -> None:
    """D3: a guest that runs; libvirt's test driver has no block jobs, as if every merge failed."""
    domains.start(domains.define(node, DOMAIN.format(top="nightly", below=BELOW)))
    with pytest.raises(HeadroomError):
        live.CaptureRecovery(node).roll_back(record)
    assert OVERLAY in volumes(node)


def test_an_overlay_that_no_chain_holds_goes(node: Connection, record: Record) -> None:
    domains.start(domains.define(node, DOMAIN.format(top="a.qcow2", below="<backingStore/>")))
    storage.delete(storage.look_up_volume(storage.look_up_pool(node, "default"), "nightly"))
    live.CaptureRecovery(node).roll_back(record)
    assert volumes(node) == {"a.qcow2"}


def test_a_guest_that_is_still_arriving_is_not_captured(node: Connection, tmp_path: Path) -> None:
    """D2: what it still reads from its old host would be zeros in the appliance."""
    domains.define(node, DOMAIN.format(top="a.qcow2", below=NBD))
    chosen = capture.Capture("a", Journal(str(tmp_path / "journal.sqlite")), "tok")
    with (
        pytest.raises(
            Conflict, match="'a' is not whole: a part of the disk vda is still on another host"
        ),
        capture.open_capture(node, chosen, look_only=True),
    ):
        pass
