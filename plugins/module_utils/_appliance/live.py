# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The disks of a running domain at rest: as they are at one instant, while its guest runs on, or with it shut down.

freeze_disks(): the guest writes into overlays as long as its disks are copied; afterwards these are merged back. Of
disks in Ceph snapshots are copied (``instant``). stop_domain(): the guest is sealed, if its agent is to do so, and shut
down. hold_disks(): the disks of a guest that is off. Each is a transaction: a run that dies in between leaves a guest
on overlays or held, snapshots, or a guest that is off, and a record by which settle() has it as it was before, or as
that run would have left it where the appliance is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue as catalogues,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import names
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import power
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Shape
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import (
    deletion,
    layers,
    overlays,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    agent,
    domain_xml,
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from . import instant, seal, sources

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
        Step,
        Transaction,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import State
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

KIND: t.Final = "capture"
SHAPE: t.Final = Shape(
    steps={
        "overlay": ("pool", "name", "target", "path"),
        "freeze": ("domain",),
        "seal": ("uuid",),
        "stop": ("uuid",),
        **instant.STEPS,
    },
)

_SHUTDOWN_SECONDS: t.Final = 300.0
# A guest that was told to shut down by a run that then died goes off within this time, or never heard it.
_GOING_DOWN_SECONDS: t.Final = 30.0
_BOOT_SECONDS: t.Final = 120.0


@dataclasses.dataclass(frozen=True)
class Purpose:
    """What a capture is for: an appliance in a pool, of whose disks the volumes have ``token`` in their names."""

    pool: str
    appliance: names.ApplianceId
    token: str

    def as_intent(self) -> dict[str, str]:
        """Return it as a record holds it."""
        return {
            "pool": self.pool,
            "name": self.appliance.name,
            "version": self.appliance.version,
            "token": self.token,
        }


@dataclasses.dataclass(frozen=True)
class CaptureRecovery:
    """Lets a domain be as it was, whatever of that is left to do.

    A guest that is held goes on, one that was shut down is started, overlays are merged back, and snapshots go.
    One that was shut down stays off when the appliance is there: then it was not for nothing.
    """

    connection: Connection
    clock: Clock = SYSTEM_CLOCK

    def resume(self, record: Record) -> State | None:
        """As roll_back(): what was copied so far is of no use, unless all of it was."""
        return self.roll_back(record)

    def roll_back(self, record: Record) -> State | None:
        """Let the domain be as it was before; one whose appliance is there, as it is after a capture."""
        SHAPE.check(record)
        steps = [step.arguments for step in record.steps if step.name == "overlay"]
        domain = domains.find_again(self.connection, record.intent.get("uuid"), record.subject)
        instant.release(domain, record)
        is_published = _is_published(self.connection, record)
        if not is_published:
            for stop in (step for step in record.steps if step.name == "stop"):
                self._start(domain, stop)
        for step in steps:
            self._merge(domain, record.subject, step)
        keep = deletion.delete_volumes(
            self.connection, [VolumeRef(step["pool"], step["name"]) for step in steps]
        )
        if keep:
            reasons = "; ".join(f"{ref.pool}/{ref.name}: {reason}" for ref, reason in keep.items())
            raise Conflict(
                f"overlays of the capture of {record.subject!r} cannot go: {reasons}. Somebody has put a snapshot over "
                "them. Nothing is lost. Delete that snapshot (virsh snapshot-delete, or virsh blockcommit), and run "
                "the task again, or recover the transaction.",
                domain=record.subject,
            )
        instant.remove_snapshots(self.connection, record, self.clock)
        return "finished" if is_published else None

    def _start(self, domain: libvirt.virDomain | None, stop: Step) -> None:
        """Start what the run had shut down: it ran before, and an agent that has sealed it must do so again."""
        if domain is None or domain.UUIDString() != stop.arguments["uuid"]:
            return
        if stop.state == "begun":
            Waiter(_GOING_DOWN_SECONDS, self.clock).holds(lambda: not domains.is_active(domain))
        if not domains.is_active(domain) and not domains.has_saved_memory(domain):
            domains.start(domain)

    def _merge(
        self, domain: libvirt.virDomain | None, name: str, step: t.Mapping[str, t.Any]
    ) -> None:
        """Merge an overlay that a domain stands on; raises Conflict for one that is off, where libvirt cannot."""
        if domain is None:
            return
        target, path = step["target"], step["path"]
        if domains.is_active(domain):
            overlays.merge(domain, target, path, self.clock)
        elif _read_source(domains.read_definition_xml(domain), target) == path:
            raise Conflict(
                f"{name!r} stopped while it was captured, so its disk {target} stays on the overlay {path}. Nothing "
                "of it is lost. Start it, and run the task again, or recover the transaction.",
                domain=name,
            )


@contextlib.contextmanager
def freeze_disks(
    connection: Connection,
    name: str,
    journal: Journal,
    token: str,
    purpose: Purpose | None = None,
    *,
    quiesce: str = "auto",
) -> t.Iterator[list[sources.VolumeDisk]]:
    """Yield the disks of the running domain called ``name`` as they are now; merges the overlays afterwards.

    Of those in Ceph there are snapshots for the block, and the guest goes on writing into the images themselves.
    ``quiesce`` ``auto`` has file systems frozen where an agent is connected, ``always`` insists on it.
    """
    recovery = CaptureRecovery(connection)
    domain = domains.look_up(connection, name)
    text = domains.read_live_xml(domain)
    with_agent = _is_to_quiesce(domain, quiesce)
    definition, chains = domain_xml.parse(text), _read_chains(text)
    disks = sources.find_disks(connection, definition)
    paths = {disk.target: storage.read_volume_path(disk.source) for disk in disks}
    intent = _describe_intent(connection, domain, purpose)
    method = instant.choose_method(disks, with_agent=with_agent)
    with journal.begin(KIND, name, intent, recovery) as transaction:
        places = {
            disk.target: _make_overlay(connection, transaction, name, token, disk)
            for disk in definition.disks
            if disk.device == "disk" and disk.image is None
        }
        others = [disk.target for disk in definition.disks if disk.target not in places]
        _require_chains(domain, chains, {}, paths)
        step = transaction.begin_step("freeze", domain=name)
        with instant.hold(domain, transaction, method):
            if places:
                overlay_xml = overlays.snapshot_xml(places, others)
                quiesce_alone = with_agent and method is None
                overlays.put(domain, overlay_xml, reuse=True, quiesce=quiesce_alone)
            disks = instant.take_snapshots(connection, transaction, disks, token)
        _require_chains(domain, chains, places, paths)
        transaction.finish_step(step)
        yield disks
        recovery.roll_back(transaction.record)


def _read_chains(text: str) -> dict[str, tuple[str, ...]]:
    return {target: tuple(map(str, chain)) for target, chain in layers.read_layers(text).items()}


def _require_chains(
    domain: libvirt.virDomain,
    chains: t.Mapping[str, tuple[str, ...]],
    places: t.Mapping[str, str],
    paths: t.Mapping[str, str],
) -> None:
    """Raise Conflict unless the disks stand on what they did, under the overlays in ``places`` and nothing else.

    The files of the overlays say what they stand on. With somebody's snapshot between, the guest would skip what it has
    written into that when it starts anew, and the disks that are copied would lack it.
    """
    actual = _read_chains(domains.read_live_xml(domain))
    changed = overlays.find_changed_chains(chains, actual, places, paths)
    if changed:
        found = "; ".join(" <- ".join(actual.get(target, ())) for target in changed)
        raise Conflict(
            f"somebody has changed what the disk {', '.join(changed)} of {domain.name()!r} stands on while it was "
            f"being frozen ({found}), by a snapshot for example. Nothing was captured. Run the task again once that is "
            "done.",
            domain=domain.name(),
            disks=changed,
        )


@contextlib.contextmanager
def stop_domain(
    connection: Connection,
    name: str,
    journal: Journal,
    method: seal.Method,
    purpose: Purpose | None = None,
) -> t.Iterator[Transaction]:
    """Have the domain off for the block, sealed before by its agent if ``method`` says so; it is left off.

    When the block raises, it is started again, unless the appliance that it is for is there all the same. Yields the
    transaction.
    """
    domain = domains.look_up(connection, name)
    intent = _describe_intent(connection, domain, purpose)
    with journal.begin(KIND, name, intent, CaptureRecovery(connection)) as transaction:
        if method == "agent":
            step = transaction.begin_step("seal", uuid=domain.UUIDString())
            seal.seal_with_agent(domain)
            transaction.finish_step(step)
        step = transaction.begin_step("stop", uuid=domain.UUIDString())
        power.shut_down(domain, timeout=_SHUTDOWN_SECONDS)
        transaction.finish_step(step)
        yield transaction


@contextlib.contextmanager
def hold_disks(
    connection: Connection,
    name: str,
    journal: Journal,
    token: str,
    purpose: Purpose | None = None,
    transaction: Transaction | None = None,
) -> t.Iterator[list[sources.VolumeDisk]]:
    """Yield the disks of the domain called ``name``, which is off, as they are now; those in Ceph by snapshots.

    What nobody is to write to meanwhile is told by ``rest`` for a file, and by nothing for an image. ``transaction`` is
    that of stop_domain(), where there is one. Raises Conflict for a domain that somebody has started.
    """
    domain = domains.look_up(connection, name)
    disks = sources.find_disks(connection, domains.read_definition(domain))
    if not any(disk.lies_in_ceph for disk in disks):
        yield disks
        return
    with contextlib.ExitStack() as stack:
        if transaction is None:
            intent = _describe_intent(connection, domain, purpose)
            begun = journal.begin(KIND, name, intent, CaptureRecovery(connection))
            transaction = stack.enter_context(begun)
        held = instant.take_snapshots(connection, transaction, disks, token)
        sources.require_stopped(connection, name)
        yield held
        instant.remove_snapshots(connection, transaction.record)


def settle(journal: Journal, connection: Connection, name: str, *, needs_agent: bool) -> None:
    """Have a domain as it was before a run that died in capturing it; with ``needs_agent`` let its guest boot too.

    One whose appliance is there is as that run would have left it, had it come to its end.
    """
    stopped = False
    for record in _find_dead(journal, connection, name):
        journal.recover(record, CaptureRecovery(connection))
        stopped = stopped or any(step.name == "stop" for step in record.steps)
    if stopped and needs_agent:
        domain = domains.look_up(connection, name)
        if domains.is_active(domain):
            Waiter(_BOOT_SECONDS).holds(lambda: seal.has_agent(domain))


def tell(journal: Journal, connection: Connection, name: str) -> None:
    """Say what settle() would do, for check mode."""
    for record in _find_dead(journal, connection, name):
        actions = " ".join(describe_recovery(record, "roll_back"))
        journal.warn(
            f"{record} broke off, which a run that is not in check mode settles: {actions}"
        )


def _find_dead(journal: Journal, connection: Connection, name: str) -> list[Record]:
    return [
        record
        for record in journal.list_unfinished(KIND, name)
        if record.uri == connection.uri and not record.alive
    ]


def _describe_intent(
    connection: Connection, domain: libvirt.virDomain, purpose: Purpose | None
) -> dict[str, t.Any]:
    """Return the intent of a record; without ``purpose`` the domain is as before however the run ends."""
    intent = {"uri": connection.uri, "domain": domain.name(), "uuid": domain.UUIDString()}
    return intent if purpose is None else {**intent, "purpose": purpose.as_intent()}


def _read_purpose(record: Record) -> Purpose | None:
    """Return what the capture was for; None where the release that began it did not say so."""
    said = record.intent.get("purpose")
    if not isinstance(said, dict):
        return None
    pool, name, version, token = (said.get(key) for key in ("pool", "name", "version", "token"))
    if not (pool and name and version and token):
        return None
    return Purpose(str(pool), names.ApplianceId(str(name), str(version)), str(token))


def _is_published(connection: Connection, record: Record) -> bool:
    """Return whether the appliance of a capture is there, made by that very run; what cannot be read is not."""
    purpose = _read_purpose(record)
    if purpose is None:
        return False
    try:
        catalogue = catalogues.open_catalogue(connection, purpose.pool)
        manifest = catalogue.find(purpose.appliance.name, purpose.appliance.version)
    except HeadroomError:
        return False
    disks = () if manifest is None else manifest.disks
    volumes = (names.read_disk_volume(disk.volume) for disk in disks)
    return any(volume is not None and volume.token == purpose.token for volume in volumes)


def _is_to_quiesce(domain: libvirt.virDomain, quiesce: str) -> bool:
    name, connected = domain.name(), agent.is_connected(domain)
    if quiesce == "always" and not connected:
        raise Conflict(
            f"source.quiesce: the guest agent of {name!r} is not connected, so its file systems cannot be frozen. "
            "Start it in the guest, or take the disks as after a power cut: quiesce: never.",
            domain=name,
        )
    return connected and quiesce != "never"


def _make_overlay(
    connection: Connection, transaction: Transaction, name: str, token: str, disk: domain_xml.Disk
) -> str:
    base = sources.find_volume(connection, disk)
    pool = storage.look_up_pool_of(base)
    volume_name = f"headroom-capture.{name}.{token}.{disk.target}.qcow2"
    path = storage.read_pool(pool).path_of(volume_name)
    step = transaction.begin_step(
        "overlay", pool=pool.name(), name=volume_name, target=disk.target, path=path
    )
    declared_format = sources.read_declared_format(disk)
    new = storage_xml.NewVolume(
        volume_name,
        storage.read_volume(base).capacity_as(declared_format),
        backing_path=storage.read_volume_path(base),
        backing_format=declared_format,
    )
    storage.create(pool, volume_name, storage_xml.build_volume_xml(new))
    transaction.finish_step(step)
    return path


def _read_source(text: str, target: str) -> str | None:
    return next(
        (disk.source for disk in domain_xml.parse(text).disks if disk.target == target), None
    )


def describe_recovery(record: Record, _direction: Direction) -> list[str]:
    """Return in sentences what CaptureRecovery does with the record, in either direction."""
    SHAPE.check(record)
    steps = [step.arguments for step in record.steps if step.name == "overlay"]
    purpose = _read_purpose(record)
    unless = f", unless {purpose.appliance} was made of it" if purpose else ""
    started = [
        f"Start {record.subject}, if it is off{unless}: it ran before."
        for step in record.steps
        if step.name == "stop"
    ]
    merged = [
        f"Merge the overlay {step['name']} of {record.subject} back into its disk {step['target']}."
        for step in steps
    ]
    return [
        *started,
        *merged,
        *(f"Delete the volume {step['name']} of the pool {step['pool']}." for step in steps),
        *instant.describe_release(record),
    ]
