# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's root file system: Debian with libvirt, QEMU and sshd, one a release, from the cache."""

from __future__ import annotations

from pathlib import Path

from . import cache
from .naming import BARE_SUFFIX, STORAGE_SUFFIX
from .shell import contained, run, say

# What a hypervisor needs, and what Ansible's modules need on it. No recommended packages: they would be the half of it.
PACKAGES = (
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "libvirt-daemon-system",
    "libvirt-daemon-driver-qemu",
    "libvirt-clients",
    "qemu-system-x86",
    "qemu-utils",
    "ovmf",
    "swtpm",
    "swtpm-tools",  # without it libvirt knows of no TPM
    "dnsmasq-base",
    "iptables",  # libvirt 9.0's firewall
    "nftables",  # libvirt 11.3's firewall
    "iproute2",
    "iputils-ping",
    "procps",
    "xfsprogs",  # a file system that can share blocks
    "nbdkit",
    "gpg",  # signs feeds,
    "gpg-agent",
    "gpgv",  # and checks them
    "zstd",
    "curl",
    "rsync",
    "python3-libvirt",
    "python3-lxml",
    "python3-jmespath",
    "python3-pycdlib",
    "virtinst",  # virt-clone, for ./dev bench clone
    "haproxy",  # stands before a fleet in ./dev demo and ./dev bench flashcrowd
    "socat",  # talks to it
)
# What a machine has before it becomes a hypervisor, and what Ansible needs on it.
BARE_PACKAGES = (
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "iproute2",
    "iputils-ping",
    "procps",
    "python3",
    "curl",
)
# What the role hypervisor installs beside PACKAGES, which is in the bare machine's cache too.
CACHED_PACKAGES = (
    "python3-apt",
    "openssl",
    "libvirt-daemon-plugin-lockd",
    "polkitd",
    "genisoimage",
)
# What a host needs beside PACKAGES to hold a Ceph cluster and to use one; it is twice the size with them.
STORAGE_PACKAGES = (
    "ceph-mon",
    "ceph-mgr",
    "ceph-osd",
    "ceph-common",
    "libvirt-daemon-driver-storage-rbd",
    "qemu-block-extra",  # QEMU's own driver for RBD
)
UNWANTED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


def obtain(release: str) -> Path:
    """The root file system's path. Read only by agreement: hosts stand on it with an overlay each."""
    return (
        cache.obtain(
            cache.item_name(_build_name(release), *_recipe(release)),
            lambda item: _build(release, item),
        )
        / "root"
    )


def _build_name(release: str) -> str:
    """What a root file system is called: what it is besides its release comes first.

    So `rootfs-trixie-*` in the cache is whole hosts alone, and scripts of others find them by that.
    """
    base, _dash, variant = release.partition("-")
    return f"{variant}-rootfs-{base}".lstrip("-")


def _recipe(release: str) -> list[str]:
    suite, is_bare, packages = _split(release)
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
        # a host's own identity comes with the host, see hosts.py
        "--customize-hook=rm -f $1/etc/ssh/ssh_host_* $1/etc/machine-id $1/etc/hostname $1/etc/resolv.conf",
        *(_fill_cache() if is_bare else _disable_balancer()),
        suite,
    ]


def _split(release: str) -> tuple[str, bool, tuple[str, ...]]:
    """Return the suite, whether it is bare, and the packages."""
    if release.endswith(BARE_SUFFIX):
        return release.removesuffix(BARE_SUFFIX), True, BARE_PACKAGES
    if release.endswith(STORAGE_SUFFIX):
        return release.removesuffix(STORAGE_SUFFIX), False, PACKAGES + STORAGE_PACKAGES
    return release, False, PACKAGES


def _disable_balancer() -> list[str]:
    """Who wants a balancer starts it."""
    return ["--customize-hook=chroot $1 systemctl --quiet disable haproxy.service"]


def _fill_cache() -> list[str]:
    """Packages and lists stay where apt looks for them, as a host of the lab reaches no mirror."""
    names = " ".join((*PACKAGES, *CACHED_PACKAGES))
    return [
        "--skip=cleanup/apt",
        "--customize-hook=env APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --quiet --no-install-recommends "
        f"--download-only install {names}",
    ]


def _build(release: str, item: Path) -> None:
    say(f"building the hosts' root file system from Debian {release} (once, about a minute)")
    run(*contained(*_recipe(release), item / "root"))
