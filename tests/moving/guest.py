# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest that is moved: two disks, one of them a ledger, and an address that it keeps wherever it runs.

With one disk its ledger is a third partition of that.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import struct
import typing as t

from lab.guest.domain import LEDGER_MEMORY_MIB, domain_xml
from lab.guest.image import SIZE

if t.TYPE_CHECKING:
    from moving.hosts import Hosts

_IMAGES = "/var/lib/libvirt/images"
_KEPT = "/root/kept"
_SECTOR = 512
# Where a partition table has its third entry; what it begins with is read by nothing that counts in sectors.
_THIRD_ENTRY = 446 + 2 * 16
_ENTRY_START = b"\0\xfe\xff\xff\x83\xfe\xff\xff"
# Their QEMU may crash while it pulls in several disks of a guest, so nothing streams such a guest there.
_PULLS_ONE_DISK: t.Final = frozenset({"bookworm"})


def needs_one_disk(releases: t.Iterable[str]) -> bool:
    """Whether a guest that is to be streamed to hosts of these releases may have no second disk."""
    return not _PULLS_ONE_DISK.isdisjoint(releases)


@dataclasses.dataclass(frozen=True)
class Guest:
    """One guest, on whichever of the hosts it is."""

    hosts: Hosts
    name: str
    address: str
    type: str = "qemu"
    one_disk: bool = False

    @property
    def disks(self) -> dict[str, str]:
        """{target: path} of its disks, the one with the ledger last."""
        system = {"vda": f"{_IMAGES}/{self.name}.qcow2"}
        return system if self.one_disk else {**system, "vdb": f"{_IMAGES}/{self.name}-data.qcow2"}

    @property
    def ledger_target(self) -> str:
        return list(self.disks)[-1]

    @property
    def ledger_path(self) -> str:
        return self.disks[self.ledger_target]

    def create(self, host: str, ledger_mib: int) -> None:
        """Define and start it on `host`, with a new ledger, which is on the disk before anything is measured."""
        xml = domain_xml(
            self.name,
            self.type,
            LEDGER_MEMORY_MIB,
            ledger=None if self.one_disk else self.ledger_path,
            address=self.address,
        )
        raw = f"/var/tmp/{self.name}.raw"
        self.hosts.ssh(
            host,
            f"""set -e; cd {_IMAGES}
            cp --sparse=always /var/lib/headroom-lab/guest.qcow2 {self.name}.qcow2
            /var/lib/headroom-lab/ledger make {raw} {ledger_mib}
            {_append(f"{self.name}.qcow2", raw, ledger_mib) if self.one_disk else ""}
            qemu-img convert -O qcow2 {raw} {self.ledger_path}
            rm {raw}
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
            cp --sparse=always {" ".join(self.disks.values())} {_KEPT}/""",
        )

    def bring_back(self, host: str) -> None:
        """Define and run it anew as it was kept: what it takes to boot, emulated, is most of what a test takes."""
        self.hosts.ssh(
            host,
            f"""set -e
            cp --sparse=always {_KEPT}/*.qcow2 {_IMAGES}/
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
        text = self.hosts.ssh(
            host,
            # the file is another one by now if somebody took a snapshot
            f"""virsh -q suspend {self.name}
            path=$(virsh -q domblklist {self.name} | awk '$1 == "{self.ledger_target}" {{print $2}}')
            {self.check_script("$path", acked)}; virsh -q resume {self.name}""",
        )
        return dict(json.loads(next(line for line in text.splitlines() if line.startswith("{"))))

    def check_script(self, path: str, acked: int) -> str:
        """A shell script that prints what a look at every block of the ledger in the disk `path` says."""
        raw = f"/var/tmp/{self.name}.raw"
        cut = (
            f"tail -c +{SIZE + 1} {raw} > {raw}.ledger"
            if self.one_disk
            else f"mv {raw} {raw}.ledger"
        )
        return f"""qemu-img convert -U -O raw {path} {raw} && {cut} &&
            /var/lib/headroom-lab/ledger check {raw}.ledger {acked}; rm -f {raw} {raw}.ledger"""

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


def _append(system: str, raw: str, mib: int) -> str:
    """A shell script that puts a ledger in the file `raw` behind the disk `system`, as its third partition."""
    entry = _ENTRY_START + struct.pack("<II", SIZE // _SECTOR, (mib << 20) // _SECTOR)
    octal = "".join(f"\\{byte:03o}" for byte in entry)
    return f"""mv {raw} {raw}.ledger; qemu-img convert -O raw {system} {raw}; cat {raw}.ledger >> {raw}
            printf '{octal}' | dd of={raw} bs=1 seek={_THIRD_ENTRY} conv=notrunc status=none; rm {raw}.ledger"""
