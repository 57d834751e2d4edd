# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which exports are needed: what is not proven to be of no use to anybody stays."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
    DiskLayers,
    Layer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.look import Need, User
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import sweep
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import serialise
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    build_element,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

DIGITS = "0123456789ab"
TOKEN = DIGITS + "cdef"
NAME = f"headroom-export-{DIGITS}"
UUID = "5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55"
URI = "qemu+ssh://k2/system"
BEGAN = 1777887000.0
SINCE = "2026-05-04T09:30:00Z"
MOVE = Service(URI, UUID)
CLONES = Service(URI, since=SINCE)
OLD = BEGAN + 86400


def need(name: str, *layers: Layer, kind: str = "domain") -> Need:
    return Need(User(kind, name, UUID), (DiskLayers("vda", layers),))


TOP = Layer("file", "/images/a.qcow2")
EXPORT = Layer("network", address=f"nbd://10.0.0.1:49216/{TOKEN}-vda", export=f"{TOKEN}-vda")
READER = need("web-1", TOP, EXPORT)
LOCAL = need("web-1", TOP)
OVERLAY = Layer("file", f"/images/a.qcow2.headroom-{TOKEN}.overlay")


@pytest.mark.parametrize(
    ("service", "needs", "look", "now", "state", "reason"),
    [
        (MOVE, [], sweep.ReaderLook((READER,), frozenset({UUID})), OLD, "needed", "reads from it"),
        (CLONES, [], sweep.ReaderLook((READER,)), OLD, "needed", "reads from it"),
        (
            MOVE,
            [],
            sweep.ReaderLook((need("web-1", TOP, EXPORT, kind="snapshot of the domain"),)),
            OLD,
            "needed",
            "the snapshot of the domain 'web-1' of qemu+ssh://k2/system reads from it",
        ),
        (MOVE, [need("web-1", OVERLAY, TOP)], sweep.ReaderLook(), OLD, "needed", "under way"),
        (None, [need("web-1", OVERLAY, TOP)], sweep.ReaderLook(), OLD, "needed", "under way"),
        (None, [], sweep.ReaderLook(), OLD, "unknown", "does not say for whom"),
        (MOVE, [], sweep.ReaderLook(problem="it is away"), OLD, "unknown", "it is away"),
        (CLONES, [], sweep.ReaderLook(), BEGAN + 599, "unknown", "may just be made"),
        (CLONES, [], sweep.ReaderLook(), BEGAN - 86400, "unknown", "may just be made"),
        (Service(URI), [], sweep.ReaderLook(), OLD, "unknown", "may just be made"),
        (CLONES, [], sweep.ReaderLook(), BEGAN + 600, "unneeded", "no machine of"),
        (MOVE, [], sweep.ReaderLook(), BEGAN, "unneeded", "no machine of"),
        (
            MOVE,
            [],
            sweep.ReaderLook((LOCAL,), frozenset({UUID})),
            OLD,
            "unneeded",
            f"the machine {UUID} of {URI} has all of its disks",
        ),
    ],
)
def test_an_export_is_needed_unless_both_hosts_say_that_it_is_not(
    service: Service | None,
    needs: list[Need],
    look: sweep.ReaderLook,
    now: float,
    state: str,
    reason: str,
) -> None:
    judged = sweep.judge(NAME, service, needs, look, now)
    assert judged.state == state
    assert reason in judged.reason


def test_a_helper_on_files_of_its_own_is_no_reader() -> None:
    helper = need(NAME, Layer("file", f"/images/a.headroom-{TOKEN}.export"))
    assert sweep.judge(NAME, MOVE, [helper], sweep.ReaderLook(), OLD).state == "unneeded"


HELPER = """<domain type='test'><name>{name}</name><metadata>{metadata}</metadata><memory>8192</memory>
<os><type>hvm</type></os><devices><disk type='file' device='disk'><source file='{path}'/><target dev='vda'/></disk>
</devices></domain>"""


def serve(node: Connection, service: Service | None) -> None:
    """A helper of a move, and the files that it made."""
    pool = storage.look_up_pool(node, "default")
    base = storage.read_pool(pool).path_of("a.qcow2")
    for name, backing in (
        ("a.qcow2", None),
        (f"a.qcow2.headroom-{TOKEN}.overlay", base),
        (f"a.qcow2.headroom-{TOKEN}.export", base),
    ):
        new = storage_xml.NewVolume(
            name, 4096, backing_path=backing, backing_format=backing and "qcow2"
        )
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    metadata = "" if service is None else serialise(build_element(Metadata(service=service)))
    path = f"{base}.headroom-{TOKEN}.export"
    text = HELPER.format(name=NAME, metadata=metadata, path=path)
    blocks.create_transient_paused(node, NAME, text)


def test_what_is_for_a_machine_that_is_gone_ends_and_what_was_served_stays(
    node: Connection,
) -> None:
    serve(node, Service("test:///default", UUID))
    (state,) = sweep.judge_exports(node, OLD, 5.0)
    assert state.as_dict() == {
        "name": NAME,
        "state": "unneeded",
        "reason": "no machine of test:///default reads from it",
        "reader_uri": "test:///default",
        "reader_uuid": UUID,
        "since": None,
    }
    kept = sweep.end_export(node, NAME)
    pool = storage.look_up_pool(node, "default")
    assert {volume.name() for volume in storage.list_volumes(pool)} == {"a.qcow2"}
    assert list(kept) == [storage.read_pool(pool).path_of("a.qcow2")]
    assert domains.find(node, NAME) is None
    assert sweep.judge_exports(node, OLD, 5.0) == []


@pytest.mark.parametrize(
    "service", [None, Service("qemu:///system", UUID), Service("test:///nowhere.xml", UUID)]
)
def test_what_nobody_can_be_asked_about_stays(node: Connection, service: Service | None) -> None:
    serve(node, service)
    (state,) = sweep.judge_exports(node, OLD, 5.0)
    assert state.state == "unknown"
