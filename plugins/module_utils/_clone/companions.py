# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making and removing what a clone has besides its disks."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)

from . import extras
from .seed import iso, seed

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

# What a seed says may be secret; libvirt gives the file to the user that QEMU runs as when the clone starts.
_PRIVATE: t.Final = "0600"


def seed_image(said: seed.Seed, name: str, uuid: str) -> bytes:
    """Return the image that tells the clone ``name`` who it is."""
    return iso.image(seed.LABEL, seed.files(said, name, uuid))


def make_volume(
    connection: Connection, pool: libvirt.virStoragePool, name: str, data: bytes
) -> None:
    """Make the volume of a seed or of an NVRAM; raises Conflict when the name is taken."""
    new = storage_xml.NewVolume(name, len(data), "raw", _PRIVATE)
    content.send_bytes(
        connection, storage.create(pool, name, storage_xml.build_volume_xml(new)), data
    )


def check_address(connection: Connection, wanted: extras.FixedAddress) -> None:
    """Raise what would keep the address from being reserved when the clone is made."""
    apply.plan_to_reserve(
        connection, wanted.network, wanted.for_mac(extras.UNKNOWN_MAC), force=False
    )


def reserve(connection: Connection, wanted: extras.FixedAddress, mac: str) -> None:
    """Keep the address for the card; raises Taken when somebody has it."""
    apply.carry_out(
        apply.plan_to_reserve(connection, wanted.network, wanted.for_mac(mac), force=False)
    )
