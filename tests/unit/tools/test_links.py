# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link that leads nowhere is found."""

from __future__ import annotations

import typing as t

import pytest

from tools.links import find_broken

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("#here", True),
        ("#nowhere", False),
        ("other.html", True),
        ("other.html#there", True),
        ("other.html#here", False),
        ("missing.html", False),
        ("below/page.html", True),
        ("picture%20one.png", True),
        ("https://example.com/missing", True),
        ("mailto:somebody@example.com", True),
    ],
)
def test_links(tmp_path: Path, link: str, leads: bool) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "page.html").write_text(f'<p id="here"><a href="{link}">x</a></p>')
    (tmp_path / "other.html").write_text('<p id="there">y</p>')
    (tmp_path / "below/page.html").write_text('<a href="../page.html">up</a>')
    (tmp_path / "picture one.png").touch()
    assert find_broken(tmp_path) == ([] if leads else [f"page.html: {link}"])
