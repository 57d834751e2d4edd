# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    find_passwords,
    leads_here,
    mask_uri,
)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("qemu+ssh://root:pa:ss@k1/system", "qemu+ssh://root:***@k1/system"),
        ("qemu+ssh://root@k1/system", "qemu+ssh://root@k1/system"),
        ("qemu+tcp://k1:16509/system", "qemu+tcp://k1:16509/system"),
        ("esx://:pw@host/", "esx://:***@host/"),
    ],
)
def test_masks_only_passwords(uri: str, shown: str) -> None:
    assert mask_uri(uri) == shown


def test_finds_passwords_wherever_they_lie() -> None:
    options = {
        "uri": "qemu+tcp://me:one@k1/system",
        "machine": {"uris": ["qemu://me:two@k2/", "qemu:///system"]},
        "n": 3,
    }
    assert find_passwords(options) == {"one", "two"}


@pytest.mark.parametrize(
    ("uri", "here"),
    [
        ("qemu:///system", True),
        ("test:///default", True),
        ("qemu+unix:///system?socket=/run/tunnel", False),
        ("qemu+ssh://root@k1/system", False),
    ],
)
def test_knows_whether_a_uri_leads_to_this_machine(uri: str, here: bool) -> None:
    assert leads_here(uri) is here
