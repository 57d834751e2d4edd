# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones of a situation's machine, as the collection makes them."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import template
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import rewrite
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.identity import Identity
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import (
    Overlay,
    Overrides,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)

KVM: t.Final = Platform("kvm", keep_emulator=True)


def make_clone(text: str, number: int = 1, platform: Platform = KVM) -> str:
    """Return the XML of a clone of the domain; raises Unsupported for one that can have none."""
    made = template.make_template(text)
    name = f"clone-{number}"
    disks = {
        target: _make_overlay(f"{name}.{target}.qcow2", target)
        for target in template.list_disk_targets(made)
    }
    cards = len(parse_element(made).findall("devices/interface"))
    identity = Identity(
        f"0e6f0b0a-3f3b-4b7e-8a51-{number:012x}",
        tuple(f"52:54:00:aa:{number:02x}:{card:02x}" for card in range(cards)),
    )
    metadata = Metadata(fleet="web", appliance="orig:1", parent="orig:1")
    return rewrite.make_clone_xml(made, name, identity, disks, metadata, platform, Overrides())


def _make_overlay(volume: str, target: str) -> Overlay:
    reference = VolumeRef("default", volume)
    path = f"/var/lib/libvirt/images/{volume}"
    return Overlay(target, reference, path, "qcow2", 1, "/base.qcow2", "qcow2", 1, 1)
