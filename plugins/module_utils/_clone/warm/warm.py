# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Clones that do not boot: an image with the memory of an appliance that has booted, and machines that go on from it.

An image is a domain that is off, defined beside the machines of the host: its disks are overlays on the appliance, and
hold a snapshot with memory. A clone is a copy of these disks whose definition and snapshot say that it is another
machine. All of that is libvirt's API. What the guest itself must change, its agent is told.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    export_xml,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    agent,
    content,
    domains,
    snapshots,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from .. import disks, plan, reflink, rewrite
from ..plan import CloneRequest
from . import guest, recover, warm_xml
from .image import WarmImage, find_image

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import (
        Platform,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from ..identity import Identity
    from ..model import Overlay, Overrides


@dataclasses.dataclass(frozen=True)
class WarmHardware:
    """The machine that an image is of: the template of an appliance, on this host, as large as the clones shall be."""

    manifest: Manifest
    platform: Platform
    overrides: Overrides

    @property
    def root(self) -> etree._Element:
        """The machine's XML, parsed."""
        return rewrite.apply_hardware(self.manifest.template, self.platform, self.overrides)

    @property
    def image(self) -> str:
        """The name of the image."""
        return warm_xml.name_image(str(self.manifest.id), serialise(self.root))

    @property
    def number_of_cards(self) -> int:
        """How many network cards a clone has."""
        return len(self.root.findall("devices/interface"))

    def check(self) -> None:
        """Raise Unsupported when there can be no image."""
        warm_xml.check_hardware(self.root)


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a guest may take to boot, and how long its services settle after its agent has come up; seconds."""

    boot: float
    settle: float


@dataclasses.dataclass(frozen=True)
class Preparer:
    """Makes images in one pool. The journal keeps two runs from making one image at once."""

    connection: Connection
    pool: storage.Pool
    clock: Clock
    patience: Patience
    journal: Journal

    def prepare(
        self, hardware: WarmHardware, bases: t.Mapping[str, str], identity: Identity
    ) -> WarmImage:
        """Return the image, made now or by another run meanwhile; leaves nothing when it fails.

        The appliance is booted once, and its memory kept; ``bases`` is {target: path}. Raises Conflict naming a run
        that is still making it when the guest's time to boot has passed.
        """
        name = hardware.image
        recover.await_others(self.journal, self.connection, name, self.clock, self.patience.boot)
        recover.settle(self.journal, self.connection, self.journal.warn)
        image = find_image(self.connection, name)
        if image is None:
            self._refuse_remains(hardware)
            self._make(hardware, bases, identity)
            image = find_image(self.connection, name)
        if image is None:
            raise NotFound(
                f"the image {name!r} was removed while it was being made. Run the task again.",
                name=name,
            )
        return image

    def _refuse_remains(self, hardware: WarmHardware) -> None:
        """Raise Conflict for parts of an image that no record names: another journal may know who is making it."""
        name = hardware.image
        targets = [disk.target for disk in hardware.manifest.disks]
        remains = [
            f"the volume {volume}"
            for volume in [name_volume(name, target) for target in targets]
            if storage.find_volume(self.pool, volume) is not None
        ]
        if domains.find(self.connection, name) is not None:
            remains.insert(0, "the domain")
        if remains:
            raise Conflict(
                f"mode: a part of the warm image {name!r} is there ({', '.join(remains)}), and the journal "
                f"{self.journal.path} does not know who is making it. If nobody is, remove it: virsh undefine {name} "
                "--snapshots-metadata, and virsh vol-delete for each volume.",
                name=name,
            )

    def _make(self, hardware: WarmHardware, bases: t.Mapping[str, str], identity: Identity) -> None:
        name, appliance = hardware.image, str(hardware.manifest.id)
        intent = {
            "uri": self.connection.uri,
            "pool": self.pool.name(),
            "appliance": appliance,
            "last_steps": {"memory": 1},
        }
        undo = recover.WarmRecovery(self.connection, self.clock)
        with self.journal.begin(recover.KIND, name, intent, undo) as transaction:
            overlays = self._create_volumes(hardware.manifest, bases, name, transaction)
            step = transaction.begin_step("domain", name=name, uuid=identity.uuid)
            domain, cards = self._define(hardware, name, identity, overlays)
            transaction.finish_step(step)
            step = transaction.begin_step("boot", name=name)
            domains.start(domain)
            self._await_guest(domain)
            transaction.finish_step(step)
            step = transaction.begin_step("memory", name=name)
            snapshots.create(domain, warm_xml.snapshot_xml())
            domains.power_off(domain)
            domains.set_metadata_xml(
                domain,
                warm_xml.record_element(appliance, cards),
                warm_xml.RECORD_PREFIX,
                warm_xml.RECORD_NAMESPACE,
            )
            transaction.finish_step(step)

    def _create_volumes(
        self, manifest: Manifest, bases: t.Mapping[str, str], name: str, transaction: Transaction
    ) -> dict[str, Overlay]:
        request = CloneRequest(appliance=manifest.name, pool=self.pool.name())
        described = storage.read_pool(self.pool)
        clone = plan.plan_clone(name, manifest, bases, request, "linked", described)
        for disk in clone.overlays:
            step = transaction.begin_step("volume", pool=disk.volume.pool, name=disk.volume.name)
            disks.link(self.connection, self.pool, disk)
            transaction.finish_step(step)
        return {disk.target: disk for disk in clone.overlays}

    def _define(
        self,
        hardware: WarmHardware,
        name: str,
        identity: Identity,
        overlays: t.Mapping[str, Overlay],
    ) -> tuple[domains.Domain, list[str]]:
        """Define the machine twice: with its cards, so that libvirt gives them addresses, and then without."""
        appliance = str(hardware.manifest.id)
        volumes = tuple(disk.volume for disk in overlays.values())
        metadata = Metadata(appliance=appliance, parent=appliance, volumes=volumes)
        root = parse_element(
            rewrite.make_clone_xml(
                hardware.manifest.template,
                name,
                identity,
                overlays,
                metadata,
                hardware.platform,
                hardware.overrides,
            )
        )
        warm_xml.set_genid(root)
        export_xml.mark_helper(root)
        domain = domains.define(self.connection, serialise(root))
        bare, cards = warm_xml.take_cards(domains.read_definition_xml(domain, secrets=True))
        return domains.define(self.connection, bare), cards

    def _await_guest(self, domain: domains.Domain) -> None:
        _await_agent(domain, self.patience.boot, self.clock)
        self.clock.sleep(self.patience.settle)
        agent.run(domain, ["/bin/sync"], self.patience.boot, self.clock)


def remove(connection: Connection, pool: storage.Pool, name: str, targets: t.Iterable[str]) -> None:
    """Remove what a release whose images had no records left of one; a volume that somebody stands on stays."""
    domain = domains.find(connection, name)
    if domain is not None:
        serve.require_helper(domain, name)
        if domains.is_active(domain):
            domains.power_off(domain)
        domains.undefine(domain)
    volumes = [VolumeRef(pool.name(), name_volume(name, target)) for target in targets]
    deletion.delete_volumes(
        connection, [ref for ref in volumes if storage.find_volume(pool, ref.name) is not None]
    )


def name_volume(machine: str, target: str) -> str:
    """Return the name of a machine's disk."""
    return f"{machine}.{target}.qcow2"


def copy_disk(
    connection: Connection, image: WarmImage, target: str, pool: storage.Pool, name: str
) -> storage.Volume:
    """Copy a disk of the image with the memory in it, which copies of images elsewhere in libvirt leave out."""
    ref = image.volumes[target]
    source = storage.look_up_volume(storage.look_up_pool(connection, ref.pool), ref.name)
    described = storage.read_volume(source)
    size = described.allocation_bytes if described.size_bytes is None else described.size_bytes
    copied = storage.create(
        pool, name, storage_xml.build_volume_xml(storage_xml.NewVolume(name, size, "raw"))
    )
    if not (
        leads_here(connection.uri)
        and reflink.copy(storage.read_volume_path(source), storage.read_volume_path(copied))
    ):
        content.copy(connection, source, copied)
    return copied


def define(connection: Connection, image: WarmImage, clone: str, genid: str) -> domains.Domain:
    """Define the machine of the XML ``clone`` as a fork of the image, which its snapshot comes with."""
    domain = domains.define(
        connection,
        warm_xml.fork_definition(
            domains.read_definition_xml(image.domain, secrets=True), clone, genid
        ),
    )
    snapshots.adopt(
        domain,
        warm_xml.fork_snapshot(snapshots.read_xml(image.domain, warm_xml.SNAPSHOT), clone, genid),
    )
    return domain


def start(
    connection: Connection,
    domain: domains.Domain,
    image: WarmImage,
    macs: t.Sequence[str],
    orders: guest.GuestOrders,
    clock: Clock,
) -> None:
    """Let the fork run: first its guest learns who it is, then it gets its network cards."""
    snapshot = snapshots.look_up(domain, warm_xml.SNAPSHOT)
    if leads_here(
        connection.uri
    ):  # the guest syncs as soon as it knows who it is, and would wait for all that was copied
        reflink.write_back(
            [disk.source for disk in domains.read_definition(domain).disks if disk.source]
        )
    snapshots.run_from(domain, snapshot)
    _await_agent(domain, guest.SECONDS, clock)
    agent.run(domain, guest.make_command(orders), guest.SECONDS, clock)
    for card, mac in zip(image.cards, macs):
        snapshots.attach(domain, warm_xml.make_card_xml(card, mac))
    snapshots.delete(domain, snapshot)


def _await_agent(domain: domains.Domain, seconds: float, clock: Clock) -> None:
    if not Waiter(seconds, clock, longest_pause=0.1).holds(lambda: agent.is_responsive(domain)):
        raise TimedOut(
            f"timeout: no agent came up in the guest of {domain.name()!r} within {seconds:g} s. Install the QEMU guest "
            "agent in the appliance, raise timeout, or use another mode.",
            name=domain.name(),
        )
