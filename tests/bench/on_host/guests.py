# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tiny real guests: QEMU processes with little memory that are paused before they boot anything."""

from __future__ import annotations

import contextlib
import tempfile
import typing as t
from pathlib import Path

import libvirt

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_DISK_BYTES = 1024**2

_XML = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
    <memballoon model='virtio'/>
  </devices>
</domain>"""


class Guests:
    """The guests that a benchmark has started on `connection`."""

    def __init__(self, connection: libvirt.virConnect, folder: Path, prefix: str = "bench") -> None:
        self._connection = connection
        self._folder = folder
        self._prefix = prefix
        self._domains: list[libvirt.virDomain] = []

    def grow_to(self, number: int) -> None:
        """Start what is missing of `number` guests."""
        for index in range(len(self._domains), number):
            disk = self._folder / f"{index}.img"
            with disk.open("wb") as image:
                image.truncate(_DISK_BYTES)
            xml = _XML.format(name=f"{self._prefix}-{index}", disk=disk)
            self._domains.append(self._connection.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED))

    def stop(self) -> None:
        """Power all of them off; they are transient, so nothing is left of them."""
        while self._domains:
            self._domains.pop().destroyFlags()


@contextlib.contextmanager
def guests(connection: libvirt.virConnect) -> Iterator[Guests]:
    """Yield Guests, none of them started yet; all are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # QEMU runs as a user of its own
        started = Guests(connection, folder)
        try:
            yield started
        finally:
            started.stop()
