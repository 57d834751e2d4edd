# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else acts on a guest, and how: what administrators, backup tools and other controllers do. Data only."""

from __future__ import annotations

import dataclasses
import typing as t

from faults.matrix import IMAGES
from faults.scene import NAME


@dataclasses.dataclass(frozen=True)
class Actor:
    """``script`` runs where the guest is, while our module stands still, unless it does not ``hold``.

    ``heal`` is what its owner does later, on the host that has the guest then. While what it made is there the task may
    ``refuse`` for good. ``task`` repeats ours with another journal, as another controller does.
    ``needs`` is the state of the guest in which it can act at all.
    """

    name: str
    script: str = "true"
    heal: str = "true"
    holds: bool = True
    refuses: bool = False
    task: bool = False
    needs: t.Literal["running", "off", "any"] = "running"


_TARGETS: t.Final = f"virsh -q domblklist {NAME} | awk 'NF {{print $1}}'"
_DISKS: t.Final = f"$({_TARGETS} | sed 's|.*|--diskspec &,file={IMAGES}/nightly-&.qcow2|')"
_LEDGER: t.Final = f"$({_TARGETS} | tail -1)"
_BACKUP: t.Final = (
    f"<domainbackup><disks><disk name='{_LEDGER}' type='file'><target file='{IMAGES}/nightly-backup.qcow2'/>"
    f"<driver type='qcow2'/></disk></disks></domainbackup>"
)
# whichever of its files it stands on by now
_UNTIL_IT_WRITES: t.Final = (
    f"touch /run/before; virsh start {NAME} && timeout 90 sh -c 'until find {IMAGES} -newer /run/before -name "
    f'"{NAME}*" | grep -q .; do sleep 0.2; done\''
)
_DEFINITION: t.Final = f"/root/{NAME}.xml"

ACTORS: t.Final = (
    Actor(
        "snapshot without metadata",
        f"virsh snapshot-create-as {NAME} nightly --disk-only --no-metadata {_DISKS}",
    ),
    Actor(
        "snapshot with metadata",
        f"virsh snapshot-create-as {NAME} nightly --disk-only {_DISKS}",
        f"virsh snapshot-delete {NAME} nightly --metadata",
        refuses=True,
    ),
    Actor(
        "internal snapshot",
        f"virsh snapshot-create-as {NAME} nightly",
        f"virsh snapshot-delete {NAME} nightly",
        refuses=True,
    ),
    Actor("blockcommit", f"timeout 20 virsh blockcommit {NAME} {_LEDGER} --active --pivot --wait"),
    Actor("backup", f'echo "{_BACKUP}" | virsh backup-begin {NAME} /dev/stdin'),
    Actor(
        "checkpoint",
        f"virsh checkpoint-create-as {NAME} nightly --diskspec {_LEDGER}",
        f"virsh checkpoint-delete {NAME} nightly || virsh checkpoint-delete {NAME} nightly --metadata",
        refuses=True,
    ),
    Actor("destroy", f"virsh destroy {NAME}", f"virsh start {NAME}"),
    Actor("reset", f"virsh reset {NAME}"),
    Actor("suspend", f"virsh suspend {NAME}", f"virsh resume {NAME}"),
    Actor(
        "undefine",
        f"virsh dumpxml --inactive {NAME} > {_DEFINITION}; virsh undefine {NAME}",
        f"virsh dominfo {NAME} | grep -q 'Persistent: *yes' || virsh dumpxml --migratable {NAME} | virsh define "
        f"/dev/stdin || virsh define {_DEFINITION}; virsh autostart {NAME}",
    ),
    Actor(
        "rename",
        f"virsh domrename {NAME} {NAME}-renamed",
        f"virsh domrename {NAME}-renamed {NAME}",
        needs="off",
    ),
    Actor("start", f"virsh start {NAME}", f"virsh destroy {NAME}", needs="off"),
    Actor(
        "a while on", f"{_UNTIL_IT_WRITES}; code=$?; virsh destroy {NAME}; exit $code", needs="off"
    ),
    Actor(
        "hot-plug",
        f"qemu-img create -q -f qcow2 {IMAGES}/nightly-plug.qcow2 16M && virsh attach-disk {NAME} "
        f"{IMAGES}/nightly-plug.qcow2 vdz --driver qemu --subdriver qcow2 --persistent",
        refuses=True,
        needs="any",
    ),
    Actor("pool refresh", "virsh pool-refresh default", needs="any"),
    Actor("second controller", holds=False, task=True, needs="any"),
)
