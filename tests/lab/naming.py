# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses of a lab, all of them computed: whoever knows the lab's name can find every part of it. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import typing as t
import uuid
from dataclasses import dataclass
from pathlib import Path

from .shell import LabError

# Of a "-bare" one a host has SSH and Python, and the packages of a hypervisor only as files in apt's cache.
# Those of a "-storage" one can hold a Ceph cluster and use one.
RELEASES = ("trixie", "bookworm", "trixie-bare", "trixie-storage")
BARE_SUFFIX = "-bare"
STORAGE_SUFFIX = "-storage"
MAX_HOSTS = 50

# Lab and host make one namespace name, "headroom.LAB.HOST", so a lab's own name has no dot.
# 32 characters, since the name is part of the path of a Unix socket (SSH's control path), which may have 107.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PREFIX = "headroom"


@dataclass(frozen=True)
class Host:
    """One host of a lab; `number` counts from 1."""

    number: int
    release: str

    @property
    def name(self) -> str:
        return f"k{self.number}"

    @property
    def is_bare(self) -> bool:
        """Whether it is a machine that has yet to become a hypervisor."""
        return self.release.endswith(BARE_SUFFIX)

    @property
    def is_storage(self) -> bool:
        """Whether it can hold a Ceph cluster and use one."""
        return self.release.endswith(STORAGE_SUFFIX)

    @property
    def address(self) -> str:
        return f"10.77.0.{10 + self.number}"

    @property
    def guests(self) -> ipaddress.IPv4Network:
        """The network of this host's guests, routed to by every host and by the controller."""
        return ipaddress.IPv4Network(f"10.77.{10 + self.number}.0/24")

    @property
    def uri(self) -> str:
        return f"qemu+ssh://root@{self.name}/system"


@dataclass(frozen=True)
class Lab:
    """A lab's name and its hosts."""

    name: str
    hosts: tuple[Host, ...]

    def host(self, name: str) -> Host:
        """The host of that name; LabError if there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(
            f"host {name!r}: lab {self.name} has {', '.join(host.name for host in self.hosts) or 'no host'}"
        )

    def uuid(self, *what: str) -> uuid.UUID:
        """A UUID that is always the same for this part of this lab, and no other."""
        return uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("urn:headroom:lab", self.name, *what)))


CONTROLLER_ADDRESS = "10.77.0.1"


# What hosts of a lab are: the suffix of their releases.
KINDS = {"hypervisor": "", "bare": BARE_SUFFIX, "storage": STORAGE_SUFFIX}


def name_releases(text: str, kind: str) -> list[str]:
    """The releases of an option such as "trixie,bookworm", as those of that kind are called."""
    return [release + KINDS[kind] for release in text.split(",")]


def plan_lab(name: str, hosts: int, releases: t.Sequence[str]) -> Lab:
    """The lab that was asked for; the releases are dealt round robin over the hosts."""
    if not 1 <= hosts <= MAX_HOSTS:
        raise LabError(f"--hosts {hosts}: 1 to {MAX_HOSTS}")
    for release in releases:
        if release not in RELEASES:
            raise LabError(
                f"--release {release}: one or more of {', '.join(RELEASES)}, with commas"
            )
    return Lab(
        check_name(name),
        tuple(
            Host(number, releases[(number - 1) % len(releases)]) for number in range(1, hosts + 1)
        ),
    )


def check_name(name: str) -> str:
    """The name itself; LabError if it would not make a good namespace, folder and control group name."""
    if not _NAME.fullmatch(name):
        raise LabError(
            f"--name {name!r}: small letters, digits and dashes, at most 32, not starting with a dash"
        )
    return name


def default_name(checkout: Path) -> str:
    """A name for the lab of this checkout: its folder's name, and a hash of where it is."""
    digest = hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:6]
    words = re.sub(r"[^a-z0-9]+", "-", checkout.resolve().name.lower()).strip("-")[:20].strip("-")
    return f"{words or 'lab'}-{digest}"


def namespace(lab: str, host: str | None = None) -> str:
    """The network namespace of a host, or of the lab's controller."""
    return ".".join(filter(None, (_PREFIX, lab, host)))


def namespace_lab(name: str) -> str | None:
    """The lab that a network namespace (or control group) is of; None if it is not a lab's."""
    parts = name.split(".")
    return (
        parts[1]
        if len(parts) in (2, 3) and parts[0] == _PREFIX and _NAME.fullmatch(parts[1])
        else None
    )
