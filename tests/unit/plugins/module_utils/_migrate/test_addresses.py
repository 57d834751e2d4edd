# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import addresses


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("qemu+ssh://kvm2/system", "tcp://kvm2"),
        ("qemu+ssh://root@192.0.2.2:2222/system", "tcp://192.0.2.2"),
        ("qemu+ssh://root@[2001:db8::2]/system", "tcp://[2001:db8::2]"),
        ("qemu+tls://[2001:db8::2]:16514/system", "tcp://[2001:db8::2]"),
        ("qemu:///system", None),
    ],
)
def test_memory_goes_to_the_host_that_the_uri_names(uri: str, expected: str | None) -> None:
    assert addresses.choose_migrate_uri(uri) == expected
