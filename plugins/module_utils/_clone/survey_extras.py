# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the host says about what clones have besides their disks, and about what their tenant may have."""

from __future__ import annotations

import dataclasses
import typing as t

from . import companions, quota, tenants
from .extras import extras_for, fixed_addresses
from .seed import iso

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )

    from .plan import Leftovers, NewClone, Request


def add(
    clones: tuple[NewClone, ...],
    request: Request,
    names: t.Collection[str],
    hardware: Definition,
    path_of: t.Callable[[str], str],
    *,
    with_nvram: bool,
) -> tuple[NewClone, ...]:
    """Return the clones with what the request and the appliance give them; ``names`` are those of existing ones too."""
    addresses = fixed_addresses(request.addresses, names, hardware)
    return tuple(
        dataclasses.replace(
            clone,
            extras=extras_for(
                clone.name,
                request.pool,
                path_of,
                seeded=request.seed is not None,
                address=addresses.get(clone.name),
                with_nvram=with_nvram,
            ),
        )
        for clone in clones
    )


def check(
    connection: Connection,
    request: Request,
    clones: t.Sequence[NewClone],
    hardware: Definition,
    gone: Leftovers,
) -> None:
    """Raise what would keep the clones from being made; what is ``gone`` will be undone before they are."""
    _check_quota(connection, request, clones, hardware, gone)
    if request.seed is not None:
        iso.require_pycdlib()
    for wanted in (clone.extras.address for clone in clones):
        if wanted is not None and wanted.address not in gone.addresses:
            companions.check_address(connection, wanted)


def _check_quota(
    connection: Connection,
    request: Request,
    clones: t.Sequence[NewClone],
    hardware: Definition,
    gone: Leftovers,
) -> None:
    if request.tenant is None or not request.quota.limits:
        return
    disks = sum(overlay.capacity_bytes for clone in clones for overlay in clone.overlays)
    wanted = quota.Usage(1, hardware.vcpus, hardware.memory_bytes) * len(clones) + quota.Usage(
        disk_bytes=disks
    )
    quota.check(
        request.tenant,
        request.quota,
        tenants.usage(connection, request.tenant, gone.domains),
        wanted,
    )
