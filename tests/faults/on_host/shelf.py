# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done about an appliance, and by what it is known that its guests, its clones and its entry are whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import shutil
import subprocess
import time
import typing as t
from pathlib import Path

import libvirt
from lxml import etree

from faults.on_host import module
from faults.on_host.names import GOLDEN

NAME: t.Final = "killed"
CLONES: t.Final = ("killed-1", "killed-2")
_IMAGES: t.Final = Path("/var/lib/libvirt/images")
_RAW: t.Final = Path("/var/tmp/killed.raw")
_GUEST_DISK: t.Final = Path("/var/lib/headroom-lab/guest.qcow2")
_DISK_BYTES: t.Final = 48 << 20
_BOOT_SECONDS: t.Final = 60.0


@dataclasses.dataclass
class Shelf:
    """The host's catalogue, and a guest ``golden`` (its XML) to fill it from."""

    golden: str

    def make_content(self) -> None:
        """Something to copy, which boots nothing."""
        _RAW.write_bytes(random.Random(0).randbytes(_DISK_BYTES))  # noqa: S311 - content, not a secret

    def define_golden(self, *, boots: bool = False, running: bool = False) -> None:
        """The guest, with the lab's disk if it is to boot, else with that content."""
        disk = _IMAGES / f"{GOLDEN}.qcow2"
        if boots:
            shutil.copyfile(_GUEST_DISK, disk)
        else:
            shell("qemu-img", "convert", "-O", "qcow2", str(_RAW), str(disk))
        shell("virsh", "pool-refresh", "default")
        subprocess.run(
            ["virsh", "-q", "define", "/dev/stdin"], input=self.golden, check=True, text=True
        )
        if running:
            shell("virsh", "start", GOLDEN)

    def await_golden(self) -> None:
        """Return when its agent answers."""
        deadline = time.monotonic() + _BOOT_SECONDS
        ping = ("virsh", "qemu-agent-command", GOLDEN, '{"execute": "guest-ping"}')
        while subprocess.run(ping, check=False, capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no agent in {GOLDEN}")
            time.sleep(0.2)

    def remove(self, *names: str) -> None:
        """Take the domains of these names and all of their files away."""
        for name in names:
            for words in (
                ("destroy", name),
                ("undefine", name, "--nvram", "--snapshots-metadata", "--managed-save"),
            ):
                subprocess.run(["virsh", "-q", *words], check=False, capture_output=True)
            for path in _IMAGES.glob(f"{name}.*"):
                path.unlink()
        shell("virsh", "pool-refresh", "default")

    def list_warm_images(self) -> list[str]:
        """Names of domains."""
        text = subprocess.run(
            ["virsh", "list", "--all", "--name"], check=True, capture_output=True, text=True
        ).stdout
        return [name for name in text.split() if name.startswith("headroom-warm-")]

    def judge_entries(self, number: int) -> list[str]:
        """What is wrong with the entries of the catalogue."""
        rows = module.run("appliance_info", name=NAME)["appliances"]
        problems = [f"{len(rows)} entries, not {number}"] if len(rows) != number else []
        for row in rows:
            if row["problem"]:
                problems.append(row["problem"])
                continue
            for disk in row["disks"]:
                digest = hashlib.sha256(Path(disk["path"]).read_bytes()).hexdigest()
                if digest != disk["sha256"]:
                    problems.append(f"{disk['path']} is not what its entry says")
        return problems

    def judge_disks(self, names: t.Iterable[str]) -> list[str]:
        """What is wrong with disks of domains, which are to be flat, and to hold the content."""
        problems = []
        for name in names:
            for path in sources(name):
                described = json.loads(shell("qemu-img", "info", "-U", "--output=json", path))
                if "backing-filename" in described:
                    problems.append(f"{path} stands on {described['backing-filename']}")
                done = subprocess.run(
                    ["qemu-img", "compare", "-U", str(_RAW), path], check=False, capture_output=True
                )
                if done.returncode != 0:
                    problems.append(f"{path} does not hold what it held")
        return problems

    def judge_starts(self, names: t.Iterable[str]) -> list[str]:
        """What is wrong when the domains are given a power cycle; they are as before afterwards."""
        problems = []
        connection = libvirt.open("qemu:///system")
        try:
            for name in names:
                domain = connection.lookupByName(name)
                was_running = domain.isActive()
                try:
                    if was_running:
                        domain.destroyFlags()
                    domain.createWithFlags()
                    if not was_running:
                        domain.destroyFlags()
                except libvirt.libvirtError as error:
                    problems.append(f"{name} does not start: {error}")
        finally:
            connection.close()
        return problems


def sources(name: str) -> list[str]:
    """The files that the disks of a domain are."""
    text = shell("virsh", "dumpxml", name)
    return [
        source.get("file", "")
        for source in etree.fromstring(text).iterfind("devices/disk[@device='disk']/source")
    ]


def shell(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@dataclasses.dataclass
class Operation:
    """A task; prepare() is before each of its runs, remove() after, and judge() says what it left wrong."""

    shelf: Shelf
    name: t.ClassVar[str]
    module: t.ClassVar[str] = "appliance"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {"name": NAME, "version": "1", "seal": "none", "source": {"domain": GOLDEN}}

    def prepare_once(self) -> None:
        """What stays for all runs."""
        self.shelf.make_content()

    def remove_once(self) -> None:
        """Take that away."""
        _RAW.unlink(missing_ok=True)

    def prepare(self) -> None:
        """What a run begins with."""

    def remove(self) -> None:
        """Take away what a run began with, and all that it made."""
        module.run("appliance", name=NAME, version="1", state="absent")
        self.shelf.remove(GOLDEN)

    def judge(self) -> list[str]:
        """What is wrong after the run that follows."""
        return [
            *self.shelf.judge_entries(1),
            *self.shelf.judge_disks([GOLDEN]),
            *self.shelf.judge_starts([GOLDEN]),
        ]


class Register(Operation):
    """An image file becomes an appliance."""

    name = "register"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        source = {"file": str(_RAW), "format": "raw"}
        return {"name": NAME, "version": "1", "memory": "32MiB", "source": source}

    def judge(self) -> list[str]:
        """The entry."""
        return self.shelf.judge_entries(1)


class CaptureOff(Operation):
    """A guest that is off is captured."""

    name = "capture-off"

    def prepare(self) -> None:
        """Define it."""
        self.shelf.define_golden()


class CaptureLive(Operation):
    """A guest that runs is captured while it runs on."""

    name = "capture-live"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {**super().options, "source": {"domain": GOLDEN, "when_running": "live"}}

    def prepare(self) -> None:
        """Start it."""
        self.shelf.define_golden(running=True)


class CaptureStopped(Operation):
    """A guest that runs is sealed by its agent, shut down and captured."""

    name = "capture-stopped"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        source = {"domain": GOLDEN, "when_running": "shutdown"}
        return {**super().options, "seal": "agent", "source": source}

    def prepare(self) -> None:
        """Let it boot."""
        self.shelf.define_golden(boots=True, running=True)
        self.shelf.await_golden()

    def judge(self) -> list[str]:
        """Its disk was changed by what boots from it."""
        return [*self.shelf.judge_entries(1), *self.shelf.judge_starts([GOLDEN])]


class Flatten(Operation):
    """An appliance goes whose clones, one of which runs, get disks of their own."""

    name = "flatten"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {"name": NAME, "version": "1", "state": "absent", "flatten": True}

    def prepare(self) -> None:
        """Make the appliance and the clones."""
        module.run("appliance", **Register(self.shelf).options)
        linked = {"appliance": NAME, "mode": "linked"}
        module.run("appliance_clone", **linked, names=[CLONES[0]], state="shutdown")
        module.run("appliance_clone", **linked, names=[CLONES[1]], state="running")

    def remove(self) -> None:
        """Clones first."""
        module.run("domain", name=list(CLONES), state="absent", timeout=0.1, force=True)
        module.run("appliance", name=NAME, version="1", state="absent")

    def judge(self) -> list[str]:
        """The clones."""
        return [
            *self.shelf.judge_entries(0),
            *self.shelf.judge_disks(CLONES),
            *self.shelf.judge_starts(CLONES),
        ]


class Warm(Operation):
    """A clone goes on from the memory of an image that has to be made first."""

    name = "warm"
    module = "appliance_clone"

    @property
    def options(self) -> dict[str, t.Any]:
        """Of the module."""
        return {"appliance": NAME, "names": [CLONES[0]], "mode": "warm", "warm_settle": 0.5}

    def prepare_once(self) -> None:
        """The appliance that boots."""
        self.shelf.define_golden(boots=True)
        module.run("appliance", **Operation(self.shelf).options)
        self.shelf.remove(GOLDEN)

    def remove_once(self) -> None:
        """The appliance."""
        module.run("appliance", name=NAME, version="1", state="absent")
        self.shelf.remove(GOLDEN)

    def remove(self) -> None:
        """The clone and the image."""
        module.run("domain", name=list(CLONES), state="absent", timeout=0.1, force=True)
        self.shelf.remove(*self.shelf.list_warm_images())

    def judge(self) -> list[str]:
        """The image is whole if a clone goes on from it."""
        images = self.shelf.list_warm_images()
        problems = [] if len(images) == 1 else [f"{len(images)} warm images"]
        return [*problems, *self.shelf.judge_entries(1), *self.shelf.judge_starts([CLONES[0]])]


OPERATIONS: t.Final[dict[str, type[Operation]]] = {
    kind.name: kind for kind in (Register, CaptureOff, CaptureLive, CaptureStopped, Flatten, Warm)
}
