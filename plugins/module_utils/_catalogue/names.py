# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How the catalogue names its volumes. Pure.

``headroom-appliance.NAME@VERSION.manifest.json`` is an appliance; ``headroom-appliance.NAME@VERSION.TOKEN.DISK.FORMAT``
one of its disks. The token is chosen anew by each run, so that two runs never write one file. No ``:`` occurs, which
QEMU would read as a protocol, and ``@`` is in no name, so that the two parts are told apart whatever dots they hold. In
Ceph, whose tools take what follows an ``@`` for a snapshot, ``=`` stands for it.
"""

from __future__ import annotations

import dataclasses
import re

from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    APPLIANCE_PREFIX,
    check_name,
    check_version,
)

_MANIFEST = re.compile(
    re.escape(APPLIANCE_PREFIX) + r"(?P<name>[^@=]+)[@=](?P<version>.+)\.manifest\.json"
)
_DISK = re.compile(
    re.escape(APPLIANCE_PREFIX)
    + r"(?P<name>[^@=]+)[@=](?P<version>.+)\.(?P<token>[0-9a-f]{12})\.(?P<target>\w+)\.(qcow2|raw)"
)


@dataclasses.dataclass(frozen=True, order=True)
class ApplianceId:
    """What names one appliance."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclasses.dataclass(frozen=True)
class DiskVolume:
    """What a disk's volume name says."""

    appliance: ApplianceId
    token: str
    target: str


def parse_reference(option: str, text: str) -> tuple[str, str | None]:
    """Return name and version of ``name:version`` or ``name`` (version None); raises InvalidInput."""
    name, colon, version = text.partition(":")
    return check_name(option, name), check_version(option, version) if colon else None


def manifest_volume(appliance: ApplianceId, *, in_ceph: bool = False) -> str:
    """Return the name of the volume with the manifest."""
    return f"{_begin(appliance, in_ceph)}.manifest.json"


def _begin(appliance: ApplianceId, in_ceph: bool) -> str:
    return f"{APPLIANCE_PREFIX}{appliance.name}{'=' if in_ceph else '@'}{appliance.version}"


def disk_volume(
    appliance: ApplianceId, token: str, target: str, image_format: str, *, in_ceph: bool = False
) -> str:
    """Return the name of the volume with the disk that appears as ``target`` (vda)."""
    return f"{_begin(appliance, in_ceph)}.{token}.{target}.{image_format}"


def read_manifest_volume(volume: str) -> ApplianceId | None:
    """Return the appliance whose manifest is in a volume of that name, None for any other name."""
    match = _MANIFEST.fullmatch(volume)
    return match and ApplianceId(match["name"], match["version"])


def read_disk_volume(volume: str) -> DiskVolume | None:
    """Return what the name of a disk's volume says, None for any other name."""
    match = _DISK.fullmatch(volume)
    return match and DiskVolume(
        ApplianceId(match["name"], match["version"]), match["token"], match["target"]
    )
