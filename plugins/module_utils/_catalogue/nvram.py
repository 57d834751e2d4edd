# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""read(): what UEFI keeps of a machine, boot entries and keys of secure boot, which lies outside of its disks.

Half a mebibyte, or 64 on ARM, nearly all of it blank: packed, it stands in the manifest, and so travels with that.
"""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    folders,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

from .packed_nvram import LONGEST_BYTES, pack_variables

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# Where libvirt lets a firmware that it chose by itself keep its variables. Older ones than 10 don't write that down.
_USUAL: t.Final = "/var/lib/libvirt/qemu/nvram/{name}_VARS.fd"


def find_path(definition: str) -> str | None:
    """Return where a domain's firmware keeps its variables, if that is a plain file; None for any other machine."""
    root = parse_element(definition)
    nvram, usual = root.find("os/nvram"), find_usual_path(root)
    if nvram is None:
        return usual
    if nvram.get("format", "raw") != "raw" or nvram.get("type", "file") != "file":
        return None
    source = nvram.find("source")
    return (nvram.text or "").strip() or (usual if source is None else source.get("file"))


def find_usual_path(root: etree._Element) -> str | None:
    """Return where the firmware of a parsed domain keeps its variables if its XML does not say; None without UEFI."""
    efi = root.find("os[@firmware='efi']")
    return None if efi is None else _USUAL.format(name=root.findtext("name"))


def read(connection: Connection, definition: str) -> str | None:
    """Return what the firmware of the domain of that XML keeps, packed; None when it keeps nothing yet."""
    path = find_path(definition)
    if path is None:
        return None
    volume = storage.find_volume_by_path(connection, path)
    if volume is not None:
        return pack_variables(content.read_bytes(connection, volume, LONGEST_BYTES))
    return _read_beside(connection, path)


def _read_beside(connection: Connection, path: str) -> str | None:
    """Read a file that is in no pool; None where it, or its folder, is not there: no machine with UEFI ever ran."""
    folder, name = posixpath.split(path)
    with folders.open_folder(connection, folder) as pool:
        volume = None if pool is None else storage.find_volume(pool, name)
        if volume is None:
            return None
        return pack_variables(content.read_bytes(connection, volume, LONGEST_BYTES))
