# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a file system; whether blocks are shared for real is tested on one that can."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import reflink
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NoSpace,
    Unsupported,
)

_MIB = 1024**2


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"content")
    target.write_bytes(b"before")
    return str(source), str(target)


def answer(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the kernel answer with an error, or with success for 0."""

    def ioctl(*_arguments: object) -> int:
        if number:
            raise OSError(number, os.strerror(number))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)


def test_a_file_system_that_can_has_no_obstacle_and_no_trace(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 0)
    assert reflink.find_obstacle(files[0], str(tmp_path)) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY])
def test_one_that_cannot_is_told(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    answer(monkeypatch, number)
    assert "cannot share the blocks of" in (reflink.find_obstacle(files[0], str(tmp_path)) or "")
    with pytest.raises(Unsupported, match="Use mode: full or linked"):
        reflink.share(*files)


def test_files_of_another_machine_are_told(files: tuple[str, str], tmp_path: Path) -> None:
    assert "where this module runs" in (reflink.find_obstacle("/nonexistent", str(tmp_path)) or "")
    assert "where this module runs" in (
        reflink.find_obstacle(files[0], str(tmp_path / "none")) or ""
    )
    with pytest.raises(HeadroomError, match="No such file"):
        reflink.share(files[0], str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_full_disk_is_told(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, errno.ENOSPC)
    with pytest.raises(NoSpace, match="No space left"):
        reflink.share(*files)


@pytest.mark.parametrize("there", [0, 4096, 5_000_000], ids=["empty", "shorter", "longer"])
def test_a_copy_is_the_same_whatever_was_there_before(tmp_path: Path, there: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 4000)
    target.write_bytes(b"x" * there)
    assert reflink.copy(str(source), str(target))
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "data", [(0, 9), (0, 3, 9), (5,), ()], ids=["ends", "middle", "one", "none"]
)
def test_holes_stay_holes(tmp_path: Path, data: tuple[int, ...]) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.truncate(10 * _MIB)
        for place in data:
            file.seek(place * _MIB)
            file.write(b"d" * _MIB)
    target.write_bytes(b"x" * 2 * _MIB)
    assert reflink.copy(str(source), str(target), may_share=False)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < source.stat().st_blocks * 512 + _MIB


def test_files_are_written_back_and_those_that_cannot_be_are_left(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    reflink.write_back([files[0], "/nonexistent", files[1]]).join()
    assert synced == [(tmp_path / name).stat().st_ino for name in ("source", "target")]


def test_a_copy_of_many_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflink, "_PIECE_BYTES", 5000)
    monkeypatch.setattr(reflink, "_BUFFER_BYTES", 700)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(123_457))
    target.touch()
    assert reflink.copy(str(source), str(target), may_share=False)
    assert target.read_bytes() == source.read_bytes()


def test_what_a_call_does_not_write_is_written_by_the_next(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: write(file, data[:2], offset))
    assert reflink.copy(*files, may_share=False)
    assert Path(files[1]).read_bytes() == b"content"


def test_a_disk_that_fills_up_while_copying_is_told(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, data: bytes | memoryview, _offset: int) -> int:
        if bytes(data) == b"\0":  # what is there before the content
            return 1
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(NoSpace, match="could not take the content"):
        reflink.copy(*files, may_share=False)
