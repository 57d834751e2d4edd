# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Making an appliance: look at the source, plan, copy, and only then let it be seen."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import names
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    describe_manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
    HeadroomError,
    InvalidInput,
    LibvirtFailed,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import durable
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    node,
    storage,
    storage_xml,
)

from . import bases, build, images, recover, remote, sources, template, trial
from . import capture as captures
from . import seal as seals

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
        ApplianceId,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Transaction,
    )

    from .rest import Rest
    from .sources import DiskSource


@dataclasses.dataclass(frozen=True)
class ApplianceRequest:
    """What is to become an appliance. None leaves a property to the source or to ``original``.

    ``files`` is {target or "": where it is}; ``original`` the manifest of the same appliance on another host;
    ``sha256`` what the only file must have; ``hardware_options`` the options that say something of the machine;
    ``network`` the one that the cards of a template from elsewhere are attached to;
    ``keep_unknown`` whether the template may say what this release does not know.
    ``created`` is ISO 8601, ``token`` 12 hexadecimal digits.
    """

    appliance: ApplianceId
    created: str
    token: str
    capture: captures.Capture | None = None
    distant: remote.Distant | None = None
    files: t.Mapping[str, images.Location] = dataclasses.field(default_factory=dict)
    means: images.Means = dataclasses.field(default_factory=images.Means)
    template: str | None = None
    keep_unknown: bool = False
    hardware: build.Hardware | None = None
    hardware_options: tuple[str, ...] = ()
    network: str | None = None
    original: Manifest | None = None
    sha256: str | None = None
    os_id: str | None = None
    min_ram_bytes: int | None = None
    min_disk_bytes: int | None = None
    description: str | None = None
    origin: str | None = None


@dataclasses.dataclass(frozen=True)
class AppliancePlan:
    """What will be stored. The disks of ``manifest`` have no checksum and size yet.

    ``rest`` tells whether the disks of a domain have stayed as they were while they were copied.
    """

    manifest: Manifest
    disks: tuple[DiskSource, ...]
    expected: t.Mapping[str, str]
    seal: seals.Method = "none"
    omissions: tuple[str, ...] = ()
    rest: Rest | None = None


@contextlib.contextmanager
def open_plan(catalogue: Catalogue, request: ApplianceRequest) -> t.Iterator[AppliancePlan]:
    """Yield the Plan, its sources held open; raises before anything is touched when it cannot work."""
    with contextlib.ExitStack() as stack:
        if request.capture is not None:
            capture = stack.enter_context(
                captures.open_capture(
                    catalogue.connection,
                    request.capture,
                    lambda captured: bases.check(catalogue, captured),
                    look_only=request.means.look_only,
                )
            )
        else:
            text, targets = _choose_template(catalogue, request)
            trial.try_definition(catalogue.connection, text, _name_trial(request.appliance))
            if request.distant is not None:
                disks = stack.enter_context(remote.open_disks(request.distant, request.means))
            else:
                disks = stack.enter_context(
                    images.open_images(_assign(request.files, targets), request.means)
                )
            parent = None if request.original is None else request.original.parent
            capture = captures.Captured(
                text,
                disks,
                parent,
                "none",
                None if request.original is None else request.original.nvram,
                () if request.template is None else template.list_omissions(request.template),
            )
            bases.check(catalogue, capture)
        manifest = _draft_manifest(request, capture, in_ceph=catalogue.rbd is not None)
        yield AppliancePlan(
            manifest,
            tuple(capture.disks),
            _find_expected_checksums(request, manifest),
            capture.seal,
            capture.omissions,
            capture.rest,
        )


def store(
    catalogue: Catalogue, plan: AppliancePlan, request: ApplianceRequest, journal: Journal
) -> Manifest:
    """Carry the plan out and return the manifest as it is stored; leaves nothing behind on failure.

    A run that dies leaves a record of the volumes that are its own, by which the next one on the host deletes them.
    """
    storage.try_to_refresh(catalogue.pool)  # another host may have published into a shared pool
    subject = recover.name_subject(catalogue.pool_name, request.appliance)
    intent = {
        "uri": catalogue.connection.uri,
        "pool": catalogue.pool_name,
        "appliance": str(request.appliance),
        "volumes": [draft.volume for draft in plan.manifest.disks],
        "last_steps": {"publish": 1},
    }
    recovery = recover.RegistrationRecovery(catalogue.connection)
    with journal.begin(recover.REGISTER, subject, intent, recovery) as transaction:
        catalogue.require_readable(request.appliance)
        _refuse_published(catalogue, request)
        _check_room(catalogue, plan)
        volumes = [
            _create(catalogue, disk, draft, transaction)
            for disk, draft in zip(plan.disks, plan.manifest.disks)
        ]
        if catalogue.rbd is None:  # a domain's disks have been copied by now
            _require_rest(plan)
        _seal(plan, volumes, transaction)
        stored = tuple(
            _fill(catalogue, disk, draft, volume, plan.expected.get(disk.target), transaction)
            for disk, draft, volume in zip(plan.disks, plan.manifest.disks, volumes)
        )
        if catalogue.rbd is not None:  # into Ceph they are copied only when they are filled
            _require_rest(plan)
        manifest = dataclasses.replace(plan.manifest, disks=stored)
        formats = {
            storage.read_volume_path(volume): disk.format for volume, disk in zip(volumes, stored)
        }
        # a manifest must not outlive what it names
        _sync(catalogue, formats, request.token, transaction)
        _publish(catalogue, manifest, request.token, transaction)
    return manifest


def _require_rest(plan: AppliancePlan) -> None:
    """Raise Conflict when somebody has written to the disks of a domain since they were looked at."""
    if plan.rest is not None:
        plan.rest.require_unchanged()


def check_same(existing: Manifest, request: ApplianceRequest) -> None:
    """Raise Conflict when the appliance that exists is known not to be the one that is asked for.

    Only checksums that the task states are compared: versions are immutable, and reading a source of many gigabytes
    again on each run would buy nothing.
    """
    for target, expected in _find_expected_checksums(request, existing).items():
        disk = next((disk for disk in existing.disks if disk.target == target), None)
        if disk is None or expected not in {disk.sha256, disk.source_sha256}:
            raise Conflict(
                f"{existing.id} exists already with another content of the disk {target}. A version never changes: "
                "give the new content another version, or remove this one first.",
                appliance=str(existing.id),
                disk=target,
            )


def summarise(manifest: Manifest) -> dict[str, t.Any]:
    """Return what a diff shows of an appliance: what is known of it before a byte is copied."""
    facts = describe_manifest(manifest)
    disks = [
        f"{disk.target}: {disk.format}, {disk.virtual_size_bytes} bytes" for disk in manifest.disks
    ]
    return {
        **{name: value for name, value in facts.items() if name not in {"id", "created"}},
        "disks": disks,
    }


def predict_description(catalogue: Catalogue, manifest: Manifest) -> dict[str, t.Any]:
    """Return what describe() will say of the planned ``manifest``; what only a copy can tell is None."""
    unknown = {"volume": None, "path": None, "size_bytes": None, "sha256": None}
    return {
        **describe_manifest(manifest),
        "pool": catalogue.pool_name,
        "disks": [{**dataclasses.asdict(disk), **unknown} for disk in manifest.disks],
        "clones": [],
        "manifest": None,
    }


def _choose_template(catalogue: Catalogue, request: ApplianceRequest) -> tuple[str, list[str]]:
    """Return the template of an appliance from files, and the targets of its disks."""
    domain_text = request.template or (
        None if request.original is None else request.original.template
    )
    if domain_text is not None:
        text = template.make_template(domain_text, keep_unknown=request.keep_unknown)
        return text, template.list_disk_targets(text)
    targets = [target for target in request.files if target] or ["vda"]
    hardware = request.hardware or build.Hardware(memory_bytes=1024**3)
    support = node.read_domain_support(catalogue.connection, hardware.arch)
    return build.build(hardware, targets, support), targets


def _name_trial(appliance: ApplianceId) -> str:
    return f"{appliance.name}-{appliance.version}"


def _assign(
    files: t.Mapping[str, images.Location], targets: t.Sequence[str]
) -> dict[str, images.Location]:
    """Return {target: where it is}: a single file needs no target where the template has a single disk."""
    for target in targets:
        check_name("template", target)
    named = {targets[0]: files[""]} if list(files) == [""] and len(targets) == 1 else dict(files)
    if set(named) != set(targets):
        raise InvalidInput(
            "source.files",
            sorted(target for target in named if target),
            f"does not match the disks of the template ({', '.join(targets) or 'none'})",
            "Give a file for each of these.",
        )
    return {target: named[target] for target in targets}


def _draft_manifest(
    request: ApplianceRequest, capture: captures.Captured, *, in_ceph: bool
) -> Manifest:
    """Return the manifest as far as it is known. In Ceph all disks are raw, else each keeps its format."""
    image_format = bases.FORMAT_IN_CEPH if in_ceph else None
    original, text, disks = request.original, capture.template, capture.disks
    definition = domain_xml.parse(text)

    def choose(name: str, otherwise: t.Any) -> t.Any:
        for origin in (request, original):
            value = getattr(origin, name, None)
            if value is not None:
                return value
        return otherwise

    return Manifest(
        name=request.appliance.name,
        version=request.appliance.version,
        created=request.created if original is None else original.created,
        arch=definition.arch or "x86_64",
        firmware=template.read_firmware(text),
        template=text,
        disks=tuple(
            BaseDisk(
                target=disk.target,
                volume=names.disk_volume(
                    request.appliance,
                    request.token,
                    disk.target,
                    image_format or disk.format,
                    in_ceph=in_ceph,
                ),
                format=image_format or disk.format,
                virtual_size_bytes=disk.virtual_size_bytes,
                size_bytes=0,
                sha256="",
            )
            for disk in disks
        ),
        min_ram_bytes=choose("min_ram_bytes", 0),
        min_disk_bytes=choose("min_disk_bytes", sum(disk.virtual_size_bytes for disk in disks)),
        os_id=choose("os_id", template.read_os_id(text)),
        parent=capture.parent,
        description=choose("description", None),
        origin=request.origin,
        sealed=None if capture.seal == "none" else capture.seal,
        nvram=capture.nvram,
    )


def _find_expected_checksums(request: ApplianceRequest, manifest: Manifest) -> dict[str, str]:
    """Return {target: sha256} of what the task says about the contents."""
    expected = (
        {}
        if request.original is None
        else {disk.target: disk.sha256 for disk in request.original.disks}
    )
    if request.sha256 is not None and manifest.disks:
        expected[manifest.disks[0].target] = request.sha256.lower()
    return expected


def _refuse_published(catalogue: Catalogue, request: ApplianceRequest) -> None:
    if catalogue.find(request.appliance.name, request.appliance.version) is not None:
        raise Conflict(
            f"another run has made {request.appliance} meanwhile. Run the task again: it compares the two.",
            appliance=str(request.appliance),
        )


def _check_room(catalogue: Catalogue, plan: AppliancePlan) -> None:
    available = storage.read_pool(catalogue.pool).available_bytes
    needed = sum(disk.needed_bytes for disk in plan.disks)
    if needed > available:
        raise NoSpace(
            f"pool: {catalogue.pool_name!r} has {available} bytes free, but {plan.manifest.id} needs about {needed}. "
            "Free some, or name another pool.",
            pool=catalogue.pool_name,
            available_bytes=available,
            needed_bytes=needed,
        )


def _create(
    catalogue: Catalogue, disk: DiskSource, draft: BaseDisk, transaction: Transaction
) -> storage.Volume:
    step = transaction.begin_step("volume", pool=catalogue.pool_name, name=draft.volume)
    volume = bases.create(catalogue, disk, draft.volume)
    transaction.finish_step(step)
    return volume


def _seal(
    plan: AppliancePlan, volumes: t.Sequence[storage.Volume], transaction: Transaction
) -> None:
    if plan.seal == "libguestfs":
        step = transaction.begin_step("seal", method=plan.seal)
        seals.seal_with_libguestfs([storage.read_volume_path(volume) for volume in volumes])
        transaction.finish_step(step)


def _fill(
    catalogue: Catalogue,
    disk: DiskSource,
    draft: BaseDisk,
    volume: storage.Volume,
    expected: str | None,
    transaction: Transaction,
) -> BaseDisk:
    step = transaction.begin_step("content", name=draft.volume)
    digest, source_sha256 = bases.fill(catalogue, disk, volume)
    if expected not in {None, digest.sha256, source_sha256}:
        sha256 = source_sha256 or digest.sha256
        raise ChecksumMismatch(
            f"the disk {draft.target} has the SHA-256 {sha256}, not {expected}. Copy it again from where it was "
            "published; do not use it as it is.",
            disk=draft.target,
            expected=expected,
            found=sha256,
        )
    transaction.finish_step(step, sha256=digest.sha256)
    return dataclasses.replace(
        draft, sha256=digest.sha256, size_bytes=digest.size_bytes, source_sha256=source_sha256
    )


def _sync(
    catalogue: Catalogue, formats: t.Mapping[str, str], token: str, transaction: Transaction
) -> None:
    if catalogue.rbd is not None:  # what Ceph has acknowledged is durable
        return
    step = transaction.begin_step("sync", paths=list(formats), token=token)
    durable.make_durable(catalogue.connection, formats, token)
    transaction.finish_step(step)


def _publish(
    catalogue: Catalogue, manifest: Manifest, token: str, transaction: Transaction
) -> None:
    """Write the manifest: from its last byte on, the appliance exists."""
    for disk in manifest.disks:
        if storage.find_volume(catalogue.pool, disk.volume) is None:
            raise Conflict(
                f"somebody has removed the volume {disk.volume!r} while {manifest.id} was made. Run the task again.",
                appliance=str(manifest.id),
            )
    name, text = catalogue.name_manifest(manifest.id), bases.serialise(catalogue, manifest)
    volume = _create_manifest(catalogue, name, text, transaction)
    step = transaction.begin_step("publish", name=name)
    catalogue.write_manifest_text(volume, text)
    if catalogue.read_manifest_text(name) != text:
        raise HeadroomError(
            f"the manifest of {manifest.id} is not in the volume {name!r} as it was written. See that the pool "
            f"{catalogue.pool_name!r} is sound, and run the task again.",
            volume=name,
        )
    _sync(catalogue, {storage.read_volume_path(volume): "raw"}, token, transaction)
    transaction.finish_step(step)


def _create_manifest(
    catalogue: Catalogue, name: str, text: bytes, transaction: Transaction
) -> storage.Volume:
    """Create the empty volume of a manifest; one of that name that is there meanwhile is not this run's."""
    digest = hashlib.sha256(text).hexdigest()
    step = transaction.begin_step(
        "manifest", pool=catalogue.pool_name, name=name, size_bytes=len(text), sha256=digest
    )
    new = storage_xml.NewVolume(name, len(text), "raw", mode=sources.READ_ONLY)
    try:
        volume = storage.create(catalogue.pool, name, storage_xml.build_volume_xml(new))
    except (Conflict, LibvirtFailed):  # how libvirt tells of a file that its pool does not know
        transaction.finish_step(step, taken=True)
        _refuse_taken(catalogue, name)
        raise
    transaction.finish_step(step)
    return volume


def _refuse_taken(catalogue: Catalogue, name: str) -> None:
    """Raise Conflict where Ceph has let another host make the manifest first; libvirt's own words are misleading."""
    if catalogue.rbd is None or not storage.try_to_refresh(catalogue.pool):
        return
    if storage.find_volume(catalogue.pool, name) is not None:
        raise Conflict(
            f"another run has made {name} in the pool {catalogue.pool_name!r} meanwhile. Run the task again: it "
            "compares the two.",
            volume=name,
        )
