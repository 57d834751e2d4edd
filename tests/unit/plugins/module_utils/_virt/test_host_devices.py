# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    element_xml,
)

PCI = "<source><address type='pci' domain='0x0000' bus='0xab' slot='0x00' function='0x1'/></source>"


@pytest.mark.parametrize(
    ("device", "taken"),
    [
        (
            f"<hostdev mode='subsystem' type='pci' managed='yes'>{PCI}</hostdev>",
            ("pci 0000:ab:00:1",),
        ),
        (f"<interface type='hostdev'>{PCI}</interface>", ("hostdev 0000:ab:00:1",)),
        (
            f"<interface type='hostdev'>{PCI}<teaming type='transient' persistent='ua-0'/></interface>",
            (),
        ),
        (
            "<hostdev type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>",
            ("usb 0x1:0x2",),
        ),
        ("<hostdev type='usb' missing='yes'><source startupPolicy='optional'/></hostdev>", ()),
        (
            "<hostdev type='mdev'><source><address uuid='c2177883'/></source></hostdev>",
            ("mdev c2177883",),
        ),
        ("<interface type='network'><source network='default'/></interface>", ()),
    ],
)
def test_only_what_the_guest_would_lose_is_taken(device: str, taken: tuple[str, ...]) -> None:
    root = element_xml.parse_element(f"<domain><devices>{device}</devices></domain>")
    assert domain_xml.find_host_devices(root) == taken
