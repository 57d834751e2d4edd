# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Ansible gets to a domain."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.hosts import (
    InventoryHost,
    build_ssh_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    InventoryGuest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.variables import (
    build_variables,
    find_jump_host,
)

GUEST = InventoryGuest("web-1", "u", "running", "10.0.0.2", {"state": "running"})
HOST = InventoryHost("kvm1", "qemu+ssh://root:secret@kvm1:2222/system")


def test_directly_only_the_address_is_said() -> None:
    found = build_variables(GUEST, HOST, "direct")
    assert {name for name in found if not name.startswith("libvirt_")} == {"ansible_host"}
    assert "secret" not in str(found)


def test_through_the_host() -> None:
    found = build_variables(GUEST, HOST, "proxy_jump")
    assert found["ansible_host"] == "10.0.0.2"
    assert found["ansible_ssh_common_args"] == "-o ProxyJump=root@kvm1:2222"
    assert "ansible_ssh_common_args" not in build_variables(
        GUEST, InventoryHost("localhost", "qemu:///system"), "proxy_jump"
    )


def test_through_the_guest_agent() -> None:
    found = build_variables(GUEST, HOST, "guest_agent")
    assert found["ansible_connection"] == "community.libvirt.libvirt_qemu"
    assert found["ansible_host"] == "web-1"
    assert found["ansible_libvirt_uri"] == "qemu+ssh://root:***@kvm1:2222/system"


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("qemu+tls://kvm1:16514/system", "kvm1"),
        ("qemu+ssh://[fd00::1]/system", "[fd00::1]"),
        ("qemu:///system", None),
    ],
)
def test_the_host_to_jump_through(uri: str, wanted: str | None) -> None:
    assert find_jump_host(uri) == wanted


def test_the_uri_of_a_hypervisor_that_ansible_reaches_by_ssh() -> None:
    assert build_ssh_uri("kvm1", {}) == "qemu+ssh://kvm1/system?no_tty=1"
    known = {"ansible_host": "fd00::1", "ansible_user": "a@b", "ansible_port": "2222"}
    assert build_ssh_uri("kvm1", known) == "qemu+ssh://a%40b@[fd00::1]:2222/system?no_tty=1"
