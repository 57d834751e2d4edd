# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures of a guest whose disk lies in Ceph; this host has the cluster, and its tools."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import typing as t

from lxml import etree

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage, storage_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

from faults.on_host import module
from faults.on_host.names import GOLDEN
from faults.on_host.shelf import NAME, Operation, shell

_POOL: t.Final = "ceph"
_IMAGE: t.Final = f"libvirt/{GOLDEN}"
# Whoever was killed is taken for one who watches for half a minute more.
_WATCHED_SECONDS: t.Final = 45.0
_FROZEN: t.Final = '{"execute": "guest-fsfreeze-status"}'


class CaptureOff(Operation):
    """A guest that is off is captured."""

    name = "capture-off"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {**super().options, "pool": _POOL}

    def prepare_once(self) -> None:
        """The guest, on an image in Ceph."""
        self.shelf.define_golden(boots=True)
        disk = f"/var/lib/libvirt/images/{GOLDEN}.qcow2"
        shell("qemu-img", "convert", "-O", "raw", disk, f"rbd:{_IMAGE}")
        shell("virsh", "pool-refresh", _POOL)
        shell("virsh", "undefine", GOLDEN)
        subprocess.run(
            ["virsh", "-q", "define", "/dev/stdin"], input=self._describe(), check=True, text=True
        )
        shell("rm", disk)

    def _describe(self) -> str:
        root = parse_element(self.shelf.golden)
        (disk,) = root.iterfind("devices/disk")
        with open_connection("qemu:///system") as connection:
            source = storage.read_pool(storage.look_up_pool(connection, _POOL)).rbd
        assert source is not None
        for name in ("driver", "source"):
            for element in disk.findall(name):
                disk.remove(element)
        etree.SubElement(disk, "driver", name="qemu", type="raw")
        storage_xml.put_image(disk, source, GOLDEN)
        return serialise(root)

    def remove_once(self) -> None:
        """Take the guest and its image away."""
        self.shelf.remove(GOLDEN)
        for words in (("snap", "purge"), ("rm",)):
            subprocess.run(["rbd", *words, "--no-progress", _IMAGE], check=False)

    def remove(self) -> None:
        """Take the appliance away."""
        module.run("appliance", name=NAME, version="1", state="absent", pool=_POOL)

    def judge(self) -> list[str]:
        """The entry, what it has of the disk, and what is left at that."""
        problems = self._judge_image()
        rows = module.run("appliance_info", name=NAME, pool=_POOL)["appliances"]
        for row in rows:
            for disk in row["disks"]:
                if digest(disk["path"]) != disk["sha256"]:
                    problems.append(f"{disk['path']} is not what its entry says")
        if len(rows) != 1:
            problems.append(f"{len(rows)} entries")
        return problems

    def _judge_image(self) -> list[str]:
        snapshots = json.loads(shell("rbd", "snap", "ls", "--all", "--format", "json", _IMAGE))
        running = shell("virsh", "domstate", GOLDEN).strip() == "running"
        problems = [f"the snapshot {snapshot['name']}" for snapshot in snapshots]
        deadline = time.monotonic() + _WATCHED_SECONDS
        while len(watchers := list_watchers()) != int(running):
            if time.monotonic() > deadline:
                return [*problems, f"watchers: {watchers}"]
            time.sleep(1)
        return problems


class CaptureLive(CaptureOff):
    """A guest that runs is captured while it runs on, its file systems frozen for the instant."""

    name = "capture-live"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        source = {"domain": GOLDEN, "when_running": "live", "quiesce": "always"}
        return {**super().options, "source": source}

    def prepare_once(self) -> None:
        """Let it boot."""
        super().prepare_once()
        shell("virsh", "start", GOLDEN)
        self.shelf.await_golden()

    def judge(self) -> list[str]:
        """Whether its guest may write."""
        frozen = shell("virsh", "qemu-agent-command", GOLDEN, _FROZEN)
        return [*super().judge(), *(["it is frozen"] if '"frozen"' in frozen else [])]


class CaptureStopped(CaptureOff):
    """A guest that runs is shut down and captured."""

    name = "capture-stopped"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {**super().options, "source": {"domain": GOLDEN, "when_running": "shutdown"}}

    def prepare(self) -> None:
        """Let it boot."""
        shell("virsh", "start", GOLDEN)
        self.shelf.await_golden()


def list_watchers() -> list[t.Any]:
    """Who has the image of the guest open, as far as Ceph knows."""
    status = json.loads(shell("rbd", "status", "--format", "json", _IMAGE))
    return list(status["watchers"])


def digest(image: str) -> str:
    """The SHA-256 of what is in an image, by Ceph's own tool."""
    words = ["rbd", "export", "--no-progress", image, "-"]
    return hashlib.sha256(subprocess.run(words, check=True, capture_output=True).stdout).hexdigest()


OPERATIONS: t.Final[dict[str, type[Operation]]] = {
    kind.name: kind for kind in (CaptureOff, CaptureLive, CaptureStopped)
}
