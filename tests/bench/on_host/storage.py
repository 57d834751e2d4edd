# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One appliance of random content in a folder and in Ceph, and clones of it, by our code and by the storage's tools."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from bench import frame
from bench.on_host import clone, virsh

_POOLS: t.Final = {"dir": "default", "rbd": "ceph"}


def run(case: str, *arguments: str) -> list[frame.Row]:
    """Measure one kind of pool; `prepare` makes the image that both register."""
    with open_connection(virsh.URI) as connection:
        bench = clone.Bench(connection)
        if case == "prepare":
            clone.make_golden(bench, *arguments)
            return []
        return _measure(bench, case, *map(int, arguments))


def _measure(bench: clone.Bench, kind: str, clones: int, copies: int) -> list[frame.Row]:
    pool = _POOLS[kind]
    copying = clone.seconds(lambda: _copy(kind, "peer-first"))
    registered = {
        "appliance": clone.seconds(lambda: clone.register_image(bench, pool)),
        "qemu-img convert": copying,
    }
    bench.tidy()
    made = {
        f"{clone.OURS} linked": clone.seconds(
            lambda: bench.make(clones, "linked", "shutdown", pool)
        )
    }
    bench.tidy()
    if kind == "rbd":
        made["rbd clone"] = clone.seconds(lambda: _clone_by_rbd(bench, clones))
        bench.tidy()
    copied = clone.seconds(lambda: _copy_often(kind, copies))
    made[f"qemu-img convert, by {copies}"] = copied * clones / copies
    bench.tidy()
    return [
        *frame.rows("storage", f"{kind}, register", 1, registered, "appliance"),
        *frame.rows("storage", f"{kind}, clone", clones, made, f"{clone.OURS} linked"),
    ]


def _copy(kind: str, name: str) -> None:
    """Copy the golden image whole into a pool, as its storage's users do."""
    if kind == "dir":
        clone.run_tool(
            "qemu-img", "convert", "-O", "qcow2", clone.GOLDEN, clone.IMAGES / f"{name}.qcow2"
        )
    else:
        clone.run_tool("qemu-img", "convert", "-O", "raw", clone.GOLDEN, f"rbd:libvirt/{name}")


def _copy_often(kind: str, copies: int) -> None:
    for number in range(copies):
        _copy(kind, f"peer-{number}")


def _clone_by_rbd(bench: clone.Bench, clones: int) -> None:
    catalogue = open_catalogue(bench.connection, "ceph")
    base = f"libvirt/{catalogue.get('web', None).disks[0].volume}"
    (snapshot,) = (
        line.split()[1] for line in clone.run_tool("rbd", "snap", "ls", base).splitlines()[1:]
    )
    for number in range(clones):
        clone.run_tool("rbd", "clone", f"{base}@{snapshot}", f"libvirt/peer-{number}")
