# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Feeds whose publisher calls an image raw: publish.py WWW NAME DISK.

WWW/NAME-manifest is a feed of ours with a manifest, WWW/NAME-plain one of anybody's, and WWW/NAME-index an index of
virt-builder. The product is "box".
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import typing as t
from pathlib import Path

WWW, NAME, DISK = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
SIZE = DISK.stat().st_size
SHA256 = hashlib.sha256(DISK.read_bytes()).hexdigest()
MANIFEST: dict[str, t.Any] = {
    "format": 1,
    "name": "box",
    "version": "1",
    "created": "2026-01-01T00:00:00Z",
    "arch": "x86_64",
    "firmware": "bios",
    "template": "<domain type='qemu'><memory>65536</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os>"
    "<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><target dev='vda' bus='virtio'/></disk>"
    "</devices></domain>",
    "disks": [
        {
            "target": "vda",
            "volume": "",
            "format": "raw",
            "virtual_size_bytes": SIZE,
            "size_bytes": SIZE,
            "sha256": SHA256,
        }
    ],
}


def publish(kind: str, more: dict[str, t.Any]) -> Path:
    """Write a feed of simplestreams that has the disk, and what ``more`` says of it."""
    folder = WWW / f"{NAME}-{kind}"
    (folder / "streams/v1").mkdir(parents=True)
    shutil.copy(DISK, folder / "box.img")
    disk = {
        "ftype": "disk1.img",
        "path": "box.img",
        "sha256": SHA256,
        "size": SIZE,
        "target": "vda",
    }
    version = {"items": {"disk1.img": disk, **more}}
    product = {"arch": "amd64", "appliance": "box", "versions": {"1": version}}
    products = {"format": "products:1.0", "products": {"box": product}}
    (folder / "streams/v1/box.json").write_text(json.dumps(products))
    entry = {"path": "streams/v1/box.json", "format": "products:1.0", "datatype": "image-downloads"}
    index = {"format": "index:1.0", "index": {"box": entry}}
    (folder / "streams/v1/index.json").write_text(json.dumps(index))
    return folder


text = json.dumps(MANIFEST).encode()
item = {"ftype": "headroom.manifest.json", "path": "manifest.json", "size": len(text)}
item["sha256"] = hashlib.sha256(text).hexdigest()
(publish("manifest", {"manifest.json": item}) / "manifest.json").write_bytes(text)
publish("plain", {})
shutil.copy(DISK, WWW / f"{NAME}.img")
(WWW / f"{NAME}-index").write_text(
    f"[box]\nname=Box\narch=x86_64\nfile={NAME}.img\nformat=raw\nsize={SIZE}\nrevision=1\n"
    f"checksum[sha512]={hashlib.sha512(DISK.read_bytes()).hexdigest()}\n"
)
