# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import model
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    Helper,
    Platform,
    Served,
)


@pytest.mark.parametrize(
    ("name", "is_helper"),
    [
        ("headroom-export-0123456789ab", True),
        ("headroom-tls-5e3c6c1a-server", True),
        ("headroom-warm-web-1-0123456789ab", True),
        ("web-1", False),
        ("headroom-web", False),
        ("my-headroom-export-1", False),
    ],
)
def test_helper_domains_are_told_by_their_names(name: str, is_helper: bool) -> None:
    assert model.is_helper_name(name) is is_helper


def test_every_name_of_an_export_holds_its_token() -> None:
    token = "0123456789abcdef" * 2
    assert model.helper_name(token) == "headroom-export-0123456789ab"
    assert model.export_name(token, "vda") == f"{token}-vda"


def test_only_what_was_made_for_the_export_goes_with_it() -> None:
    overlay = Served("t-vda", "/i/a.export", "qcow2", "/i/a.scratch", "/i/a.qcow2")
    golden = Served("t-vdb", "/i/golden.qcow2", "qcow2", "/i/b.scratch")
    helper = Helper("h", "", Platform("kvm", "x86_64"), (overlay, golden), "10.0.0.1")
    assert set(helper.leftover_paths) == {"/i/a.export", "/i/a.scratch", "/i/b.scratch"}
