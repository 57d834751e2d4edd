# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_leftover_volumes``: volumes that bear names of ours and that nobody needs."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue, names
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.look import read_needs
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import UseIndex

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import HostStorage
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# What serving and moving a disk puts beside it, what a capture, a preflight and a warm clone make for themselves.
_OWN: t.Final = re.compile(r".+\.headroom-[0-9a-f]{12,}\..+|headroom-(capture|probe)\..+")


def find_leftover_volumes(
    connection: Connection,
    storage: HostStorage,
    transactions: t.Iterable[t.Mapping[str, t.Any]],
) -> dict[str, str]:
    """Return {path: what it is} of the volumes that no domain, volume, appliance or unfinished transaction needs."""
    candidates = {ref: reason for ref in storage.volumes if (reason := _explain(ref.name))}
    if not candidates:
        return {}
    index = UseIndex(storage, read_needs(connection))
    busy = str([row["steps"] for row in transactions])
    published: dict[str, set[str]] = {}
    leftovers: dict[str, str] = {}
    for ref, reason in sorted(candidates.items()):
        if ref.pool not in published:
            published[ref.pool] = _list_published(connection, ref.pool)
        if ref.name not in busy and ref.name not in published[ref.pool] and not index.users_of(ref):
            leftovers[storage.volumes[ref].path] = reason
    return leftovers


def _explain(name: str) -> str:
    """Return what a volume of that name was to be; nothing for one that is no run's own."""
    disk = names.read_disk_volume(name)
    if disk is not None:
        return (
            f"it was to be a disk of the appliance {disk.appliance}, of which there is no manifest"
        )
    return "a run made it for itself, and nothing needs it any more" if _OWN.fullmatch(name) else ""


def _list_published(connection: Connection, pool: str) -> set[str]:
    return catalogue.open_catalogue(connection, pool).list_published()
