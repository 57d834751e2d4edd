# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The disk that shows a clone its seed. Pure: the parsed domain is changed."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.template import (
    find_own_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.export_xml import (
    name_target,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import SEED_ALIAS
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
        RbdSource,
    )

# QEMU has no read-only disks on these buses, but CD-ROM drives.
_DRIVES: t.Final = frozenset({"sata", "ide"})
_PREFIXES: t.Final = {"virtio": "vd", "ide": "hd", "xen": "xvd"}
# Machines that have IDE have one controller, with four places.
_IDE_PLACES: t.Final = 4
# More than any machine has places for; the name after them is that of the seed.
_MOST_DISKS: t.Final = 4096


def add(root: etree._Element, path: str, rbd: RbdSource | None = None) -> None:
    """Add the seed in the file ``path`` to the domain, or in the image with ``rbd``, on the bus of its first disk.

    Its guest has a driver for that one. Many a cloud kernel has none for a CD-ROM drive.
    """
    devices = root.find("devices")
    if devices is None:
        devices = etree.SubElement(root, "devices")
    disks = find_own_disks(root)
    bus = "sata" if not disks else read_attribute(disks[0].find("target"), "bus") or "virtio"
    disk = etree.Element("disk", type="file", device="cdrom" if bus in _DRIVES else "disk")
    etree.SubElement(disk, "driver", name="qemu", type="raw")
    if rbd is None:
        etree.SubElement(disk, "source", file=path)
    else:
        storage_xml.put_image(disk, rbd, posixpath.basename(path))
    etree.SubElement(disk, "target", dev=_free_target(devices, _PREFIXES.get(bus, "sd")), bus=bus)
    etree.SubElement(disk, "readonly")
    etree.SubElement(disk, "alias", name=SEED_ALIAS)
    every = devices.findall("disk")
    if every:
        every[-1].addnext(disk)
    else:
        devices.insert(0, disk)


def _free_target(devices: etree._Element, prefix: str) -> str:
    """Return the name after the last one of the bus, so that no name of the guest's changes; on IDE one of its four."""
    taken = {read_attribute(target, "dev") for target in devices.iterfind("disk/target")}
    names = [name_target(number, prefix) for number in range(_MOST_DISKS)]
    last = max((index for index, name in enumerate(names) if name in taken), default=-1)
    if prefix != "hd":
        return names[last + 1]
    places = names[:_IDE_PLACES]
    free = [name for name in places[last + 1 :] + places if name not in taken]
    if not free:
        raise InvalidInput(
            "seed",
            True,
            "has no place on the IDE controller, where the template has four drives",
            "Make an appliance from a domain with three, or with its disks on virtio or SATA.",
        )
    return free[0]
