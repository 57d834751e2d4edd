# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which faults are provoked in which phase of which mode of domain_migrate. Data only."""

from __future__ import annotations

import dataclasses
import typing as t

IMAGES = "/var/lib/libvirt/images"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong. `prepare` runs on the target before all, `script` on the source when the phase is there.

    Then the link of `cuts` is cut for `seconds`, or until the module has ended; after that `heal` runs on the target.
    `leaves` is the state that physics may leave the guest in until its operator does what the guide says, where that is
    not `running`: `off` (it died with its QEMU), `paused` (what it reads is on the host that was lost), or `split` (its
    memory is on both hosts, perhaps for good; then it is as after a power cut).
    """

    name: str
    script: str = "true"
    cuts: t.Literal["source", "target"] | None = None
    seconds: float | None = None
    prepare: str = "true"
    heal: str = "true"
    leaves: t.Literal["running", "off", "paused", "split"] = "running"


@dataclasses.dataclass(frozen=True)
class Phase:
    """Begins with the journal's `step` (a dot makes it one that is done); or later, `when` a script has ended.

    `options` are those of the task that make the phase last long enough to be hit.
    """

    name: str
    step: str
    faults: tuple[Fault, ...]
    when: str = "true"
    options: tuple[tuple[str, t.Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Cell:
    """One fault in one phase of one mode."""

    mode: str
    phase: Phase
    fault: Fault

    @property
    def is_offline(self) -> bool:
        """Whether the guest is off while it is moved."""
        return self.mode == "offline"


KILL = Fault("module killed with -9", "kill -9 $PID")
TERM = Fault("module told to stop", "kill -TERM $PID")
SOURCE_LIBVIRTD = Fault("source's libvirtd restarted", "systemctl restart libvirtd")
TARGET_LIBVIRTD = Fault("target's libvirtd restarted", "ssh {target} systemctl restart libvirtd")
# It is there only a moment after the step that is awaited; the brackets keep pkill from finding its own shell.
TARGET_QEMU = Fault(
    "target's QEMU killed", "until ssh {target} pkill -9 -f [g]uest={name},; do sleep 0.1; done"
)
TARGET_QEMU_LATE = dataclasses.replace(TARGET_QEMU, leaves="off")
CUT = Fault("link cut for 20 s", cuts="target", seconds=20)
# A pull waits for minutes; here its operator does not.
CUT_FOR_GOOD = Fault(
    "link cut for good", "(sleep 40; kill -TERM $PID) > /dev/null 2>&1 &", cuts="target"
)
CUT_SPLIT = Fault("link cut for 20 s in post-copy", cuts="target", seconds=20, leaves="split")
SOURCE_LOST = Fault(
    "source lost for 20 s, and its QEMUs",
    "kill -9 $PID; pkill -9 -f [g]uest=headroom-export-; true",
    cuts="source",
    seconds=20,
    leaves="paused",
)
DISK_FULL = Fault(
    "target's disk full for 15 s",
    f"ssh {{target}} 'dd if=/dev/zero of={IMAGES}/filler bs=1M status=none'; true",
    seconds=15,
    prepare=f"mount -t tmpfs -o size={{mib}}M headroom-full {IMAGES} && virsh -q pool-refresh default",
    heal=f"rm -f {IMAGES}/filler",
)

_SENDS_MEMORY: t.Final = (
    "timeout 60 sh -c 'until virsh domjobinfo {name} | grep -q ^Memory.processed; do "
    "sleep 0.05; done'"
)
_SENDS_DISKS: t.Final = (
    "timeout 60 sh -c 'until virsh domjobinfo {name} | grep -q ^File.processed; do sleep "
    "0.05; done'"
)
_IS_SPLIT: t.Final = "timeout 120 sh -c 'until virsh domstate --reason {name} | grep -q post-copy; do sleep 0.05; done'"
# So slow that pages are left when all have been sent once, and that sending those takes a while.
_SPLITS_SLOWLY: t.Final = (("bandwidth", 16), ("max_downtime_ms", 1), ("postcopy_bandwidth", 1))
MATRIX: t.Final[t.Mapping[str, tuple[Phase, ...]]] = {
    "streaming": (
        Phase("volumes made", "volume", (KILL, TERM)),
        Phase("frozen", "freeze", (KILL, TERM)),
        Phase("exported", "export", (KILL, SOURCE_LIBVIRTD, TARGET_LIBVIRTD)),
        Phase(
            "memory under way",
            "migrate",
            (KILL, TERM, SOURCE_LIBVIRTD, TARGET_LIBVIRTD, TARGET_QEMU, CUT, CUT_FOR_GOOD),
            _SENDS_MEMORY,
        ),
        Phase("switched over", "settle", (KILL, TERM)),
        Phase(
            "pulling",
            ".settle",
            (
                KILL,
                TERM,
                SOURCE_LIBVIRTD,
                TARGET_LIBVIRTD,
                TARGET_QEMU_LATE,
                CUT,
                CUT_FOR_GOOD,
                DISK_FULL,
                SOURCE_LOST,
            ),
        ),
    ),
    "precopy": (
        Phase("volumes made", "volume", (KILL, TERM)),
        Phase(
            "disks under way",
            "migrate",
            (
                KILL,
                TERM,
                SOURCE_LIBVIRTD,
                TARGET_LIBVIRTD,
                TARGET_QEMU,
                CUT,
                CUT_FOR_GOOD,
                DISK_FULL,
            ),
            _SENDS_DISKS,
        ),
        Phase(
            "memory under way",
            "migrate",
            (KILL, TERM, SOURCE_LIBVIRTD, TARGET_LIBVIRTD, CUT),
            _SENDS_MEMORY,
        ),
        Phase("switched over", ".migrate", (KILL, TERM)),
    ),
    "postcopy": (
        Phase(
            "disks under way",
            "migrate",
            (KILL, TERM, SOURCE_LIBVIRTD, TARGET_LIBVIRTD, CUT),
            _SENDS_DISKS,
        ),
        Phase("memory split", "migrate", (CUT_SPLIT,), _IS_SPLIT, _SPLITS_SLOWLY),
    ),
    "offline": (
        Phase("volumes made", "volume", (KILL, TERM)),
        Phase(
            "disks under way",
            "copy",
            (KILL, TERM, SOURCE_LIBVIRTD, TARGET_LIBVIRTD, CUT, CUT_FOR_GOOD, DISK_FULL),
        ),
        Phase("copied", ".copy", (KILL, TERM)),
    ),
}


def cells(mode: str | None, phase: str | None, fault: str | None) -> list[Cell]:
    """The cells of the matrix whose names contain these words."""
    return [
        Cell(name, one, cause)
        for name, phases in MATRIX.items()
        for one in phases
        for cause in one.faults
        if (mode or "") in name and (phase or "") in one.name and (fault or "") in cause.name
    ]
