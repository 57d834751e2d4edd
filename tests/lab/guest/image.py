# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest's disk: MBR, a FAT partition with syslinux and the kernel, a small ext4 partition for its state.

Made from files only: no loop device, no mount. It boots by itself, so it can be copied, captured and moved whole.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .. import cache
from ..shell import contained, run, say
from .disk import MIB, assemble, boot_partition
from .initramfs import contents, pack

HERE = Path(__file__).parent
SOURCES = ("image.py", "disk.py", "initramfs.py", "syslinux.cfg", "workd.c", "ledger.c", "ledger.h")
PROGRAMS = ("workd", "ledger")

# Debian 12's kernel: the one of Debian 13 panics in QEMU 7.2's emulation.
RELEASE = "bookworm"
PACKAGES = ("linux-image-cloud-amd64", "busybox-static", "qemu-guest-agent", "dropbear-bin")

BOOT_SIZE = 32 * MIB
STATE_SIZE = 15 * MIB
SIZE = MIB + BOOT_SIZE + STATE_SIZE


def obtain() -> Path:
    """A folder with guest.qcow2 and the program `ledger`, from the cache or built now."""
    overlay = (path for path in (HERE / "rootfs").rglob("*") if path.is_file())
    sources = [*(HERE / name for name in SOURCES), *sorted(overlay)]
    recipe = [part for path in sources for part in (str(path.relative_to(HERE)), path.read_text())]
    return cache.obtain(cache.item_name("guest", *recipe), build)


def build(target: Path) -> None:
    """Make `target`/guest.qcow2 and `target`/ledger."""
    say("building the guest's image (once, about 20 s)")
    work = target / "work"
    work.mkdir()
    tree = _unpack(work / "tree")
    programs = {name: _compile(work / name).read_bytes() for name in PROGRAMS}
    (work / "initramfs.cpio").write_bytes(pack(contents(tree, programs)))
    run("zstd", "-q", "-19", work / "initramfs.cpio", "-o", work / "initrd")
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    shutil.copy(kernel, work / "vmlinuz")
    files = {file.name: file for file in (work / "vmlinuz", work / "initrd", HERE / "syslinux.cfg")}
    boot = boot_partition(work / "boot.fat", BOOT_SIZE, files)
    disk = assemble(work / "disk.raw", boot, _state_partition(work))
    # Not compressed: kernel and initramfs are, and the boot loader would have each cluster unpacked again and again.
    run("qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", disk, target / "guest.qcow2")
    shutil.move(work / "ledger", target / "ledger")
    shutil.rmtree(work)


def _unpack(tree: Path) -> Path:
    """Download the packages, checked by apt's signatures, and only unpack them and what they need."""
    command = contained(
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        f"--include={','.join(PACKAGES)}",
        RELEASE,
        tree,
    )
    run(*command)
    return tree


def _compile(program: Path) -> Path:
    run(
        "gcc",
        "-static",
        "-Os",
        "-s",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        program,
        HERE / f"{program.name}.c",
    )
    return program


def _state_partition(work: Path) -> Path:
    image = work / "state.ext4"
    run("mkfs.ext4", "-q", "-L", "state", image, f"{STATE_SIZE // 1024}k")
    return image
