# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From a template to a machine that the host can run: its type, machine, emulator and processor. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    drop_elements,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
        Platform,
    )

    Element = etree._Element


def apply_platform(root: Element, platform: Platform) -> None:
    """Have the parsed template be a machine that the host can run."""
    root.set("type", platform.type)
    kind = root.find("os/type")
    if platform.machine is not None and kind is not None:
        kind.set("machine", platform.machine)
    if not platform.keep_emulator:
        drop_elements(root, "devices/emulator")
    if platform.emulated_cpu:
        cpu = root.find("cpu")
        if cpu is not None and cpu.get("mode") in {"host-passthrough", "host-model"}:
            cpu.attrib.clear()
            cpu.set("mode", "maximum")
            for child in [child for child in cpu if child.tag not in {"topology", "numa"}]:
                cpu.remove(child)
        drop_elements(root, "features/kvm", "features/hyperv", "features/ioapic")
        drop_elements(root, "clock/timer[@name='kvmclock']", "clock/timer[@name='hypervclock']")
