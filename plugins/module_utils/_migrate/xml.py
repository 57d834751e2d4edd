# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The XML of a guest for the destination of its migration. Pure: text in, text out."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Export
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )


# As what the settings of a guest's firmware are planned with, among its disks.
NVRAM: t.Final = "nvram"


@dataclasses.dataclass(frozen=True)
class PlacedDisk:
    """A disk as the destination has it; with ``backing`` what it has not got yet is read from there."""

    target: str
    path: str
    format: str
    backing: Export | None = None


def make_destination_xml(
    text: str,
    disks: t.Iterable[PlacedDisk],
    moved: t.Mapping[tuple[str, str], tuple[str, str]],
    dependency: Dependency | None = None,
    *,
    is_flushed: bool = False,
) -> str:
    """Return the domain's XML with ``disks`` where the destination has them.

    With ``is_flushed`` QEMU makes durable what it writes to them, although they have ``cache=unsafe``.
    ``moved`` maps (pool, volume) on the source to those on the destination, for the volumes that the metadata owns.
    ``dependency`` is what the guest will read from the source at first.
    """
    root = parse_element(text)
    placed = {disk.target: disk for disk in disks}
    for element in root.iterfind("devices/disk"):
        target = element.find("target")
        disk = placed.get("" if target is None else target.get("dev", ""))
        if disk is not None:
            _place_disk(element, disk, is_flushed=is_flushed)
    variables = root.find("os/nvram")
    if variables is not None and NVRAM in placed:
        _place_variables(variables, placed[NVRAM].path)
    owned = metadata.find_in(root)
    volumes = tuple(
        metadata.VolumeRef(*moved.get((ref.pool, ref.name), (ref.pool, ref.name)))
        for ref in owned.volumes
    )
    arriving = owned._replace(volumes=volumes, dependency=dependency)
    if arriving != owned:
        metadata.put_in(root, arriving)
    return serialise(root)


def _place_variables(variables: etree._Element, path: str) -> None:
    source = variables.find("source")
    if source is None:
        variables.text = path
    else:
        source.set("file", path)


def _place_disk(element: etree._Element, disk: PlacedDisk, *, is_flushed: bool) -> None:
    for name in ("backingStore", "mirror"):
        for old in element.findall(name):
            element.remove(old)
    element.set("type", "file")
    driver = element.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        element.insert(0, driver)
    driver.set("type", disk.format)
    if is_flushed and driver.get("cache") == "unsafe":
        driver.set("cache", "writeback")
    source = element.find("source")
    if source is None:
        source = etree.Element("source")
    driver.addnext(source)
    # All else that the source says stays: what could not is refused before anything is touched.
    for name in ("dev", "dir", "pool", "volume", "mode", "index"):
        source.attrib.pop(name, None)
    source.set("file", disk.path)
    if disk.backing is not None:
        export_xml.put_backing(element, disk.backing)
