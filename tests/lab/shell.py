# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands for the lab: errors that show what was run, builders that die with their parent."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES_FILE = Path(__file__).with_name("packages.txt")

# Command -> Debian package; each package is in packages.txt.
TOOLS = {
    "gcc": "gcc",
    "ip": "iproute2",
    "mcopy": "mtools",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mmdebstrap": "mmdebstrap",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
    "syslinux": "syslinux",
    "systemd-nspawn": "systemd-container",
    "tc": "iproute2",
}


class LabError(Exception):
    """Something a person must read: what failed, of what, and what to do about it."""


def say(message: str) -> None:
    """Progress, for people: on standard error, so that --json output stays clean."""
    print(message, file=sys.stderr, flush=True)


def run(*argv: str | Path, stdin: str | None = None, timeout: float | None = None) -> str:
    """Run a command and return its standard output; LabError shows the command and its standard error."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=stdin, timeout=timeout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise LabError(
            f"{words[0]}: no such command; is its package installed? {missing_tools_hint()}"
        ) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"gave up after {timeout:g} s: {shlex.join(words)}") from None
    if done.returncode:
        raise LabError(
            f"{shlex.join(words)}\nexit code {done.returncode}: {done.stderr.strip()[-2000:] or '(silent)'}"
        )
    return done.stdout


def succeeds(*argv: str | Path, timeout: float | None = None) -> bool:
    """Whether a command exits 0 (in time)."""
    try:
        run(*argv, timeout=timeout)
    except LabError:
        return False
    return True


def contained(*argv: str | Path) -> list[str]:
    """A command line whose processes and mounts all vanish when this process does, even by kill -9."""
    box = "setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child --mount-proc --"
    return ["nice", *box.split(), *(str(word) for word in argv)]


def missing_tools() -> list[str]:
    """Debian packages of the commands that are not installed."""
    return sorted({package for command, package in TOOLS.items() if not shutil.which(command)})


def missing_tools_hint() -> str:
    """What to type to get the missing commands; empty when all are there."""
    packages = missing_tools()
    return f"apt-get install --no-install-recommends {' '.join(packages)}" if packages else ""


def require_root_and_tools() -> None:
    """Raises LabError with the remedy when the lab cannot work here."""
    if os.geteuid() != 0:
        raise LabError(
            "the lab needs root: it makes network namespaces, overlay mounts and containers. Try: sudo -E ./dev lab …"
        )
    if hint := missing_tools_hint():
        raise LabError(f"the lab needs commands that are not installed. Try: {hint}")
