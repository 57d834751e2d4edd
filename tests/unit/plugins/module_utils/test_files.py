# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import write_atomically

if t.TYPE_CHECKING:
    from pathlib import Path


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
