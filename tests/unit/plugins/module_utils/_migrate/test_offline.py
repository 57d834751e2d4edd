# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import offline, plan
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import Endpoints
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import make_intent
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sparse import SparseDigest
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

SOURCE, TARGET = "/images/a.qcow2", "/fast/a.qcow2"


class Streams:
    """What is sent and read back; libvirt's test driver has no streams."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.content = self.received = b"content"
        self.modified = 1.0
        self.unknown: dict[str, str] = {}
        self.synced: list[dict[str, str]] = []
        monkeypatch.setattr(storage, "copy_sparse", lambda *_more: digest(self.content))
        monkeypatch.setattr(storage, "digest_sparse", self._read_back)
        monkeypatch.setattr(storage, "read_volume", self._describe)
        monkeypatch.setattr(durable, "make_durable", self._sync)

    def _read_back(self, _node: Connection, volume: t.Any, length: int, _go_on: t.Any) -> t.Any:
        assert (volume.path(), length) == (TARGET, len(self.content))
        return digest(self.received)

    def _describe(self, volume: t.Any) -> storage_xml.Volume:
        return storage_xml.Volume(volume.name(), modified=self.modified)

    def _sync(self, _node: Connection, formats: dict[str, str], token: str) -> dict[str, str]:
        assert token
        self.synced.append(formats)
        return self.unknown


def digest(content: bytes) -> SparseDigest:
    made = SparseDigest()
    made.add(content)
    return made


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


def copy(node: Connection, **options: t.Any) -> tuple[Endpoints, dict[str, float | None]]:
    made = plan.make_plan(
        Guest("a", "u-a", False, 4096, (SourceDisk("vda", "disk", SOURCE, "qcow2", 1, 1, "p"),)),
        Request("qemu+ssh://b/system", destination_pool="fast", **options),
        [Pool("fast", "dir", "/fast", 1 << 30)],
    )
    intent = make_intent(
        made,
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64"),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={},
    )
    for pool in ("default", "fast"):
        new = storage_xml.NewVolume("a.qcow2", 4096)
        text = storage_xml.build_volume_xml(new)
        storage.create(storage.look_up_pool(node, pool), new.name, text)
    sides = Endpoints(node, node, "u-a")
    return sides, offline.copy_volumes(sides, intent, made.volumes_to_copy)


def test_a_copy_is_read_back_and_durable(node: Connection, streams: Streams) -> None:
    sides, times = copy(node)
    assert times == {SOURCE: 1.0}
    assert streams.synced == [{TARGET: "qcow2"}]
    offline.require_unchanged(sides, times)


@pytest.mark.parametrize("received", [b"CONTENT", b"conten", b""])
def test_a_copy_that_reads_differently_is_no_success(
    node: Connection, streams: Streams, received: bytes
) -> None:
    """D12: the source is deleted after this, by default in a drain."""
    streams.received = received
    with pytest.raises(ChecksumMismatch, match=f"{TARGET} on the destination is not what was sent"):
        copy(node)
    assert streams.synced == []


def test_a_source_that_was_written_to_since_is_noticed(node: Connection, streams: Streams) -> None:
    """Somebody started the guest, and it is off again."""
    sides, times = copy(node)
    streams.modified = 2.0
    with pytest.raises(Conflict, match=f"written to {SOURCE} since it was copied"):
        offline.require_unchanged(sides, times)


def test_a_source_does_not_go_for_a_copy_that_may_not_last(
    node: Connection, streams: Streams
) -> None:
    streams.unknown = {TARGET: "its length is odd"}
    with pytest.raises(Conflict, match=r"its length is odd.*remove_source_volumes: false"):
        copy(node, remove_source_volumes=True)


def test_one_that_may_not_last_is_enough_where_the_source_stays(
    node: Connection, streams: Streams
) -> None:
    streams.unknown = {TARGET: "its length is odd"}
    assert copy(node)[1] == {SOURCE: 1.0}
