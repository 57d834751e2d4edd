# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.tls import reason


def test_what_qemu_says_is_told_without_its_options() -> None:
    started = 'could not start \'h\': qemu-system-x86_64: -blockdev {"driver":"nbd","server":{"port":"1"}}: '
    assert reason(started + "Certificate does not match the hostname k2") == (
        "Certificate does not match the hostname k2"
    )
    assert reason("Unable to access credentials") == "Unable to access credentials"
