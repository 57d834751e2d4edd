# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Parse, build and serialise an appliance's manifest, and put manifests in order. Pure.

A manifest is one JSON object. It is written last and in one piece; as long as a piece is missing it does not parse,
and then there is no appliance.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml

from .names import ApplianceId

FORMAT: t.Final = 1
Firmware = t.Literal["bios", "efi"]

_PARTS = re.compile(r"([0-9]+)")


class InvalidManifest(HeadroomError):
    """A text or dict is not a manifest, or not a complete one."""

    kind = "invalid_manifest"


@dataclasses.dataclass(frozen=True)
class BaseDisk:
    """An immutable disk. ``size_bytes`` and ``sha256`` are of the file as it lies in the pool.

    ``source_sha256`` is of the file that it came as, where that was packed.
    """

    target: str
    volume: str
    format: str
    virtual_size_bytes: int
    size_bytes: int
    sha256: str
    source_sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """An appliance. ``template`` is the domain XML of its clones, less all that makes one machine itself.

    ``created`` is an ISO 8601 time in UTC; ``parent`` the ``name:version`` that the captured domain was a clone of;
    ``origin`` the address of the feed that it came from; ``sealed`` how what makes one machine itself was taken out of
    its disks; ``nvram`` what its UEFI firmware keeps, packed as nvram.py does it.
    """

    name: str
    version: str
    created: str
    arch: str
    firmware: str
    template: str
    disks: tuple[BaseDisk, ...]
    min_ram_bytes: int = 0
    min_disk_bytes: int = 0
    os_id: str | None = None
    parent: str | None = None
    description: str | None = None
    origin: str | None = None
    sealed: str | None = None
    nvram: str | None = None

    @property
    def id(self) -> ApplianceId:
        """What names this appliance."""
        return ApplianceId(self.name, self.version)

    def as_dict(self) -> dict[str, t.Any]:
        """Return the manifest as JSON-able data, which build_manifest() takes back."""
        return {
            "format": FORMAT,
            **dataclasses.asdict(self),
            "disks": [dataclasses.asdict(disk) for disk in self.disks],
        }


def serialise(manifest: Manifest) -> bytes:
    """Return the manifest as it is stored."""
    return json.dumps(manifest.as_dict(), indent=1, sort_keys=True).encode()


def parse_manifest(content: bytes) -> Manifest:
    """Return the stored manifest; raises InvalidManifest for anything that is not a complete one."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"the manifest is not complete: {error}") from error
    return build_manifest(data)


def build_manifest(data: t.Any) -> Manifest:
    """Return the manifest that ``data`` says; raises InvalidManifest."""
    if not isinstance(data, dict):
        raise InvalidManifest("the manifest is not a mapping")
    if data.get("format") != FORMAT:
        raise InvalidManifest(
            f"the manifest has format {data.get('format')!r}, but this release knows {FORMAT}. Update the collection."
        )
    try:
        disks = tuple(BaseDisk(**_select_fields(BaseDisk, disk)) for disk in data["disks"])
        return Manifest(**{**_select_fields(Manifest, data), "disks": disks})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidManifest(f"the manifest is not complete: {error}") from error


def _select_fields(
    kind: type[Manifest | BaseDisk], data: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return what ``kind`` knows of ``data``, the sizes as numbers: a newer release may say more.

    Raises TypeError for what is not a text, ValueError for one that no file can hold (a lone surrogate).
    """
    values: dict[str, t.Any] = {}
    for field in dataclasses.fields(kind):
        if field.name not in data or field.name == "disks":
            continue
        value = data[field.name]
        if field.name.endswith("_bytes"):
            value = int(value)
        elif value is not None or field.default is not None:
            if not isinstance(value, str):
                raise TypeError(f"{field.name} is not a text")
            value.encode()
        values[field.name] = value
    return values


def sort_newest_first(manifests: t.Iterable[Manifest]) -> list[Manifest]:
    """Return the manifests, the latest created first; of one time, the higher version."""
    return sorted(
        manifests,
        key=lambda manifest: (manifest.created, version_order(manifest.version)),
        reverse=True,
    )


def version_order(version: str) -> list[tuple[int, int, str]]:
    """Return a key by which 1.9~rc1 < 1.9 < 1.9.1 < 1.10: as Debian orders versions."""
    key = []
    for part in _PARTS.split(version):
        if _PARTS.fullmatch(part):
            digits = part.lstrip("0")  # compared by length, then as text: as long as they like
            key.append((2, len(digits), digits))
        elif part:
            key.append((0 if part.startswith("~") else 3, 0, part))
    return [*key, (1, 0, "")]


def machine_size(manifest: Manifest) -> dict[str, int]:
    """Return vcpus, memory_bytes and disk_bytes of one clone that overrides nothing."""
    definition = domain_xml.parse(manifest.template)
    return {
        "vcpus": definition.vcpus,
        "memory_bytes": definition.memory_bytes,
        "disk_bytes": sum(disk.virtual_size_bytes for disk in manifest.disks),
    }
