# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Find the devices of its host that a domain takes for itself, which no other host has. Pure."""

from __future__ import annotations

import typing as t

from .element_xml import read_attribute

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree


def find_host_devices(root: etree._Element) -> tuple[str, ...]:
    """Return a name for each device of its host that a parsed domain takes.

    A network card that libvirt takes off the guest for a migration does not count (``<teaming type='transient'>``), and
    neither does an optional USB device that was not there when the guest started.
    """
    devices = [
        device for device in root.iterfind("devices/hostdev") if device.get("missing") != "yes"
    ]
    devices += root.iterfind("devices/interface[@type='hostdev']")
    return tuple(
        f"{device.get('type')} {describe_address(device)}"
        for device in devices
        if device.find("teaming[@type='transient']") is None
    )


def describe_address(device: etree._Element) -> str:
    """Return what the XML says of where ``device`` is on its host."""
    place, vendor = device.find("source/address"), device.find("source/vendor")
    if vendor is not None:
        return f"{vendor.get('id')}:{read_attribute(device.find('source/product'), 'id')}"
    if place is None:
        return (
            read_attribute(device.find("source"), "dev")
            or read_attribute(device.find("mac"), "address")
            or "without source"
        )
    if place.get("uuid"):
        return str(place.get("uuid"))
    parts = (
        ("domain", "bus", "slot", "function") if place.get("slot") else ("bus", "target", "unit")
    )
    return ":".join(str(place.get(part, "?")).removeprefix("0x") for part in parts)
