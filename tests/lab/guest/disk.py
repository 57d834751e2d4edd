# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that boot by themselves, made from files only: no loop device, no mount."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..shell import run

BOOT_CODE = Path("/usr/lib/SYSLINUX/mbr.bin")
MIB = 1024 * 1024


def boot_partition(image: Path, size: int, files: t.Mapping[str, Path]) -> Path:
    """A FAT file system with syslinux and {name in it: file}."""
    run("mkfs.vfat", "-C", image, str(size // 1024))
    for name, file in files.items():
        run("mcopy", "-i", image, file, f"::{name}")
    run("syslinux", "--install", image)
    return image


def assemble(disk: Path, boot: Path, root: Path) -> Path:
    """A disk with an MBR and two partitions, of which the first boots. They begin at whole MiB."""
    starts = (MIB, MIB + boot.stat().st_size)
    sizes = (boot.stat().st_size, root.stat().st_size)
    with disk.open("wb") as file:
        file.truncate(sum(sizes) + MIB)
    table = [
        f"start={starts[0] // 512}, size={sizes[0] // 512}, type=c, bootable",
        f"start={starts[1] // 512}, size={sizes[1] // 512}, type=83",
    ]
    script = "label: dos\n" + "\n".join(table) + "\n"
    run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk, stdin=script)
    with disk.open("r+b") as file:
        file.write(BOOT_CODE.read_bytes())  # 440 bytes: the partition table stays
    for start, part in zip(starts, (boot, root), strict=True):
        # holes stay holes: the larger part of a root file system is empty
        run(
            "dd",
            f"if={part}",
            f"of={disk}",
            "bs=1M",
            f"seek={start // MIB}",
            "conv=notrunc,sparse",
            "status=none",
        )
    return disk
