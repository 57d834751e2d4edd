# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""An appliance of another host: its disks come through libvirt's streams, and are trusted no more than any other's."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue as catalogues,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    parse_reference,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import ChecksumMismatch
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import content, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from . import foreign, images

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        BaseDisk,
        Manifest,
    )

    from .sources import DiskSource

Params = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Distant:
    """An appliance in the catalogue of another host."""

    catalogue: Catalogue
    manifest: Manifest


@contextlib.contextmanager
def open_remote(
    source: Params, default: str, network: str | None, timeout: float
) -> t.Iterator[Distant]:
    """Yield the appliance that the option ``source`` names, ``default`` (``name:version``) where it names none.

    Its machines are to be attached to ``network``, if that is given.
    """
    with open_connection(source["uri"], timeout=timeout) as connection:
        catalogue = catalogues.open_catalogue(connection, source["pool"])
        catalogue.require_files("source.pool")
        manifest = catalogue.get(
            *parse_reference("source.appliance", source["appliance"] or default)
        )
        yield Distant(catalogue, foreign.check_stored(manifest, network))


@contextlib.contextmanager
def open_disks(distant: Distant, means: images.Means) -> t.Iterator[list[DiskSource]]:
    """Yield the disks of the appliance, fetched into files without names unless this run only looks."""
    with contextlib.ExitStack() as stack:
        yield [
            _look(distant, disk)
            if means.look_only
            else stack.enter_context(_fetch(distant, disk, means))
            for disk in distant.manifest.disks
        ]


def _look(distant: Distant, disk: BaseDisk) -> DiskSource:
    place = f"{distant.catalogue.connection.uri} {disk.volume}"
    return images.DistantDisk(
        disk.target, place, disk.format, disk.virtual_size_bytes, disk.size_bytes
    )


@contextlib.contextmanager
def _fetch(distant: Distant, disk: BaseDisk, means: images.Means) -> t.Iterator[DiskSource]:
    connection = distant.catalogue.connection
    place = f"{connection.uri} {disk.volume}"
    means.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=means.folder) as target:
        volume = storage.look_up_volume(distant.catalogue.pool, disk.volume)
        digest = content.receive_file(connection, volume, target.fileno())
        if digest.sha256 != disk.sha256:
            raise ChecksumMismatch(
                f"{place} has the SHA-256 {digest.sha256}, not {disk.sha256} as its manifest says. It was changed or "
                "damaged; it is not used.",
                expected=disk.sha256,
                found=digest.sha256,
            )
        location = images.Location(
            place, image_format=disk.format, virtual_size_bytes=disk.virtual_size_bytes
        )
        with images.open_disk(disk.target, location, target.fileno(), means) as file_disk:
            yield file_disk
