# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The ways in which clones come about: what differs between the modes, and what they share of a task."""

from __future__ import annotations

import dataclasses
import secrets
import time
import typing as t
import uuid

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml, exports
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import helper_name
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    metadata,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Service,
    format_time,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

from . import disks, identity
from .stream import stream
from .stream.source import serve_appliance
from .warm import guest, warm
from .warm.image import WarmImage, find_image

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .identity import Identity
    from .model import Overlay
    from .modes import Mode
    from .stream.source import Source


class Strategy(t.Protocol):
    """What a mode does where modes differ. Clones are made side by side, so one way serves several threads."""

    def prepare(self, transaction: Transaction) -> None:
        """Make ready what all clones of the task share."""

    def make_disk(self, pool: storage.Pool, disk: Overlay) -> None:
        """Make the volume of a disk."""

    def define(self, clone: str) -> domains.Domain:
        """Define the clone that the XML describes."""

    def start(self, domain: domains.Domain, chosen: Identity) -> None:
        """Start the clone."""

    def let_go(self, domain: domains.Domain) -> None:
        """Let the clone run, if start() left it paused. By now all clones of the task are started."""


@dataclasses.dataclass(frozen=True)
class PlainStrategy:
    """Disks are made, and then the clone boots."""

    connection: Connection
    mode: Mode

    def prepare(self, transaction: Transaction) -> None:
        """Nothing is shared."""

    def make_disk(self, pool: storage.Pool, disk: Overlay) -> None:
        """Make an overlay or a copy."""
        disks.MAKERS[self.mode](self.connection, pool, disk)

    def define(self, clone: str) -> domains.Domain:
        """Define the clone as it is."""
        return domains.define(self.connection, clone)

    def start(self, domain: domains.Domain, chosen: Identity) -> None:
        """Start it, paused before its first instruction."""
        del chosen
        domains.start(domain, paused=True)

    def let_go(self, domain: domains.Domain) -> None:
        """Let it boot."""
        domains.resume(domain)


@dataclasses.dataclass
class StreamedStrategy:
    """Disks are empty and stand on an export of the source, from which they are filled while the clone runs."""

    connection: Connection
    source: Source
    manifest: Manifest
    bytes_per_second: int
    _record: exports.StreamRecord | None = None
    _operation: str = ""
    _since: str = ""

    def prepare(self, transaction: Transaction) -> None:
        """Have the source serve the appliance's disks."""
        token = secrets.token_hex(16)
        step = transaction.begin_step("export", uri=self.source.uri, name=helper_name(token))
        begun = transaction.record
        service = Service(read_machine_uri(self.connection), since=format_time(begun.started))
        record = serve_appliance(self.source, self.manifest, token, self.bytes_per_second, service)
        transaction.finish_step(step, address=record.address, port=record.port)
        self._record, self._operation, self._since = record, begun.id, service.since

    @property
    def record(self) -> exports.StreamRecord:
        """What each clone's metadata says; there once prepare() has run."""
        if self._record is None:
            raise RuntimeError("nothing is served yet")
        return self._record

    def make_disk(self, pool: storage.Pool, disk: Overlay) -> None:
        """Make an empty volume; what it stands on is in the clone's XML only, as no file header can name it safely."""
        name = disk.volume.name
        new = storage_xml.NewVolume(name, disk.capacity_bytes, disk.format)
        storage.create(pool, name, storage_xml.build_volume_xml(new))

    def define(self, clone: str) -> domains.Domain:
        """Define the clone with its disks standing on the export."""
        root = parse_element(clone)
        targets = {disk.target for disk in self.manifest.disks}
        reconnect = stream.can_reconnect(self.connection)
        for disk in root.iterfind("devices/disk"):
            target = disk.find("target")
            name = "" if target is None else target.get("dev", "")
            if name in targets:
                export_xml.put_backing(disk, self.record.export_of(name), reconnect=reconnect)
        exports.put_record(root, self.record)
        dependency = self.record.depend(self._since, self._operation, sorted(targets))
        metadata.put_in(root, metadata.find_in(root)._replace(dependency=dependency))
        return domains.define(self.connection, serialise(root))

    def start(self, domain: domains.Domain, chosen: Identity) -> None:
        """Start it on the source's disks, once these are what they must be, and begin to pull them in."""
        del chosen
        stream.start(self.connection, domain, self.record, self.manifest)

    def let_go(self, domain: domains.Domain) -> None:
        """Let it boot from the source's disks."""
        domains.resume(domain)


@dataclasses.dataclass
class WarmStrategy:
    """Disks are copies of those of an image that hold its memory, and the clone goes on from there."""

    connection: Connection
    preparer: warm.Preparer
    hardware: warm.WarmHardware
    bases: t.Mapping[str, str]
    _image: WarmImage | None = None

    def prepare(self, transaction: Transaction) -> None:
        """Make the image, if the host has none for this hardware yet; it has a record of its own."""
        del transaction
        self._image = find_image(self.connection, self.hardware.image)
        if self._image is None:
            chosen = identity.choose(self.hardware.number_of_cards, set(), secrets.token_bytes)
            self._image = self.preparer.prepare(self.hardware, self.bases, chosen)

    @property
    def image(self) -> WarmImage:
        """The image; there once prepare() has run."""
        if self._image is None:
            raise RuntimeError("there is no image yet")
        return self._image

    def make_disk(self, pool: storage.Pool, disk: Overlay) -> None:
        """Copy the image's disk with the memory in it."""
        warm.copy_disk(self.connection, self.image, disk.target, pool, disk.volume.name)

    def define(self, clone: str) -> domains.Domain:
        """Define the clone as a fork of the image."""
        return warm.define(self.connection, self.image, clone, str(uuid.uuid4()))

    def start(self, domain: domains.Domain, chosen: Identity) -> None:
        """Let it go on, tell its guest who it is, and plug its network cards in."""
        orders = guest.GuestOrders(
            chosen.uuid, domain.name(), int(time.time()), secrets.token_hex(32)
        )
        warm.start(self.connection, domain, self.image, chosen.macs, orders, self.preparer.clock)

    def let_go(self, domain: domains.Domain) -> None:
        """It runs already: its guest had to be told who it is."""
