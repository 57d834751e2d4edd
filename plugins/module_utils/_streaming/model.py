# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The words of streaming: exports, the helper domains that serve them, and the names of all helper domains. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import format_host, mask_uri

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
        Service,
    )

_NO_CERTIFICATES: t.Final = re.compile(
    r"Unable to access credentials \S+: No such file or directory"
)
EXPORT_PREFIX: t.Final = "headroom-export-"
TLS_PROBE_PREFIX: t.Final = "headroom-tls-"
WARM_IMAGE_PREFIX: t.Final = "headroom-warm-"
SYNC_PREFIX: t.Final = "headroom-sync-"
TRIAL_PREFIX: t.Final = "headroom-trial-"
# What an overlay is called at its end that a guest writes into while it moves.
OVERLAY_SUFFIX: t.Final = "overlay"
_HELPER_PREFIXES: t.Final = (
    EXPORT_PREFIX,
    TLS_PROBE_PREFIX,
    WARM_IMAGE_PREFIX,
    SYNC_PREFIX,
    TRIAL_PREFIX,
)
# Marks a helper domain in its metadata; a name is anybody's to give.
HELPER_NAMESPACE: t.Final = "urn:headroom:libvirt:1:helper"
# In images of warm clones that earlier releases made, this stands for that mark.
WARM_NAMESPACE: t.Final = "urn:headroom:libvirt:1:warm"
# Enough that no two tokens share them; a name of a domain is also that of sockets and files.
_TOKEN_DIGITS: t.Final = 12

TLS_REMEDY: t.Final = (
    "Look at ca-cert.pem, client-cert.pem, and server-cert.pem with that name in it, in /etc/pki/qemu of both hosts "
    "(or where qemu.conf says)."
)


def is_helper_name(name: str) -> bool:
    """Return whether a domain's name is one of those that the collection gives to helpers; others may give it too."""
    return name.startswith(_HELPER_PREFIXES)


def helper_name(token: str) -> str:
    """Return the name of the domain that serves the export of that token."""
    return EXPORT_PREFIX + token[:_TOKEN_DIGITS]


def infix(token: str) -> str:
    """Return what stands between the name of a disk and the rest in the names of files that serving it takes."""
    return f".headroom-{token}."


def export_name(token: str, target: str) -> str:
    """Return the name under which a disk is served.

    The token is part of it, so that a server that was left on the port, with other disks, is never taken for this one.
    """
    return f"{token}-{target}"


@dataclasses.dataclass(frozen=True)
class Export:
    """One disk, served read-only over NBD: its random name, and where.

    ``tls_name`` is the name that the server's certificate must have, None where that is the address.
    """

    name: str
    address: str
    port: int
    tls: bool = False
    tls_name: str | None = None

    def __str__(self) -> str:
        return f"nbd://{format_host(self.address)}:{self.port}/{self.name}"


@dataclasses.dataclass(frozen=True)
class Platform:
    """What a helper domain is like: any that its host runs, or the same as a guest's, so that the same QEMU runs it."""

    type: str
    arch: str
    machine: str | None = None
    emulator: str | None = None


@dataclasses.dataclass(frozen=True)
class Served:
    """A disk that a helper serves as ``name``: the file and its format, and a path for what QEMU needs meanwhile.

    With a base, the file is an overlay on it that is made for the export alone, and goes with it.
    """

    name: str
    path: str
    format: str
    scratch_path: str
    base_path: str | None = None
    base_format: str = "qcow2"


@dataclasses.dataclass(frozen=True)
class Helper:
    """A domain that never runs an instruction, and whose QEMU serves ``disks`` at ``address``.

    ``service`` is what its metadata say of whom it serves.
    """

    name: str
    title: str
    platform: Platform
    disks: tuple[Served, ...]
    address: str
    tls: bool = False
    service: Service | None = None

    @property
    def leftover_paths(self) -> tuple[str, ...]:
        """The files that go with the export; a disk that is served as it is, is none of them."""
        overlays = (disk.path for disk in self.disks if disk.base_path is not None)
        return (*overlays, *(disk.scratch_path for disk in self.disks))


def describe_remainder(dependency: Dependency, targets: t.Sequence[str]) -> dict[str, t.Any]:
    """Return what a machine still reads from another host, as modules return it; ``targets`` are not local yet.

    The token is left out: whoever knows it can read the disks.
    """
    return {
        "kind": dependency.kind,
        "source_uri": mask_uri(dependency.source_uri),
        "export": helper_name(dependency.token),
        "address": dependency.address,
        "port": dependency.port,
        "since": dependency.since,
        "operation": dependency.operation,
        "disks": list(targets),
    }


@dataclasses.dataclass(frozen=True)
class Handshake:
    """A TLS connection that was tried to the host that calls itself ``name``; ``problem`` is empty if it stood."""

    name: str
    problem: str = ""

    @property
    def lacks_certificates(self) -> bool:
        """Whether it did not stand because a host has no certificates of QEMU's.

        QEMU says that before it connects to anybody, so that nobody between the hosts can have it said.
        """
        return _NO_CERTIFICATES.search(self.problem) is not None
