# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hostile guest or publisher writes at the beginning of a disk: forge.py FOLDER CANARY.

CANARY is a file of the host that only root may read. FOLDER/NAME.raw is a disk of 1 MiB for each kind of header that
has QEMU or libvirt open CANARY, once they take the disk for what it looks like.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER, CANARY = Path(sys.argv[1]), sys.argv[2]
DISK_BYTES = 1 << 20
SECTORS = Path(CANARY).stat().st_size // 512


def create(image_format: str, *arguments: str, size: str = "64K") -> bytes:
    """What qemu-img makes; with `-u` it opens nothing that it is told of."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        command = ["qemu-img", "create", "-q", "-f", image_format, *arguments, str(path), size]
        subprocess.run(command, check=True)
        return path.read_bytes()


def with_data_file() -> bytes:
    """A qcow2 that keeps its data in CANARY, put in the place of a file whose path is as long."""
    with tempfile.TemporaryDirectory() as folder:
        decoy = f"{folder}/".ljust(len(CANARY), "d")
        options = f"data_file={decoy},data_file_raw=on"
        image = create("qcow2", "-o", options)
        assert decoy.encode() in image
        return image.replace(decoy.encode(), CANARY.encode())


def descriptor(kind: str) -> bytes:
    return (
        f'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="{kind}"\n'
        f'RW {SECTORS} FLAT "{CANARY}" 0\nddb.virtualHWVersion = "4"\nddb.geometry.cylinders = "2"\n'
        'ddb.geometry.heads = "16"\nddb.geometry.sectors = "63"\nddb.adapterType = "ide"\n'
    ).encode()


def sparse_vmdk() -> bytes:
    """A VMDK of one file, whose description inside it names another one."""
    header = struct.pack(
        "<4sIIqqqqIqqqB4sH",
        *(b"KDMV", 1, 3, 0, 128, 1, 20, 512, 0, 0, 0, 0, b"\n \r\n", 0),
    )
    return header.ljust(512, b"\0") + descriptor("monolithicFlat").ljust(20 * 512, b"\0")


def vhdx() -> bytes:
    """A VHDX with a parent."""
    return b"vhdxfile" + f"parent_linkage absolute_win32_path {CANARY}".encode("utf-16-le")


def vhd() -> bytes:
    """A differencing VHD, with its parent's name."""
    header = struct.pack(">8sIIQ", b"conectix", 2, 0x10000, 512).ljust(512, b"\0")
    return header + b"cxsparse".ljust(64, b"\0") + CANARY.encode("utf-16-be")


def luks() -> bytes:
    return b"LUKS\xba\xbe\0\1aes\0" + CANARY.encode()


HEADERS: dict[str, bytes] = {
    "qcow2": create("qcow2", "-u", "-F", "raw", "-b", CANARY),
    "qcow2-json": create(
        "qcow2",
        *("-u", "-F", "raw", "-b"),
        f'json:{{"file":{{"driver":"file","filename":"{CANARY}"}}}}',
    ),
    "qcow2-data": with_data_file(),
    "qed": create("qed", "-u", "-F", "raw", "-b", CANARY),
    "vmdk": sparse_vmdk(),
    "vmdk-text": descriptor("monolithicFlat"),
    "vmdk-comment": b"# a comment\n" + descriptor("monolithicFlat"),
    "vhdx": vhdx(),
    "vhd": vhd(),
    "luks": luks(),
    "json": f'json:{{"driver":"raw","file":{{"filename":"{CANARY}"}}}}'.encode(),
}


for kind, header in HEADERS.items():
    (FOLDER / f"{kind}.raw").write_bytes(header.ljust(DISK_BYTES, b"\0"))
