# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks in a folder that others can reach: none is in a file that another user chose (S13)."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._files import ForeignFile
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.locks import Locks

CALLS: dict[str, t.Callable[[Locks], object]] = {
    "take": lambda locks: locks.take("one"),
    "is_held": lambda locks: locks.is_held("one"),
    "reserve_room": lambda locks: locks.reserve_room("one", 4096),
    "release_room": lambda locks: locks.release_room("one"),
}
MAKERS = ["take", "reserve_room"]


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return Locks(tmp_path / "journal.sqlite.locks")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_no_lock_is_in_a_file_that_another_name_leads_to(
    call: str, link: str, locks: Locks, tmp_path: Path
) -> None:
    victim = tmp_path / "precious"
    victim.write_text("precious")
    locks.directory.mkdir(mode=0o700)
    if link == "symbolic":
        (locks.directory / "one").symlink_to(victim)
    else:
        (locks.directory / "one").hardlink_to(victim)
    with pytest.raises(ForeignFile):
        CALLS[call](locks)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("call", MAKERS)
def test_the_folder_of_locks_is_made_private_and_is_no_link(
    call: str, locks: Locks, tmp_path: Path
) -> None:
    locks.directory.mkdir()
    locks.directory.chmod(0o777)
    CALLS[call](locks)
    assert stat.S_IMODE(locks.directory.stat().st_mode) == 0o700
    elsewhere = Locks(tmp_path / "elsewhere")
    elsewhere.directory.symlink_to(locks.directory)
    with pytest.raises(OSError, match="Not a directory"):
        CALLS[call](elsewhere)


@pytest.mark.parametrize("call", MAKERS)
@pytest.mark.skipif(os.geteuid() != 0, reason="folders of another user need root")
def test_the_folder_of_locks_is_nobody_else_s(call: str, locks: Locks) -> None:
    locks.directory.mkdir(mode=0o700)
    os.chown(locks.directory, 65534, 65534)
    with pytest.raises(ForeignFile, match="belongs to another user"):
        CALLS[call](locks)


def test_room_is_kept_and_given_up(locks: Locks) -> None:
    assert locks.reserve_room("one", 4096)
    assert (locks.directory / "one").stat().st_size == 4096
    locks.release_room("one")
    assert (locks.directory / "one").stat().st_size == 0
    locks.release_room("none")
    assert list(locks.list_names()) == ["one"]
