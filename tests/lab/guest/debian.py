# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full-size guest: a Debian with systemd, cloud-init, sshd and guest agent, sealed as an appliance is.

It is for what the tiny guest cannot show: who a machine is after cloud-init and systemd have had their say. It boots by
itself from its disk, in half a minute where QEMU emulates.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from .. import cache
from ..rootfs import UNWANTED
from ..shell import contained, run, say
from .disk import MIB, assemble, boot_partition

HERE = Path(__file__).parent
# Debian 12's kernel: the one of Debian 13 panics in QEMU 7.2's emulation, this one boots in QEMU 10 too.
RELEASE = "bookworm"
PACKAGES = (
    "systemd-sysv",
    "dbus",
    "udev",
    "netbase",
    "iproute2",
    "cloud-init",
    "openssh-server",
    "qemu-guest-agent",
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "zstd",
    # as images for clouds have them: how Ansible becomes root, and installs packages
    "sudo",
    "python3-apt",
)
# What tests install in it, with all that it needs: lie beside the image, as a lab reaches no mirror.
SERVED_PACKAGES = ("nginx", "haproxy", "postgresql")
BOOT_SIZE = 64 * MIB
ROOT_SIZE = 1024 * MIB

# An emulated boot takes time. So only a NoCloud seed is looked for, only modules that tests need are run, and devices
# that units wait for may be late.
SETTINGS = {
    "etc/cloud/cloud.cfg.d/90_lab.cfg": """\
datasource_list: [NoCloud, None]
ssh_genkeytypes: [ed25519, ecdsa]
cloud_init_modules: [write-files, set_hostname, update_hostname, users-groups, ssh]
cloud_config_modules: [set-passwords, runcmd]
cloud_final_modules: [scripts-user]
""",
    "etc/systemd/system.conf.d/lab.conf": """\
[Manager]
DefaultDeviceTimeoutSec=600
DefaultTimeoutStartSec=600
""",
}
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_reap.service",
    "systemd-timesyncd.service",
    "getty@.service",
)
# As virt-sysprep does it: what makes a machine itself is made anew where it is missing.
IDENTITY = (
    "etc/ssh/ssh_host_*",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
    "var/lib/cloud/*",
)
SYSLINUX = """\
DEFAULT debian
PROMPT 0
LABEL debian
    KERNEL /vmlinuz
    INITRD /initrd
    APPEND root=/dev/vda2 rw console=ttyS0 quiet panic=1 mitigations=off cryptomgr.notests net.ifnames=0
"""


def obtain() -> Path:
    """The image's path, from the cache or built now."""
    sources = [(HERE / name).read_text() for name in ("debian.py", "disk.py")]
    return cache.obtain(cache.item_name("debian", *sources), build) / "debian.qcow2"


def obtain_packages() -> Path:
    """The folder of packages for it, which any web server can serve: `deb [trusted=yes] URL ./`."""
    return obtain().with_name("packages")


def build(target: Path) -> None:
    """Make `target`/debian.qcow2 and `target`/packages."""
    say(f"building the full-size guest from Debian {RELEASE} (once, about two minutes)")
    work = target / "work"
    work.mkdir()
    tree = work / "tree"
    run(*contained(*_recipe(), tree))
    _take_packages(tree, target / "packages")
    _seal(tree)
    boot = _boot(work, tree)
    root = work / "root.ext4"
    run("mkfs.ext4", "-q", "-L", "root", "-d", tree, root, f"{ROOT_SIZE // 1024}k")
    disk = assemble(work / "disk.raw", boot, root)
    convert = (
        "qemu-img",
        "convert",
        "-q",
        "-c",
        "-o",
        "compression_type=zstd",
        "-f",
        "raw",
        "-O",
        "qcow2",
    )
    run(*convert, disk, target / "debian.qcow2")
    shutil.rmtree(work)


def _recipe() -> list[str]:
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
        "--customize-hook=systemctl --root=$1 enable systemd-networkd ssh",
        f"--customize-hook=systemctl --root=$1 mask {' '.join(MASKED)}",
        "--skip=cleanup/apt",
        "--customize-hook=env APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --quiet --no-install-recommends "
        f"--download-only install {' '.join(SERVED_PACKAGES)}",
        RELEASE,
    ]


def _take_packages(tree: Path, folder: Path) -> None:
    """Move what apt has fetched out of the tree, with an index for apt."""
    folder.mkdir()
    index = []
    for package in sorted((tree / "var/cache/apt/archives").glob("*.deb")):
        # an epoch's colon is written %3a in names, which a web server reads as a colon
        moved = Path(shutil.move(package, folder / package.name.replace("%3a", "_")))
        content = moved.read_bytes()
        control = run("dpkg-deb", "--field", moved).rstrip()
        digest = hashlib.sha256(content).hexdigest()
        index.append(
            f"{control}\nFilename: ./{moved.name}\nSize: {len(content)}\nSHA256: {digest}\n"
        )
    (folder / "Packages").write_text("\n".join(index))
    for name in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(tree / name)
        (tree / name).mkdir()


def _seal(tree: Path) -> None:
    for pattern in IDENTITY:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (tree / "etc/machine-id").write_text("")
    for name, text in SETTINGS.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


def _boot(work: Path, tree: Path) -> Path:
    """The boot partition; kernel and initramfs then need no room on the other one."""
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    (initrd,) = (tree / "boot").glob("initrd.img-*")
    config = work / "syslinux.cfg"
    config.write_text(SYSLINUX)
    image = boot_partition(
        work / "boot.fat", BOOT_SIZE, {"vmlinuz": kernel, "initrd": initrd, "syslinux.cfg": config}
    )
    kernel.unlink()
    initrd.unlink()
    return image
