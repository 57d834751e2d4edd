# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.look import Look, read_look

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"<svg/>", "image/svg+xml"),
    ],
)
def test_a_logo_becomes_a_part_of_the_page(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "logo").write_bytes(content)
    look = read_look("", {"logo": str(tmp_path / "logo")})
    assert look.logo is not None
    assert look.logo.startswith(f"data:{kind};base64,")


def test_what_is_no_logo_or_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"hello")
    (tmp_path / "large").write_bytes(b"<svg>" + bytes(128 * 1024))
    for name, problem in (
        ("text", "is no such image"),
        ("large", "too large"),
        ("none", "No such"),
    ):
        with pytest.raises(InvalidInput, match=problem) as caught:
            read_look("tenants (acme).", {"logo": str(tmp_path / name)})
        assert "tenants (acme).logo" in caught.value.message
    with pytest.raises(InvalidInput, match="is not a folder"):
        read_look("", {"templates": str(tmp_path / "text")})


def test_what_a_tenant_does_not_say_is_as_on_the_operators_page() -> None:
    ours = Look(None, "data:ours", "/ours")
    assert Look("theirs", None, "/theirs").above(ours) == Look("theirs", "data:ours", "/theirs")
