# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What clones are made of: the overlay that is a disk, and what a task changes of the hardware. Pure: data only."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
        RbdSource,
    )


@dataclasses.dataclass(frozen=True)
class Overlay:
    """A disk of a clone: an overlay on a disk of the appliance, or a copy of it.

    The ``base_`` ones are the appliance's; ``capacity_bytes`` is what the guest sees, and not less than theirs.
    ``rbd`` says where the images are, of one in Ceph; its base is an image there, too.
    """

    target: str
    volume: VolumeRef
    path: str
    format: str
    capacity_bytes: int
    base_path: str
    base_format: str
    base_capacity_bytes: int
    base_size_bytes: int
    rbd: RbdSource | None = None


@dataclasses.dataclass(frozen=True)
class Overrides:
    """What a clone has otherwise than its template. None leaves a property as it is."""

    memory_bytes: int | None = None
    vcpus: int | None = None
    network: str | None = None
    title: str | None = None
    description: str | None = None
    console_password: str | None = dataclasses.field(default=None, repr=False)
