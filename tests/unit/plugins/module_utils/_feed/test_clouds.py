# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.clouds import (
    CLOUDS,
    find_cloud_image,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import ARCHITECTURES
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.transfer import check_url
from ansible_collections.headroom.libvirt.plugins.modules.appliance import DOCUMENTATION

ALL = [(name, arch) for name, cloud in CLOUDS.items() for arch in cloud.arches]


@pytest.mark.parametrize(
    ("name", "arch", "url", "checksums"),
    [
        (
            "debian-13",
            "x86_64",
            "https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2",
            "https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS",
        ),
        (
            "debian-12",
            "arm64",
            "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-arm64.qcow2",
            "https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS",
        ),
        (
            "ubuntu-24.04",
            "ppc64le",
            "https://cloud-images.ubuntu.com/releases/24.04/release/ubuntu-24.04-server-cloudimg-ppc64el.img",
            "https://cloud-images.ubuntu.com/releases/24.04/release/SHA256SUMS",
        ),
        (
            "almalinux-10",
            "aarch64",
            "https://repo.almalinux.org/almalinux/10/cloud/aarch64/images/AlmaLinux-10-GenericCloud-latest.aarch64.qcow2",
            "https://repo.almalinux.org/almalinux/10/cloud/aarch64/images/CHECKSUM",
        ),
        (
            "rocky-9",
            "amd64",
            "https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2",
            "https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2.CHECKSUM",
        ),
    ],
)
def test_a_name_leads_to_the_publishers_image(
    name: str, arch: str, url: str, checksums: str
) -> None:
    image = find_cloud_image(name, arch)
    assert (image.url, image.checksums) == (url, checksums)


@pytest.mark.parametrize(("name", "arch"), ALL)
def test_every_image_is_an_address_with_a_list_in_its_folder(name: str, arch: str) -> None:
    image = find_cloud_image(name, arch)
    for address in (image.url, image.checksums):
        assert check_url("source.cloud", address).startswith("https://")
        assert "{" not in address
    assert image.url.rpartition("/")[0] == image.checksums.rpartition("/")[0]
    assert image.url != image.checksums


def test_architectures_are_called_as_libvirt_does() -> None:
    assert {arch for _name, arch in ALL} <= set(ARCHITECTURES.values())


def test_the_releases_are_in_order() -> None:
    def read_name(name: str) -> tuple[str, float]:
        family, _dash, number = name.rpartition("-")
        return family, float(number)

    assert list(CLOUDS) == sorted(CLOUDS, key=read_name)


@pytest.mark.parametrize(
    "mirror", ["http://mirror.example.org/debian", "http://mirror.example.org/debian/"]
)
def test_a_mirror_takes_the_place_of_the_publisher(mirror: str) -> None:
    image = find_cloud_image("debian-13", "x86_64", mirror)
    folder = "http://mirror.example.org/debian/trixie/latest"
    assert image.url == f"{folder}/debian-13-genericcloud-amd64.qcow2"
    assert image.checksums == f"{folder}/SHA512SUMS"


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInput, match="'debian' is not known") as caught:
        find_cloud_image("debian", "x86_64")
    assert all(name in caught.value.message for name in CLOUDS)


def test_an_architecture_without_an_image_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(
        InvalidInput, match=r"'debian-13' is not published for s390x.*x86_64, aarch64"
    ):
        find_cloud_image("debian-13", "s390x")


@pytest.mark.parametrize("name", CLOUDS)
def test_the_publisher_still_mends_the_release(name: str) -> None:
    """Once this fails, take the release from the table, and name its successor where that is missing."""
    assert CLOUDS[name].ends >= dt.datetime.now(tz=dt.UTC).date()


def test_the_documentation_names_all_of_them() -> None:
    for name, cloud in CLOUDS.items():
        assert f"V({name})" in DOCUMENTATION
        assert f"C({cloud.base})" in DOCUMENTATION
