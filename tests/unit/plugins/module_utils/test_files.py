# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ForeignFile,
    check_folder,
    ensure_private_folder,
    find_runtime_folder,
    open_own,
    read_own,
    write_atomically,
)

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of another user need root")


def test_a_file_is_made_with_its_directories_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.prom"
    for text in ("old\n", "new ü\n"):
        write_atomically("path", str(file), text, 0o644)
        assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EROFS, InvalidInput)],
)
def test_a_failure_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[HeadroomError]
) -> None:
    file = tmp_path / "b.prom"
    file.write_text("old\n")

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error, match="path: "):
        write_atomically("path", str(file), "new\n", 0o644)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("b.prom", "old\n")]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in ("relative.prom", str(tmp_path)):
        with pytest.raises(InvalidInput, match="is not the absolute path of a file"):
            write_atomically("path", path, "", 0o644)


@pytest.fixture
def shared() -> t.Iterator[Path]:
    """A folder like /tmp."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        yield Path(name)


def test_a_file_of_one_s_own_is_opened_and_made_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    os.close(open_own(file, os.O_RDWR | os.O_CREAT))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("text")
    assert read_own(file) == b"text"
    os.close(open_own(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    assert file.read_text() == ""


def make_foreign(path: Path, kind: str) -> None:
    """Put there what another user could have, with a victim's file beside it."""
    victim = path.with_name("victim")
    victim.write_text("precious")
    if kind == "symbolic link":
        path.symlink_to(victim)
    elif kind == "hard link":
        path.hardlink_to(victim)
    elif kind == "not a regular file":
        os.mkfifo(path)
    else:
        path.write_text("theirs")
        path.chmod(0o666)
        if kind == "belongs to another user":
            os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "kind",
    [
        "symbolic link",
        "hard link",
        "not a regular file",
        "may be written by every user",
        pytest.param("belongs to another user", marks=needs_root),
    ],
)
def test_what_others_put_there_is_neither_written_nor_believed(shared: Path, kind: str) -> None:
    file = shared / "file"
    make_foreign(file, kind)
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        with pytest.raises(ForeignFile, match=kind):
            open_own(file, flags)
    assert (shared / "victim").read_text() == "precious"
    if kind != "not a regular file":
        assert file.read_text() in ("precious", "theirs")


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "may be written by every user"])
def test_a_file_is_replaced_and_what_it_leads_to_is_not(shared: Path, kind: str) -> None:
    make_foreign(shared / "file", kind)
    write_atomically("dest", str(shared / "file"), "report", 0o644)
    assert (shared / "victim").read_text() == "precious"
    assert read_own(shared / "file") == b"report"


@needs_root
def test_a_path_through_another_user_s_link_is_refused(shared: Path, tmp_path: Path) -> None:
    (shared / "link").symlink_to(tmp_path)
    check_folder(shared / "link")
    os.lchown(shared / "link", NOBODY, NOBODY)
    with pytest.raises(ForeignFile, match="a symbolic link of another user"):
        check_folder(shared / "link")
    with pytest.raises(InvalidInput, match=r"dest: .* a symbolic link of another user"):
        write_atomically("dest", str(shared / "link" / "report.html"), "report", 0o644)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_others_write_is_told(shared: Path, tmp_path: Path) -> None:
    check_folder(shared)
    check_folder(tmp_path, may_be_shared=False)
    with pytest.raises(ForeignFile, match="in which every user may write"):
        check_folder(shared, may_be_shared=False)
    (shared / "own").mkdir()
    check_folder(shared / "own", may_be_shared=False)
    shared.chmod(0o777)
    with pytest.raises(ForeignFile, match="in which every user may move things"):
        check_folder(shared / "own", may_be_shared=False)


@needs_root
def test_a_folder_of_another_user_is_told(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    with pytest.raises(ForeignFile, match="belongs to another user"):
        check_folder(tmp_path, may_be_shared=False)
    with pytest.raises(ForeignFile, match="belongs to another user"):
        ensure_private_folder(tmp_path)


def test_a_private_folder_is_nobody_else_s(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    ensure_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    ensure_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError, match="link"):
        ensure_private_folder(tmp_path / "link")


def test_what_lives_as_long_as_a_task_lies_in_a_place_of_one_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert find_runtime_folder() == Path("/run/headroom")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert find_runtime_folder() == Path("/run/user/1000/headroom")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert find_runtime_folder() == Path("/home/someone/.local/state/headroom")
