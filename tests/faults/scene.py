# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a group of cells, the guest that the cells are about, and a beginning that is the same for each."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import typing as t
from pathlib import Path

from faults.matrix import IMAGES
from moving.guest import Guest, needs_one_disk
from moving.hosts import Hosts, lab, result
from moving.service import Service, watched

if t.TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "moving"
ADDRESS = "10.77.0.210"
LEDGER_MIB = 64
RATE = "400mbit"
OTHER_JOURNAL = "/var/lib/headroom/other.sqlite"

_LOOK = Path(__file__).with_name("look.py").read_text()
# Everything that an earlier cell, its operation or its actor may have left.
_CLEAN = f"""
pkill -9 -f '[o]ccupy-ports'; umount -l /var/lib/headroom 2>/dev/null; umount -l {IMAGES} 2>/dev/null
for name in $(virsh list --all --name); do
    virsh destroy $name
    for point in $(virsh checkpoint-list $name --name); do virsh checkpoint-delete $name $point --metadata; done
    virsh undefine $name --nvram --managed-save --snapshots-metadata --checkpoints-metadata
done
rm -rf {IMAGES}/* /var/lib/headroom /run/clock-offset /root/{NAME}.xml
virsh pool-start default; virsh pool-refresh default
systemctl reset-failed
mkdir -p /var/lib/headroom
"""


@dataclasses.dataclass(frozen=True)
class Scene:
    """Hosts of a lab, the first being the source and the second the target, and the guest; ``service`` watches it."""

    hosts: Hosts
    guest: Guest
    service: Service

    @property
    def source(self) -> str:
        """Where the guest runs when a cell begins."""
        return self.hosts.names[0]

    @property
    def target(self) -> str:
        """Where it is moved to."""
        return self.hosts.names[1]

    def ssh(self, host: str, script: str) -> str:
        """What a shell script prints on a host, whatever its exit code; its errors too."""
        return self.hosts.ssh(host, f"exec 2>&1\n{script}", check=False).strip()

    def run(self, host: str, module: str, /, **options: t.Any) -> dict[str, t.Any]:
        """The result of one of our modules."""
        return result(self.hosts.module(host, module, **options))

    def everywhere(self, script: str) -> dict[str, str]:
        """What a shell script prints on each host, side by side, whatever its exit code."""
        names = self.hosts.names
        with concurrent.futures.ThreadPoolExecutor(len(names)) as threads:
            texts = threads.map(lambda host: self.hosts.ssh(host, script, check=False), names)
            return dict(zip(names, texts, strict=True))

    def heal(self, script: str) -> None:
        """Run a shell script on the hosts that have the guest; on all, when somebody has undefined it everywhere."""
        texts = self.everywhere(f"virsh list --all --name | grep '^{NAME}'")
        for host in [host for host, text in texts.items() if text.strip()] or self.hosts.names:
            self.ssh(host, script)

    def look(self) -> dict[str, dict[str, t.Any]]:
        """What look.py says of each host."""
        texts = self.everywhere(f"python3 - <<'SCRIPT'\n{_LOOK}\nSCRIPT")
        return {host: json.loads(text.strip().splitlines()[-1]) for host, text in texts.items()}

    def uri(self, host: str) -> str:
        """What other hosts reach its libvirt by."""
        return f"qemu+ssh://root@{host}/system"

    def boot(self) -> None:
        """Give every host its power back, and its link's limit."""
        self.hosts.boot()
        for host in self.hosts.names:
            self.hosts.link(host, "--rate", RATE, "--up")
        # a card of the lab is another one after each boot; a real one would be where its neighbours look for it
        self.everywhere("ip neigh flush all")

    def begin(self, *, off: bool = False, prepare: dict[str, str] | None = None) -> int:
        """Leave nothing of an earlier cell, make the guest anew; return what it had written when all was quiet.

        ``prepare`` is a shell script a host that runs before the guest is made.
        """
        self.everywhere(_CLEAN)
        for host, script in (prepare or {}).items():
            self.hosts.ssh(host, script)
        self.service.forget()
        self.guest.bring_back(self.source)
        self.service.await_growth()
        if off:
            self.hosts.ssh(self.source, f"virsh -q destroy {NAME}")
        return self.service.acked


@contextlib.contextmanager
def open_scene(release: str, number: int, name: str | None) -> Iterator[Scene]:
    """Yield a scene on ``number`` hosts of a lab of its own, or of the lab ``name`` that is up."""
    with lab(release, number, name) as hosts:
        for host in hosts.names:
            hosts.link(host, "--rate", RATE, "--up")
        guest = Guest(hosts, NAME, ADDRESS, one_disk=needs_one_disk(hosts.releases[1:2]))
        with watched(hosts, guest.address) as service:
            scene = Scene(hosts, guest, service)
            try:
                scene.everywhere(_CLEAN)
                guest.create(scene.source, LEDGER_MIB)
                service.await_growth()
                guest.keep(scene.source)
                yield scene
            finally:
                if name is not None:  # else its hosts go
                    scene.everywhere(_CLEAN)
                    for host in hosts.names:
                        hosts.link(host, "--rate", "none", "--up")
