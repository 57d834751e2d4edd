# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a machine says of the host that it still reads from: read, taken out when all is local, and its end there.

On the source nothing is believed but what lies there: a file is one of the move's when its name has the token in it,
and what was served is what an overlay of that name stands on.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import find_incomplete
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import find_in

from . import serve
from .model import OVERLAY_SUFFIX, describe_remainder, helper_name, infix

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Volume


class Remainder(t.NamedTuple):
    """What a machine still reads, and the disks that are not local yet; none when all of it is."""

    dependency: Dependency
    targets: tuple[str, ...]


def find_remainder(domain: domains.Domain) -> Remainder | None:
    """Return what the machine's metadata say of another host; None for one that depends on none."""
    dependency = domains.read_metadata(domain).dependency
    if dependency is None:
        return None
    targets = set(find_incomplete(domains.read_live_element(domain)))
    if domains.is_persistent(domain):
        targets.update(find_incomplete(domains.read_definition_element(domain)))
    return Remainder(dependency, tuple(sorted(targets)))


def describe(domain: domains.Domain) -> dict[str, t.Any] | None:
    """Return what the machine reads from another host, as a module returns it; None for one that is whole."""
    remainder = find_remainder(domain)
    return None if remainder is None else describe_remainder(*remainder)


def clear(domain: domains.Domain) -> None:
    """Take out of the metadata what the machine reads from elsewhere, live and in its definition; reads it back."""
    metadata = domains.read_metadata(domain)
    if metadata.dependency is None and _find_recorded(domain) is None:
        return
    domains.set_metadata(domain, metadata._replace(dependency=None))
    if _find_recorded(domain) is not None:
        raise HeadroomError(
            f"the metadata of {domain.name()!r} say still that it reads from another host, and its disks are local. "
            "Run the task again."
        )


def _find_recorded(domain: domains.Domain) -> Dependency | None:
    roots = [domains.read_live_element(domain)]
    if domains.is_persistent(domain):
        roots.append(domains.read_definition_element(domain))
    return next(filter(None, (find_in(root).dependency for root in roots)), None)


class Remains(t.NamedTuple):
    """What a move of that token has made on its source: {path: the volume}."""

    token: str
    files: t.Mapping[str, Volume]

    @property
    def bases(self) -> dict[str, str | None]:
        """The files that were served, {path: format}, as the overlays over them declare."""
        bases = {}
        for path, volume in self.files.items():
            base = path.partition(infix(self.token))[0]
            if path.endswith(OVERLAY_SUFFIX) and volume.backing_path == base:
                bases[base] = volume.backing_format
        return bases


def find_remains(source: Connection, token: str) -> Remains:
    """Return the files on the source that a move of that token made there, after a look at its pools."""
    files: dict[str, Volume] = {}
    for pool in storage.list_pools(source):
        if not storage.is_active(pool) or not storage.try_to_refresh(pool):
            continue
        for volume in storage.list_volumes(pool):
            if infix(token) in volume.name():
                files[storage.read_volume_path(volume)] = storage.read_volume(volume)
    return Remains(token, files)


def end_move(source: Connection, token: str, *, with_bases: bool) -> dict[str, str]:
    """End the export of a move, and delete what it made on the source; ``with_bases`` also what was served.

    Returns {path: reason} of what stays: somebody uses it, or it is a base and ``with_bases`` is off.
    """
    remains = find_remains(source, token)
    serve.stop(source, helper_name(token))
    bases = list(remains.bases)
    kept = deletion.delete_files(source, [*remains.files, *(bases if with_bases else ())])
    if not with_bases:
        kept.update(dict.fromkeys(bases, "it is a disk of the machine, and was not to be deleted"))
    return kept
