# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_cloud_image``: the images for clouds that distributions publish, by name. Pure.

No checksum and no key is kept here, as each new build has others: the publisher's own list is read with the image. What
ends is the time in which the publisher mends a release; one that has ended goes from the table.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from .entry import kernel_arch


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A release of a distribution.

    ``path`` is that of the newest image below ``base``, and ``checksums`` the name of the list beside it, ``{file}``
    being the name of the image. ``arches`` has the publisher's name of each architecture by libvirt's, and ``ends`` is
    the day until which the publisher mends the release.
    """

    base: str
    path: str
    checksums: str
    arches: t.Mapping[str, str]
    os_id: str
    ends: dt.date


@dataclasses.dataclass(frozen=True)
class CloudImage:
    """Where an image is, and the list of checksums that it is in."""

    url: str
    checksums: str
    os_id: str


def _name_alike(*arches: str) -> dict[str, str]:
    return {arch: arch for arch in arches}


_DEBIAN_ARCHES: t.Final = {"x86_64": "amd64", "aarch64": "arm64"}
_UBUNTU_ARCHES: t.Final = {
    **_DEBIAN_ARCHES,
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


def _debian(number: str, code_name: str, ends: dt.date) -> Cloud:
    return Cloud(
        "https://cloud.debian.org/images/cloud/",
        f"{code_name}/latest/debian-{number}-genericcloud-{{arch}}.qcow2",
        "SHA512SUMS",
        _DEBIAN_ARCHES,
        f"http://debian.org/debian/{number}",
        ends,
    )


def _ubuntu(number: str, ends: dt.date) -> Cloud:
    return Cloud(
        "https://cloud-images.ubuntu.com/releases/",
        f"{number}/release/ubuntu-{number}-server-cloudimg-{{arch}}.img",
        "SHA256SUMS",
        _UBUNTU_ARCHES,
        f"http://ubuntu.com/ubuntu/{number}",
        ends,
    )


def _almalinux(number: str, ends: dt.date) -> Cloud:
    return Cloud(
        "https://repo.almalinux.org/almalinux/",
        f"{number}/cloud/{{arch}}/images/AlmaLinux-{number}-GenericCloud-latest.{{arch}}.qcow2",
        "CHECKSUM",
        _name_alike("x86_64", "aarch64", "ppc64le", "s390x"),
        f"http://almalinux.org/almalinux/{number}",
        ends,
    )


def _rocky(number: str, ends: dt.date) -> Cloud:
    return Cloud(
        "https://dl.rockylinux.org/pub/rocky/",
        f"{number}/images/{{arch}}/Rocky-{number}-GenericCloud-Base.latest.{{arch}}.qcow2",
        "{file}.CHECKSUM",
        _name_alike("x86_64", "aarch64"),
        f"http://rockylinux.org/rocky/{number}",
        ends,
    )


CLOUDS: t.Final[dict[str, Cloud]] = {
    "almalinux-9": _almalinux("9", dt.date(2032, 5, 31)),
    "almalinux-10": _almalinux("10", dt.date(2035, 5, 31)),
    "centos-stream-10": Cloud(
        "https://cloud.centos.org/centos/",
        "10-stream/{arch}/images/CentOS-Stream-GenericCloud-10-latest.{arch}.qcow2",
        "{file}.SHA256SUM",
        _name_alike("x86_64", "aarch64"),
        "http://centos.org/centos-stream/10",
        dt.date(2030, 1, 1),
    ),
    "debian-12": _debian("12", "bookworm", dt.date(2028, 6, 30)),
    "debian-13": _debian("13", "trixie", dt.date(2030, 6, 30)),
    "rocky-9": _rocky("9", dt.date(2032, 5, 31)),
    "rocky-10": _rocky("10", dt.date(2035, 5, 31)),
    "ubuntu-24.04": _ubuntu("24.04", dt.date(2029, 4, 30)),
    "ubuntu-26.04": _ubuntu("26.04", dt.date(2031, 4, 30)),
}


def find_cloud_image(name: str, arch: str, mirror: str | None = None) -> CloudImage:
    """Return the newest image of a release for an architecture, below ``mirror`` where that is given.

    Raises InvalidInput for a name that is not known, and for an architecture that the publisher has no image for.
    """
    cloud = CLOUDS.get(name)
    if cloud is None:
        raise InvalidInput(
            "source.cloud",
            name,
            "is not known",
            f"Known are {', '.join(CLOUDS)}. Name any other image by source.url and source.checksums.",
        )
    published_arch = cloud.arches.get(kernel_arch(arch))
    if published_arch is None:
        raise InvalidInput(
            "source.cloud",
            name,
            f"is not published for {arch}",
            f"It is for {', '.join(cloud.arches)}. Set arch to one of them, or name an image by source.url.",
        )
    path = cloud.path.format(arch=published_arch)
    folder, _slash, file = path.rpartition("/")
    base = (mirror or cloud.base).rstrip("/")
    return CloudImage(
        f"{base}/{path}",
        f"{base}/{folder}/{cloud.checksums.format(file=file)}",
        cloud.os_id,
    )
