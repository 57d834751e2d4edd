# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Rest: the disks of a domain while they are copied; require_unchanged() before the copies are taken for whole."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage

if t.TYPE_CHECKING:
    from .sources import VolumeDisk


@dataclasses.dataclass(frozen=True)
class Rest:
    """The disks of the domain called ``name``, as {target: (volume, when its file was written to last)}.

    QEMU keeps others from opening a qcow2 file that it writes to, where the file system has locks; a raw disk is read
    as a file, and of several disks each is copied in its turn.
    """

    name: str
    disks: t.Mapping[str, tuple[storage.Volume, float | None]]

    def require_unchanged(self) -> None:
        """Raise Conflict when somebody has written to one of the disks since."""
        written = [
            target
            for target, (volume, modified) in self.disks.items()
            if storage.read_volume(volume).modified != modified
        ]
        if written:
            raise Conflict(
                f"source.domain: somebody has written to the disk {', '.join(written)} of {self.name!r} while it was "
                "copied: has started the guest, or merged a snapshot into it. Nothing of the copy is kept. Run the "
                "task again once that is done.",
                domain=self.name,
                disks=written,
            )


def observe(name: str, disks: t.Iterable[VolumeDisk]) -> Rest:
    """Return the disks of a domain as they are from now on, when nobody is to write to them."""
    return Rest(
        name,
        {disk.target: (disk.source, storage.read_volume(disk.source).modified) for disk in disks},
    )
