# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest that is moved: two disks, one of them a ledger, and an address that it keeps wherever it runs."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import typing as t

from lab.guest.domain import domain_xml

if t.TYPE_CHECKING:
    from moving.hosts import Hosts

_IMAGES = "/var/lib/libvirt/images"
_KEPT = "/root/kept"


@dataclasses.dataclass(frozen=True)
class Guest:
    """One guest, on whichever of the hosts it is."""

    hosts: Hosts
    name: str
    address: str
    type: str = "qemu"

    @property
    def ledger_path(self) -> str:
        return f"{_IMAGES}/{self.name}-data.qcow2"

    def create(self, host: str, ledger_mib: int) -> None:
        """Define and start it on `host`, with a new ledger, which is on the disk before anything is measured."""
        xml = domain_xml(self.name, self.type, ledger=self.ledger_path, address=self.address)
        self.hosts.ssh(
            host,
            f"""set -e; cd {_IMAGES}
            cp --sparse=always /var/lib/headroom-lab/guest.qcow2 {self.name}.qcow2
            /var/lib/headroom-lab/ledger make /var/tmp/{self.name}.raw {ledger_mib}
            qemu-img convert -O qcow2 /var/tmp/{self.name}.raw {self.ledger_path}
            rm /var/tmp/{self.name}.raw
            sync {self.ledger_path}
            virsh -q pool-refresh default
            printf %s "{xml}" | virsh -q define /dev/stdin
            virsh -q start {self.name}""",
        )

    def keep(self, host: str) -> None:
        """Keep it as it is now, with its memory, for bring_back(); it is off then."""
        self.hosts.ssh(
            host,
            f"""set -e; mkdir -p {_KEPT}
            virsh -q dumpxml --inactive {self.name} > {_KEPT}/{self.name}.xml
            virsh -q save {self.name} {_KEPT}/{self.name}.save
            cp --sparse=always {_IMAGES}/{self.name}.qcow2 {self.ledger_path} {_KEPT}/""",
        )

    def bring_back(self, host: str) -> None:
        """Define and run it anew as it was kept: what it takes to boot, emulated, is most of what a test takes."""
        self.hosts.ssh(
            host,
            f"""set -e
            cp --sparse=always {_KEPT}/{self.name}.qcow2 {_KEPT}/{self.name}-data.qcow2 {_IMAGES}/
            virsh -q pool-refresh default
            virsh -q define {_KEPT}/{self.name}.xml
            virsh -q autostart {self.name}
            virsh -q restore {_KEPT}/{self.name}.save""",
        )

    def remove(self) -> None:
        """Leave nothing of it on any host."""
        for host in self.hosts.names:
            self.hosts.ssh(
                host,
                f"""for name in $(virsh list --all --name | grep -E '^({self.name}|headroom-.*)$'); do
                    virsh destroy $name; virsh undefine $name --nvram; done
                rm -f {_IMAGES}/{self.name}.* {_IMAGES}/{self.name}-data.*; virsh pool-refresh default""",
                check=False,
            )

    def running_on(self) -> list[str]:
        """The hosts that run it; what only waits there for its memory does not count."""
        return [host for host, state in self.states().items() if state.startswith("running")]

    def states(self) -> dict[str, str]:
        """What each host says of it, with the reason; empty for a host that does not know it."""
        command = f"virsh -q domstate --reason {self.name} 2>/dev/null"
        names = self.hosts.names
        with concurrent.futures.ThreadPoolExecutor(len(names)) as threads:
            texts = threads.map(lambda host: self.hosts.ssh(host, command, check=False), names)
            return {host: text.strip() for host, text in zip(names, texts, strict=True)}

    def check(self, host: str, acked: int) -> dict[str, t.Any]:
        """What a look at every block of its ledger says. The guest stands still for it, so that all is on the disk."""
        raw = f"/var/tmp/{self.name}.raw"
        text = self.hosts.ssh(
            host,
            # the file is another one by now if somebody took a snapshot
            f"""virsh -q suspend {self.name}
            path=$(virsh -q domblklist {self.name} | awk '$1 == "vdb" {{print $2}}')
            qemu-img convert -U -O raw $path {raw} && /var/lib/headroom-lab/ledger check {raw} {acked}
            rm -f {raw}; virsh -q resume {self.name}""",
        )
        return dict(json.loads(next(line for line in text.splitlines() if line.startswith("{"))))

    def left_behind(self) -> list[str]:
        """Helper domains and files that no longer should be there, as HOST:NAME."""
        found = []
        for host in self.hosts.names:
            text = self.hosts.ssh(
                host,
                f"virsh list --all --name | grep ^headroom-; ls {_IMAGES} | grep headroom-",
                check=False,
            )
            found += [f"{host}:{name}" for name in text.split()]
        return found
