# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Locks that go with the process that holds them, however it ends: one file a lock, locked by flock().

What a lock's file takes of the disk is room that its holder can give up when there is no other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ensure_private_folder,
    open_own,
)

if t.TYPE_CHECKING:
    import pathlib


@dataclasses.dataclass(frozen=True)
class Locks:
    """The locks in a directory.

    Asking whether a lock is held takes it for a moment. Whoever asks or takes therefore keeps all others from doing so
    meanwhile, as the journal does by its database's transactions.
    """

    directory: pathlib.Path

    def take(self, name: str) -> int | None:
        """Return a descriptor that holds the lock until it is closed, or None when another one holds it."""
        ensure_private_folder(self.directory)
        descriptor = open_own(self._path(name), os.O_RDWR | os.O_CREAT)
        if _lock(descriptor, fcntl.LOCK_EX):
            return descriptor
        os.close(descriptor)
        return None

    def is_held(self, name: str) -> bool:
        """Return whether a process holds the lock; makes no file."""
        try:
            descriptor = open_own(self._path(name), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def reserve_room(self, name: str, size_bytes: int) -> bool:
        """Have the lock's file take at least that much of the disk; return False when there is no room for it."""
        ensure_private_folder(self.directory)
        descriptor = open_own(self._path(name), os.O_RDWR | os.O_CREAT)
        before_bytes = os.fstat(descriptor).st_size
        try:
            if before_bytes < size_bytes:
                os.posix_fallocate(descriptor, 0, size_bytes)
        except OSError as error:
            os.ftruncate(descriptor, before_bytes)
            # a file system that cannot keep room does not do worse than without
            return error.errno not in {errno.ENOSPC, errno.EDQUOT}
        finally:
            os.close(descriptor)
        return True

    def release_room(self, name: str) -> None:
        """Give up the room that the lock's file takes."""
        with contextlib.suppress(FileNotFoundError):
            os.close(open_own(self._path(name), os.O_WRONLY | os.O_TRUNC))

    def remove(self, name: str) -> None:
        """Remove the file of a lock; who still holds it has it for as long as the descriptor is open."""
        with contextlib.suppress(FileNotFoundError):
            self._path(name).unlink()

    def list_names(self) -> t.Iterator[str]:
        """Yield the name of every lock that has a file."""
        with contextlib.suppress(FileNotFoundError):
            yield from [path.name for path in self.directory.iterdir()]

    def _path(self, name: str) -> pathlib.Path:
        return self.directory / name


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
