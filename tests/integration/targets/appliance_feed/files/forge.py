# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Feeds that nobody should believe, each rightly signed unless its fault is the signature: forge.py FOLDER.

FOLDER holds www (served), keys (GnuPG home with the keys good, other and expired) and good.qcow2. Each case becomes a
feed www/CASE with one product "box", which has one disk.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import struct
import subprocess
import sys
import time
import typing as t
from pathlib import Path

TOP = Path(sys.argv[1])
GOOD = (TOP / "good.qcow2").read_bytes()


def gpg(*arguments: str, stdin: bytes = b"") -> bytes:
    command = ["gpg", "--batch", "--quiet", "--homedir", str(TOP / "keys"), *arguments]
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout


def sign(data: object, key: str = "good", when: str | None = None) -> bytes:
    past = [] if when is None else ["--faked-system-time", when]
    return gpg(*past, "--local-user", key, "--clearsign", stdin=json.dumps(data, indent=1).encode())


def feed(
    case: str, disk: bytes = GOOD, *, key: str = "good", when: str | None = None, **changes: t.Any
) -> Path:
    """Write a feed; ``changes`` replace what its only item says, or `version` and `made`."""
    folder = TOP / "www" / case
    (folder / "streams/v1").mkdir(parents=True)
    (folder / "box.img").write_bytes(disk)
    made = email.utils.formatdate(float(changes.pop("made", time.time())))
    item = {
        "ftype": "disk1.img",
        "path": "box.img",
        "sha256": hashlib.sha256(disk).hexdigest(),
        "size": len(disk),
        **changes,
    }
    version = item.pop("version", "1")
    items = {"disk1.img": item, **item.pop("more", {})}
    products = {
        "format": "products:1.0",
        "updated": made,
        "products": {
            "box": {"arch": "amd64", "appliance": "box", "versions": {version: {"items": items}}}
        },
    }
    said = {
        "path": item.pop("products", "streams/v1/box.sjson"),
        "format": "products:1.0",
        "datatype": "image-downloads",
    }
    index = {"format": "index:1.0", "updated": made, "index": {"box": said}}
    (folder / "streams/v1/box.sjson").write_bytes(sign(products, key, when))
    (folder / "streams/v1/index.sjson").write_bytes(sign(index, key, when))
    return folder


def header(virtual_size: int, l1: tuple[int, int]) -> bytes:
    """A qcow2 header that claims a disk, and a table of (entries, offset)."""
    head = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 16, virtual_size, 0, *l1, 0x10000, 1, 0, 0
    )
    return (head + struct.pack(">QQQIIQ", 0, 0, 0, 4, 104, 0)).ljust(262144, b"\0")


def image(name: str, *arguments: str) -> bytes:
    path = TOP / name
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", *arguments[:-1], path, arguments[-1]],
        check=True,
    )
    return path.read_bytes()


def edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def manifest(disk: bytes, devices: str) -> bytes:
    """A manifest whose machine has these devices."""
    target = "<disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>"
    text = {
        "format": 1,
        "name": "box",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "arch": "x86_64",
        "firmware": "bios",
        "template": "<domain type='kvm'><memory>65536</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os>"
        f"<devices>{target}{devices}</devices></domain>",
        "disks": [
            {
                "target": "vda",
                "volume": "",
                "format": "qcow2",
                "virtual_size_bytes": 67108864,
                "size_bytes": len(disk),
                "sha256": hashlib.sha256(disk).hexdigest(),
            }
        ],
    }
    return json.dumps(text).encode()


def signatures() -> None:
    edit(feed("tampered-index") / "streams/v1/index.sjson", b"streams/v1/box", b"streams/v1/fox")
    edit(feed("tampered-products") / "streams/v1/box.sjson", b'"size"', b'"sizf"')
    feed("other-key", key="other")
    feed("expired-key", key="expired", when="20250110T000000")
    folder = feed("unsigned")
    for name in ("index", "box"):
        signed = folder / f"streams/v1/{name}.sjson"
        signed.write_bytes(gpg("--decrypt", str(signed)))


def files() -> None:
    tampered = feed("tampered-image") / "box.img"
    tampered.write_bytes(GOOD[:-1] + bytes([GOOD[-1] ^ 1]))
    short = feed("truncated") / "box.img"
    short.write_bytes(GOOD[: len(GOOD) // 2])
    feed("cut")
    feed("endless")
    feed("redirected")


def names() -> None:
    feed("path-up", path="../../../../etc/shadow")
    feed("products-up", products="../../../etc/shadow")
    feed("path-scheme", path="file:/etc/shadow")
    feed("version-up", version="../../../etc/cron.d/box")


def images() -> None:
    feed("bomb-size", header(10 << 30, (20, 0x30000)))
    feed("bomb-table", header(10 << 30, (1 << 30, 0x30000)))
    same = bytearray(header(1 << 30, (2, 0x30000)))
    struct.pack_into(">QQ", same, 0x30000, 1 << 63 | 0x20000, 1 << 63 | 0x20000)
    feed("bomb-shared", bytes(same))
    feed("bomb-packed", gzip.compress(bytes(1100 << 20), 9))
    feed("backing-file", image("backing", "-F", "raw", "-b", "/etc/shadow", "1M"))
    feed("data-file", image("data", "-o", f"data_file={TOP}/data.raw,data_file_raw=on", "1M"))
    feed("vmdk", b"KDMV".ljust(1024, b"\0"))


def manifests() -> None:
    content = manifest(GOOD, "<interface type='ethernet'><script path='/bin/sh'/></interface>")
    entry = {"ftype": "headroom.manifest.json", "path": "manifest.json", "size": len(content)}
    entry["sha256"] = hashlib.sha256(content).hexdigest()
    folder = feed("template-script", more={"manifest.json": entry}, target="vda")
    (folder / "manifest.json").write_bytes(content)


def history() -> None:
    """A feed that was current yesterday, and as it is today: `older` is to take the place of `newer` later."""
    feed("newer")
    feed("older", made=time.time() - 86400)
    stale = feed("stale", made=time.time() - 400 * 86400)
    mixed = feed("mixed")
    (mixed / "streams/v1/box.sjson").write_bytes((stale / "streams/v1/box.sjson").read_bytes())


for forge in (signatures, files, names, images, manifests, history):
    forge()
faults = {
    "/cut/box.img": {"cut": 1000},
    "/resumed/box.img": {"cut": 2_000_000},
    "/endless/box.img": {"endless": True},
    "/redirected/box.img": {"redirect": "file:///etc/shadow"},
}
(TOP / "www/faults.json").write_text(json.dumps(faults))
