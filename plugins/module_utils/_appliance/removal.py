# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Removing an appliance that nothing stands on: its manifest first, so that it is never visible without its disks."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError, InUse
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage

from . import recover

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef


def remove(catalogue: Catalogue, manifest: Manifest, uses: Uses, journal: Journal) -> None:
    """Remove an appliance that nothing hangs on; a run that dies in between leaves a record by which that is finished.

    ``uses`` is a look from right before. Raises InUse, with nothing done, where somebody needs a disk of it.
    """
    described, disks = catalogue.list_own(manifest)
    own = frozenset(disks)
    users = set(
        map(str, itertools.chain.from_iterable(uses.index.users_of(ref, own) for ref in disks))
    )
    if users:
        raise InUse(
            f"{manifest.id} cannot go: {', '.join(sorted(users))} stand on it.",
            appliance=str(manifest.id),
            users=sorted(users),
        )
    intent = {
        "uri": catalogue.connection.uri,
        "pool": catalogue.pool_name,
        "appliance": str(manifest.id),
        "manifests": [ref.name for ref in described],
        "volumes": [ref.name for ref in disks],
        "last_steps": {"volumes": 1},
    }
    subject = recover.name_subject(catalogue.pool_name, manifest.id)
    recovery = recover.UnregistrationRecovery(catalogue.connection)
    with journal.begin(recover.UNREGISTER, subject, intent, recovery) as transaction:
        if catalogue.rbd is not None:
            _remove_first_image(catalogue, manifest, disks[:1], uses)
        for name, refs in (("manifest", described), ("volumes", disks)):
            step = transaction.begin_step(name, names=[ref.name for ref in refs])
            _delete(catalogue, refs, uses)
            transaction.finish_step(step)


def _delete(catalogue: Catalogue, refs: t.Sequence[VolumeRef], uses: Uses) -> None:
    deletion.delete_volumes(
        catalogue.connection,
        refs,
        index=uses.index,
        of_appliances=True,
        delete=catalogue.delete,
    )


def _remove_first_image(
    catalogue: Catalogue, manifest: Manifest, disks: t.Sequence[VolumeRef], uses: Uses
) -> None:
    """Delete an image that clones in Ceph stand on; raises InUse, with nothing done, where any host's does.

    Ceph alone knows that, and lets none go: so it is asked before the manifest goes. libvirt tells it in words of its
    own, such as that a snapshot could not be unprotected.
    """
    try:
        _delete(catalogue, disks, uses)
    except HeadroomError as error:
        refresh = storage.try_to_refresh(catalogue.pool)
        if not refresh or storage.find_volume(catalogue.pool, disks[0].name) is None:
            raise
        names = catalogue.list_clones(manifest.id)
        clones = f" On this host these are clones of it: {', '.join(names)}." if names else ""
        raise InUse(
            f"{manifest.id} cannot go: Ceph does not let its image {disks[0].name} go, on which clones stand, on this "
            f"host or others, or which somebody has open ({error.message}).{clones} Remove these first; or part them "
            "from it: rbd children, rbd flatten.",
            appliance=str(manifest.id),
            users=names,
        ) from error
