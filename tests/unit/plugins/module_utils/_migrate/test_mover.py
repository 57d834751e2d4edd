# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import Endpoints
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.facts import GuestState
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import make_intent
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.mover import Mover
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
DOMAIN = f"""<domain type='test'><name>a</name><uuid>{UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/snapshot.qcow2'/>
<target dev='vda'/></disk></devices></domain>"""


@pytest.fixture
def mover(node: Connection) -> Mover:
    disk = SourceDisk("vda", "disk", "/images/a.qcow2", "qcow2", 4096, 4096, "default")
    planned = plan.make_plan(
        Guest("a", UUID, True, 4096, (disk,)),
        Request("qemu+ssh://b/system", mode="streaming"),
        [Pool("default", "dir", "/images", 1 << 30)],
    )
    intent = make_intent(
        planned,
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={},
    )
    transaction = t.cast("t.Any", None)  # a look writes nothing down
    return Mover(Endpoints(node, node, UUID), planned, GuestState(), intent, transaction, 0.0)


def test_a_snapshot_of_somebody_else_is_seen_while_the_guest_leaves(
    node: Connection, mover: Mover
) -> None:
    node.handle.defineXMLFlags(DOMAIN, 0)
    with pytest.raises(Conflict, match="changed what the disks vda"):
        mover.check_disks_of_leaving({"vda": "/images/a.overlay"})


def test_a_guest_that_has_left_already_is_none_that_has_gone(
    node: Connection, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small guest has switched over, and libvirt has undefined it at its source, before the look or within it."""
    mover.check_disks_of_leaving({})
    domain = node.handle.defineXMLFlags(DOMAIN, 0)

    def find_leaving(_connection: Connection, _uuid: str) -> t.Any:
        domain.undefineFlags(0)
        return domain

    monkeypatch.setattr(domains, "look_up_uuid", find_leaving)
    mover.check_disks_of_leaving({"vda": "/images/a.overlay"})
