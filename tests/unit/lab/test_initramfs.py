# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import subprocess
import typing as t

import pytest

from lab.guest.initramfs import directory, executable, link, load_order, pack, plain, with_parents

if t.TYPE_CHECKING:
    from pathlib import Path


def test_modules_are_loaded_after_what_they_need_and_once() -> None:
    needs = {
        "net": ["ring", "failover"],
        "blk": ["ring"],
        "ring": ["virtio"],
        "failover": [],
        "virtio": [],
    }
    order = load_order(["blk", "net"], needs.__getitem__)
    assert order == ["virtio", "ring", "blk", "failover", "net"]


def test_folders_come_before_what_is_in_them_and_once() -> None:
    entries = with_parents([plain("/a/b/c", b""), directory("/a/b"), plain("/a/d", b"")])
    assert [entry.path for entry in entries] == ["/a", "/a/b", "/a/b/c", "/a/d"]


@pytest.mark.skipif(
    not shutil.which("cpio"), reason="cpio, which reads the archive back, is not installed"
)
def test_cpio_unpacks_the_archive(tmp_path: Path) -> None:
    entries = [
        plain("/etc/odd", b"123"),
        executable("/bin/run", b"x" * 5000),
        link("/bin/go", "run"),
    ]
    archive = pack(with_parents(entries))
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "etc/odd").read_bytes() == b"123"
    assert (tmp_path / "bin/go").read_bytes() == b"x" * 5000
    assert (tmp_path / "bin/run").stat().st_mode & 0o777 == 0o755


def test_the_archive_is_aligned_and_ended() -> None:
    archive = pack([plain("/a", b"12345")])
    assert archive.startswith(b"070701")
    assert b"TRAILER!!!" in archive
    assert len(archive) % 4 == 0
    assert archive[112:117] == b"12345"  # header of 110 bytes, name "a\0", no padding
