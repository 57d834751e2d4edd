# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which SQLite file a path means just now, and how a broken one is set aside while others may open it."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import pathlib
import typing as t


def set_aside(
    path: str,
    identity: tuple[int, int] | None,
    now: float,
    close: t.Callable[[], None] = lambda: None,
) -> str | None:
    """Rename the broken file to ``PATH.corrupt-TIME``; return its new name.

    Returns None when it is no longer the file that ``identity`` (device, inode) means: two runs may find the same
    file broken, and the second must not set the first one's fresh file aside. ``close`` closes the broken file: after
    it was moved, and before anyone can make a fresh one, whose -wal SQLite would take for its own.
    """
    file = pathlib.Path(path)
    with lock_directory(file.parent, fcntl.LOCK_EX):
        if identity is None or read_identity(path) != identity:
            return None
        time = dt.datetime.fromtimestamp(now, dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        aside = _choose_unused(f"{path}.corrupt-{time}")
        file.rename(aside)
        for suffix in (
            "-wal",
            "-shm",
        ):  # what they hold belongs to the broken file, and would be read into a new one
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(path + suffix).rename(aside + suffix)
        close()
        return aside


def _choose_unused(path: str) -> str:
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = f"{path}-{number}"
    return candidate


@contextlib.contextmanager
def lock_directory(directory: pathlib.Path, operation: int) -> t.Iterator[None]:
    """Hold the lock of the directory (LOCK_SH or LOCK_EX): who opens, makes or moves a file in it has it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def read_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the file at ``path``; None where none is."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
