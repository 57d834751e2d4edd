# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's processes: each runs in a control group named after the lab, where all can be found and ended at once.

Control groups survive what a list of process ids does not: a crash of whoever kept the list.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from .naming import namespace, namespace_lab
from .shell import LabError


def root() -> Path:
    """Where the version 2 hierarchy is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _device, where, kind, *_rest = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise LabError(
        "no cgroup2 file system is mounted. Try: mkdir -p /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
    )


def path(lab: str, part: str) -> Path:
    """The group of a host (`k1`) or of a command (`up`)."""
    return root() / namespace(lab) / part


def labs() -> set[str]:
    """The labs that have a control group."""
    return {lab for group in root().glob("headroom.*") if (lab := namespace_lab(group.name))}


def enter(lab: str, part: str) -> None:
    """Move this process, and with it whatever it starts from now on."""
    group = path(lab, part)
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))


def populated(group: Path) -> bool:
    """Whether any process is in the group or below."""
    try:
        return "populated 1" in (group / "cgroup.events").read_text()
    except OSError:
        return False


def remove(group: Path, patience_seconds: float = 30) -> None:
    """Kill every process in the group and below, and remove it."""
    if not group.is_dir():
        return
    with suppress(FileNotFoundError):
        (group / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + patience_seconds
    while populated(group):
        if time.monotonic() > deadline:
            raise LabError(f"processes do not die: see {group}/**/cgroup.procs")
        time.sleep(0.02)
    for parent, _directories, _files in os.walk(group, topdown=False):
        with suppress(FileNotFoundError):
            Path(parent).rmdir()
