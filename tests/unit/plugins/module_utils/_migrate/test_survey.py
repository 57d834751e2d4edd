# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._image.header import Backing
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import Files
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.survey import (
    find_other_base,
)


@pytest.mark.parametrize(
    ("named", "chain", "is_other"),
    [
        (None, [], False),
        ("/p/base", ["/p/base", "/p/lower"], False),
        ("base", ["/p/base"], False),
        ("../p//base", ["/p/base"], False),
        ("/p/base", ["/p/other"], True),
        ("/p/base", [], True),
        (None, ["/p/base"], True),
        ("nbd://192.0.2.1/x", ["nbd://192.0.2.1:10809/x"], True),
    ],
)
def test_a_copy_stands_on_what_its_definition_says(
    named: str | None, chain: t.Sequence[str], is_other: bool
) -> None:
    """B8: the guest runs by its definition, with <backingStore>, and a copy of its file by the file."""
    backing = None if named is None else Backing(named)
    assert bool(find_other_base(Files(is_local=False), "/p/top", backing, chain)) is is_other


def test_two_spellings_of_a_base_are_one(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "base")
    other = find_other_base(
        Files(is_local=True), str(tmp_path / "top"), Backing("base"), [str(tmp_path / "link")]
    )
    assert other == ()
