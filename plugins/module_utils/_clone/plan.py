# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which clones there shall be, and which of them are missing. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    check_name,
    check_new_name,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    Standing,
    VolumeRef,
)

from .extras import Extras, choose_extras, read_fixed_addresses
from .model import Overlay, Overrides
from .quota import Quota

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

    from .modes import Mode
    from .seed.seed import Seed

# An overlay that holds nothing yet: header, refcounts and tables of a qcow2 image take 196 KiB.
EMPTY_OVERLAY_BYTES: t.Final = 256 * 1024

# QEMU rounds sizes up to whole sectors.
_SECTOR_BYTES: t.Final = 512

State = t.Literal["running", "shutdown"]


@dataclasses.dataclass(frozen=True)
class CloneRequest:
    """Which clones are asked for: either ``names``, or ``count`` of ``prefix-N``.

    ``addresses`` maps names of clones to addresses that are kept for them; ``neighbours`` are the URIs of hosts whose
    MAC addresses they must not have either. ``in_service`` is what is recorded of them from the beginning.
    """

    appliance: str
    version: str | None = None
    names: tuple[str, ...] = ()
    count: int | None = None
    prefix: str | None = None
    pool: str = "default"
    fleet: str | None = None
    tenant: str | None = None
    protected: bool = False
    autostart: bool = False
    state: State = "running"
    mode: str = "auto"
    disk_size_bytes: int | None = None
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    seed: Seed | None = None
    addresses: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    neighbours: tuple[str, ...] = ()
    quota: Quota = dataclasses.field(default_factory=Quota)
    in_service: bool | None = None

    def is_met_by(self, appliance: str | None) -> bool:
        """Return whether a domain whose metadata says ``appliance`` (name:version) is a clone as asked for.

        Without a version in the request, every version of the appliance is.
        """
        name, _colon, version = (appliance or "").partition(":")
        return name == self.appliance and self.version in {None, version}


@dataclasses.dataclass(frozen=True)
class Leftovers:
    """Names of domains, volumes and addresses that are taken only because a run broke off, and are as good as free.

    ``notes`` says so in sentences.
    """

    domains: frozenset[str] = frozenset()
    volumes: frozenset[VolumeRef] = frozenset()
    addresses: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CloneSelection:
    """The names of the clones that are there and of those that are missing."""

    existing: tuple[str, ...]
    missing: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class NewClone:
    """A clone that is to be made."""

    name: str
    overlays: tuple[Overlay, ...]
    extras: Extras = dataclasses.field(default_factory=Extras)

    @property
    def volumes(self) -> tuple[VolumeRef, ...]:
        """The volumes that it will own."""
        return (
            *(overlay.volume for overlay in self.overlays),
            *(extra.volume for extra in self.extras.volumes),
        )

    @property
    def paths(self) -> dict[VolumeRef, str]:
        """Where its volumes will lie."""
        disks = {overlay.volume: overlay.path for overlay in self.overlays}
        return {**disks, **{extra.volume: extra.path for extra in self.extras.volumes}}


def check_request(request: CloneRequest) -> CloneRequest:
    """Return the request; raises InvalidInput naming the option that cannot be used."""
    for name in request.names:
        check_new_name("names", name)
    twice = sorted({name for name in request.names if request.names.count(name) > 1})
    if twice:
        raise InvalidInput("names", twice[0], "is listed twice", "List each name once.")
    if request.count is not None:
        remedy = (
            "Write 1 or more. To remove clones, use headroom.libvirt.domain with state: absent."
        )
        check_positive("count", request.count, "clones", remedy)
        if request.prefix is None:
            raise InvalidInput(
                "prefix",
                None,
                "is needed with count",
                "Give prefix, or fleet, which stands in for it.",
            )
        check_new_name("prefix", f"{request.prefix}-{request.count}")
    elif not request.names:
        raise InvalidInput(
            "names",
            [],
            "does not name a clone",
            "List at least one name, or give count and prefix.",
        )
    for option in ("fleet", "tenant"):
        value = getattr(request, option)
        if value is not None:
            check_name(option, value)
    _check_mode(request)
    return request


def _check_mode(request: CloneRequest) -> None:
    if request.mode in {"streamed", "warm"} and request.state != "running":
        raise InvalidInput(
            "state",
            request.state,
            f"is not for mode: {request.mode}",
            "Such a clone begins by running.",
        )
    if request.mode == "warm" and request.disk_size_bytes is not None:
        raise InvalidInput(
            "disk_size",
            request.disk_size_bytes,
            "is not for mode: warm, whose guests have seen their disks already",
            "Leave it out, or use another mode.",
        )


def find_candidates(request: CloneRequest, domain_names: t.Iterable[str]) -> list[str]:
    """Return those of the host's domains that could be the clones asked for, by number where they have one."""
    if request.count is None:
        existing = set(domain_names)
        return [name for name in request.names if name in existing]
    numbered = re.compile(re.escape(request.prefix or "") + r"-([1-9][0-9]*)")
    matches = filter(None, map(numbered.fullmatch, domain_names))
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), match[0]))]


def select(
    request: CloneRequest, domain_names: t.Collection[str], appliances: t.Mapping[str, str | None]
) -> CloneSelection:
    """Return which clones are there and which are missing.

    ``appliances`` holds what the metadata of each of the candidates() says. Raises Conflict for a domain that has one
    of the ``names`` but is no clone of the appliance. With ``count`` such a domain only takes its number.
    """
    existing = tuple(name for name, appliance in appliances.items() if request.is_met_by(appliance))
    if request.count is None:
        for name, appliance in appliances.items():
            if name not in existing:
                raise _describe_conflict(request, name, appliance)
        return CloneSelection(
            existing, tuple(name for name in request.names if name not in existing)
        )
    taken = set(domain_names)
    numbered = (f"{request.prefix}-{number}" for number in itertools.count(1))
    free = (name for name in numbered if name not in taken)
    return CloneSelection(
        existing, tuple(itertools.islice(free, max(0, request.count - len(existing))))
    )


def _describe_conflict(request: CloneRequest, name: str, appliance: str | None) -> Conflict:
    desired = (
        request.appliance if request.version is None else f"{request.appliance}:{request.version}"
    )
    what = f"is a clone of {appliance}" if appliance else "was not made from an appliance"
    return Conflict(
        f"names: a domain {name!r} exists already, but it {what}, not of {desired}. Choose another name, or remove it "
        "first.",
        name=name,
        appliance=appliance,
    )


def plan_clone(
    name: str,
    manifest: Manifest,
    base_paths: t.Mapping[str, str],
    request: CloneRequest,
    mode: Mode,
    pool: Pool,
) -> NewClone:
    """Return the clone of that name with its disks in ``pool``.

    Raises InvalidInput for a size of the first disk that is less than the appliance's.
    """
    disks = []
    for number, base in enumerate(manifest.disks):
        image_format = base.format if mode == "reflink" or pool.rbd is not None else "qcow2"
        volume = f"{name}.{base.target}.{image_format}"
        desired_bytes = request.disk_size_bytes if number == 0 else None
        disks.append(
            Overlay(
                target=base.target,
                volume=VolumeRef(request.pool, volume),
                path=pool.path_of(volume),
                format=image_format,
                capacity_bytes=_choose_capacity(manifest, base.virtual_size_bytes, desired_bytes),
                base_path=base_paths[base.target],
                base_format=base.format,
                base_capacity_bytes=base.virtual_size_bytes,
                base_size_bytes=base.size_bytes,
                rbd=pool.rbd,
            )
        )
    return NewClone(name, tuple(disks))


def _choose_capacity(manifest: Manifest, size: int, desired_bytes: int | None) -> int:
    if desired_bytes is None:
        return size
    if desired_bytes < size:
        raise InvalidInput(
            "disk_size",
            desired_bytes,
            f"is less than the {size} bytes of the first disk of {manifest.id}, and a disk that shrinks loses data",
            f"Ask for {size} or more, or leave it out.",
        )
    return -(-desired_bytes // _SECTOR_BYTES) * _SECTOR_BYTES


def make_metadata(
    clone: NewClone, request: CloneRequest, manifest: Manifest, created: str
) -> Metadata:
    """Return what the clone's metadata will say."""
    return Metadata(
        fleet=request.fleet,
        tenant=request.tenant,
        appliance=str(manifest.id),
        parent=str(manifest.id),
        created=created,
        protected=request.protected,
        standing=None if request.in_service is None else Standing(request.in_service, created),
        volumes=clone.volumes,
    )


def check_memory(manifest: Manifest, memory_bytes: int) -> None:
    """Raise InvalidInput when a clone would have less memory than the appliance needs."""
    if memory_bytes < manifest.min_ram_bytes:
        raise InvalidInput(
            "memory",
            memory_bytes,
            f"is less than {manifest.id} needs ({manifest.min_ram_bytes} bytes)",
            "Give the clones more memory.",
        )


def check_room(clones: t.Sequence[NewClone], pool: str, mode: Mode, available_bytes: int) -> None:
    """Raise NoSpace when the pool has no room for the disks as they are at the start."""
    disks = itertools.chain.from_iterable(clone.overlays for clone in clones)
    needed = sum(
        disk.base_size_bytes if mode in {"full", "streamed"} else EMPTY_OVERLAY_BYTES
        for disk in disks
    )
    if needed > available_bytes:
        raise NoSpace(
            f"pool: {pool!r} has {available_bytes} bytes free, but {len(clones)} clones (mode: {mode}) need {needed} "
            "bytes to begin with. Free some, make fewer, or name another pool.",
            pool=pool,
            available_bytes=available_bytes,
            needed_bytes=needed,
        )


def add_extras(
    clones: tuple[NewClone, ...],
    request: CloneRequest,
    names: t.Collection[str],
    hardware: Definition,
    path_of: t.Callable[[str], str],
    *,
    with_nvram: bool,
) -> tuple[NewClone, ...]:
    """Return the clones with what the request and the appliance give them; ``names`` are those of existing ones too."""
    addresses = read_fixed_addresses(request.addresses, names, hardware)
    return tuple(
        dataclasses.replace(
            clone,
            extras=choose_extras(
                clone.name,
                request.pool,
                path_of,
                seeded=request.seed is not None,
                address=addresses.get(clone.name),
                with_nvram=with_nvram,
            ),
        )
        for clone in clones
    )
