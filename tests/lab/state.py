# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab keeps on disk: one folder a lab, and the lock that lets one command at a time change it."""

from __future__ import annotations

import fcntl
import json
import os
import time
import typing as t
from contextlib import contextmanager, suppress
from pathlib import Path

from .naming import Host, Lab, check_name
from .shell import LabError, say


def base() -> Path:
    """The folder of all labs: on a disk, since hosts' file systems can grow."""
    return Path(os.environ.get("HEADROOM_LAB_DIR") or "/var/tmp/headroom-lab")


def directory(lab: str) -> Path:
    return base() / check_name(lab)


def host_directory(lab: str, host: str) -> Path:
    return directory(lab) / "hosts" / host


def known_labs() -> list[str]:
    """Names of the labs that have a folder."""
    return (
        sorted(path.name for path in base().iterdir() if path.is_dir()) if base().is_dir() else []
    )


def save(lab: Lab) -> None:
    """Write the lab's shape, whole or not at all."""
    data = {"hosts": [{"number": host.number, "release": host.release} for host in lab.hosts]}
    target = directory(lab.name) / "lab.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=2) + "\n")
    partial.rename(target)


def load(lab: str) -> Lab | None:
    """The lab's shape; None when there is no such lab, LabError when what is there cannot be read."""
    path = directory(lab) / "lab.json"
    try:
        hosts = json.loads(path.read_text())["hosts"]
        return Lab(lab, tuple(Host(int(host["number"]), str(host["release"])) for host in hosts))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path} is damaged ({error}). Remove the lab: ./dev lab down --name {lab}"
        ) from None


def must_load(lab: str) -> Lab:
    """The lab's shape; LabError with the remedy when there is no such lab."""
    shape = load(lab)
    if shape is None:
        raise LabError(f"there is no lab {lab}. Start it: ./dev lab up --name {lab}")
    return shape


@contextmanager
def locked(lab: str, patience_seconds: float) -> t.Iterator[None]:
    """Hold the lab's lock; LabError when another command holds it for longer than that."""
    path = base() / f"{check_name(lab)}.lock"
    descriptor = _lock(path, time.monotonic() + patience_seconds, lab)
    try:
        yield
    finally:
        # Removed while held: whoever waits for this file finds out below that it is not the current one.
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(descriptor)
        with suppress(OSError):
            base().rmdir()  # only when the last lab is gone


def _lock(path: Path, deadline: float, lab: str) -> int:
    told = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # the folder went between the two lines: another command has just ended
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise LabError(f"another command works on lab {lab}; try again when it has ended")
        if not told:
            say(f"another command works on lab {lab}; waiting for it")
            told = True
        time.sleep(0.1)
