# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import tls
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, storage

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def test_what_qemu_says_is_told_without_its_options() -> None:
    started = 'could not start \'h\': qemu-system-x86_64: -blockdev {"driver":"nbd","server":{"port":"1"}}: '
    assert tls.shorten(started + "Certificate does not match the hostname k2") == (
        "Certificate does not match the hostname k2"
    )
    assert tls.shorten("Unable to access credentials") == "Unable to access credentials"


def test_a_connection_that_does_not_come_about_is_told_and_leaves_nothing(node: Connection) -> None:
    end = tls.ProbeEnd(node, Platform("test", "i686"))
    before = {domain.name() for domain in domains.list_all(node)}
    probe = tls.Probe(end, end, "10.0.0.1", range(10809, 10811), "default", "u-1", tls_name="kvm1")
    handshake = tls.shake_hands(probe)
    assert handshake.name == "kvm1"
    assert "export the disks" in handshake.problem
    assert {domain.name() for domain in domains.list_all(node)} == before
    assert storage.list_volumes(storage.look_up_pool(node, "default")) == []
