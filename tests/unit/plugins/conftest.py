# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._sparse import SparseDigest
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

if t.TYPE_CHECKING:
    from pathlib import Path

_NODE = """<node>
  <network><name>default</name><bridge name='virbr0'/></network>
  <pool type='dir'><name>default</name><target><path>/images</path></target></pool>
  <pool type='dir'><name>fast</name><target><path>/fast</path></target></pool>
</node>"""


@pytest.fixture
def node(tmp_path: Path) -> t.Iterator[Connection]:
    """A host of libvirt's own test driver that this test has for itself; test:///default is shared by a process."""
    description = tmp_path / "node.xml"
    description.write_text(_NODE)
    with open_connection(f"test://{description}") as connection:
        yield connection


class MemoryStream:
    """A stream with the protocol of libvirt-python, whose other end is a byte array."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)

    def sendAll(self, handler: t.Any, opaque: t.Any) -> None:  # noqa: N802
        while chunk := handler(self, 65536, opaque):
            self.content.extend(chunk)

    def send(self, data: bytes) -> int:
        self.content.extend(data)
        return len(data)

    def sendHole(self, length: int, flags: int) -> None:  # noqa: N802
        assert flags == 0
        self.content.extend(bytes(length))

    def sparseSendAll(  # noqa: N802
        self, handler: t.Any, hole_handler: t.Any, skip_handler: t.Any, opaque: t.Any
    ) -> None:
        while True:
            in_data, length = hole_handler(self, opaque)
            if not in_data and length > 0:
                self.content.extend(bytes(length))
                skip_handler(self, length, opaque)
                continue
            chunk = handler(self, min(length, 65536), opaque)
            if not chunk:
                return
            self.content.extend(chunk)

    def recvAll(self, handler: t.Any, opaque: t.Any) -> None:  # noqa: N802
        for start in range(0, len(self.content), 65536):
            handler(self, bytes(self.content[start : start + 65536]), opaque)


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What lies in the volumes of the test driver by path; it has no streams, so these stand in for them."""
    held: dict[str, bytes] = {}

    def upload(_connection: Connection, volume: t.Any, send: t.Callable[[t.Any], None]) -> None:
        stream = MemoryStream()
        with contextlib.ExitStack() as received:
            # an upload that breaks off leaves what had arrived
            received.callback(lambda: held.__setitem__(volume.path(), bytes(stream.content)))
            send(stream)

    def download(
        _connection: Connection, volume: t.Any, receive: t.Callable[[t.Any], None]
    ) -> None:
        receive(MemoryStream(held.get(volume.path(), b"")))

    def digest(_connection: Connection, volume: t.Any, length: int, _go_on: t.Any) -> SparseDigest:
        received = SparseDigest()
        received.add(held.get(volume.path(), b"")[:length])
        return received

    def read_head(volume: t.Any, count: int) -> bytes:
        return held.get(volume.path(), b"")[:count]

    monkeypatch.setattr(storage, "digest_sparse", digest)
    monkeypatch.setattr(storage, "read_head", read_head)
    monkeypatch.setattr(durable, "make_durable", lambda *_arguments: {})
    monkeypatch.setattr(storage, "upload", upload)
    monkeypatch.setattr(storage, "download", download)
    return held
