# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import content

if t.TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


class Receiver:
    """Takes what sparseSendAll() sends, with the protocol of libvirt-python, and builds the file from it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.holes = 0

    def sparseSendAll(  # noqa: N802
        self, handler: t.Any, hole_handler: t.Any, skip_handler: t.Any, opaque: t.Any
    ) -> None:
        while True:
            in_data, length = hole_handler(self, opaque)
            if not in_data and length > 0:
                self.content.extend(bytes(length))
                self.holes += length
                skip_handler(self, length, opaque)
                continue
            chunk = handler(self, min(length, 65536), opaque)
            if not chunk:
                return
            self.content.extend(chunk)


def send(path: Path) -> tuple[Receiver, content._FileSender]:
    descriptor = content.open_source("source.file", str(path))
    try:
        sender = content._FileSender(descriptor, os.fstat(descriptor).st_size)
        receiver = Receiver()
        sender.send(t.cast(t.Any, receiver))
    finally:
        os.close(descriptor)
    return receiver, sender


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), max_size=6),
)
def test_what_arrives_is_the_file_and_the_digest_is_of_it(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[bool, int]]
) -> None:
    path = tmp_path_factory.mktemp("image") / "disk"
    with path.open("wb") as file:
        for data, length in pieces:
            if data:
                file.write(b"x" * length)
            else:
                file.seek(length, os.SEEK_CUR)
        file.truncate(file.tell())
    receiver, sender = send(path)
    assert bytes(receiver.content) == path.read_bytes()
    assert sender.position == path.stat().st_size
    assert sender.hash.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_system_without_holes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"data" + bytes(MIB))

    def refuse(*_arguments: int) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", refuse)
    receiver, _sender = send(path)
    assert bytes(receiver.content) == path.read_bytes()
    assert receiver.holes == 0


def test_a_missing_source_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"source\.file: there is no file .*where this module runs"):
        content.open_source("source.file", str(tmp_path / "nope"))


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(HeadroomError, match="not a regular file"):
        content.open_source("source.file", str(tmp_path))
